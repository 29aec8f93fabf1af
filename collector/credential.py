"""The `Authorization` header an API key travels in, and the forms in which the key could stand in other texts.

A user's key goes as a bearer token; a partner or deployment key of an organization as `organization:key` (Basic), a
deployment key without one as `key:` (Polytomic API reference, "Get Connection": authentication).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from collector.secret import Revealed, Secret

LONGEST_KEY: Final = 8192
"""Characters; servers take no longer header."""

SHORTEST_FORM: Final = 8
"""Characters; what is shorter would be found in innocent text."""

_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")


def is_key(secret: Secret) -> bool:
    """Can this be a key: ASCII characters that print, no blanks, and neither none nor more than `LONGEST_KEY`?"""
    text = secret.reveal()
    return text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= LONGEST_KEY


def bearer(key: Secret) -> Secret:
    """The header of a user's key."""
    return Secret(f"Bearer {key.reveal()}")


def basic(organization_id: str, key: Secret) -> Secret:
    """The header of a partner or deployment key with the organization it is used for."""
    return Secret("Basic " + _packed(f"{organization_id}:{key.reveal()}"))


def basic_alone(key: Secret) -> Secret:
    """The header of a deployment key that is used for no organization."""
    return Secret("Basic " + _packed(f"{key.reveal()}:"))


def secrets_of(header: Secret) -> list[str]:
    """The forms in which the key of an `Authorization` header could stand in a text, longest first.

    Each of at least `SHORTEST_FORM` characters: the key, the credential, base64 of the key, with and without the colon
    and the organization and inside of a longer text, and all of it as URLs write it. What JSON makes of them is not
    among it.
    """
    scheme, _, credential = header.reveal().partition(" ")
    if scheme == "Bearer":
        return forms_of(Secret(credential))
    text = base64.b64decode(credential).decode()
    organization_id, _, key = text.partition(":")
    forms = {*forms_of(Secret(key), organization_id)} if key else set()
    if text.endswith(":"):  # one that stands alone; there may be colons in it
        forms |= {*forms_of(Secret(text[:-1]))}
    return _longest_first(forms)


def forms_of(key: Secret, organization_id: str = "") -> list[str]:
    """As `secrets_of`, for a key whose header is not known."""
    text = str(key.reveal())
    packed = {_packed(each) for each in (text, f"{text}:", f":{text}", f"{organization_id}:{text}")}
    parts = {each.rstrip("=") for each in packed} | set(_stems(text))
    plain = {text, *parts, *(each.replace("+", "-").replace("/", "_") for each in parts)}
    forms = packed | {form for each in plain for form in _as_urls_write(each)}
    return _longest_first(Revealed(form) for form in forms if len(form) >= SHORTEST_FORM)


def _longest_first(forms: Iterable[str]) -> list[str]:
    return sorted(forms, key=lambda form: (-len(form), form))


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _stems(text: str) -> Iterator[str]:
    """What is sure to stand in the base64 of anything that holds `text`: it may begin at any byte of three.

    A character of base64 is six bits; those that hold bits of what stands before or behind are left off.
    """
    for before in range(3):
        bits = 8 * (before + len(text))
        yield _packed("\0" * before + text)[-(-8 * before // 6) : bits // 6]


def _as_urls_write(text: str) -> Iterator[str]:
    """`text`, and as browsers and libraries quote it."""
    yield text
    for quoted in (quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe="!'()*~")):
        yield quoted
        yield _ESCAPE.sub(lambda found: found[0].lower(), quoted)
