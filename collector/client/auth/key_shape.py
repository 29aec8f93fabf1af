"""Detects text that looks like an API key where a name belongs: a key may be pasted there by mistake.

Prefers false negatives: never flags paths, host names, ids, dates or plain words. (`detect`, which checks the text
written to files, prefers false positives.)
"""

from __future__ import annotations

import re
import uuid
from itertools import pairwise
from typing import Final

_SCHEME: Final = re.compile(r"\s*(?:authorization:\s*)?(?:bearer|basic)\s+\S", re.IGNORECASE)
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.")
_RUN: Final = re.compile(r"[A-Za-z0-9]{16,}")
_MIN_LENGTH: Final = 20


def looks_like_api_key(text: str) -> bool:
    """Does this look like a credential: `Bearer …`, `Basic …`, a JWT, or long and random-looking text?

    Paths, host names and UUIDs do not.
    """
    if _SCHEME.match(text) or _JWT.match(text):
        return True
    return not (set(text) & set("/.") or _is_uuid(text)) and has_mixed_runs(text)


def has_mixed_runs(text: str) -> bool:
    """Does it contain a long run that mixes letters and digits more often than words and dates do?"""
    return len(text) >= _MIN_LENGTH and any(
        4 * _count_changes(run) >= len(run) and any(map(str.isdigit, run)) for run in _RUN.findall(text)
    )


def _count_changes(run: str) -> int:
    """Count the changes between digit and letter, and from a lower-case to an upper-case letter."""
    return sum(
        before.isdigit() != after.isdigit() or (before.islower() and after.isupper()) for before, after in pairwise(run)
    )


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
