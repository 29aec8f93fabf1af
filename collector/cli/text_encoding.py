"""Decodes text files that people edit: UTF-8, with or without a byte order mark. Pure."""

from __future__ import annotations

from typing import Final

_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


class NotUTF8(ValueError):
    """The message names the encoding, if it is recognizable, and what to do."""


def decoded(raw: bytes) -> str:
    """The text without the byte order mark that Windows editors write. Raises `NotUTF8`."""
    if raw.startswith(_OTHER_MARKS) or (b"\0" in raw[:4] and raw.count(b"\0") * 3 > len(raw)):
        raise NotUTF8("saved as UTF-16 or UTF-32; save it as UTF-8")
    try:
        return raw.removeprefix(_MARK).decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotUTF8(f"not UTF-8 (line {line}); save it as UTF-8") from None
