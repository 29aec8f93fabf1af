"""Where ids come from: arguments, files and standard input, read once, before the first request.

Every line of input is counted as one of unique, duplicate, invalid or blank. A line that is no id is never sent
anywhere and never shown either, since it may be a key pasted by mistake: complaints name its place.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from collector.account import InputCount
from collector.codec import codec_of, open_decoded
from collector.errors import InputError
from collector.ids import IdSet, canonical_id

MAX_COMPLAINTS = 20
"""So many invalid lines are named; of the rest there is a count."""

Lines = Iterator[tuple[int, str | None]]
"""Line number → what stands where an id should: "" for a blank line, None for a line that cannot be read."""


@dataclass(slots=True)
class Intake:
    """The ids of a run, how many lines they came on, and the first lines that were none."""

    ids: IdSet = field(default_factory=IdSet)
    count: InputCount = field(default_factory=InputCount)
    complaints: list[str] = field(default_factory=list)
    _told: int = 0

    def take(self, text: str | None, place: str, number: int) -> None:
        """Count one line of input, and keep its id when it is a new one."""
        if text == "":
            self.count.blank += 1
            return
        canonical = None if text is None else canonical_id(text)
        if canonical is None:
            self._complain(text, place, number)
        elif self.ids.add(canonical):
            self.count.unique += 1
        else:
            self.count.duplicates += 1

    def tell(self, warn: Callable[[str], None]) -> None:
        """Name the invalid lines that were not named yet, and count those beyond the first `MAX_COMPLAINTS`."""
        named = self.complaints[self._told :]  # there is one for every line that is invalid, up to the limit
        for complaint in named:
            warn(complaint)
        more = self.count.invalid - self._told - len(named)
        if more:
            warn(f"{more} more lines are not connection ids")
        self._told = self.count.invalid

    def _complain(self, text: str | None, place: str, number: int) -> None:
        self.count.invalid += 1
        if len(self.complaints) < MAX_COMPLAINTS:
            what = "no id in it" if text is None else f"not a connection id ({len(text)} characters)"
            self.complaints.append(f"{place}:{number}: {what}")


def read_ids(arguments: Iterable[str], paths: Iterable[str], *, column: str, stdin: IO[bytes] | None = None) -> Intake:
    """All ids of the arguments, then of each path in turn; `-` is standard input.

    The name of a path says what is in it: `.csv` and `.tsv` (the id under `column`), `.jsonl` (the id under `id`),
    else text with one id a line and `#` comments; `.gz` or `.zst` behind it is unpacked. Standard input is JSON Lines
    when its first character that is not blank is `{`, else text. Raises `InputError` for a path that cannot be read
    or is not text.
    """
    intake = Intake()
    for number, argument in enumerate(arguments, start=1):
        intake.take(argument.strip() or None, "argument", number)
    for path in paths:
        place = "standard input" if path == "-" else path
        try:
            for number, text in _read(path, column, stdin):
                intake.take(text, place, number)
        except (OSError, EOFError) as error:
            raise InputError(f"{place}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        except _NotText as error:
            raise InputError(f"{place}: {error}") from None
    return intake


class _NotText(Exception):
    pass


def _read(path: str, column: str, stdin: IO[bytes] | None) -> Lines:
    if path == "-":
        if stdin is None and sys.stdin is None:
            raise _NotText("is closed; name a file instead")
        yield from _sniffed(stdin or sys.stdin.buffer)
        return
    name = codec_of(path).strip(path)
    with open_decoded(Path(path)) as stream:
        if name.endswith((".csv", ".tsv")):
            yield from _table(stream, column, "\t" if name.endswith(".tsv") else ",")
        else:
            yield from _lines(stream, _json_line if name.endswith(".jsonl") else _text_line)


def _sniffed(stream: IO[bytes]) -> Lines:
    lines = iter(stream)
    head: list[bytes] = []
    for line in lines:
        head.append(line)
        if _bare(line):
            break
    is_json = bool(head) and _bare(head[-1]).startswith(b"{")
    return _lines(_chain(head, lines), _json_line if is_json else _text_line)


def _bare(line: bytes) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf").strip()


def _chain(head: list[bytes], rest: Iterable[bytes]) -> Iterator[bytes]:
    yield from head
    yield from rest


def _lines(stream: Iterable[bytes], extract: Callable[[bytes], str | None]) -> Lines:
    for number, line in enumerate(stream, start=1):
        if b"\0" in line:
            raise _NotText(f"line {number} holds a NUL byte: this is a binary file, not a list of ids")
        bare = _bare(line) if number == 1 else line.strip()
        yield number, extract(bare) if bare else ""


def _text_line(line: bytes) -> str | None:
    try:
        return line.partition(b"#")[0].decode().strip()
    except UnicodeDecodeError:
        return None


def _json_line(line: bytes) -> str | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    found = value.get("id") if isinstance(value, dict) else None
    return found.strip() or None if isinstance(found, str) else None


def _table(stream: IO[bytes], column: str, delimiter: str) -> Lines:
    rows = csv.reader(_text(stream), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if column not in header:
            raise _NotText(f"none of its {len(header)} columns is named {column!r}; choose with --ids-column")
        at = header.index(column)
        for row in rows:
            yield rows.line_num, _cell(row, at)
    except csv.Error as error:
        raise _NotText(f"line {rows.line_num}: {error}") from None


def _cell(row: list[str], at: int) -> str | None:
    if not any(cell.strip() for cell in row):
        return ""
    return row[at].strip() or None if at < len(row) else None


def _text(stream: IO[bytes]) -> Iterator[str]:
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="") as lines:
        for number, line in enumerate(lines, start=1):
            if "\0" in line:
                raise _NotText(f"line {number} holds a NUL byte: this is a binary file, not a list of ids")
            yield line
