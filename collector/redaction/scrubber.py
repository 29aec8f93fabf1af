"""Masks known secrets, such as the API key, in free text and in bodies.

Finds a known secret verbatim, in base64 (after any prefix, such as `organization:`), percent-encoded, escaped as in
JSON or `repr`, and in upper or lower case. In text, finds everything else that looks like a secret too.

Texts are scrubbed in two places. Text that is stored or raised to a caller (the reason of a failure, a record) is
scrubbed here, where it is created. Output on stderr passes through `cli.stderr`, from every module and library.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from urllib.parse import quote

from collector.model.secret import REDACTED
from collector.redaction.detect.patterns import mask as mask_forms

_MIN_SECRET_LENGTH = 8
_HEX_ESCAPE = re.compile(r"\\(?:u00|x)([2-7][0-9a-fA-F])")
_PERCENT_ESCAPE = re.compile("%([2-7][0-9a-fA-F])")


class Scrubber:
    """Masks known secrets anywhere in text, and unknown ones by their form."""

    def __init__(self, secrets: Iterable[str] = (), public: Collection[str] = ()) -> None:
        """`public` are texts that have the form of a secret and are not one."""
        self._public = public
        self._pattern_of = cache(_escaped_any_way)  # per instance, so that no secret outlives its scrubber
        # Shorter secrets would match, and mask, harmless text.
        known = sorted({secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH}, key=len)
        self._needles: list[str] = []
        masked = set(known)
        for secret in known:
            if not self.is_in(secret):  # otherwise a form of it is already known
                forms = set(_forms(secret))
                masked |= forms
                self._needles += sorted({needle for form in forms for needle in _needles_of(form)} - set(self._needles))
        longest_first = sorted(masked, key=len, reverse=True)
        self._masked = [(needle, each) for each in longest_first for needle in _needles_of(each)]

    def is_in(self, text: str) -> bool:
        """Does `text` contain a known secret?"""
        return self._is_in(_unescaped_lower(text))

    def mask(self, text: str) -> str:
        """`text` with its secrets masked; line breaks stay."""
        return mask_forms(self._mask(text), lambda found, _rule: found if found in self._public else REDACTED)

    def scrub(self, text: str) -> str:
        """`text` on one line, with its secrets masked."""
        return self.mask(text).replace("\r", " ").replace("\n", " ")

    def scrub_body(self, body: bytes) -> bytes:
        """A JSON body with the known secrets masked, in any escaped form."""
        text = body.decode("latin-1")  # one character per byte, so that encoding restores it exactly
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
    """`text` in lower case and unescaped, to test quickly for secrets: nearly all texts contain none.

    A text with a percent sign appears twice, verbatim and percent-decoded: the sign may belong to the secret.
    """
    if "\\" in text:
        if "\\u00" in text or "\\x" in text:
            text = _HEX_ESCAPE.sub(_character_of, text)
        text = text.replace("\\", "")
    if "%" in text:
        text += "\0" + _PERCENT_ESCAPE.sub(_character_of, text)
    return text.lower()


def _character_of(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    for before in range(3):
        # Base64 encodes three bytes as four characters. The encoded secret depends on the number of bytes before it,
        # and its first and last characters depend on their values. Without these characters it is always the same.
        encoded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        end = (before + len(secret.encode())) * 8 // 6
        core = encoded[(0, 2, 3)[before] : end]
        yield core
        yield core.translate(_FOR_URLS)


def _needles_of(secret: str) -> set[str]:
    """The secret as `_unescaped_lower` shows it, even if the secret itself contains an escape sequence."""
    decoded = _HEX_ESCAPE.sub(_character_of, secret)
    return {text.replace("\\", "").lower() for text in (secret, decoded)}


_FOR_URLS = str.maketrans("+/", "-_")


def _escaped_any_way(secret: str) -> re.Pattern[str]:
    """Matches `secret` with each character verbatim, after backslashes, or as a numeric escape."""
    return re.compile("".join(map(_escaped_any_way_one, secret)), re.IGNORECASE | re.ASCII)


def _escaped_any_way_one(character: str) -> str:
    number = f"{ord(character):02x}"
    return rf"(?:\\{{0,8}}{re.escape(character)}|\\{{1,8}}(?:u00|x){number}|%{number})"
