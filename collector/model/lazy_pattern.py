"""Regular expressions that are compiled on first use.

Most runs need few of the redaction patterns, and compiling all of them took longer than collecting 100 connections.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _LazyPattern:
    """Provides the attributes of the compiled pattern, which it compiles on first access."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern  # available uncompiled, for patterns built from others
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)  # later lookups find the attribute here, as fast as in a compiled pattern
        return found


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A proxy for `re.compile(pattern, flags)`. An invalid pattern raises `re.error` on first use."""
    return cast("re.Pattern[str]", _LazyPattern(pattern, flags))
