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
`_CLOCK_TOLERANCE` seconds, the longest head start and one interval of his own.
"""

from __future__ import annotations

import struct
from math import inf
from typing import NamedTuple

from collector.governor.rate_ceiling import next_arrival, seconds_until_free

_HEAD_START_BOUNDS = (0.01, 0.25)  # seconds, at least and at most; timers are less late than that as a rule
_POLL_INTERVAL = 0.001  # seconds until one who lets another go first looks again
_CLOCK_TOLERANCE = 1.0  # seconds; a caller may be held up between reading the clock and reading the file

_FORMAT = struct.Struct("<8s4d")
_MAGIC = b"quota 1\n"
SIZE = _FORMAT.size


class QuotaState(NamedTuple):
    """Monotonic seconds, but for the pace.

    `arrival` is the theoretical time of the next start, `shared_interval` the interval from the last one to it, `seen_at` when a
    run with that interval last started, `waiting_since` since when the one waits that has waited longest (inf: nobody).
    """

    arrival: float
    shared_interval: float
    seen_at: float
    waiting_since: float


UNKNOWN = QuotaState(-inf, 0.0, -inf, inf)


def request_permit(state: QuotaState, now: float, interval: float, waiting_since: float) -> tuple[QuotaState, float]:
    """A run with this `interval` that has waited `waiting_since` then asks for a start at `now`.

    Returns what all are to know from then on, and the seconds until the run may ask again: 0.0 when it starts now.
    """
    shared_interval = _shared_interval(state, now, interval)
    arrival = state.arrival - state.shared_interval + shared_interval
    next_due = next_arrival(arrival, now, shared_interval)
    if next_due is None or seconds_until_free(arrival + _head_start(now, waiting_since, state.waiting_since), now) > 0:
        return state._replace(waiting_since=min(state.waiting_since, waiting_since)), seconds_until_free(
            arrival, now
        ) or _POLL_INTERVAL
    return QuotaState(next_due, shared_interval, now if shared_interval == interval else state.seen_at, inf), 0.0


def _head_start(now: float, waiting_since: float, oldest: float) -> float:
    """The seconds for which one who waits `waiting_since` then lets another go first, who waits since `oldest`."""
    least, most = _HEAD_START_BOUNDS
    return min(max(least, (now - oldest) / 4), most) if oldest < waiting_since else 0.0


def _shared_interval(state: QuotaState, now: float, interval: float) -> float:
    """The shortest interval of those that start at present, `interval` among them."""
    # Long enough for a few turns of others, short enough that a run that ended is soon forgotten.
    is_present = now < state.seen_at + 1.0 + 4 * state.shared_interval
    return min(state.shared_interval, interval) if is_present else interval


def encode(state: QuotaState) -> bytes:
    return _FORMAT.pack(_MAGIC, *state)


def decode(block: bytes, now: float) -> QuotaState:
    """What was encoded; `UNKNOWN` for what no run can have written until `now`."""
    if len(block) != SIZE:
        return UNKNOWN
    magic, *numbers = _FORMAT.unpack(block)
    state = QuotaState(*numbers)
    return state if magic == _MAGIC and _is_possible(state, now + _CLOCK_TOLERANCE) else UNKNOWN


def _is_possible(state: QuotaState, latest: float) -> bool:
    # Not a number is in no order, so it is not possible either.
    return (
        0 < state.shared_interval < inf
        and state.arrival - state.shared_interval <= latest
        and state.seen_at <= latest
        and state.waiting_since > -inf
    )
