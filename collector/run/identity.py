"""A run's name. Pure but for chance."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def new_run_id(now: float) -> str:
    """A run's name: sorts by time, can stand in a file name, never comes twice."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
