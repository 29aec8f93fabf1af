"""Filters on connections, decided by the payload of the list. Pure.

A pattern matches a whole value, without case; `*` stands for any text and `?` for any character. A pattern after `!`
excludes its matches. A value passes if it matches a pattern without `!`, or if there is none, and no pattern with `!`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import NamedTuple

from collector.model.record import Json
from collector.model.timestamps import to_utc


class Patterns:
    """The patterns of one field."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._texts = tuple(patterns)
        self._included = _alternatives(text for text in self._texts if not text.startswith("!"))
        self._excluded = _alternatives(text[1:] for text in self._texts if text.startswith("!"))

    def match(self, *values: str) -> bool:
        """Do the patterns let a connection pass whose field has these values, such as a type's id and its name?"""
        if self._included and not any(map(self._included.fullmatch, values)):
            return False
        return not (self._excluded and any(map(self._excluded.fullmatch, values)))

    def __repr__(self) -> str:
        return f"<Patterns {self._texts}>"


def _alternatives(patterns: Iterable[str]) -> re.Pattern[str] | None:
    text = "|".join(translate(pattern.replace("[", "[[]")) for pattern in patterns)
    return re.compile(text, re.IGNORECASE) if text else None


class ConnectionFilter(NamedTuple):
    """The conditions that a connection must meet, all of them.

    `updated_since` is RFC 3339 UTC with microseconds. A connection without a valid time of its last change passes it:
    nothing shows that it is older.
    """

    types: Patterns
    statuses: Patterns
    names: Patterns
    updated_since: str | None = None

    def matches(self, fields: dict[str, Json]) -> bool:
        """Does the connection with this payload meet every condition?"""
        kind = fields.get("type")
        kind = kind if isinstance(kind, dict) else {}
        return (
            self.types.match(_text(kind.get("id")), _text(kind.get("name")))
            and self.statuses.match(_text(fields.get("status")))
            and self.names.match(_text(fields.get("name")))
            and self._is_recent(fields.get("updated_at"))
        )

    def _is_recent(self, updated_at: Json) -> bool:
        updated = to_utc(updated_at) if self.updated_since and isinstance(updated_at, str) else None
        return self.updated_since is None or updated is None or updated >= self.updated_since


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def parse_since(text: str) -> str | None:
    """A date, or a time with an offset, as RFC 3339 UTC; None for other text. A date begins at midnight UTC."""
    return to_utc(text) or to_utc(f"{text}T00:00:00Z")
