"""What a run's speed was limited by, for its summary and its manifest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from collector.governor import Cause, Governor


class Pace(NamedTuple):
    """Why a run was as fast as it was.

    `limited_by` are shares of its time, in sum 1, or none if it took no time; `paused_s` the seconds for which the
    server asked it to wait, `pauses` how often, by reason; `settled_rate` the requests a second that the server was
    found to allow, None if it never refused one.
    """

    limited_by: Mapping[Cause, float] = {}
    paused_s: float = 0.0
    pauses: Mapping[str, int] = {}
    settled_rate: float | None = None


def pace_of(governor: Governor, waited: Mapping[Cause, float], seconds: float, now: float) -> Pace:
    """The pace of a run that took so many seconds until `now`, of which it `waited` some to start requests.

    The rest is latency: answers that were waited for, with as many in flight as was allowed, and the run's own work.
    """
    started = {cause: min(waited.get(cause, 0.0), seconds) for cause in (Cause.SERVER, Cause.OWN_RATE)}
    total = max(seconds, sum(started.values()))
    shares = {cause: spent / total for cause, spent in started.items()} if total else {}
    if shares:
        shares[Cause.LATENCY] = max(0.0, 1 - sum(shares.values()))
    return Pace(shares, governor.pauses.seconds(now), governor.pauses.by_reason, governor.settled_rate)
