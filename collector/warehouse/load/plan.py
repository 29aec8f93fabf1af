"""The plan of a load: the order of the nights, which of them are refused, and the rows that each may close. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from collector.model.errors import UsageError
from collector.model.side_tables import TableStatus
from collector.snapshot.manifest import Manifest, TableEntry
from collector.warehouse.columns import CONNECTIONS

_COMPLETE: Final = "complete"


class Mode(StrEnum):
    """How rows are written."""

    APPEND = "append"
    """Add the rows of each run."""
    REPLACE = "replace"
    """Keep only the rows of the last run."""
    MERGE = "merge"
    """Keep the last version of each row."""
    SCD2 = "scd2"
    """Keep every version of each row, with the time it was valid."""


class Contract(StrEnum):
    """The treatment of a table that lacks columns of the collector."""

    EVOLVE = "evolve"
    """Add the missing columns."""
    FREEZE = "freeze"
    """Refuse the load."""


class Night(NamedTuple):
    """A finished snapshot: one load."""

    path: Path
    manifest: Manifest

    @property
    def organization(self) -> str:
        """The organization of its records; empty if unknown."""
        return self.manifest.organization_id or ""

    @property
    def is_complete(self) -> bool:
        """Does it have a record for every connection of its organization?"""
        return self.manifest.status == _COMPLETE and self.manifest.is_of_all and bool(self.organization)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its tables."""
        return (CONNECTIONS, *(entry.table for entry in self.manifest.tables))

    def may_close(self, table: str) -> bool:
        """Does a row that is missing from the table no longer exist?"""
        if table == CONNECTIONS:
            return self.is_complete
        return self.is_complete and all(_is_whole(entry) for entry in self.manifest.tables if entry.table == table)


class Loaded(NamedTuple):
    """A load that the ledger lists. One that was killed has not ended."""

    run_id: str
    mode: str
    started_at: str
    organization: str
    has_ended: bool = True


def ordered(nights: Iterable[Night]) -> list[Night]:
    """The nights from the oldest to the newest, each once. A run of several organizations has a night for each."""
    unique = {(night.manifest.run_id, night.organization): night for night in nights}
    return sorted(unique.values(), key=lambda night: (night.manifest.started_at, night.manifest.run_id))


def is_loaded(night: Night, mode: Mode, ledger: Iterable[Loaded]) -> bool:
    """Are the rows of this night in the tables? The ledger is in the order of the loads."""
    ended = [load for load in ledger if load.has_ended]
    return any(_is_same(load, night) for load in (ended[-1:] if mode is Mode.REPLACE else ended))


def _is_same(load: Loaded, night: Night) -> bool:
    return (load.run_id, load.organization) == (night.manifest.run_id, night.organization)


def require_loadable(nights: Sequence[Night], mode: Mode, ledger: Sequence[Loaded]) -> None:
    """Raise `UsageError` for a load that would make the tables wrong, before anything is written."""
    for load in ledger:
        if load.mode != mode:
            raise UsageError(
                f"--mode {mode}: the tables were loaded with --mode {load.mode}, and one table has one mode; use "
                f"--mode {load.mode}, or another --dataset"
            )
    if mode is Mode.REPLACE:
        _require_replaceable(nights)
    if mode in (Mode.SCD2, Mode.MERGE, Mode.REPLACE):
        for night in nights:
            if not is_loaded(night, mode, ledger):
                _require_newest(night, mode, ledger)


def _require_replaceable(nights: Sequence[Night]) -> None:
    if len(nights) > 1:
        raise UsageError("--mode replace keeps the rows of one snapshot; name only the newest one, or use --mode scd2")
    for night in nights:
        if not night.is_complete:
            raise UsageError(
                f"{night.path}: not a complete run of --all, so --mode replace would delete rows that the run did not "
                "collect; use --mode merge, or collect --all again"
            )
        if unfinished := [table for table in night.tables if not night.may_close(table)]:
            raise UsageError(
                f"{night.path}: its run could not collect all rows of {', '.join(unfinished)}, which --mode replace "
                "would delete; use --mode merge, or collect again"
            )


def _require_newest(night: Night, mode: Mode, ledger: Iterable[Loaded]) -> None:
    started = night.manifest.started_at
    for load in ledger:
        is_same = mode is Mode.REPLACE or load.organization == night.organization
        if is_same and load.started_at > started:
            state = "is loaded" if load.has_ended else "began to load"
            raise UsageError(
                f"{night.path}: its run started at {started}, before run {load.run_id} of {load.started_at}, which "
                f"{state}; history cannot be inserted later; load all snapshots in order into a new --dataset"
            )


def _is_whole(entry: TableEntry) -> bool:
    return entry.status is TableStatus.COMPLETE and not entry.skipped
