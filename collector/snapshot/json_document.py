"""Typed access to a JSON document: a value has the requested type, or its place in the document is reported.

Pure. The message names the place and the expected type. It quotes keys, truncated to a limit, but never a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn, TypeVar, cast

import orjson

from collector.model.record import Json
from collector.model.timestamps import is_utc

_MAX_KEY_CHARS: Final = 200  # of a key in a message
_Choice = TypeVar("_Choice", bound=StrEnum)


class Malformed(Exception):
    """A document is not JSON, or one of its values is missing or has another type. The message gives the place."""


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A value of a document. `place` is its path, such as `files[0].path`, and empty for the whole document."""

    value: Json
    place: str = ""

    def reject(self, problem: str) -> NoReturn:
        """Raise `Malformed` for this place."""
        raise Malformed(f"{self.place or 'the document'}: {problem}")

    def __getitem__(self, key: str) -> JsonNode:
        """The member `key` of an object. Raises `Malformed`."""
        found = self.get(key)
        return found if found is not None else JsonNode(None, self._place_of(key)).reject("is missing")

    def get(self, key: str) -> JsonNode | None:
        """The member `key` of an object, or None if it is missing. Raises `Malformed` unless this is an object."""
        members = self._object
        return JsonNode(members[key], self._place_of(key)) if key in members else None

    def _place_of(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    @property
    def _object(self) -> dict[str, Json]:
        if type(self.value) is not dict:
            self.reject("not an object")
        return cast(dict[str, Json], self.value)

    def members(self) -> Iterator[tuple[str, JsonNode]]:
        """Each member of an object whose keys are not known in advance. Raises `Malformed`."""
        for key, value in self._object.items():
            yield key, JsonNode(value, f'{self.place}["{key[:_MAX_KEY_CHARS]}"]')

    def elements(self) -> list[JsonNode]:
        """The elements of an array. Raises `Malformed`."""
        if type(self.value) is not list:
            self.reject("not an array")
        return [JsonNode(value, f"{self.place}[{at}]") for at, value in enumerate(self.value)]

    def text(self) -> str:
        """The value as text. Raises `Malformed` unless it is a string."""
        if type(self.value) is not str:
            self.reject("not a string")
        return self.value

    def one_of(self, choices: type[_Choice]) -> _Choice:
        """The value as a member of an enumeration. Raises `Malformed` for any other."""
        if self.text() not in set(choices):
            self.reject(f"not one of {', '.join(choices)}")
        return choices(self.value)

    def path(self) -> str:
        """The value as a path. Raises `Malformed` unless it is a string that can be one."""
        path = self.text()
        if not path or "\0" in path:
            self.reject("not a path")
        return path

    def utc(self) -> str:
        """The value as a timestamp. Raises `Malformed` unless it is an RFC 3339 time in UTC."""
        timestamp = self.text()
        if not is_utc(timestamp):
            self.reject("not a UTC time")
        return timestamp

    def flag(self) -> bool:
        """The value as a flag. Raises `Malformed` unless it is `true` or `false`."""
        if type(self.value) is not bool:
            self.reject("not true or false")
        return self.value

    def count(self) -> int:
        """The value as a count. Raises `Malformed` unless it is an integer of at least 0."""
        if type(self.value) is not int or self.value < 0:
            self.reject("not a count (an integer of at least 0)")
        return self.value

    def seconds(self) -> float:
        """The value as seconds. Raises `Malformed` unless it is a number of at least 0."""
        if type(self.value) not in {int, float} or self.value < 0:
            self.reject("not a duration (a number of at least 0)")
        return float(self.value)


def parse(content: bytes) -> JsonNode:
    """Parse `content` as JSON. Raises only `Malformed`."""
    try:
        return JsonNode(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"byte {error.pos}: invalid JSON") from None
