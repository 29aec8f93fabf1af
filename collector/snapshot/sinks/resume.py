"""What an unfinished run is about, and whether another may go on with it. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import orjson

from collector.model.errors import Damaged
from collector.model.ledger import Tally
from collector.model.record import Json
from collector.snapshot.lines import encode

_MAX_AGE_SECONDS: Final = 24 * 3600.0
_MAX_CLOCK_STEP_SECONDS: Final = 300.0  # seconds by which a clock may have been set back meanwhile
_RUN_ID = re.compile(r"[0-9A-Za-z-]{1,80}")  # it becomes a part of file names
_MUST_MATCH: Final = {
    "ids_digest": "other ids",
    "base_url": "another base URL",
    "api_version": "another API version",
    "schema": "another schema",
    "redaction": "other settings of redaction",
}


class Resume(StrEnum):
    """What to do with an unfinished run's file."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class RunHeader(NamedTuple):
    """Who a run is, and what one that continues it must share; `started_at` is RFC 3339 UTC."""

    run_id: str
    started_at: str
    ids_digest: str
    base_url: str
    api_version: str
    schema: int
    redaction: str = ""
    "What tells apart by which settings its records are redacted; empty for none of the user's."

    def encode(self) -> bytes:
        """As JSON."""
        return encode(self._asdict())

    def check_resumable(self, unfinished: RunHeader | None, *, fresh: bool) -> RunHeader:
        """`unfinished`, an unfinished run, if this one may continue it; when `fresh`, only within a day of its start.

        Raises `Damaged`, which says why not.
        """
        if unfinished is None:
            raise Damaged("nothing beside it says which run it is of")
        differences = [text for key, text in _MUST_MATCH.items() if getattr(self, key) != getattr(unfinished, key)]
        if differences:
            raise Damaged(f"it is of {' and '.join(differences)}")
        age = datetime.fromisoformat(self.started_at) - datetime.fromisoformat(unfinished.started_at)
        if fresh and not -_MAX_CLOCK_STEP_SECONDS <= age.total_seconds() < _MAX_AGE_SECONDS:
            raise Damaged(f"it was begun at {unfinished.started_at}, not within the last 24 hours")
        return unfinished


class ResumedRun(NamedTuple):
    """What an earlier process left: its name and start, and what it had counted.

    `organizations` are those of its records, `answered` is an id of one of them.
    """

    run_id: str
    started_at: str
    tally: Tally
    organizations: tuple[str, ...]
    answered: str | None = None


def decode(content: bytes) -> RunHeader | None:
    """The head that `content` is, or None when it is none."""
    try:
        found: Json = orjson.loads(content)
        header = RunHeader(**{key: found[key] for key in RunHeader._fields if key in found})
        has_offset = datetime.fromisoformat(header.started_at).tzinfo is not None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return header if has_offset and isinstance(header.run_id, str) and _RUN_ID.fullmatch(header.run_id) else None
