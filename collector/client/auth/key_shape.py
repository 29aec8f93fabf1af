"""Has a text the form of a key? For what stands where a name should: it may be a key, pasted by mistake.

Rather let a key pass than refuse a name: paths, hosts, ids, dates and words are none of its business. (`detect`, which
judges what is written to files, is biased the other way.)
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
    """Is this a credential by its form: `Bearer …`, `Basic …`, a JWT, or long, random and no path, host or UUID?"""
    if _SCHEME.match(text) or _JWT.match(text):
        return True
    return not (set(text) & set("/.") or _is_uuid(text)) and has_mixed_runs(text)


def has_mixed_runs(text: str) -> bool:
    """Does it hold a long run of letters and digits that changes between kinds more often than words and dates do?"""
    return len(text) >= _MIN_LENGTH and any(
        4 * _count_changes(run) >= len(run) and any(map(str.isdigit, run)) for run in _RUN.findall(text)
    )


def _count_changes(run: str) -> int:
    """How often a digit and a letter meet, or a capital follows a small letter."""
    return sum(
        before.isdigit() != after.isdigit() or (before.islower() and after.isupper()) for before, after in pairwise(run)
    )


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
