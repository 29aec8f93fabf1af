"""A pipeline of dlt: the only module that runs it.

dlt reads its configuration from the environment, the current folder and its home, keeps state there, logs, and reports
its use. `ConfinedContext` confines all of it to the folder of the load.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from collector.model.errors import OutputLocked
from collector.model.secret import Secret
from collector.warehouse.columns import Table
from collector.warehouse.load.connection import dlt_destination
from collector.warehouse.load.destination import Destination, Kind
from collector.warehouse.load.failures import translated
from collector.warehouse.load.loaded_table import dlt_columns

if TYPE_CHECKING:
    import pyarrow as pa

_NAME: Final = "collector"
_VARIABLES: Final = "DLT_"
_PROJECT: Final = "DLT_PROJECT_DIR"
_WORKERS: Final = 2
_CONTRACT: Final[Any] = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
_FILE_FORMATS: Final[dict[Kind, Any]] = {
    Kind.DUCKDB: "parquet",
    Kind.POSTGRES: "csv",
    Kind.SNOWFLAKE: "parquet",
    Kind.BIGQUERY: "jsonl",
}


class TableData(NamedTuple):
    """The batches of a loaded table, and how they are written."""

    table: Table
    batches: Iterable[pa.RecordBatch]
    disposition: Any


class Pipeline:
    """The pipeline of a destination, connected. Errors of dlt and of drivers are translated."""

    def __init__(self, pipeline: Any, client: Any, destination: Destination) -> None:
        self._pipeline = pipeline
        self._client = client
        self._destination = destination

    def query(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """Run one statement and return its rows."""
        with translated(self._destination):
            return self._client.sql_client.execute_sql(sql, *values) or ()

    def table(self, name: str) -> str:
        """The qualified name of a table or view, quoted."""
        return str(self._client.sql_client.make_qualified_table_name(name))

    def has_dataset(self) -> bool:
        """Does the schema of the tables exist?"""
        with translated(self._destination):
            return bool(self._client.sql_client.has_dataset())

    def make_dataset(self) -> None:
        """Create the schema of the tables unless it exists."""
        if not self.has_dataset():
            with translated(self._destination):
                self._client.sql_client.create_dataset()

    def lock(self) -> None:
        """Keep loads of other hosts out until the connection ends. Raises `OutputLocked`. Only Postgres can do this."""
        if self._destination.kind is Kind.POSTGRES:
            name = f"collector load {self._destination.dataset}"
            if not self.query("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)[0][0]:
                raise OutputLocked(f"{self._destination.url}: another load writes to it; wait for its end")

    def sync(self) -> None:
        """Restore what dlt knows of the tables from the database."""
        with translated(self._destination):
            self._pipeline.sync_destination()

    def known_columns(self, name: str) -> dict[str, str]:
        """The columns of a table that earlier loads made, with their types; empty without such a load."""
        schema = self._pipeline.schemas.get(_NAME) if _NAME in self._pipeline.schemas else None
        columns = schema.tables.get(name, {}).get("columns", {}) if schema else {}
        return {each: str(column["data_type"]) for each, column in columns.items() if "data_type" in column}

    def stored_columns(self, *names: str) -> dict[str, dict[str, str]]:
        """The columns that the tables of the database have, with the types of dlt."""
        with translated(self._destination):
            found = list(self._client.get_storage_tables(names))
        return {
            name: {each.lower(): str(column.get("data_type")) for each, column in columns.items()}
            for name, columns in found
        }

    def extract(self, tables: Iterable[TableData]) -> None:
        """Read all rows into files of the workspace. Errors of the collector in the batches pass unchanged."""
        import dlt  # noqa: PLC0415  # optional, slow to import
        from dlt.extract import DltSource  # noqa: PLC0415

        resources = [
            dlt.resource(
                _as_tables(data.batches),
                name=data.table.name,
                columns=dlt_columns(data.table),
                write_disposition=data.disposition,
                schema_contract=_CONTRACT,
                file_format=_FILE_FORMATS[self._destination.kind],
            )
            for data in tables
        ]
        source = DltSource(dlt.Schema(_NAME), _NAME, resources)
        with translated(self._destination):
            self._pipeline.extract(source, max_parallel_items=1, workers=1)

    def load(self) -> None:
        """Write the extracted rows to the database."""
        with translated(self._destination):
            self._pipeline.normalize()
            self._pipeline.load(workers=_WORKERS, raise_on_failed_jobs=True)


def _as_tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415

    return (pa.Table.from_batches([batch]) for batch in batches)


@contextmanager
def connected(
    destination: Destination, password: Secret | None, folder: Path, check: Callable[[], None] = lambda: None
) -> Iterator[Pipeline]:
    """A pipeline with an open connection to the destination, whose files are in `folder`.

    Its steps call `check` often; an error that this raises ends the step.
    """
    with _environment(str(folder)):  # before the import, which reads it
        import dlt  # noqa: PLC0415  # optional, slow to import
        from dlt.common.configuration.container import Container  # noqa: PLC0415
        from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext  # noqa: PLC0415

        from collector.warehouse.load.dlt_context import Checks, ConfinedContext  # noqa: PLC0415  # imports dlt

        with Container().injectable_context(PluggableRunContext(ConfinedContext(str(folder)))):
            pipeline = dlt.pipeline(
                _NAME,
                pipelines_dir=str(folder / "pipelines"),
                destination=dlt_destination(destination, password),
                dataset_name=destination.dataset,
                progress=Checks(check),
            )
            with translated(destination), pipeline.destination_client() as client:
                yield Pipeline(pipeline, client, destination)


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    """Hide the environment variables of dlt, name it the folder for all its files, and restore both."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_VARIABLES)}
    temporary = tempfile.tempdir
    os.environ[_PROJECT] = folder
    tempfile.tempdir = folder  # dlt leaves the SQL of a merge there
    try:
        yield
    finally:
        tempfile.tempdir = temporary
        os.environ.pop(_PROJECT)
        os.environ.update(hidden)
