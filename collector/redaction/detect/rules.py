"""Verdicts on a value by its position, and the user's rules, which override them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from collector.redaction.detect.field_names import squash

_RULE: Final = re.compile(r"(?:[\w-]+/)?[^\W_][\w -]*(?:\[\])?(?:\.\w[\w -]*(?:\[\])?)*|_[\w-]+")


def is_rule(text: str) -> bool:
    """Is `text` a valid rule for `Rules`?"""
    return _RULE.fullmatch(text) is not None


class Rules:
    """The user's rules: `also` names secrets, `keep` names fields that are not secrets.

    A rule is the name of a field, at any depth and in upper or lower case, or a path such as `auth.header.name` or
    `headers[].value`. The prefix `postgresql/` restricts it to that connection type.
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
    """The verdict on a value by its position."""

    SECRET = "a secret, whatever it is"  # noqa: S105  # a verdict
    LIKELY_SECRET = "a secret, unless it is a truth value or a word that goes with one"  # noqa: S105
    MAY_EMBED_SECRET = "text that may hold a secret"  # noqa: S105
    KNOWN_SAFE = "known not to be a secret; tokens in it are still masked"
    UNKNOWN = "unknown field: judged by its value, including whether it looks random"
    ALLOWED_BY_USER = "allowed by the user's rules"
