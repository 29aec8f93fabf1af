"""The state of a rate ceiling that several processes share, and the next turn. Pure: neither file nor clock.

Theory of operation. The processes share the arrival time of the cell rate algorithm in `rate_ceiling`. Three rules are
added.

*Shared interval.* Runs may have different rates. If each run advanced the arrival by its own interval, one slow run
would slow all others down to its rate. So the arrival advances by the shortest interval of the active runs, and each
run also keeps its own interval. In any second all runs together send no more than the highest rate of the runs that
are active in it, or were shortly before.

*Turns.* Waiting runs wake at the same time, and the fastest event loop would always win. So the state records the run
that has waited longest, and the others give it a head start: some milliseconds, or a quarter of its wait if that is
longer, so that a busy loop also gets its turn. A process that does not use its turn (paused or dead) delays the others
once, by at most 250 ms.

*Plausibility.* The numbers come from a file and may be arbitrary. The arrival minus the interval is the time of the
last permit. A time in the future did not come from this clock: it is from before a reboot, from another time
namespace, or garbage. The state is then unknown. So whatever the file contains, a run never waits for it longer than
`_CLOCK_TOLERANCE`, the longest head start and one of its own intervals.
"""

from __future__ import annotations

import struct
from math import inf
from typing import NamedTuple

from collector.governor.rate_ceiling import next_arrival, seconds_until_free

_HEAD_START_BOUNDS = (0.01, 0.25)  # seconds, minimum and maximum; timers are usually less late
_POLL_INTERVAL = 0.001  # seconds between attempts while another run has a head start
_CLOCK_TOLERANCE = 1.0  # seconds; a process may be suspended between reading the clock and the file

_FORMAT = struct.Struct("<8s4d")
_MAGIC = b"quota 1\n"
SIZE = _FORMAT.size


class QuotaState(NamedTuple):
    """All values are in seconds; all but `shared_interval` are monotonic times.

    `arrival` is the theoretical time of the next permit, `shared_interval` its distance from the last one. A run with
    that interval last had a permit at `seen_at`. The run that has waited longest began at `waiting_since`; infinite if
    none waits.
    """

    arrival: float
    shared_interval: float
    seen_at: float
    waiting_since: float


UNKNOWN = QuotaState(-inf, 0.0, -inf, inf)


def request_permit(state: QuotaState, now: float, interval: float, waiting_since: float) -> tuple[QuotaState, float]:
    """Request a permit at `now`, for a run with this `interval` that has waited since `waiting_since`.

    Returns the new shared state, and the seconds until the run may try again: 0.0 means that the permit is granted.
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
    """Return the seconds that a run waiting since `waiting_since` gives to the run waiting since `oldest`."""
    minimum, maximum = _HEAD_START_BOUNDS
    return min(max(minimum, (now - oldest) / 4), maximum) if oldest < waiting_since else 0.0


def _shared_interval(state: QuotaState, now: float, interval: float) -> float:
    """Return the shortest interval of the active runs, `interval` included."""
    # Long enough for a few turns of other runs, short enough to forget a finished run soon.
    is_active = now < state.seen_at + 1.0 + 4 * state.shared_interval
    return min(state.shared_interval, interval) if is_active else interval


def encode(state: QuotaState) -> bytes:
    return _FORMAT.pack(_MAGIC, *state)


def decode(block: bytes, now: float) -> QuotaState:
    """Return the encoded state, or `UNKNOWN` if no run can have written it before `now`."""
    if len(block) != SIZE:
        return UNKNOWN
    magic, *numbers = _FORMAT.unpack(block)
    state = QuotaState(*numbers)
    return state if magic == _MAGIC and _is_possible(state, now + _CLOCK_TOLERANCE) else UNKNOWN


def _is_possible(state: QuotaState, latest: float) -> bool:
    # Every comparison with NaN is false, so NaN is impossible too.
    return (
        0 < state.shared_interval < inf
        and state.arrival - state.shared_interval <= latest
        and state.seen_at <= latest
        and state.waiting_since > -inf
    )
