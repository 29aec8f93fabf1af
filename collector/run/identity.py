"""Who a run is: its name, and when it began. Pure but for chance."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from collector.model.timestamps import stamp


class Identity(NamedTuple):
    """A run's name and its start, RFC 3339 UTC. A run that resumes another takes over both."""

    run_id: str
    started_at: str


def new_identity(now: float) -> Identity:
    """The identity of a run that begins at `now`, in seconds since the epoch.

    The name sorts by time, can stand in a file name and never comes twice.
    """
    return Identity(f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", stamp(now))
