"""The connections of a snapshot counted by type and status, and the counts as a small table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.model.control_chars import printable
from collector.model.record import Record

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table

_TYPES: Final = 6
_STATUSES: Final = 4
_WIDEST_NAME: Final = 26
_COLOURS: Final = {"healthy": "green", "warning": "yellow", "unhealthy": "red", "error": "red", "failed": "red"}


class HealthTable(NamedTuple):
    """Counts, largest first: `columns` are statuses, and each row has a name, its total and a count per column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[int, ...]], ...]

    def drawn(self) -> Table:
        """A table of at most 80 columns; the last row is the total."""
        from rich.table import Table  # noqa: PLC0415  # only where a table is printed

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for heading in ("type", "count", *self.columns):
            justify: JustifyMethod = "left" if heading == "type" else "right"
            table.add_column(heading, justify=justify, no_wrap=True, overflow="crop", style=_COLOURS.get(heading, ""))
        for name, total, counts in self.rows:
            style = "bold" if name == "total" else ""
            table.add_row(name, f"{total:,}", *(f"{count:,}" if count else "" for count in counts), style=style)
        return table


def health_table(records: Iterable[Record]) -> HealthTable:
    """Count records by type and status; rarer types and statuses are summed."""
    by_type: dict[str, Counter[str]] = {}
    for record in records:
        name = _name_of(record["type_name"] or record["type_id"])
        by_type.setdefault(name, Counter())[_name_of(record["status"])] += 1
    everything = sum(by_type.values(), Counter())
    statuses = _ranked(everything)[:_STATUSES]
    types = _ranked({name: counted.total() for name, counted in by_type.items()})
    top, rest = types[:_TYPES], types[_TYPES:]
    rows = {name: by_type[name] for name in top}
    if rest:
        rows[f"{len(rest)} other types"] = sum((by_type[name] for name in rest), Counter())
    rows["total"] = everything
    columns = (*statuses, *(["other"] if len(everything) > len(statuses) else []))
    return HealthTable(columns, tuple((name, *_row_of(counted, statuses, columns)) for name, counted in rows.items()))


def _row_of(counted: Counter[str], statuses: list[str], columns: tuple[str, ...]) -> tuple[int, tuple[int, ...]]:
    counts = [counted[status] for status in statuses]
    return counted.total(), (*counts, *([counted.total() - sum(counts)] if len(columns) > len(counts) else []))


def _ranked(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def _name_of(value: object) -> str:
    name = printable(str(value or "unknown"))
    return name if len(name) <= _WIDEST_NAME else f"{name[: _WIDEST_NAME - 3]}..."
