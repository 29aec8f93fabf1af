"""Takes known secrets out of free text and out of bodies: the key, wherever and however a server shows it.

By value: a secret as it is, in base64 (whatever stands before it there, such as `organization:`), quoted for a URL,
escaped as JSON and `repr` do, in capitals or lowered. By shape too, in text: what looks like a secret nobody named.

Texts are scrubbed in two places. What is kept, or raised to a caller (the reason of a failure, a record), is scrubbed
here where it is made, whoever reads it later. What is said on standard error passes `cli.stderr`, whatever
module or library says it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from urllib.parse import quote

from collector.model.secret import REDACTED
from collector.redaction.detect.patterns import mask as mask_forms

_SHORTEST_SECRET = 8
_BACKSLASHED = re.compile(r"\\(?:u00|x)([2-7][0-9a-fA-F])")
_PERCENTED = re.compile("%([2-7][0-9a-fA-F])")


class Scrubber:
    """Masks known secrets, and passwords in URLs, wherever they stand in free text."""

    def __init__(self, secrets: Iterable[str] = (), public: Collection[str] = ()) -> None:
        """`public` are texts that are none, though they have the form of one."""
        self._public = public
        self._pattern_of = cache(_escaped_any_way)  # its own: no secret is kept longer than who looks for it
        # What is shorter would be found, and masked, in innocent text.
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len)
        self._needles: list[str] = []
        masked = set(known)
        for secret in known:
            if not self.is_in(secret):  # else it is a form of one that is known already
                forms = set(_forms(secret))
                masked |= forms
                self._needles += sorted(set(map(_needle, forms)) - set(self._needles))
        self._masked = [(_needle(each), each) for each in sorted(masked, key=len, reverse=True)]

    def is_in(self, text: str) -> bool:
        """Does `text` hold a known secret?"""
        return self._is_in(_unescaped_lower(text))

    def mask(self, text: str) -> str:
        """`text` without secrets, line by line what it was."""
        return mask_forms(self._mask(text), lambda found, _rule: found if found in self._public else REDACTED)

    def scrub(self, text: str) -> str:
        """`text` on one line, without secrets."""
        return self.mask(text).replace("\r", " ").replace("\n", " ")

    def scrub_body(self, body: bytes) -> bytes:
        """A JSON body without the known secrets, however its strings escape them."""
        text = body.decode("latin-1")  # byte for character, so that it comes back as it was
        masked = self._mask(text)
        return body if masked is text else masked.encode("latin-1")

    def _mask(self, text: str) -> str:
        plain = _unescaped_lower(text)
        if self._is_in(plain):
            for needle, secret in self._masked:
                if needle in plain:
                    text = self._pattern_of(secret).sub(REDACTED, text)
        return text

    def _is_in(self, plain: str) -> bool:
        for needle in self._needles:  # noqa: SIM110  # a generator would cost as much as the search
            if needle in plain:
                return True
        return False


def _unescaped_lower(text: str) -> str:
    """Lowered and without escapes, to see whether there is anything to mask; for nearly all texts there is not.

    What has a percent sign is there twice, as it is and as a URL's: the sign may be the secret's own.
    """
    if "\\" in text:
        if "\\u00" in text or "\\x" in text:
            text = _BACKSLASHED.sub(_numbered, text)
        text = text.replace("\\", "")
    if "%" in text:
        text += "\0" + _PERCENTED.sub(_numbered, text)
    return text.lower()


def _numbered(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    for before in range(3):
        # In base64 three bytes are four characters: what a secret is there depends on how many bytes stand before it,
        # and its first and last character on which. Without these it is the same always.
        whole = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        end = (before + len(secret.encode())) * 8 // 6
        core = whole[(0, 2, 3)[before] : end]
        yield core
        yield core.translate(_FOR_URLS)


def _needle(secret: str) -> str:
    """What `_unescaped_lower` makes of it, wherever it stands."""
    return secret.replace("\\", "").lower()


_FOR_URLS = str.maketrans("+/", "-_")


def _escaped_any_way(secret: str) -> re.Pattern[str]:
    """Matches `secret` with each character plain, behind backslashes, or by its number."""
    return re.compile("".join(map(_escaped_any_way_one, secret)), re.IGNORECASE | re.ASCII)


def _escaped_any_way_one(character: str) -> str:
    number = f"{ord(character):02x}"
    return rf"(?:\\{{0,8}}{re.escape(character)}|\\{{1,8}}(?:u00|x){number}|%{number})"
