"""A cache of texts without secrets, so that each is searched only once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

from collector.redaction.detect.fields import MAX_CACHED, MAX_CACHED_LENGTH

is_harmless: Final = re.compile(r"(?![xX]{4})(?:[A-Za-z0-9_.-]{0,17}|[A-Za-z _.,-]{0,19})").fullmatch
"""Is a text too short and too simple to have the form of a secret or of a mask?"""


class TextCache(set[str]):
    """Short texts without a secret, for any field and connection type: hosts, logos and names repeat often. Bounded."""

    def add(self, text: str) -> None:
        if len(text) <= MAX_CACHED_LENGTH:
            if len(self) >= MAX_CACHED:  # texts are untrusted
                self.clear()
            super().add(text)

    def update(self, *texts: Iterable[str]) -> None:
        for text in chain(*texts):
            self.add(text)
