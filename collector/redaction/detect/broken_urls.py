"""Credentials in error messages that quote an unparsable URL. Pure.

A password with `/`, `?`, `#`, `%` or a space in it breaks a URL. Parsers then quote parts of it in unexpected places:
the URL up to the password, the password as a port, or the rest of it as a host. (Sources: the messages of Go's
net/url, Python's urllib.parse, Java's URI, Node's and Rust's url, libpq.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.masks import PLACEHOLDER, Substitute
from collector.redaction.detect.reasons import URL_CREDENTIALS

_SCHEME: Final = r"(?<![A-Za-z0-9+.-])(?!(?:docker|oci)\b)[A-Za-z][A-Za-z0-9+.-]{1,30}://"
# In quotes a password may contain spaces. Without an @ after it, it ends at the closing quote.
_QUOTED: Final = lazy_pattern(
    rf"([\"'`])({_SCHEME}[^\s\"'`<>@/?#:]*:)((?:(?!\1)[^\n<>])*@|[^\s\"'`<>@/?#]+(?=\1|[^\s\w]{{0,2}}\s))"
)
# Without quotes it ends at the end of the word. A port is not a password.
_TRUNCATED: Final = lazy_pattern(rf"({_SCHEME}[^\s\"'`<>@/?#:]*:)([^\s\"'`<>@/?#,;:)\]]+)(?=[:;,)\]]*(?:\s|\Z))")
_PORT: Final = lazy_pattern(
    r"((?:\b(?:invalid|bad|illegal|unknown) port|\bport could not be cast to integer value as"
    r"|\binvalid integer value(?=[^\n]{0,80}connection option \"port)"
    r"|\b(?:literal for int\(\) with base 10|for input string)(?=[^\n]{0,8}[\"'`](?=\S*[0-9])(?=\S*[A-Za-z])))\b"
    r"[^\"'`\n]{0,40}[\"'`]:?)([^\"'`\n]+)(?=[\"'`])",
    re.IGNORECASE,
)
_MENTIONS_A_PORT: Final = lazy_pattern(r"\bport|input string|with base 10|://|host ?name|lookup", re.IGNORECASE)
_HOST: Final = lazy_pattern(r"((?:host ?(?:name)?|address|lookup)\s+[\"'`]?)([^\s\"'`@]+)(?=@)", re.IGNORECASE)
_IS_PORT: Final = lazy_pattern(r"\d{0,5}|\[?port\]?|[\w-]*ports?", re.IGNORECASE)
_SEPARATORS: Final = lazy_pattern(r"[/?#@:%&=\s]+")
_MIN_PIECE_LENGTH: Final = 4


def mask_broken_urls(text: str, substitute: Substitute) -> str:
    """`text` with the credentials of truncated or split URLs masked, and with every repetition of them masked."""
    pieces = {piece for password in _passwords(text) for piece in _pieces(password)}
    text = _QUOTED.sub(lambda found: found[1] + found[2] + _masked(found[3], substitute), text)
    text = _TRUNCATED.sub(lambda found: found[1] + _masked(found[2], substitute), text)
    text = _PORT.sub(lambda found: found[1] + _masked(found[2], substitute), text)
    text = _HOST.sub(lambda found: found[1] + substitute(found[2], URL_CREDENTIALS), text)
    for piece in sorted(pieces, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(piece)}(?!\w)", lambda found: substitute(found[0], URL_CREDENTIALS), text)
    return text


def is_suspect(text: str) -> bool:
    """May the text quote an unparsable URL, or a part of one?"""
    return _MENTIONS_A_PORT.search(text) is not None


def _passwords(text: str) -> Iterator[str]:
    for pattern, group in ((_QUOTED, 3), (_TRUNCATED, 2), (_USER, 1)):
        for found in pattern.finditer(text):
            if not _is_safe(found[group].removesuffix("@")):
                yield found[group].removesuffix("@")


_USER: Final = lazy_pattern(rf"{_SCHEME}[^\s\"'`<>@/?#:]*:(?!\d{{1,5}}[/?#,])([^\s\"'`<>]*)@")


def _pieces(password: str) -> Iterator[str]:
    """The parts that a parser may quote, except ordinary words and numbers."""
    for piece in (password, *_SEPARATORS.split(password)):
        is_word = piece.isalpha() and (piece.islower() or piece.istitle() or piece.isupper())
        if len(piece) >= _MIN_PIECE_LENGTH and not is_word and not piece.isdigit():
            yield piece


def _masked(value: str, substitute: Substitute) -> str:
    end = "@" if value.endswith("@") else ""
    bare = value.removesuffix("@")
    return value if _is_safe(bare) else substitute(bare, URL_CREDENTIALS) + end


def _is_safe(value: str) -> bool:
    return _IS_PORT.fullmatch(value) is not None or PLACEHOLDER.fullmatch(value) is not None or "[REDACTED" in value
