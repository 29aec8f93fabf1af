"""Reasons for which requests wait, and the limits on the throughput of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class WaitReason(StrEnum):
    """Why a request waits for its permit."""

    SERVER = "server"
    OWN_RATE = "own rate"
    LATENCY = "latency"


class Throughput(NamedTuple):
    """The limits on the throughput of a run.

    - `limited_by`: shares of its time, which add up to 1; empty if it took no time.
    - `paused_s`: the total length of the pauses that the server requested, in seconds.
    - `pauses`: the number of these pauses by reason.
    - `settled_rate`: the measured rate that the server allows, in requests/s; None if it never throttled.
    """

    limited_by: Mapping[WaitReason, float] = {}
    paused_s: float = 0.0
    pauses: Mapping[str, int] = {}
    settled_rate: float | None = None
