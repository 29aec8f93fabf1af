"""One rate ceiling for several organizations in one process. Pure: the current time is an argument.

Theory of operation. Each organization has its own ceiling and is a *member* of the common one. A permit needs both.
The member asks the common ceiling whether a permit is free for it, then takes one of its own ceiling, and only then
takes the common one. So no permit of either ceiling is lost when the other refuses.

*Turns.* Each waiting member claims the next permit. The permit goes to the claimant whose last turn ended first. A turn
is one permit; at high rates, the permits of `_TURN` seconds, because timers are too coarse for single ones. Of two
members that keep asking, neither gets two turns between two of the other. A member whose own ceiling or governor is
slower passes the permit to the others. It keeps its place in the order, gets the first free permit when it asks again,
and is last after its turn: unused turns do not add up.

*Silence.* The ceiling cannot wake a member. Each claim therefore includes the time at which the member was told to ask
again, later by `_STEP` for each claim ahead of it. The first claimant asks first, and if it declines, the next one asks
soon enough that the cell rate algorithm loses no throughput. A member that no longer asks (paused, stopped) delays the
others once, by at most `_GRACE`: its claim ends when a member asks that was told to ask `_GRACE` later. Comparing these
times rather than the clock makes turns independent of the load: a busy event loop is late for all members, but still
serves their timers in order.

*Processes.* They take turns by other rules (`quota_state`), because their file records only one of those that wait.
The permit of the quota is taken last. Only another process that takes it in between costs a member a permit of its own.
"""

from __future__ import annotations

from math import inf
from typing import Protocol

from collector.governor.rate_ceiling import RateCeiling, interval_of, seconds_until_free

_TURN = 0.01  # seconds; several times the lateness of a timer
_STEP = 0.001  # seconds; a claimant asks this much later for each claim ahead of it
_GRACE = 0.05  # seconds; timers whose times differ by more than that are served in order


class Quota(RateCeiling, Protocol):
    """A ceiling that can tell whether a permit is free."""

    def seconds_until_permit(self, now: float) -> float:
        """Wait for a permit as `try_acquire` does, but do not take it."""


class CommonCeiling:
    """A ceiling of `rate` requests per second for all members together; 0 means unlimited.

    With a `quota`, which must have the same rate, the members keep to it together with those of other processes.
    """

    def __init__(self, rate: float, quota: Quota | None = None) -> None:
        self._quota = quota
        self._interval = interval_of(rate)
        self._turn_length = max(int(_TURN * rate), 1)  # in permits
        self._arrival = -inf
        self._ended_turns = 0
        self._members: set[_Member] = set()

    def member(self, own: RateCeiling) -> RateCeiling:
        """Return the ceiling of one organization, which keeps to `own` and to the common ceiling.

        Closing it closes `own` and ends the membership.
        """
        if not self._interval:
            return own
        member = _Member(self, own, self._turn_length)
        self._members.add(member)
        return member

    def seconds_until_turn(self, member: _Member, now: float) -> float:
        """Return the seconds until a permit may be free for this member; 0 if one is free now. Takes no permit."""
        wait = seconds_until_free(self._arrival, now) + _STEP * self._claims_ahead(member)
        return wait if wait or self._quota is None else self._quota.seconds_until_permit(now)

    def _claims_ahead(self, member: _Member) -> int:
        """Count the claims that precede this member's, and end those of silent members."""
        expired = member.claimed_at - _GRACE
        claims = 0
        for other in self._members:
            if other.claimed_at == -inf or other.last_turn >= member.last_turn:
                continue
            if other.claimed_at <= expired:
                other.claimed_at = -inf
            else:
                claims += 1
        return claims

    def take(self, member: _Member, now: float) -> float:
        """Take the free permit at `now` for this member, and return 0; or the wait, if another process has it."""
        if self._quota is not None and (wait := self._quota.try_acquire(now)):
            return wait
        self._arrival = max(self._arrival, now) + self._interval
        member.remaining -= 1
        if member.remaining == 0:
            self._ended_turns += 1
            member.last_turn, member.remaining = self._ended_turns, self._turn_length
        return 0.0

    def leave(self, member: _Member) -> None:
        """End a membership; it may have ended before."""
        self._members.discard(member)

    def close(self) -> None:
        """Release the quota. The members are closed each by its run."""
        if self._quota is not None:
            self._quota.close()

    def __repr__(self) -> str:
        claims = sum(member.claimed_at > -inf for member in self._members)
        return f"<CommonCeiling interval={self._interval:.4f}s members={len(self._members)} claims={claims}>"


class _Member:
    """The ceiling of one organization.

    `last_turn` is the number of the last turn that it ended, 0 before the first; `remaining` permits end the next one.
    At `claimed_at` it will ask for the permit that it claims; -inf without a claim.
    """

    def __init__(self, common: CommonCeiling, own: RateCeiling, turn_length: int) -> None:
        self._common = common
        self._own = own
        self.last_turn = 0
        self.remaining = turn_length
        self.claimed_at = -inf

    def try_acquire(self, now: float) -> float:
        wait = self._common.seconds_until_turn(self, now)
        if wait > 0:
            self.claimed_at = now + wait
            return wait
        self.claimed_at = -inf
        return self._own.try_acquire(now) or self._common.take(self, now)

    def close(self) -> None:
        self._common.leave(self)
        self._own.close()

    def __repr__(self) -> str:
        claim = f"claims at {self.claimed_at:.3f}" if self.claimed_at > -inf else "no claim"
        return f"<Member of {self._common!r}, last_turn={self.last_turn}, {claim}, own={self._own!r}>"
