"""Reads the ids of a run from arguments, files and stdin, once, before the first request.

Every line of input counts as unique, duplicate, invalid or blank. The text of an invalid line is never sent and never
shown, since it may be a key pasted by mistake. Messages name its position instead.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final

import orjson

from collector.model.errors import InputError
from collector.model.ids import IdSet, canonical_id, ids_in
from collector.model.ledger import InputCount
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.run.tables import BadTable, Cell, read_column
from collector.storage.compression import compression_of, open_decompressed

MAX_REPORTED = 20
"""At most this many invalid lines are named; the rest are counted."""

_TABLES: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_JSON_LINES: Final = (".jsonl", ".ndjson")
_UTF_16: Final = ("\udcff\udcfe", "\udcfe\udcff")  # its byte order marks, as `surrogateescape` decodes them


@dataclass(slots=True)
class IdInput:
    """The ids of a run, the counts of input lines, and the messages about invalid or doubtful input."""

    ids: IdSet = field(default_factory=IdSet)
    count: InputCount = field(default_factory=InputCount)
    left_out: IdSet = field(default_factory=IdSet)
    line_errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _reported: int = 0

    def add_line(self, text: str | None, place: str, number: int, error: str = "contains no id") -> None:
        """Count one line of input and add its id if it is new. `error` describes the line if `text` is None."""
        if text == "":
            self.count.blank += 1
            return
        canonical = None if text is None else canonical_id(text)
        if canonical is None:
            self._add_invalid(error if text is None else _error_of(text), place, number)
        elif self.ids.add(canonical):
            self.count.unique += 1
        else:
            self.count.duplicates += 1

    def leave_out(self, canonical: str) -> None:
        """Remove an id because of a filter, and count it as filtered; an id that is not in the input is ignored."""
        if self.ids.discard(canonical):
            self.left_out.add(canonical)
            self.count.unique -= 1
            self.count.filtered = (self.count.filtered or 0) + 1

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

    def _add_invalid(self, error: str, place: str, number: int) -> None:
        self.count.invalid += 1
        if len(self.line_errors) < MAX_REPORTED:
            self.line_errors.append(f"{place}:{number}: {error}")


def _error_of(text: str) -> str:
    error = f"not a connection id ({len(text)} characters)"
    if ids_in(text):
        return f"{error}: the line contains more than an id; put # before a comment, or name a table .csv or .tsv"
    return error


def read_ids(arguments: Iterable[str], paths: Iterable[str], *, column: str, stdin: IO[bytes] | None = None) -> IdInput:
    """Read the ids of the arguments, then of each path in turn; `-` is stdin.

    The extension of a path, in upper or lower case, determines its format: `.csv` and `.tsv` (the id in `column`),
    `.jsonl` and `.ndjson` (the id under the key `id`), else text with one id per line and `#` comments. A further `.gz`
    or `.zst` is decompressed. Stdin is JSON Lines if its first non-blank character is `{`, else text. A line ends with
    LF, CR LF or, in a file without LF, CR. Raises `InputError` for a path that cannot be read or is not text.
    """
    id_input = IdInput()
    for number, argument in enumerate(arguments, start=1):
        id_input.add_line(argument.strip() or None, "argument", number)
    for path in paths:
        place = "standard input" if path == "-" else path
        try:
            for cell in _read(path, column, stdin, partial(id_input.add_warning, place)):
                id_input.add_line(cell.text, place, cell.line, cell.error)
        except (OSError, EOFError) as error:
            raise InputError(f"{place}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        except (_NotText, BadTable) as error:
            raise InputError(f"{place}: {error}") from None
    return id_input


class _NotText(Exception):
    pass


def _read(path: str, column: str, stdin: IO[bytes] | None, warn: Callable[[str], None]) -> Iterator[Cell]:
    if path == "-":
        if stdin is None and sys.stdin is None:
            raise _NotText("is closed; name a file instead")
        yield from _detect_format(_decoded_lines(stdin or sys.stdin.buffer))
        return
    name = compression_of(path).strip(path).lower()
    with open_decompressed(Path(path)) as stream:
        delimiter = _TABLES.get(Path(name).suffix)
        lines = _decoded_lines(stream, is_table=delimiter is not None)
        if delimiter:
            yield from read_column(map(_replace_invalid_utf8, lines), column, delimiter=delimiter, warn=warn)
        else:
            yield from _line_cells(lines, _json_line if name.endswith(_JSON_LINES) else _text_line)


def _detect_format(lines: Iterator[str]) -> Iterator[Cell]:
    start: list[str] = []
    for line in lines:
        start.append(line)
        if line.strip():
            break
    is_json = bool(start) and start[-1].lstrip().startswith("{")
    return _line_cells(_chain(start, lines), _json_line if is_json else _text_line)


def _chain(start: list[str], rest: Iterable[str]) -> Iterator[str]:
    yield from start
    yield from rest


def _line_cells(lines: Iterable[str], extract: Callable[[str], str | None]) -> Iterator[Cell]:
    for number, line in enumerate(lines, start=1):
        bare = line.strip()
        yield Cell(number, extract(bare) if bare else "")


def _text_line(line: str) -> str | None:
    return line.partition("#")[0].strip() if line.isascii() or not _SURROGATE.search(line) else None


def _json_line(line: str) -> str | None:
    try:
        value = orjson.loads(line)
    except ValueError:
        value = _tolerant_json(line)
    if not isinstance(value, dict) or (line.count('"id"') > 1 and _has_two_ids(line)):
        return None
    found = value.get("id")
    return found.strip() or None if isinstance(found, str) else None


def _tolerant_json(line: str) -> Json:
    """The value of a line that a strict parser rejects only because of single values in it; else None."""
    try:
        return parse_tolerantly(line.encode("utf-8", "surrogateescape"))[0]
    except NotJson:
        return None


def _has_two_ids(line: str) -> bool:
    """Does the outermost object of this line have the key `id` twice? Parsers would use the last one."""
    id_keys = [0]

    def count(pairs: list[tuple[str, Json]]) -> None:
        id_keys[0] = sum(key == "id" for key, _ in pairs)  # the outermost object comes last

    try:
        json.loads(line, object_pairs_hook=count, parse_int=str, strict=False)  # known to be valid
    except RecursionError:  # too deep to tell
        return True
    return id_keys[0] > 1


_SURROGATE: Final = re.compile("[\udc80-\udcff]")


def _replace_invalid_utf8(line: str) -> str:
    return line if line.isascii() else _SURROGATE.sub("\ufffd", line)


def _decoded_lines(stream: IO[bytes], *, is_table: bool = False) -> Iterator[str]:
    """The lines of a text without their line ends. Bytes that are not UTF-8 become lone surrogates.

    In a table every CR ends a line, as for other RFC 4180 readers. Elsewhere CR ends a line only in a file without LF.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="" if is_table else "\n")
    try:
        for number, line in enumerate(_split_bare_cr(text), start=1):
            if "\0" in line:
                raise _NotText(_binary_error(number, line))
            yield (line.removeprefix("\ufeff") if number == 1 else line).rstrip("\r\n")
    finally:
        with contextlib.suppress(ValueError):  # the stream is already closed
            text.detach()  # keeps stdin open


def _split_bare_cr(lines: Iterator[str]) -> Iterator[str]:
    if first := next(lines, ""):
        yield from [first] if first.endswith("\n") else first.removesuffix("\r").split("\r")
    yield from lines


def _binary_error(number: int, line: str) -> str:
    if number == 1 and line.startswith(_UTF_16):
        return 'is UTF-16; save it as UTF-8 (in Excel as "CSV UTF-8")'
    return f"line {number} contains a NUL byte; this is a binary file, not a list of ids"
