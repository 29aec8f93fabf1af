"""What processes that share one ceiling know in common, and who of them starts next. Pure: no file, no clock.

Theory of operation. The cell rate algorithm of `rate_ceiling` with its arrival time in common, and three additions.

*The pace.* Runs may have different rates. If each moved the arrival on by its own interval, one gentle run would slow
all the others down to its rate. So the arrival moves on by the shortest interval of those that start at present, and
everybody keeps to his own interval besides. In any second, all together start no more than the highest rate of
those that start in it, or did shortly before.

*The turn.* All who wait wake at the same moment, and whoever has the quicker event loop would always win. So the one
that has waited longest is noted, and the others let him go first by a head start: some milliseconds, or a quarter of
his wait where that is longer, so that a busy loop comes to its turn too. Who does not use it (he is paused, or dead)
costs the others a quarter of a second at most, once.

*The doubt.* The numbers come from a file, so they may be anything. The arrival less the pace is the time of the last
start. One that lies in the future was not written by the clock that is asked now (before a reboot, in another time
namespace, or garbage): then nothing is known. So whatever the file holds, nobody waits longer for it than
`_DOUBT` seconds, the longest head start and one interval of his own.
"""

from __future__ import annotations

import struct
from math import inf
from typing import NamedTuple

from collector.governor.rate_ceiling import next_arrival, until_free

_HEAD_START = (0.01, 0.25)  # seconds, at least and at most; timers are less late than that as a rule
_AGAIN = 0.001  # seconds until one who lets another go first looks again
_DOUBT = 1.0  # seconds; a caller may be held up between reading the clock and reading the file

_FORM = struct.Struct("<8s4d")
_MAGIC = b"quota 1\n"
SIZE = _FORM.size


class Quota(NamedTuple):
    """Monotonic seconds, but for the pace.

    `arrival` is the theoretical time of the next start, `pace` the interval from the last one to it, `seen` when a
    run with that interval last started, `waiting` since when the one waits that has waited longest (inf: nobody).
    """

    arrival: float
    pace: float
    seen: float
    waiting: float


NOTHING_KNOWN = Quota(-inf, 0.0, -inf, inf)


def ask(quota: Quota, now: float, interval: float, since: float) -> tuple[Quota, float]:
    """A run with this `interval` that has waited `since` then asks for a start at `now`.

    Returns what all are to know from then on, and the seconds until the run may ask again: 0.0 when it starts now.
    """
    pace = _pace(quota, now, interval)
    arrival = quota.arrival - quota.pace + pace
    after = next_arrival(arrival, now, pace)
    if after is None or until_free(arrival + _head_start(now, since, quota.waiting), now) > 0:
        return quota._replace(waiting=min(quota.waiting, since)), until_free(arrival, now) or _AGAIN
    return Quota(after, pace, now if pace == interval else quota.seen, inf), 0.0


def _head_start(now: float, since: float, longest: float) -> float:
    """The seconds for which one who waits `since` then lets another go first, who waits since `longest`."""
    least, most = _HEAD_START
    return min(max(least, (now - longest) / 4), most) if longest < since else 0.0


def _pace(quota: Quota, now: float, interval: float) -> float:
    """The shortest interval of those that start at present, `interval` among them."""
    # Long enough for a few turns of others, short enough that a run that ended is soon forgotten.
    is_present = now < quota.seen + 1.0 + 4 * quota.pace
    return min(quota.pace, interval) if is_present else interval


def encode(quota: Quota) -> bytes:
    return _FORM.pack(_MAGIC, *quota)


def decode(block: bytes, now: float) -> Quota:
    """What was encoded; `NOTHING_KNOWN` for what no run can have written until `now`."""
    if len(block) != SIZE:
        return NOTHING_KNOWN
    magic, *numbers = _FORM.unpack(block)
    quota = Quota(*numbers)
    return quota if magic == _MAGIC and _is_possible(quota, now + _DOUBT) else NOTHING_KNOWN


def _is_possible(quota: Quota, latest: float) -> bool:
    # Not a number is in no order, so it is not possible either.
    return (
        0 < quota.pace < inf and quota.arrival - quota.pace <= latest and quota.seen <= latest and quota.waiting > -inf
    )
