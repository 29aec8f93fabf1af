"""What the place of a value says of it, and what the user says on top. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from collector.redaction.detect.field_names import squash

_RULE: Final = re.compile(r"(?:[\w-]+/)?[^\W_][\w -]*(?:\[\])?(?:\.\w[\w -]*(?:\[\])?)*|_[\w-]+")


def is_rule(text: str) -> bool:
    """Has this the form of a rule of `Rules`?"""
    return _RULE.fullmatch(text) is not None


class Rules:
    """What the user says on top: `also` are secrets, `keep` are none.

    Each is the name of a field, at any depth and in any case, or a path such as `auth.header.name` or
    `headers[].value`; `postgresql/…` in front says of which type of connection.
    """

    def __init__(self, also: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self._rules = [(rule, Verdict.SECRET) for rule in also] + [(rule, Verdict.ALLOWED_BY_USER) for rule in keep]

    def names(self, type_id: str | None) -> dict[str, Verdict]:
        """Squashed names → verdict, for this type."""
        return {squash(field): verdict for field, verdict in self._of(type_id) if "." not in field and "[" not in field}

    def paths(self, type_id: str | None) -> list[tuple[str, Verdict]]:
        """Paths and their verdicts, for this type."""
        return [(field, verdict) for field, verdict in self._of(type_id) if "." in field or "[" in field]

    def _of(self, type_id: str | None) -> Iterable[tuple[str, Verdict]]:
        for rule, verdict in self._rules:
            of_type, slash, field = rule.rpartition("/")
            if not slash or of_type == type_id:
                yield field, verdict


class Verdict(Enum):
    """What the place of a value says of it."""

    SECRET = "a secret, whatever it is"  # noqa: S105  # a verdict
    LIKELY_SECRET = "a secret, unless it is a truth value or a word that goes with one"  # noqa: S105
    MAY_EMBED_SECRET = "text that may hold a secret"  # noqa: S105
    KNOWN_SAFE = "known to be no secret; its form is looked at all the same"
    UNKNOWN = "nobody knows: its form decides, also whether it looks drawn by lot"
    ALLOWED_BY_USER = "the user's word for it that it is no secret"
