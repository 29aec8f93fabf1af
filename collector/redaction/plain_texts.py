"""Texts that were found to hold no secret, so that they are not looked through again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

from collector.redaction.detect.fields import LONGEST_REMEMBERED, MOST_REMEMBERED

is_harmless: Final = re.compile(r"(?![xX]{4})(?:[A-Za-z0-9_.-]{0,17}|[A-Za-z _.,-]{0,19})").fullmatch
"""Is a text too short, and of too few kinds of characters, to have the form of a secret or of a mask?"""


class Remembered(set[str]):
    """Texts without a secret in them, whatever field and type of connection they stand in: hosts, logos and people come
    again and again. Never more than a few thousand, and short ones."""

    def add(self, text: str) -> None:
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:  # texts come from outside
                self.clear()
            super().add(text)

    def update(self, *texts: Iterable[str]) -> None:
        for text in chain(*texts):
            self.add(text)
