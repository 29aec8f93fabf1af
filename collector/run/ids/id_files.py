"""Opens files of ids and standard input, and reads them in the format that their name or content determines."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Final, NamedTuple

from collector.run.ids.id_cells import Cell, UnreadableIds
from collector.run.ids.id_formats import PARQUET_MAGIC, IdsFormat, format_named, format_of_content, format_of_json
from collector.run.ids.id_text import decoded, is_decoded, lines_of, replace_invalid, rows_of
from collector.run.ids.json_ids import cells_in_array, id_in_line
from collector.run.ids.parquet_ids import cells_in_parquet
from collector.run.ids.tables import read_column
from collector.storage.compression import Compression, compression_in, compression_of, decompressed

STDIN: Final = "-"
"""The path that stands for standard input."""

_MAGIC_LENGTH: Final = 4  # of the longest signature of a compression or of Parquet
_DELIMITERS: Final = {IdsFormat.CSV: ",", IdsFormat.TSV: "\t"}


class Reading(NamedTuple):
    """The way to read files: their format, and the column of the ids in a table, if it does not have a usual name."""

    format: IdsFormat = IdsFormat.AUTO
    column: str | None = None


def cells_in_file(
    path: str, reading: Reading, warn: Callable[[str], None], stdin: IO[bytes] | None = None
) -> Iterator[Cell]:
    """A cell for each line, row or element of the file; `-` is standard input.

    The suffix of a path determines its format and compression. Without such a suffix, and for standard input, the first
    bytes do. Raises OSError for a file that cannot be read, and `UnreadableIds` for one without a list of ids.
    """
    compression = compression_of(path)
    named = reading.format
    if named is IdsFormat.AUTO and path != STDIN:
        named = format_named(compression.strip(path))
    with _opened(path, stdin) as raw, _decompressed(raw, compression) as plain:
        start, stream = _peeked(plain)
        if named is IdsFormat.PARQUET or (named is IdsFormat.AUTO and start == PARQUET_MAGIC):
            yield from cells_in_parquet(stream, reading.column)
        else:
            yield from _cells_in_text(decoded(stream), named, reading, warn)


def _cells_in_text(
    chunks: Iterator[str], named: IdsFormat, reading: Reading, warn: Callable[[str], None]
) -> Iterator[Cell]:
    start = next(chunks, "")
    chunks = chain([start], chunks)
    found, delimiter = named, _DELIMITERS.get(named)
    if named is IdsFormat.AUTO:
        found = format_of_content(start, reading.column)
    elif named is IdsFormat.JSON and reading.format is IdsFormat.AUTO:
        found = format_of_json(start)
    if found in _DELIMITERS:
        rows = map(replace_invalid, rows_of(chunks))
        return read_column(rows, reading.column, delimiter=delimiter, warn=warn)
    if found is IdsFormat.JSON:
        return cells_in_array(chunks)
    return _cells_in_lines(lines_of(chunks), id_in_line if found is IdsFormat.JSONL else _id_in_text)


def _cells_in_lines(lines: Iterable[str], extract: Callable[[str], str | None]) -> Iterator[Cell]:
    for number, line in enumerate(lines, start=1):
        bare = line.strip()
        yield Cell(number, extract(bare) if bare else "")


def _id_in_text(line: str) -> str | None:
    if not line.isascii() and not is_decoded(line):
        return None
    return line.partition("#")[0].strip() if "#" in line else line


@contextmanager
def _opened(path: str, stdin: IO[bytes] | None) -> Iterator[IO[bytes]]:
    if path != STDIN:
        with Path(path).open("rb") as file:
            yield file
    elif stdin is None and sys.stdin is None:
        raise UnreadableIds("is closed; name a file instead")
    else:
        yield stdin or sys.stdin.buffer


@contextmanager
def _decompressed(raw: IO[bytes], named: Compression) -> Iterator[IO[bytes]]:
    if named is Compression.PLAIN:
        start, raw = _peeked(raw)
        named = compression_in(start)
    with decompressed(raw, named) as stream:
        yield stream


def _peeked(stream: IO[bytes]) -> tuple[bytes, IO[bytes]]:
    """The first bytes of a stream, and a stream that begins with them again."""
    start = stream.read(_MAGIC_LENGTH)
    if isinstance(stream, io.BufferedReader) and stream.seekable():  # decompressed pipes only claim to be seekable
        stream.seek(-len(start), io.SEEK_CUR)
        return start, stream
    return start, io.BufferedReader(_Rejoined(start, stream))


class _Rejoined(io.RawIOBase):
    """The bytes that were read from a pipe, and the rest of it. Closing it does not close the pipe."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # called by BufferedReader only
        part = self._start or self._rest.read(len(buffer))
        self._start = part[len(buffer) :]
        size = min(len(part), len(buffer))
        buffer[:size] = part[:size]
        return size
