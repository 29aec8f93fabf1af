"""Where ids come from: arguments, files and standard input, read once, before the first request.

Every line of input is counted as one of unique, duplicate, invalid or blank. A line that is not an id is never sent
anywhere and never shown either, since it may be a key pasted by mistake: complaints name its place.
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
from collector.storage.compression import compression_of, open_decoded

MAX_REPORTED = 20
"""So many invalid lines are named; of the rest there is a count."""

_TABLES: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_JSON_LINES: Final = (".jsonl", ".ndjson")
_UTF_16: Final = ("\udcff\udcfe", "\udcfe\udcff")  # its byte order marks, as `surrogateescape` reads them


@dataclass(slots=True)
class IdInput:
    """The ids of a run, how many lines they came on, the first invalid lines, and what else a user should check."""

    ids: IdSet = field(default_factory=IdSet)
    count: InputCount = field(default_factory=InputCount)
    invalid_lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _reported: int = 0

    def add_line(self, text: str | None, place: str, number: int, fault: str = "no id in it") -> None:
        """Count one line of input, and keep its id when it is a new one; `fault` is told where `text` is None."""
        if text == "":
            self.count.blank += 1
            return
        canonical = None if text is None else canonical_id(text)
        if canonical is None:
            self._add_invalid(fault if text is None else _fault_of(text), place, number)
        elif self.ids.add(canonical):
            self.count.unique += 1
        else:
            self.count.duplicates += 1

    def report(self, warn: Callable[[str], None]) -> None:
        """Name the invalid lines that were not named yet, and count those beyond the first `MAX_REPORTED`."""
        while self.warnings:
            warn(self.warnings.pop(0))
        named = self.invalid_lines[self._reported :]  # there is one for every line that is invalid, up to the limit
        for complaint in named:
            warn(complaint)
        more = self.count.invalid - self._reported - len(named)
        if more:
            warn(f"{more} more lines are not connection ids")
        self._reported = self.count.invalid

    def require_ids(self, source: str, advice: str) -> None:
        """Raise `InputError` when there is none: its message names the `source` of the ids and gives the `advice`."""
        if not self.ids:
            count = self.count
            raise InputError(
                f"no connection ids in {source} ({count.lines} lines: {count.invalid} invalid, {count.blank} blank); "
                f"{advice}"
            )

    def add_warning(self, place: str, text: str) -> None:
        """Keep what a user should check about an input, for `report`."""
        self.warnings.append(f"{place}: {text}")

    def _add_invalid(self, fault: str, place: str, number: int) -> None:
        self.count.invalid += 1
        if len(self.invalid_lines) < MAX_REPORTED:
            self.invalid_lines.append(f"{place}:{number}: {fault}")


def _fault_of(text: str) -> str:
    fault = f"not a connection id ({len(text)} characters)"
    if ids_in(text):
        return f"{fault}: there is more than an id on this line; put # before a comment, or name a table .csv or .tsv"
    return fault


def read_ids(arguments: Iterable[str], paths: Iterable[str], *, column: str, stdin: IO[bytes] | None = None) -> IdInput:
    """All ids of the arguments, then of each path in turn; `-` is standard input.

    The name of a path, in any case, says what is in it: `.csv` and `.tsv` (the id under `column`), `.jsonl` and
    `.ndjson` (the id under `id`), else text with one id a line and `#` comments; `.gz` or `.zst` behind it is unpacked.
    Standard input is JSON Lines when its first character that is not blank is `{`, else text. A line ends with LF,
    CR LF or, where there is no LF, CR. Raises `InputError` for a path that cannot be read or is not text.
    """
    id_input = IdInput()
    for number, argument in enumerate(arguments, start=1):
        id_input.add_line(argument.strip() or None, "argument", number)
    for path in paths:
        place = "standard input" if path == "-" else path
        try:
            for cell in _read(path, column, stdin, partial(id_input.add_warning, place)):
                id_input.add_line(cell.text, place, cell.line, cell.fault)
        except (OSError, EOFError) as error:
            raise InputError(f"{place}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        except (_NotText, BadTable) as error:
            raise InputError(f"{place}: {error}") from None
    return id_input


class _NotText(Exception):
    pass


def _read(path: str, column: str, stdin: IO[bytes] | None, tell: Callable[[str], None]) -> Iterator[Cell]:
    if path == "-":
        if stdin is None and sys.stdin is None:
            raise _NotText("is closed; name a file instead")
        yield from _sniffed(_text(stdin or sys.stdin.buffer))
        return
    name = compression_of(path).strip(path).lower()
    with open_decoded(Path(path)) as stream:
        delimiter = _TABLES.get(Path(name).suffix)
        lines = _text(stream, is_table=delimiter is not None)
        if delimiter:
            yield from read_column(map(_readable, lines), column, delimiter=delimiter, tell=tell)
        else:
            yield from _cells(lines, _json_line if name.endswith(_JSON_LINES) else _text_line)


def _sniffed(lines: Iterator[str]) -> Iterator[Cell]:
    header: list[str] = []
    for line in lines:
        header.append(line)
        if line.strip():
            break
    is_json = bool(header) and header[-1].lstrip().startswith("{")
    return _cells(_chain(header, lines), _json_line if is_json else _text_line)


def _chain(header: list[str], cool_down: Iterable[str]) -> Iterator[str]:
    yield from header
    yield from cool_down


def _cells(lines: Iterable[str], extract: Callable[[str], str | None]) -> Iterator[Cell]:
    for number, line in enumerate(lines, start=1):
        bare = line.strip()
        yield Cell(number, extract(bare) if bare else "")


def _text_line(line: str) -> str | None:
    return line.partition("#")[0].strip() if line.isascii() or not _SURROGATE.search(line) else None


def _json_line(line: str) -> str | None:
    try:
        value = orjson.loads(line)
    except ValueError:
        value = _odd_json(line)
    if not isinstance(value, dict) or (line.count('"id"') > 1 and _has_two_ids(line)):
        return None
    found = value.get("id")
    return found.strip() or None if isinstance(found, str) else None


def _odd_json(line: str) -> Json:
    """The value of a line that strict JSON is not, where only single values in it are beyond strict readers."""
    try:
        return parse_tolerantly(line.encode("utf-8", "surrogateescape"))[0]
    except NotJson:
        return None


def _has_two_ids(line: str) -> bool:
    """Has the object of this line, and not one in it, the key `id` twice? Parsers take the last one."""
    numbers = [0]

    def count(pairs: list[tuple[str, Json]]) -> None:
        numbers[0] = sum(key == "id" for key, _ in pairs)  # the outermost object comes last

    try:
        json.loads(line, object_pairs_hook=count, parse_int=str, strict=False)  # which was read before
    except RecursionError:  # nobody knows
        return True
    return numbers[0] > 1


_SURROGATE: Final = re.compile("[\udc80-\udcff]")


def _readable(line: str) -> str:
    return line if line.isascii() else _SURROGATE.sub("\ufffd", line)


def _text(stream: IO[bytes], *, is_table: bool = False) -> Iterator[str]:
    """The lines of a text without their ends; what is not UTF-8 in them are lone surrogates.

    In a table each CR ends a line, as RFC 4180 readers have it; elsewhere one does in a file without any LF.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="" if is_table else "\n")
    try:
        for number, line in enumerate(_with_cr_only(text), start=1):
            if "\0" in line:
                raise _NotText(_is_binary(number, line))
            yield (line.removeprefix("\ufeff") if number == 1 else line).rstrip("\r\n")
    finally:
        with contextlib.suppress(ValueError):  # the stream is closed already
            text.detach()  # which leaves standard input open


def _with_cr_only(lines: Iterator[str]) -> Iterator[str]:
    if first := next(lines, ""):
        yield from [first] if first.endswith("\n") else first.removesuffix("\r").split("\r")
    yield from lines


def _is_binary(number: int, line: str) -> str:
    if number == 1 and line.startswith(_UTF_16):
        return 'is UTF-16; save it as UTF-8 (in Excel as "CSV UTF-8")'
    return f"line {number} holds a NUL byte: this is a binary file, not a list of ids"
