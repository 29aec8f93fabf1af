"""The streams that a run of the tap emits, and the result of the run that ends them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from collector.model.errors import ExitCode
from collector.model.side_tables import TableStatus
from collector.model.strict_json import parse_own
from collector.warehouse.columns import Table


class Stream(NamedTuple):
    """A selected stream: its table, and the fields to emit; None emits all."""

    table: Table
    fields: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """The name of the stream, which is that of its table."""
        return self.table.name


class Result(NamedTuple):
    """The result of a run, from its manifest.

    - `is_whole`: every id is ok, and no side table is partial.
    - `without_rows`: side tables that the key could not read, or that lack the rows of some connections.
    """

    is_whole: bool
    exit_code: int
    finished_at: str
    without_rows: frozenset[str] = frozenset()


def result_of(manifest: bytes) -> Result:
    """The result that the manifest of this process states."""
    facts = parse_own(manifest)
    tables = [entry for entry in facts.get("files", ()) if "table" in entry]
    lacking = {each["table"] for each in tables if each["status"] != TableStatus.COMPLETE or each["skipped"]}
    return Result(facts["exit_code"] == ExitCode.OK, facts["exit_code"], facts["finished_at"], frozenset(lacking))
