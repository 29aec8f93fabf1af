"""Takes known secrets out of free text and out of bodies: the key, wherever a server shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from collector.detect.addresses import mask_users
from collector.redact import REDACTED

_SHORTEST_SECRET = 8


class Scrubber:
    """Masks known secrets, and passwords in URLs, wherever they stand in free text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # What is shorter would be found, and masked, in innocent text.
        known = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        self._plain = [secret.encode() for secret in known]
        self._in_text = _any_of(map(re.escape, known), re.IGNORECASE)  # header values come lowered
        self._in_json = _any_of((_escaped(secret) for secret in known), re.NOFLAG)

    def scrub(self, text: str) -> str:
        """`text` on one line, without secrets."""
        return (
            mask_users(self._in_text.sub(REDACTED, text), lambda _secret: REDACTED)
            .replace("\r", " ")
            .replace("\n", " ")
        )

    def scrub_body(self, body: bytes) -> bytes:
        """A JSON body without the known secrets, however its strings escape them."""
        for secret in self._plain:
            if secret in body:
                body = body.replace(secret, REDACTED.encode())
        if b"\\" in body:
            return self._in_json.sub(REDACTED, body.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        return body


def _any_of(patterns: Iterable[str], flags: re.RegexFlag) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)", flags)


def _escaped(secret: str) -> str:
    """Matches `secret` with each character plain, behind a backslash, or by its number."""
    return "".join(rf"(?:\\?{re.escape(each)}|\\u(?i:{ord(each):04x}))" for each in secret)
