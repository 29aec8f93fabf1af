"""The values that travel between the stages, and the record's schema. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from enum import StrEnum
from math import inf
from typing import Any, NamedTuple, TypeAlias

SCHEMA = 1
"""Major version of the record; within it keys are only added."""

FIELDS = (
    "id",
    "name",
    "organization_id",
    "parent_connection_id",
    "type_id",
    "type_name",
    "type_operations",
    "status",
    "status_error",
    "saved",
    "policies",
    "api_calls_last_24_hours",
    "rate_limit",
    "created_at",
    "created_by_id",
    "created_by_name",
    "created_by_type",
    "updated_at",
    "updated_by_id",
    "updated_by_name",
    "updated_by_type",
    "configuration",
    "extra",
    "_collected_at",
    "_run_id",
    "_schema",
)
"""Every key of a record, in order; all are always present."""

Json: TypeAlias = Any
"""What a JSON parser returns: None, bool, int, float, str, list or dict of these."""

Record: TypeAlias = dict[str, Json]
"""One connection as it is written: the keys of `FIELDS`."""


def texts_in(path: str, value: Json) -> Iterator[tuple[str, str]]:
    """Every text in a value that stands at `path`, with the path of each, such as `configuration.hosts[]`."""
    left: list[tuple[str, Json]] = [(path, value)]
    while left:
        at, inner = left.pop()
        if type(inner) is dict:
            left.extend((f"{at}.{key}", each) for key, each in inner.items())
        elif type(inner) is list:
            left.extend((f"{at}[]", each) for each in inner)
        elif type(inner) is str:
            yield at, inner


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


class Request(NamedTuple):
    """One GET: `target` is the path below the base URL, as it goes on the wire.

    `within` is the seconds it may take; `is_retry` tells that the same was asked before. `refused_at` is how many
    requests the server had taken when it last refused this one, None if it never did.
    """

    target: str
    within: float = inf
    is_retry: bool = False
    refused_at: int | None = None


class Reply(NamedTuple):
    """One HTTP answer: header names compare case-insensitively, the body is decoded.

    `unread` says why the body is not whole, which only a status other than 200 can have; empty for a whole one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    unread: str = ""

    @property
    def told(self) -> str:
        """`HTTP 404`, and what is wrong with its body."""
        return f"HTTP {self.status}{f' (body unreadable: {self.unread})' if self.unread else ''}"


Send: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""The one verb of every layer that answers a request. Raises `AttemptFailed` or a `CollectorError`."""


class Redaction(NamedTuple):
    """A value in which something was masked: its path, such as `configuration.password`, and the rule that found it.

    The rules are those of `detect.reasons`.
    """

    path: str
    rule: str


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
