"""Computes what limited the throughput of a run, for its summary and its manifest. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from collector.governor.governor import Governor
from collector.model.throughput import Throughput, WaitReason


def throughput_of(
    governor: Governor, wait_seconds: Mapping[WaitReason, float], seconds: float, now: float
) -> Throughput:
    """Return the throughput of a run that took `seconds` until `now`; `wait_seconds` holds its waits for permits.

    The rest is latency: waiting for replies with as many requests in flight as allowed, and the run's own work.
    """
    waits = {reason: min(wait_seconds.get(reason, 0.0), seconds) for reason in (WaitReason.SERVER, WaitReason.OWN_RATE)}
    total = max(seconds, sum(waits.values()))
    shares = {reason: spent / total for reason, spent in waits.items()} if total else {}
    if shares:
        shares[WaitReason.LATENCY] = max(0.0, 1 - sum(shares.values()))
    return Throughput(shares, governor.pauses.seconds(now), governor.pauses.by_reason, governor.settled_rate)
