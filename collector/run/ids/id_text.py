"""Decodes the text of an ids file, and splits it into lines. Memory does not grow with the file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import IO, Final

from collector.run.ids.id_cells import UnreadableIds

MAX_LINE_LENGTH: Final = 64 * 1024 * 1024
"""Maximum length of a line in characters."""

_CHUNK_SIZE: Final = 256 * 1024
_SURROGATE: Final = re.compile("[\udc80-\udcff]")  # as `surrogateescape` decodes bytes that are not UTF-8


def decoded(stream: IO[bytes]) -> Iterator[str]:
    """The text of `stream` in parts, without its byte order mark: UTF-16 with a mark, else UTF-8.

    Bytes that are not UTF-8 become lone surrogates, and invalid UTF-16 becomes U+FFFD. Neither is part of an id. Raises
    `UnreadableIds` for a NUL character.
    """
    chunk = stream.read(_CHUNK_SIZE)
    mark, encoding, errors = _encoding_of(chunk)
    chunk = chunk.removeprefix(mark)
    decode = codecs.getincrementaldecoder(encoding)(errors).decode
    number = 1
    while chunk:
        text = decode(chunk)
        if "\0" in text:
            raise _binary(number + text.count("\n", 0, text.index("\0")))
        number += text.count("\n")
        yield text
        chunk = stream.read(_CHUNK_SIZE)
    yield decode(b"", True)


def lines_of(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of a text without their line feeds. CR ends a line only in a text without any line feed."""
    parts, length, number = list[str](), 0, 0
    for chunk in chunks:
        first, *others = chunk.split("\n")
        parts.append(first)
        length += len(first)
        if length > MAX_LINE_LENGTH:
            raise UnreadableIds(
                f"line {number + 1} exceeds {MAX_LINE_LENGTH} characters; it is not a list with one id per line; "
                "choose its format with --ids-format"
            )
        if others:
            yield "".join(parts)
            number += len(others)
            parts = [others.pop()]
            length = len(parts[0])
            yield from others
    if last := "".join(parts):
        yield from [last] if number else last.removesuffix("\r").split("\r")


def rows_of(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of a table: as for other readers of RFC 4180, every CR, LF or CR LF ends a line."""
    return lines_of(_with_line_feeds(chunks))


def is_decoded(line: str) -> bool:
    """Was every byte of this line valid?"""
    return not _SURROGATE.search(line)


def replace_invalid(line: str) -> str:
    """`line` with U+FFFD for each byte that is not UTF-8."""
    return line if line.isascii() else _SURROGATE.sub("\ufffd", line)


def _with_line_feeds(chunks: Iterable[str]) -> Iterator[str]:
    pending = ""
    for chunk in chunks:
        text = pending + chunk
        pending = "\r" if text.endswith("\r") else ""  # a line feed may follow in the next part
        yield text.removesuffix(pending).replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    yield pending.replace("\r", "\n")


def _encoding_of(start: bytes) -> tuple[bytes, str, str]:
    """The byte order mark, the encoding, and the treatment of errors."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        # Digits and line ends have a NUL byte in UTF-16. Without one these bytes are no mark.
        if start.startswith(mark) and (b"\0" in start or start == mark):
            return mark, encoding, "replace"
    return codecs.BOM_UTF8, "utf-8", "surrogateescape"


def _binary(number: int) -> UnreadableIds:
    return UnreadableIds(
        f"line {number} contains a NUL byte; this is a binary file, or UTF-16 without a byte order mark; "
        "save it as text in UTF-8"
    )
