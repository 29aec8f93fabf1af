"""Reads the ids of a run from arguments, files and stdin, once, before the first request.

Every line of input counts as unique, duplicate, invalid or blank. The text of an invalid line is never sent and never
shown, since it may be a key pasted by mistake. Messages name its position instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import IO

from collector.model.errors import InputError, UsageError
from collector.model.id_notation import written_id
from collector.model.ids import IdSet, canonical_id, ids_in
from collector.model.ledger import InputCount
from collector.run.ids.id_cells import Cell, UnreadableIds
from collector.run.ids.id_files import STDIN, Reading, cells_in_file
from collector.run.ids.id_formats import IdsFormat

MAX_REPORTED = 20
"""At most this many invalid lines are named; the rest are counted."""


@dataclass(slots=True)
class IdInput:
    """The ids of a run, the counts of input lines, and the messages about invalid or doubtful input."""

    ids: IdSet = field(default_factory=IdSet)
    count: InputCount = field(default_factory=InputCount)
    left_out: IdSet = field(default_factory=IdSet)
    line_errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    host: str = ""
    "The host of the deployment: an address on it may contain an id."
    _reported: int = 0

    def add_line(self, text: str | None, place: str, number: int) -> None:
        """Count one line of input from a program, which must be an id exactly or is invalid."""
        self._count(Cell(number, text), place, None if text is None else canonical_id(text))

    def add_cell(self, cell: Cell, place: str) -> None:
        """Count one line, row or element of input from a person, which may be in any notation of an id."""
        if cell.text == "":
            self.count.blank += 1
        else:
            text = cell.text or ""
            self._count(cell, place, canonical_id(text) or written_id(text, self.host))

    def _count(self, cell: Cell, place: str, canonical: str | None) -> None:
        if canonical is None:
            self._add_invalid(cell, place)
        elif self.ids.add(canonical):
            self.count.unique += 1
        else:
            self.count.duplicates += 1

    def leave_out(self, canonical: str) -> None:
        """Remove an id because of a filter, and count it as filtered. An id that is not in the input is only noted."""
        self.left_out.add(canonical)
        if self.forget(canonical):
            self.count.filtered = (self.count.filtered or 0) + 1

    def forget(self, canonical: str) -> bool:
        """Remove an id and its line. Returns False if it is not in the input."""
        is_known = self.ids.discard(canonical)
        self.count.unique -= is_known
        return is_known

    def forget_lines(self) -> None:
        """Forget all lines but the unique ids, because their source is read again from its start."""
        count = self.count
        count.duplicates = count.invalid = count.blank = self._reported = 0
        count.filtered = None if count.filtered is None else 0
        self.line_errors.clear()

    def report_problems(self, warn: Callable[[str], None]) -> None:
        """Report the warnings and invalid lines not reported yet; lines beyond the first `MAX_REPORTED` are counted."""
        while self.warnings:
            warn(self.warnings.pop(0))
        unreported = self.line_errors[self._reported :]  # one error per invalid line, up to the limit
        for line_error in unreported:
            warn(line_error)
        more = self.count.invalid - self._reported - len(unreported)
        if more:
            warn(f"{more} more lines contain no valid connection id")
        self._reported = self.count.invalid

    def require_ids(self, source: str, advice: str) -> None:
        """Raise `InputError` if the input has no ids; the message names the `source` and gives the `advice`."""
        if not self.ids:
            count = self.count
            raise InputError(
                f"no connection ids in {source} ({count.lines} lines: {count.invalid} invalid, {count.blank} blank); "
                f"{advice}"
            )

    def add_warning(self, place: str, text: str) -> None:
        """Keep a warning about an input for `report_problems`."""
        self.warnings.append(f"{place}: {text}")

    def _add_invalid(self, cell: Cell, place: str) -> None:
        self.count.invalid += 1
        if len(self.line_errors) < MAX_REPORTED:
            position = f"{place}: {cell.unit} {cell.line}" if cell.unit else f"{place}:{cell.line}"
            self.line_errors.append(f"{position}: {cell.error if cell.text is None else _error_of(cell.text)}")


def _error_of(text: str) -> str:
    error = f"not a connection id ({len(text)} characters)"
    if ids_in(text):
        return f"{error}: the line contains more than an id; put # before a comment, or name a table .csv or .tsv"
    return error


def read_ids(
    arguments: Iterable[str],
    paths: Iterable[str],
    *,
    column: str | None = None,
    format: IdsFormat = IdsFormat.AUTO,
    host: str = "",
    stdin: IO[bytes] | None = None,
) -> IdInput:
    """Read the ids of the arguments, then of each path in turn; `-` is stdin.

    `column` names the column of the ids in a table; without it a usual name must occur once. `format` replaces the one
    that `id_files` determines. `host` is that of the deployment, whose addresses may contain an id. Raises `InputError`
    for a path that cannot be read or is not a list of ids.
    """
    id_input = IdInput(host=host)
    for number, argument in enumerate(arguments, start=1):
        id_input.add_cell(Cell(number, argument.strip() or None), "argument")
    for path in paths:
        place = "standard input" if path == STDIN else path
        try:
            for cell in cells_in_file(path, Reading(format, column), partial(id_input.add_warning, place), stdin):
                id_input.add_cell(cell, place)
        except (OSError, EOFError) as error:
            raise InputError(f"{place}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        except (UnreadableIds, UsageError) as error:
            raise InputError(f"{place}: {error}") from None
    return id_input
