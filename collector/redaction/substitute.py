"""The substitute for a secret: a mask, with or without a fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from collector.model.secret import REDACTED
from collector.redaction.detect.masks import MASKED, is_masked, is_servers_mask
from collector.redaction.detect.reasons import SERVER

Fingerprint: TypeAlias = Callable[[bytes], str]
"""A secret → a few characters that distinguish it from others and do not reveal it."""


class Masker:
    """Replaces secrets with a mask. `rule` is the rule that found the last one."""

    def __init__(self, fingerprint: Fingerprint | None) -> None:
        self._fingerprint = fingerprint
        self.rule = SERVER

    def __call__(self, secret: str, rule: str) -> str:
        self.rule = rule
        if self._fingerprint is None:
            return REDACTED
        if MASKED.fullmatch(secret):
            return secret
        if is_masked(secret) or is_servers_mask(secret):  # a fingerprint of a mask would be meaningless
            return REDACTED
        return f"[REDACTED:{self._fingerprint(secret.encode())}]"


CONSTANT: Final = Masker(None)
"""Replaces every secret with the same mask."""
