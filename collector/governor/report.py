"""What limited a run's speed, for its summary and its manifest. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from collector.governor.governor import Governor
from collector.model.throughput import Throughput, WaitReason


def throughput_of(
    governor: Governor, wait_seconds: Mapping[WaitReason, float], seconds: float, now: float
) -> Throughput:
    """The pace of a run that took so many seconds until `now`, of which it `wait_seconds` some to start requests.

    The rest is latency: answers that were waited for, with as many in flight as was allowed, and the run's own work.
    """
    started = {cause: min(wait_seconds.get(cause, 0.0), seconds) for cause in (WaitReason.SERVER, WaitReason.OWN_RATE)}
    total = max(seconds, sum(started.values()))
    shares = {cause: spent / total for cause, spent in started.items()} if total else {}
    if shares:
        shares[WaitReason.LATENCY] = max(0.0, 1 - sum(shares.values()))
    return Throughput(shares, governor.pauses.seconds(now), governor.pauses.by_reason, governor.settled_rate)
