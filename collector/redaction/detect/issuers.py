"""The table of token issuers: the published form of each of their tokens. Pure.

Reads `token_issuers.json`, one issuer per line, sorted: name, source, forms. A source is a public rule
set (gitleaks b58d3f1, trufflehog 3ab759f, betterleaks 6381fa4, kingfisher ee7c0db, microsoft/security-utilities; all as
of 2026) or, with a dot, the issuer's own documentation.

Notation of a form, from left to right:

- `<hex:32>`: exactly 32 characters of an alphabet; `<hex:20-32>`: 20 to 32; `<hex:20+>`: 20 or more
- `<uuid>`: a UUID
- `(live|test)`: one of these texts; an empty one is allowed
- anything else stands for itself
- `?` in front: ordinary words share the beginning, so the rest must look random. So must the rest of every form in
  which 20 or more characters in a row can spell words.

Values that are public by design are not in the table: publishable keys (Stripe `pk_live_`, PostHog `phc_`, Mapbox
`pk.`, Langfuse `pk-lf-`, Supabase `sb_publishable_`), account ids (Twilio `AC…`) and client ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

ALPHABETS: Final = {
    "digits": "0-9",
    "hex": "0-9a-f",
    "Hex": "0-9a-fA-F",
    "letters": "A-Za-z",
    "lower": "a-z0-9",
    "UPPER": "A-Z0-9",
    "BASE32": "A-Z2-7",
    "alnum": "A-Za-z0-9",
    "word": "A-Za-z0-9_",
    "dashed": "A-Za-z0-9-",
    "url": "A-Za-z0-9_-",
    "dotted": "A-Za-z0-9_.-",
    "padded": "A-Za-z0-9_.=-",
    "tilde": "A-Za-z0-9_.~-",
    "base64": "A-Za-z0-9+/",
    "any64": "A-Za-z0-9+/_=-",
    "caret": "A-Za-z0-9^#+/=",
    "percent": "A-Za-z0-9%+/",
    "MNO": "MNO",
}
"""Alphabet name → its characters, as in a regular expression's brackets."""

_WORDLESS: Final = frozenset(("digits", "hex", "Hex", "uuid"))
_SHORTEST_WORDS: Final = 20
_PART: Final = re.compile(r"<([\w-]+)(?::(\d+)(?:-(\d+)|(\+))?)?>|\(([^()]*)\)|([^<(]+)")
_UUID: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Run(NamedTuple):
    """`least` to `most` characters of an alphabet; `most` is None for no limit."""

    alphabet: str
    least: int
    most: int | None


UUID: Final = Run("uuid", 36, 36)


class Form(NamedTuple):
    """One kind of token. A part is a run or a choice of fixed texts."""

    issuer: str
    parts: tuple[Run | tuple[str, ...], ...]
    must_look_random: bool

    def beginnings(self) -> list[str]:
        """The fixed texts a token may begin with; empty if it begins with a run."""
        found = [""]
        for part in self.parts:
            if isinstance(part, Run):
                break
            found = [start + text for start in found for text in part]
        return found

    def pattern(self) -> str:
        """A regular expression for the whole token, without a full stop after it."""
        last, end = self.parts[-1], r"(?<!\.)"
        if not isinstance(last, Run):
            end += r"(?![^\W_])"
        elif last.most is not None:
            end += r"(?![\w-])" if "-" in ALPHABETS.get(last.alphabet, "")[-1:] else r"(?![^\W_])"
        return "".join(map(_pattern, self.parts)) + end

    def shortest_pattern(self) -> str:
        """A regular expression that matches the start of every token of this form, in bounded time."""
        *parts, last = self.parts
        shortest = last._replace(most=last.least) if isinstance(last, Run) and last is not UUID else last
        return "".join(map(_pattern, (*parts, shortest)))


class Issuer(NamedTuple):
    """A row of the table."""

    name: str
    source: str
    forms: tuple[Form, ...]


def _pattern(part: Run | tuple[str, ...]) -> str:
    if not isinstance(part, Run):
        return f"(?:{'|'.join(map(re.escape, part))})"
    if part is UUID:
        return _UUID
    most = "" if part.most is None else part.most
    return f"[{ALPHABETS[part.alphabet]}]{{{part.least},{most}}}"


@cache
def issuers() -> tuple[Issuer, ...]:
    """The table."""
    rows: list[tuple[str, str, str]] = json.loads(
        (files("collector.redaction.detect") / "token_issuers.json").read_bytes()
    )
    return tuple(_issuer(*row) for row in rows)


def _issuer(name: str, source: str, forms: str) -> Issuer:
    return Issuer(name, source, tuple(_form(name, form) for form in forms.split()))


def _form(issuer: str, text: str) -> Form:
    parts = tuple(_parts(text.removeprefix("?")))
    return Form(issuer, parts, text.startswith("?") or any(map(_may_hold_words, parts)))


def _may_hold_words(part: Run | tuple[str, ...]) -> bool:
    """Is this run long enough to hold several words, and to distinguish words from random characters?"""
    return isinstance(part, Run) and part.alphabet not in _WORDLESS and part.least >= _SHORTEST_WORDS


def _parts(text: str) -> Iterator[Run | tuple[str, ...]]:
    for alphabet, least, most, is_open, choice, literal in _PART.findall(text):
        if alphabet == "uuid":
            yield UUID
        elif alphabet:
            yield Run(alphabet, int(least), None if is_open else int(most or least))
        else:
            yield (literal,) if literal else tuple(choice.split("|"))
