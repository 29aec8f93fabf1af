"""Credentials in texts that quote a URL which could not be parsed. Pure.

A password with `/`, `?`, `#`, `%` or a space in it breaks a URL apart. Parsers then quote its parts where they are not
expected: up to the password, the password as a port, or what follows it as a host. (Sources: the messages of Go's
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
# In quotes a password may hold spaces; without an @ behind it, it ends where the quote does.
_QUOTED: Final = lazy_pattern(
    rf"([\"'`])({_SCHEME}[^\s\"'`<>@/?#:]*:)((?:(?!\1)[^\n<>])*@|[^\s\"'`<>@/?#]+(?=\1|[^\s\w]{{0,2}}\s))"
)
# Without quotes it ends with the word. A port is not a password.
_CUT: Final = lazy_pattern(rf"({_SCHEME}[^\s\"'`<>@/?#:]*:)([^\s\"'`<>@/?#,;:)\]]+)(?=[:;,)\]]*(?:\s|\Z))")
_PORT: Final = lazy_pattern(
    r"((?:\b(?:invalid|bad|illegal|unknown) port|\bport could not be cast to integer value as"
    r"|\binvalid integer value(?=[^\n]{0,80}connection option \"port)"
    r"|\b(?:literal for int\(\) with base 10|for input string)(?=[^\n]{0,8}[\"'`](?=\S*[0-9])(?=\S*[A-Za-z])))\b"
    r"[^\"'`\n]{0,40}[\"'`]:?)([^\"'`\n]+)(?=[\"'`])",
    re.IGNORECASE,
)
_SPEAKS_OF_A_PORT: Final = lazy_pattern(r"\bport|input string|with base 10|://|host ?name|lookup", re.IGNORECASE)
_HOST: Final = lazy_pattern(r"((?:host ?(?:name)?|address|lookup)\s+[\"'`]?)([^\s\"'`@]+)(?=@)", re.IGNORECASE)
_IS_PORT: Final = lazy_pattern(r"\d{0,5}|\[?port\]?|[\w-]*ports?", re.IGNORECASE)
_SEPARATORS: Final = lazy_pattern(r"[/?#@:%&=\s]+")
_SHORTEST_PIECE: Final = 4


def mask_broken_urls(text: str, substitute: Substitute) -> str:
    """`text` without the credentials of URLs that are cut or quoted apart, and without their repetitions."""
    pieces = {piece for password in _passwords(text) for piece in _pieces(password)}
    text = _QUOTED.sub(lambda found: found[1] + found[2] + _masked(found[3], substitute), text)
    text = _CUT.sub(lambda found: found[1] + _masked(found[2], substitute), text)
    text = _PORT.sub(lambda found: found[1] + _masked(found[2], substitute), text)
    text = _HOST.sub(lambda found: found[1] + substitute(found[2], URL_CREDENTIALS), text)
    for piece in sorted(pieces, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(piece)}(?!\w)", lambda found: substitute(found[0], URL_CREDENTIALS), text)
    return text


def is_suspect(text: str) -> bool:
    """Could the text quote a URL, or a part of one, that was not understood?"""
    return _SPEAKS_OF_A_PORT.search(text) is not None


def _passwords(text: str) -> Iterator[str]:
    for pattern, group in ((_QUOTED, 3), (_CUT, 2), (_USER, 1)):
        for found in pattern.finditer(text):
            if not _is_plain(found[group].removesuffix("@")):
                yield found[group].removesuffix("@")


_USER: Final = lazy_pattern(rf"{_SCHEME}[^\s\"'`<>@/?#:]*:(?!\d{{1,5}}[/?#,])([^\s\"'`<>]*)@")


def _pieces(password: str) -> Iterator[str]:
    """The parts that a parser may quote alone, but for words that a text may hold by itself."""
    for piece in (password, *_SEPARATORS.split(password)):
        is_word = piece.isalpha() and (piece.islower() or piece.istitle() or piece.isupper())
        if len(piece) >= _SHORTEST_PIECE and not is_word and not piece.isdigit():
            yield piece


def _masked(value: str, substitute: Substitute) -> str:
    end = "@" if value.endswith("@") else ""
    bare = value.removesuffix("@")
    return value if _is_plain(bare) else substitute(bare, URL_CREDENTIALS) + end


def _is_plain(value: str) -> bool:
    return _IS_PORT.fullmatch(value) is not None or PLACEHOLDER.fullmatch(value) is not None or "[REDACTED" in value
