"""A run's identity: its id and its start. Pure, except for random digits in the id."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from collector.model.timestamps import stamp


class Identity(NamedTuple):
    """A run's id, and its start in RFC 3339 UTC. A run that resumes another keeps the identity of that run."""

    run_id: str
    started_at: str


def new_identity(now: float) -> Identity:
    """The identity of a run that begins at `now`, in seconds since the epoch.

    Run ids sort by time, are valid in file names and do not repeat.
    """
    return Identity(f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", stamp(now))
