"""What a request waits for before it starts, and what limited the speed of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class WaitReason(StrEnum):
    """What a start has to wait for."""

    SERVER = "server"
    OWN_RATE = "own rate"
    LATENCY = "latency"


class Throughput(NamedTuple):
    """Why a run was as fast as it was.

    `limited_by` are shares of its time, in sum 1, or none if it took no time; `paused_s` the seconds for which the
    server asked it to wait, `pauses` how often, by reason; `settled_rate` the requests a second that the server was
    found to allow, None if it never refused one.
    """

    limited_by: Mapping[WaitReason, float] = {}
    paused_s: float = 0.0
    pauses: Mapping[str, int] = {}
    settled_rate: float | None = None
