"""The columns of the tables in the database, compared with those of the collector before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collector.model.errors import UsageError
from collector.warehouse.columns import TABLES
from collector.warehouse.load.destination import Destination
from collector.warehouse.load.loaded_table import DATA_TYPES, VALID_FROM, VALID_TO, loaded
from collector.warehouse.load.pipeline import Pipeline
from collector.warehouse.load.plan import Contract


class Difference(NamedTuple):
    """The columns of a table that are not as expected."""

    table: str
    dropped: tuple[str, ...]
    retyped: tuple[str, ...]
    missing: tuple[str, ...]


def require_same_columns(
    pipeline: Pipeline, names: Iterable[str], contract: Contract, destination: Destination
) -> None:
    """Raise `UsageError` for a table that was changed by hand, and with `freeze` for one without all columns."""
    names = tuple(names)
    if not names or not pipeline.has_dataset():
        return
    stored = pipeline.stored_columns(*names)
    for name in names:
        if stored[name]:
            found = compare(name, stored[name], pipeline.known_columns(name))
            _require_unchanged(found, destination)
            if contract is Contract.FREEZE and found.missing:
                raise UsageError(
                    f"{destination.url}: table {destination.dataset}.{name} has no column {', '.join(found.missing)}, "
                    "and --contract freeze refuses to add it; load with --contract evolve, or add the column"
                )


def compare(name: str, stored: Mapping[str, str], known: Mapping[str, str]) -> Difference:
    """Compare the columns in the database with those that earlier loads made, and with those of this version."""
    wanted = {column.name: DATA_TYPES[column.type] for column in loaded(TABLES[name]).columns}
    expected = {**wanted, **known} if known else wanted
    return Difference(
        name,
        dropped=tuple(each for each in known if each not in stored),
        retyped=tuple(
            f"{each} ({stored[each]}, not {type_})"
            for each, type_ in expected.items()
            if each in stored and stored[each] != type_
        ),
        missing=tuple(each for each in wanted if each not in stored and each not in (VALID_FROM, VALID_TO)),
    )


def _require_unchanged(found: Difference, destination: Destination) -> None:
    table = f"{destination.url}: table {destination.dataset}.{found.table}"
    remedy = "the table was changed by hand; undo the change, or load all snapshots into another --dataset"
    if found.dropped:
        raise UsageError(f"{table} lacks the column {', '.join(found.dropped)}; {remedy}")
    if found.retyped:
        raise UsageError(f"{table} has a column of another type: {', '.join(found.retyped)}; {remedy}")
