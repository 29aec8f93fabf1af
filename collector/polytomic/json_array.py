"""The items of `{"data": [...]}`, parsed while the text arrives. Pure.

Each item is parsed, yielded and discarded, so memory does not grow with the list.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from collector.client.failures import BadPayload
from collector.model.lazy_pattern import lazy_pattern

_MAX_ITEM_LENGTH = 16 * 1024 * 1024
_OPENING = lazy_pattern(r"\s*\{\s*")
_MEMBER = lazy_pattern(r'\s*"((?:[^"\\]|\\.)*)"\s*:\s*(?=\S)')
_COMMA = lazy_pattern(r"\s*,\s*")
_AFTER_ITEM = lazy_pattern(r"\s*(?:,\s*|(?=\]))")


class Item(NamedTuple):
    """One item of the array: its value, in which numbers are texts, and its JSON (bytes that are not UTF-8 escaped)."""

    value: object
    text: str


async def items_in(chunks: AsyncIterator[bytes]) -> AsyncIterator[Item]:
    """Yield the items of the array under `data`; nothing for null. Raises `BadPayload`."""
    scanner = _ArrayScanner()
    async for chunk in chunks:
        for item in scanner.feed(chunk):
            yield item
    for item in scanner.close():
        yield item


class _ArrayScanner:
    """Incremental parser of `{"data": [...]}`."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._parse = _DECODER.raw_decode
        self._text = ""
        self._is_open = False
        self._is_inside = False
        self._is_item_due = False
        self._is_done = False
        self._retry_length = 0  # characters at which another attempt to parse is worthwhile

    def feed(self, chunk: bytes) -> list[Item]:
        """The items that `chunk` completes."""
        self._text += self._decode(chunk)
        if len(self._text) < self._retry_length:
            return []
        if len(self._text) > _MAX_ITEM_LENGTH:
            raise BadPayload(f"an item of the list exceeds {_MAX_ITEM_LENGTH} characters, or is not JSON", 200)
        if not self._is_inside and not self._is_done:
            self._enter()
        return self._take() if self._is_inside else []

    def close(self) -> list[Item]:
        """The remaining items. Raises `BadPayload` unless the array (or null) and the object around it are complete."""
        self._retry_length = 0
        items = self.feed(b"")
        if not self._is_done or not _is_end_of_object(self._text):
            raise BadPayload("the list is truncated, or not a list of connections", 200)
        return items

    def _enter(self) -> None:
        """Skip the envelope's members before `data`, as far as they have arrived."""
        while member := (_MEMBER if self._is_open else _OPENING).match(self._text):
            value = self._text[member.end() :]
            if not self._is_open:
                self._is_open, self._text = True, value
            elif member[1] != "data":
                if (after := self._end_of_member(member.end())) is None:
                    return
                self._text = self._text[after:]
            else:
                self._is_inside, self._is_done = value.startswith("["), value.startswith("null")
                if self._is_inside or self._is_done:
                    self._text = value.removeprefix("[" if self._is_inside else "null")
                return

    def _end_of_member(self, at: int) -> int | None:
        try:
            _, end = self._parse(self._text, at)
        except (ValueError, RecursionError):
            return None
        after = _COMMA.match(self._text, end)
        return after.end() if after else None

    def _take(self) -> list[Item]:
        items: list[Item] = []
        at = len(self._text) - len(self._text.lstrip())
        while at < len(self._text):
            if self._text[at] == "]" and not self._is_item_due:
                self._is_inside, self._is_done, at = False, True, at + 1
                break
            try:
                value, end = self._parse(self._text, at)
            except (ValueError, RecursionError):
                break  # incomplete or invalid: `close` decides
            after = _AFTER_ITEM.match(self._text, end)
            if after is None:
                break  # a number may continue in the next chunk
            items.append(Item(value, self._text[at:end]))
            self._is_item_due = "," in after[0]
            at = after.end()
        self._text = self._text[at:]
        # Wait for twice the text: otherwise an item larger than a chunk would be parsed again with every chunk.
        self._retry_length = 0 if items else 2 * len(self._text)
        return items


def _is_end_of_object(text: str) -> bool:
    """Can `text` follow the first member of a JSON object?"""
    try:
        _DECODER.decode(f'{{"data":0{text}')
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


# Numbers stay text, so that no number is too large. Control characters are accepted: a record is parsed from the text.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=str, parse_int=str, strict=False)
