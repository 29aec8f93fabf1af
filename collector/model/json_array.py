"""The items of a JSON array, parsed while the text arrives. Pure.

The array is the value of `data` in an object, as the API returns lists, or the whole document. Each item is parsed,
returned and discarded, so memory does not grow with the array.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from collector.model.lazy_pattern import lazy_pattern
from collector.model.strict_json import NotJson

MAX_ITEM_LENGTH: Final = 16 * 1024 * 1024
"""Maximum length of an item in characters."""

T = TypeVar("T")
ItemParser: TypeAlias = Callable[[str, int], tuple[T, int]]
"""Parses the JSON value at an index of a text, and returns it and the index of its end. Raises ValueError."""

_OPENING = lazy_pattern(r"\s*\{\s*")
_MEMBER = lazy_pattern(r'\s*"((?:[^"\\]|\\.)*)"\s*:\s*(?=\S)')
_COMMA = lazy_pattern(r"\s*,\s*")
_AFTER_ITEM = lazy_pattern(r"\s*(?:,\s*|(?=\]))")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


# Numbers stay text, so that no number is too large. Control characters are accepted, as in a connection's own body.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=str, parse_int=str, strict=False)

parse_item: Final[ItemParser[object]] = _DECODER.raw_decode
"""Parses any JSON value; numbers become text."""


class ArrayScanner(Generic[T]):
    """Incremental parser of `{"data": [...]}` and, if `takes_bare_array`, of `[...]`."""

    def __init__(self, parse: ItemParser[T], *, takes_bare_array: bool = False) -> None:
        self._parse = parse
        self._takes_bare_array = takes_bare_array
        self._is_bare = False  # is the array the whole document?
        self._text = ""
        self._is_open = False
        self._is_inside = False
        self._is_item_due = False
        self._is_done = False
        self._retry_length = 0  # characters at which another attempt to parse is worthwhile

    @property
    def has_array(self) -> bool:
        """Has the beginning of the array arrived?"""
        return self._is_inside or self._is_done

    def feed(self, chunk: str) -> list[T]:
        """The items that `chunk` completes. Raises `NotJson` if an item exceeds `MAX_ITEM_LENGTH`."""
        self._text += chunk
        if len(self._text) < self._retry_length:
            return []
        if not self._is_inside and not self._is_done:
            self._enter()
        items = self._take() if self._is_inside else []
        if len(self._text) > MAX_ITEM_LENGTH:
            raise NotJson(f"an item of the list exceeds {MAX_ITEM_LENGTH} characters, or is not JSON")
        return items

    def close(self) -> list[T]:
        """The remaining items. Raises `NotJson` unless the array (or null) and the object around it are complete."""
        self._retry_length = 0
        items = self.feed("")
        if not self._is_done or not self._is_end_of_document():
            raise NotJson("the list is truncated, or not a list of connections")
        return items

    def _enter(self) -> None:
        """Skip the members before `data`, as far as they have arrived."""
        if self._takes_bare_array and not self._is_open and self._text.lstrip().startswith("["):
            self._is_bare = self._is_inside = True
            self._text = self._text.lstrip()[1:]
            return
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
            _, end = parse_item(self._text, at)
        except (ValueError, RecursionError):
            return None
        after = _COMMA.match(self._text, end)
        return after.end() if after else None

    def _take(self) -> list[T]:
        items: list[T] = []
        at = len(self._text) - len(self._text.lstrip())
        while at < len(self._text):
            if self._text[at] == "]" and not self._is_item_due:
                self._is_inside, self._is_done, at = False, True, at + 1
                break
            try:
                item, end = self._parse(self._text, at)
            except (ValueError, RecursionError):
                break  # incomplete or invalid: `close` decides
            after = _AFTER_ITEM.match(self._text, end)
            if after is None:
                break  # a number may continue in the next chunk
            items.append(item)
            self._is_item_due = "," in after[0]
            at = after.end()
        self._text = self._text[at:]
        # Wait for twice the text: otherwise an item larger than a chunk would be parsed again with every chunk.
        self._retry_length = 0 if items else min(2 * len(self._text), MAX_ITEM_LENGTH)
        return items

    def _is_end_of_document(self) -> bool:
        return not self._text.strip() if self._is_bare else _is_end_of_object(self._text)


def begins_envelope(text: str) -> bool:
    """Does a document that begins with `text` hold an array (or null) under `data` in an object without an `id`?"""
    opening = _OPENING.match(text)
    at, is_found = opening.end() if opening else 0, False
    while opening and (member := _MEMBER.match(text, at)):
        if member[1] == "id" or (member[1] == "data" and text[member.end()] not in "[n"):
            return False
        is_found = is_found or member[1] == "data"
        try:
            _, end = parse_item(text, member.end())
        except (ValueError, RecursionError):  # the value continues beyond `text`
            return is_found
        after = _COMMA.match(text, end)
        if after is None:
            return is_found
        at = after.end()
    return is_found


def _is_end_of_object(text: str) -> bool:
    """Can `text` follow the member `data` of a JSON object, without another member of that name?"""
    keys: list[str] = []

    def note_keys(pairs: list[tuple[str, object]]) -> None:
        keys[:] = [key for key, _ in pairs]  # the outermost object comes last

    try:
        json.loads(
            f'{{"data":0{text}', object_pairs_hook=note_keys, parse_constant=_refuse, parse_int=str, strict=False
        )
    except (ValueError, RecursionError):
        return False
    return keys.count("data") == 1
