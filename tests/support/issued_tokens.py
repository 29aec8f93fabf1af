"""Generate tokens from the forms in the table of issuers."""

from __future__ import annotations

import re
import uuid
from functools import cache
from random import Random
from typing import Final

from collector.redaction.detect.entropy import is_wordlike
from collector.redaction.detect.issuers import ALPHABETS, UUID, Form, Run

ENOUGH: Final = 11
LONGER: Final = 12
"""An unlimited run gets this many characters more than its minimum."""


def made(form: Form, rng: Random) -> str:
    """A token of this form; random-looking where the form demands it."""
    while True:
        token = "".join(_part(part, rng) for part in form.parts)
        if not form.must_look_random or random_characters(token) > ENOUGH:
            return token


def random_characters(token: str) -> int:
    """How many characters are in runs that no one would make up."""
    return sum(len(run) for run in re.findall(r"[A-Za-z0-9]{6,}", token) if not is_wordlike(run))


def _part(part: Run | tuple[str, ...], rng: Random) -> str:
    if not isinstance(part, Run):
        return rng.choice(part)
    if part is UUID:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    length = part.least + LONGER if part.most is None else rng.randint(part.least, part.most)
    return "".join(rng.choices(characters(part.alphabet), k=length))


@cache
def characters(alphabet: str) -> str:
    """The characters of an alphabet except `.` and `=`, which only separate or pad."""
    every = "".join(filter(re.compile(f"[{ALPHABETS[alphabet]}]").match, map(chr, range(128))))
    return every.replace(".", "").replace("=", "")
