"""Regular expressions that are compiled when they are first used.

Of the patterns that tell secrets from plain values most runs need few, and compiling all of them took longer than
collecting a hundred connections.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Uncompiled:
    """Has what the compiled pattern has, from the first time that is asked for."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern  # known without compiling it, for patterns that are built of others
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)  # the next look-up ends here, and costs what a compiled pattern's does
        return found


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A stand-in for `re.compile(pattern, flags)`. One that does not compile raises `re.error` when it is used."""
    return cast("re.Pattern[str]", _Uncompiled(pattern, flags))
