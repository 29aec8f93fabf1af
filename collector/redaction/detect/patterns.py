"""Masks secrets in a text by their form alone. Pure; must not know fields or connections.

The forms: PEM blocks, tokens with their issuer's prefix, the credentials in a URL, values after the name of a secret
(`password=…`, `"token": "…"`, `?sig=…`), credentials of an `Authorization` header, and, on request, random-looking
words. (Sources: the issuers' documentation of their prefixes.)

The time is linear in the length of the text, for any text.
"""

from __future__ import annotations

import re
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.broken_urls import is_suspect, mask_broken_urls
from collector.redaction.detect.entropy import mask_random
from collector.redaction.detect.key_values import mask_pairs
from collector.redaction.detect.known_safe import PUBLIC_PEM
from collector.redaction.detect.masks import Substitute
from collector.redaction.detect.statements import mask_statements
from collector.redaction.detect.tokens import mask_pem, mask_tokens
from collector.redaction.detect.urls import mask_hooks, mask_users

_LONG_RUN: Final = lazy_pattern(r"[\w+=~-]{15}")  # part of every token and of every random-looking word

# Words and short numbers, like most names and hosts: too short for any form of a secret.
_is_plain_words: Final = re.compile(
    r"(?:[A-Za-z]{1,14}|[0-9]{1,5})(?:[ ,&()_.-]{1,2}(?:[A-Za-z]{1,14}|[0-9]{1,5}))*[.)]?"
).fullmatch


def mask(text: str, substitute: Substitute, *, guess: bool = False, is_prose: bool = False) -> str:
    """`text` with each secret substituted; with `guess`, random-looking words too.

    In prose, such as an error, a random-looking word counts only next to a word for a credential.
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
