"""The resource for a user's own pipeline of dlt: one table of a finished snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.model.errors import UsageError
from collector.snapshot.reader import open_snapshot
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.load.extras import require_modules
from collector.warehouse.load.history import disposition
from collector.warehouse.load.loaded_table import dlt_columns, loaded, loaded_batches
from collector.warehouse.load.nul import NulEscaper
from collector.warehouse.load.plan import Mode, Night

if TYPE_CHECKING:
    import pyarrow as pa


def dlt_resource(
    snapshot: str | Path, table: str = CONNECTIONS, *, mode: str = "scd2", escape_nul: bool = False
) -> Any:
    """A dlt resource of one table of a finished snapshot, in the columns and with the rules of `collector load`.

    The snapshot is verified while dlt extracts it: `Damaged` ends the extraction, before dlt loads. The order of nights
    and the ledger are those of the caller. Postgres needs `escape_nul` if the manifest counts NUL characters.

    Raises `UsageError` for an unknown mode or table, or a missing package, and `Damaged` or `InputError` for a snapshot
    whose manifest is invalid or missing.
    """
    if mode not in set(Mode):
        raise UsageError(f"mode {mode!r}: not a mode; use {', '.join(Mode)}")
    require_modules("dlt", "pyarrow")
    import dlt  # noqa: PLC0415  # optional, slow to import

    path = Path(snapshot)
    with open_snapshot(path) as reader:
        night = Night(path, reader.manifest)
    if table not in night.tables:
        raise UsageError(f"{path}: has no table {table}; it has {', '.join(night.tables)}")
    form = loaded(TABLES[table])
    return dlt.resource(
        lambda: _tables(night, table, escape_nul=escape_nul),
        name=table,
        columns=dlt_columns(form),
        write_disposition=disposition(Mode(mode), night, form),
    )()


def _tables(night: Night, name: str, *, escape_nul: bool) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415

    table, nuls = loaded(TABLES[name]), NulEscaper()
    with open_snapshot(night.path) as reader:
        for batch in loaded_batches(table, reader, night.organization):
            yield pa.Table.from_batches([nuls.escape(table, batch) if escape_nul else batch])
        reader.finish()
