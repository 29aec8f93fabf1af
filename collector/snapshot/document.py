"""Typed access to a JSON document: each value is of the type that the caller asks for, or is refused by its place.

Pure. A refusal names the place and what belongs there. It quotes keys, cut at a limit, but no value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn, cast

import orjson

from collector.model.record import Json
from collector.model.timestamps import is_utc

_MAX_KEY_CHARS: Final = 200  # characters of a key that a message repeats


class Malformed(Exception):
    """A document is not JSON, or a value in it is missing or of another type; the text says where."""


@dataclass(frozen=True, slots=True)
class Part:
    """A value of a document; `place` is the way to it, such as `files[0].path`, and empty for the whole."""

    value: Json
    place: str = ""

    def reject(self, problem: str) -> NoReturn:
        """Raise `Malformed` for this place."""
        raise Malformed(f"{self.place or 'the document'}: {problem}")

    def __getitem__(self, key: str) -> Part:
        """The member `key` of an object. Raises `Malformed`."""
        found = self.get(key)
        return found if found is not None else Part(None, self._place_of(key)).reject("is missing")

    def get(self, key: str) -> Part | None:
        """The member `key` of an object, None if it has none. Raises `Malformed` for what is not an object."""
        members = self._object
        return Part(members[key], self._place_of(key)) if key in members else None

    def _place_of(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    @property
    def _object(self) -> dict[str, Json]:
        if type(self.value) is not dict:
            self.reject("not an object")
        return cast(dict[str, Json], self.value)

    def members(self) -> Iterator[tuple[str, Part]]:
        """Each member of an object whose keys are not known beforehand. Raises `Malformed`."""
        for key, value in self._object.items():
            yield key, Part(value, f'{self.place}["{key[:_MAX_KEY_CHARS]}"]')

    def elements(self) -> list[Part]:
        """The elements of an array. Raises `Malformed`."""
        if type(self.value) is not list:
            self.reject("not an array")
        return [Part(value, f"{self.place}[{at}]") for at, value in enumerate(self.value)]

    def text(self) -> str:
        """Raises `Malformed` unless it is text."""
        if type(self.value) is not str:
            self.reject("not a text")
        return self.value

    def path(self) -> str:
        """Raises `Malformed` unless it is text that can be a path."""
        path = self.text()
        if not path or "\0" in path:
            self.reject("not a path")
        return path

    def utc(self) -> str:
        """Raises `Malformed` unless it is an RFC 3339 time in UTC."""
        timestamp = self.text()
        if not is_utc(timestamp):
            self.reject("not a UTC time")
        return timestamp

    def count(self) -> int:
        """Raises `Malformed` unless it is an integer of at least 0."""
        if type(self.value) is not int or self.value < 0:
            self.reject("not a count (an integer of at least 0)")
        return self.value

    def seconds(self) -> float:
        """Raises `Malformed` unless it is a number of at least 0."""
        if type(self.value) not in {int, float} or self.value < 0:
            self.reject("not a duration (a number of at least 0)")
        return float(self.value)


def read(content: bytes) -> Part:
    """The document that `content` holds. Raises `Malformed`, never anything else."""
    try:
        return Part(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"byte {error.pos}: invalid JSON") from None
