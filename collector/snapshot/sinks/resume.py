"""The run header of an unfinished run, and the decision whether another run may resume it. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import orjson

from collector.model.errors import Damaged
from collector.model.ledger import Tally
from collector.model.record import Json
from collector.model.record_form import RecordForm
from collector.snapshot.lines import encode

UNRECORDED_FORM: Final = "unrecorded"
"""The form in a run header of a version that had one form only, which is `RecordForm()`."""

UNKNOWN_IDS: Final = ""
"""The digest of ids that are known only at the end of their run, because they come with the records."""

_MAX_AGE_SECONDS: Final = 24 * 3600.0
_MAX_CLOCK_STEP_SECONDS: Final = 300.0  # the clock may have been set back by this much since
_RUN_ID = re.compile(r"[0-9A-Za-z-]{1,80}")  # it becomes part of file names
_MUST_MATCH: Final = {
    "ids_digest": "other ids",
    "base_url": "another base URL",
    "api_version": "another API version",
    "schema": "another schema",
    "redaction": "other redaction settings",
    "form": "another form of records (--max-record-bytes, --configuration-as, --timestamps)",
}


class Resume(StrEnum):
    """The policy for the files of an unfinished run."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class RunHeader(NamedTuple):
    """The identity of a run, and the values that a resuming run must share. `started_at` is RFC 3339 UTC."""

    run_id: str
    started_at: str
    ids_digest: str
    base_url: str
    api_version: str
    schema: int
    redaction: str = ""
    "A digest of the user's redaction settings; empty without any."
    form: str = ""
    "The settings of the form of records; empty for the defaults."

    @property
    def has_first_form(self) -> bool:
        """Does an earlier version's run, which recorded no form, have this header?"""
        return self.form == UNRECORDED_FORM

    def encode(self) -> bytes:
        """As JSON."""
        return encode(self._asdict())

    def check_resumable(self, unfinished: RunHeader | None, *, fresh: bool) -> RunHeader:
        """Return `unfinished` if this run may resume that one; with `fresh`, only within 24 hours of its start.

        With the default form, a run may also resume one of a version that recorded no form.

        Raises `Damaged` with the reason otherwise.
        """
        if unfinished is None:
            raise Damaged("its run header is missing or invalid")
        if self.ids_digest == unfinished.ids_digest == UNKNOWN_IDS:
            raise Damaged("its records come from one reply of the API (--from-list), which cannot be resumed")
        expected = self
        if unfinished.has_first_form and self.form in {"", RecordForm().as_text()}:
            expected = self._replace(form=unfinished.form)
        differences = [text for key, text in _MUST_MATCH.items() if getattr(expected, key) != getattr(unfinished, key)]
        if differences:
            raise Damaged(f"it has {' and '.join(differences)}")
        age = datetime.fromisoformat(self.started_at) - datetime.fromisoformat(unfinished.started_at)
        if fresh and not -_MAX_CLOCK_STEP_SECONDS <= age.total_seconds() < _MAX_AGE_SECONDS:
            raise Damaged(f"it started at {unfinished.started_at}, not within the last 24 hours")
        return unfinished


class ResumedRun(NamedTuple):
    """A run that an earlier process began: its id, its start and its tally.

    `organizations` are those of its records. `answered_id` is the id of one record. `form` is that of its records, if
    it is not the one of the resuming run.
    """

    run_id: str
    started_at: str
    tally: Tally
    organizations: tuple[str, ...]
    answered_id: str | None = None
    form: RecordForm | None = None


class RejectedRun(NamedTuple):
    """An unfinished run that a run did not resume, the reason, and its header if it is readable."""

    header: RunHeader | None
    reason: str


def decode(content: bytes) -> RunHeader | None:
    """Decode a run header, or return None if `content` is invalid."""
    try:
        found: Json = orjson.loads(content)
        stated = {key: found[key] for key in RunHeader._fields if key in found}
        header = RunHeader(**{"form": UNRECORDED_FORM, **stated})
        has_offset = datetime.fromisoformat(header.started_at).tzinfo is not None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return header if has_offset and isinstance(header.run_id, str) and _RUN_ID.fullmatch(header.run_id) else None
