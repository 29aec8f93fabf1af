"""Substitutes for secrets, and masks and placeholders that a text already contains. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from collector.model.lazy_pattern import lazy_pattern
from collector.model.record import Json

Substitute: TypeAlias = Callable[[str, str], str]
"""A secret and the rule that found it (see `reasons`) → its substitute."""

PLACEHOLDER: Final = lazy_pattern(r"\{\{.*\}\}|\$\{.*\}|\$\d+|:\w+|%\(?\w*\)?s|\?|<[\w -]+>|\.{3}|…")
"""A template's placeholder for a secret."""

MASKED: Final = lazy_pattern(r"\[REDACTED(?::[0-9a-f]+)?\]")
"""A mask of this program."""

# The masks of servers; some leave the first or last characters of the secret.
_SERVERS_MASK: Final = lazy_pattern(
    r"[*•●]+|[<(](?:redacted|hidden|masked|sensitive)[>)]|[xX]{4,64}"
    r"|[\w.@-]{0,8}[*•●]{3,}[\w.@-]{0,8}|[xX]{6,64}[\w.@-]{1,8}",
    re.IGNORECASE,
)
_CONTAINERS: Final = frozenset((dict, list))
_MASK_STARTS: Final = frozenset("*•●[<(xX")


def is_masked(text: str) -> bool:
    """Does this text contain a mask of this program?"""
    return "[REDACTED" in text and MASKED.search(text) is not None


def masked_paths(path: str, value: Json) -> list[str]:
    """The paths of the texts in the value at `path` that contain a mask, in no particular order."""
    if type(value) is str:
        return [path] if is_masked(value) else []
    found: list[str] = []
    pending: list[tuple[str, Json]] = [(path, value)]
    while pending:
        at, container = pending.pop()
        if type(container) is dict:
            for key, inner in container.items():
                if type(inner) is str:
                    if "[REDACTED" in inner and is_masked(inner):
                        found.append(f"{at}.{key}")
                elif type(inner) in _CONTAINERS:
                    pending.append((f"{at}.{key}", inner))
        elif type(container) is list:
            found.extend(f"{at}[]" for inner in container if type(inner) is str and is_masked(inner))
            pending.extend((f"{at}[]", inner) for inner in container if type(inner) in _CONTAINERS)
    return found


def is_servers_mask(text: str) -> bool:
    """Is the whole text a mask of the server?"""
    may_be = text[:1] in _MASK_STARTS or "***" in text or "•••" in text or "●●●" in text
    return may_be and _SERVERS_MASK.fullmatch(text) is not None
