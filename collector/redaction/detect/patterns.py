"""Which parts of a text are secrets, by their form alone. Pure; knows no fields and no connections.

The forms: PEM blocks, tokens that say by their beginning what they are, the user part of a URL, values behind a name
for a secret (`password=…`, `"token": "…"`, `?sig=…`), credentials of an `Authorization` header, and, where it is asked
for, whatever looks drawn by lot. (Sources: reliability.md S8 names the forms; prefixes as their issuers document them.)

What takes a text takes time in proportion to its length, whatever is in it.
"""

from __future__ import annotations

import re
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.broken_urls import is_suspect, mask_broken_urls
from collector.redaction.detect.entropy import mask_random
from collector.redaction.detect.key_values import mask_pairs
from collector.redaction.detect.masks import Substitute
from collector.redaction.detect.plain_kinds import PUBLIC_PEM
from collector.redaction.detect.statements import mask_statements
from collector.redaction.detect.tokens import mask_pem, mask_tokens
from collector.redaction.detect.urls import mask_hooks, mask_users

_LONG_RUN: Final = lazy_pattern(r"[\w+=~-]{15}")  # which every token has, and all that looks drawn by lot

# Words and short numbers, as most names and hosts are: no form of a secret fits in.
_is_plain_words: Final = re.compile(
    r"(?:[A-Za-z]{1,14}|[0-9]{1,5})(?:[ ,&()_.-]{1,2}(?:[A-Za-z]{1,14}|[0-9]{1,5}))*[.)]?"
).fullmatch


def mask(text: str, substitute: Substitute, *, guess: bool = False, is_prose: bool = False) -> str:
    """`text` with `substitute` of each secret in its place; with `guess` also of random-looking words.

    In prose, such as an error, a random-looking word is one only beside a word for a credential.
    """
    if _is_plain_words(text):
        return text
    if "-----BEGIN " in text and (public := PUBLIC_PEM.search(text)):
        rest = [
            mask(part, substitute, guess=guess, is_prose=is_prose)
            for part in (text[: public.start()], text[public.end() :])
        ]
        return public[0].join(rest)
    if "-----BEGIN " in text or "PuTTY-User-Key-File" in text:
        text = mask_pem(text, substitute)
    if " " in text and is_suspect(text):
        text = mask_broken_urls(text, substitute)
    if "@" in text:
        text = mask_users(text, substitute)
    if "://" in text:
        text = mask_hooks(text, substitute)
    if "=" in text or " " in text or "<" in text or text.count(":") > text.count("://"):
        text = mask_pairs(text, substitute)
    if " " in text or "$" in text or ":" in text or "," in text or "=" in text:
        text = mask_statements(text, substitute)
    if _LONG_RUN.search(text) or "/" in text:
        text = mask_tokens(text, substitute)
        if guess:
            text = mask_random(text, substitute, is_prose=is_prose)
    return text
