"""What is put in the place of a secret, and what already stands in its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from collector.model.lazy_pattern import lazy_pattern
from collector.model.record import Json, texts_in

Substitute: TypeAlias = Callable[[str, str], str]
"""A secret, and the rule that found it (see `reasons`) → what is put in its place."""

PLACEHOLDER: Final = lazy_pattern(r"\{\{.*\}\}|\$\{.*\}|\$\d+|:\w+|%\(?\w*\)?s|\?|<[\w -]+>|\.{3}|…")
"""What a template has where a secret will be."""

MASKED: Final = lazy_pattern(r"\[REDACTED(?::[0-9a-f]+)?\]")
"""What was put in the place of a secret before."""

# What a server puts in the place of a secret; some leave its first or last characters.
_SERVERS_MASK: Final = lazy_pattern(
    r"[*•●]+|[<(](?:redacted|hidden|masked|sensitive)[>)]|[xX]{4,64}"
    r"|[\w.@-]{0,8}[*•●]{3,}[\w.@-]{0,8}|[xX]{6,64}[\w.@-]{1,8}",
    re.IGNORECASE,
)
_MASK_STARTS: Final = frozenset("*•●[<(xX")


def is_masked(text: str) -> bool:
    """Was something masked in this text?"""
    return "[REDACTED" in text and MASKED.search(text) is not None


def masked_paths(path: str, value: Json) -> Iterator[str]:
    """The paths of the texts in a value, which stands at `path`, in which something was masked."""
    return (at for at, text in texts_in(path, value) if is_masked(text))


def is_servers_mask(text: str) -> bool:
    """Did the server mask this?"""
    may_be = text[:1] in _MASK_STARTS or "***" in text or "•••" in text or "●●●" in text
    return may_be and _SERVERS_MASK.fullmatch(text) is not None
