"""The outcome of one id, and the kinds of outcomes. Pure."""

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

    __hash__ = str.__hash__  # ten times faster than the enum's, and called for every id


class Redaction(NamedTuple):
    """A value that contains a mask: its path, such as `configuration.password`, and the rule that masked it.

    `redaction.detect.reasons` defines the rules.
    """

    path: str
    rule: str


Masked: TypeAlias = list[Redaction]
"""The values masked so far. Each step appends the values that it masks."""


class Outcome(NamedTuple):
    """The outcome of one id.

    - `attempts`: the number of attempts for this id, including those that could not connect.
    - `at`: the time of the outcome, RFC 3339 UTC.
    - `record`: set if and only if `kind` is ok.
    - `redactions`: the record's masked values.
    - `unparsed_timestamps`: the number of its invalid timestamps, which are kept verbatim.
    - `retried_s`: the time of failed attempts and the waits between them, in seconds.
    - `repairs`: the paths of its repaired values, including masked ones.
    - `nuls`: the paths of its texts with a NUL character.
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
