"""What becomes of one id: its outcome, and of what kind. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from collector.model.record import Record


class OutcomeKind(StrEnum):
    """How one id ended. A closed list; every id has exactly one."""

    OK = "ok"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    REJECTED = "rejected"
    BAD_PAYLOAD = "bad_payload"
    TOO_LARGE = "too_large"
    EXHAUSTED = "exhausted"
    INTERNAL_ERROR = "internal_error"
    NOT_ATTEMPTED = "not_attempted"

    __hash__ = str.__hash__  # an enumeration's own is ten times slower, and every id is counted by it


class Redaction(NamedTuple):
    """A value in which something was masked: its path, such as `configuration.password`, and the rule that found it.

    The rules are those of `redaction.detect.reasons`.
    """

    path: str
    rule: str


Masked: TypeAlias = list[Redaction]
"""The values that were masked so far; each step that masks another appends it."""


class Outcome(NamedTuple):
    """What became of one id.

    `record` is set exactly when `kind` is ok; `attempts` counts the attempts made for this id, also those that found no
    connection; `at` is RFC 3339 UTC; `redactions` are the record's values in which something was masked;
    `unparsed_timestamps` counts its timestamps that are none; `repairs` are the paths of the record's values that were
    changed to be JSON, masked ones too; `nuls` the paths of its texts with a NUL character; `retried_s` is how many
    seconds failed attempts, and the waits between them, took.
    """

    id: str
    kind: OutcomeKind
    attempts: int
    at: str
    record: Record | None = None
    http_status: int | None = None
    error: str | None = None
    redactions: tuple[Redaction, ...] = ()
    unparsed_timestamps: int = 0
    retried_s: float = 0.0
    repairs: tuple[str, ...] = ()
    nuls: tuple[str, ...] = ()
