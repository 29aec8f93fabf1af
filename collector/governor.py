"""May a request start now, and what does its end say of the next? Pure: time and dice are arguments.

Theory of operation. A start needs four consents, and the strictest is heard:

- the *breaker*: no pause, no outage, no probe in flight (`breaker`);
- the *concurrency*: fewer in flight than have gone well (`concurrency`);
- the *server's rate*: as many a second as it took without a refusal (`adaptive_rate`), and no more than it said are
  left of its quota (`server_limit`);
- the *ceiling*: as many a second as the user allows, perhaps together with other processes (`limiter`).

Every start ends in one call: `answered`, `refused` (the server asks to slow down), `failed` (it, or the way to it, is
not there) or `dropped` (no verdict).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from math import inf
from random import Random
from typing import NamedTuple

from collector.adaptive_rate import AdaptiveRate
from collector.breaker import Breaker
from collector.budget import RetryBudget
from collector.concurrency import ConcurrencyLimit
from collector.errors import RunStopped
from collector.limiter import Ceiling, until_free
from collector.server_limit import Allowance

_LONGEST_OWN_PAUSE, _MOST_DOUBLINGS = 60.0, 6  # seconds, and how often a pause of one is doubled
_LONGEST_JITTER = 5.0  # seconds on top of what the server asks for, or a tenth of it
_LONGEST_IN_SUM = 1800.0  # seconds of pauses, if they are also most of the run
_SHORT_WINDOW = 5.0  # seconds; in a shorter one the server's whole seconds are too coarse to spread requests by


class Cause(StrEnum):
    """What a start has to wait for."""

    SERVER = "server"
    OWN_RATE = "own rate"
    LATENCY = "latency"


class Start(NamedTuple):
    """A request that may start. `at` is the moment, `is_probe` whether all others wait for its end."""

    at: float
    is_probe: bool


class Wait(NamedTuple):
    """None may start for so many seconds; infinitely many mean until another request has ended."""

    seconds: float
    cause: Cause


class Pauses:
    """Pauses that began, by their reason, and how long all of them were, overlaps counted once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.by_reason: Counter[str] = Counter()
        self._until = float("-inf")

    def add(self, now: float, seconds: float, reason: str) -> None:
        """Count one that begins now; one that prolongs another is none of its own."""
        until = now + seconds
        self.by_reason[reason] += now >= self._until
        self.seconds += max(0.0, until - max(now, self._until))
        self._until = max(self._until, until)


class Governor:
    """Decides about every request of a run. Times are monotonic seconds."""

    def __init__(
        self,
        ceiling: Ceiling,
        concurrency: int,
        now: float,
        *,
        max_pause: float,
        dice: Random,
        moment: Callable[[float], str],
        warn: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        """`max_pause` is in seconds; `moment` names, for a message, the time of the day in so many seconds.

        `note` is told all decisions, `warn` that an outage begins and ends.
        """
        self._ceiling = ceiling
        self._max_pause = max_pause
        self._began = now
        self._dice = dice
        self._moment = moment
        self._warn = warn
        self._note = note
        self._breaker = Breaker()
        self._concurrency = ConcurrencyLimit(concurrency)
        self._rate = AdaptiveRate(now)
        self._arrival = float("-inf")  # of the next request, at the server's rate
        self._used_up_until = 0.0  # when the server has a quota again; 0 while some of it is left
        self._spread: tuple[float, float] | None = None  # requests a second that the server has left, until when
        self._is_outage_told = False
        self._refused_probes = 0  # since the last answer
        self.budget = RetryBudget()
        self.pauses = Pauses()
        self.in_flight = 0
        self.last_failure = ""

    def take(self, now: float) -> Start | Wait:
        """A start at this moment, which is then in flight, or what there is to wait for.

        Raises `RunStopped` when that is more than the user wants to wait.
        """
        if wait := self._forbidden(now):
            return wait
        self._advance(now)
        self.in_flight += 1
        is_probe = self._breaker.is_open
        if is_probe:
            self._breaker.probe()
        return Start(now, is_probe)

    def _forbidden(self, now: float) -> Wait | None:
        """What there is to wait for; None takes a start of the ceiling's."""
        if self._breaker.is_open and (wait := self._closed_for(now)):
            return wait
        if self.in_flight >= self._concurrency.limit:
            return Wait(inf, Cause.SERVER if self._concurrency.is_below_ceiling else Cause.LATENCY)
        if self._used_up_until and (wait := self._used_up_for(now)):
            return wait
        if (seconds := until_free(self._arrival, now)) > 0:
            return Wait(seconds, Cause.SERVER)
        seconds = self._ceiling.take(now)
        return Wait(seconds, Cause.OWN_RATE) if seconds > 0 else None

    def _closed_for(self, now: float) -> Wait | None:
        if self._breaker.is_probing:
            return Wait(inf, Cause.SERVER)
        seconds = self._breaker.delay(now)
        return Wait(seconds, Cause.SERVER) if seconds > 0 else None

    def _used_up_for(self, now: float) -> Wait | None:
        if self._used_up_until > now:
            self._bear(self._used_up_until - now)
            return Wait(self._used_up_until - now, Cause.SERVER)
        self._used_up_until = 0.0
        self._rate.resumed(now)
        return None

    def _advance(self, now: float) -> None:
        rate = self._rate.at(now)
        if self._spread is not None:
            left, until = self._spread
            rate = min(rate, left) if now < until else rate
        if rate < inf:
            self._arrival = max(self._arrival, now) + 1 / rate

    def answered(self, start: Start, now: float, *, is_success: bool, allowance: Allowance | None = None) -> None:
        """The server answered; `is_success` when it did so with what was asked for."""
        self._rate.answered(now)
        if is_success:
            self._concurrency.succeeded(self.in_flight)
        self.in_flight -= 1
        if self._breaker.answered(now, is_probe=start.is_probe):
            self._refused_probes = 0
            self._rate.resumed(now)
            self.budget.restock()
            (self._warn if self._is_outage_told else self._note)(f"a request was answered: going on {self._pace(now)}")
            self._is_outage_told = False
        if allowance is not None:
            self._heed(allowance, now)

    def refused(self, start: Start, now: float, wait: float | None, reason: str, *, is_outage: bool) -> None:
        """The server asks to slow down, and to wait so many seconds if it says so; `is_outage` when it serves nobody.

        All wait at least as long as it said. Without a number, and when the probe after a pause is refused again, the
        pause grows with every such refusal.
        """
        self.in_flight -= 1
        is_first = not self._breaker.is_open
        if is_first and not self._used_up_until:
            self._rate.refused(now)
        if is_first:
            self._concurrency.cut(now)
        if is_outage:
            self.last_failure = reason
            self._breaker.unavailable(start.at)
        else:
            self._breaker.available(now)
        self._refused_probes += start.is_probe
        if is_first or start.is_probe or wait:
            self._pause(start, now, wait, reason)

    def _pause(self, start: Start, now: float, wait: float | None, reason: str) -> None:
        refusals = self._refused_probes
        seconds = 0.0
        if wait:
            self._bear(wait)
            seconds = wait + self._dice.uniform(0, min(_LONGEST_JITTER, wait / 10))
            refusals -= 1
        if refusals >= 0:
            own = min(_LONGEST_OWN_PAUSE, 2.0 ** min(refusals, _MOST_DOUBLINGS))
            seconds = max(seconds, self._dice.uniform(0.5, 1) * own)
        self.pauses.add(now, seconds, reason)
        self._breaker.paused(now, seconds, is_probe=start.is_probe)
        if self.pauses.seconds > _LONGEST_IN_SUM and self.pauses.seconds > (now + seconds - self._began) / 2:
            raise RunStopped(
                f"the server asked for {self.pauses.seconds:.0f} s of pauses in sum, more than half of the run; "
                f"run again after {self._moment(seconds)}"
            )
        self._note(f"all requests pause for {seconds:.1f} s: {reason}; then {self._pace(now)}")

    def failed(self, start: Start, now: float, failed_at: float | None, reason: str, *, is_timeout: bool) -> bool:
        """The server, or the way to it, failed the request; `failed_at` is when it failed first, if it had before.

        False when the server has answered others since then: the failure is one of this id.
        """
        self.in_flight -= 1
        if is_timeout and self._concurrency.cut(now):
            self._note(f"fewer requests at once: {reason}; now {self._concurrency.limit}")
        if failed_at is not None and self._breaker.answered_at > failed_at:
            self._breaker.dropped(now, is_probe=start.is_probe)
            return False
        self.last_failure = reason
        if self._breaker.failed(now, start.at, is_probe=start.is_probe):
            self._concurrency.cut(now)
            self._tell_outage(reason)
        return True

    def dropped(self, start: Start, now: float) -> None:
        """The request ended without a word about the server: it was cancelled, or failed here."""
        self.in_flight -= 1
        self._breaker.dropped(now, is_probe=start.is_probe)

    def pay(self, cost: int, now: float) -> None:
        """A retry is to be made; when the run's budget for them is spent, all halt until the server answers."""
        if not self.budget.pay(cost) and not self._breaker.is_open:
            self._breaker.trip(now)
            self._concurrency.cut(now)
            self._tell_outage("the budget for retries is spent")

    def outage(self, now: float) -> float:
        """For how many seconds requests have failed without an answer; 0 when the server answers."""
        return self._breaker.outage(now)

    @property
    def settled_rate(self) -> float | None:
        """The requests a second that the server was found to allow; None if it never refused one."""
        return None if self._rate.safe == inf else self._rate.safe

    def _heed(self, allowance: Allowance, now: float) -> None:
        """Ask for no more than the server says is left of its quota, and next time not so fast that it is used up."""
        if allowance.remaining == 0:
            if not self._used_up_until:
                self._rate.refused(now)
                self._note(f"the server's quota is used up for {allowance.seconds:.0f} s; then {self._pace(now)}")
            self._used_up_until = max(self._used_up_until, now + allowance.seconds)
        elif _SHORT_WINDOW <= allowance.seconds <= self._max_pause:
            left = max(1, allowance.remaining - self.in_flight)  # which may not be counted in it yet
            self._spread = (left / allowance.seconds, now + allowance.seconds)

    def _bear(self, wait: float) -> None:
        """Raise `RunStopped` for a pause that the user does not want to wait out."""
        if wait > self._max_pause:
            when = "much later" if wait == inf else f"after {self._moment(wait)}"
            raise RunStopped(
                f"the server asks for a pause of {wait:.0f} s, more than --max-pause {self._max_pause:g}; "
                f"run again {when}"
            )

    def _tell_outage(self, reason: str) -> None:
        wait = self._breaker.seconds_to_probe
        tell = self._note if self._is_outage_told else self._warn
        self._is_outage_told = True
        tell(f"too much fails ({reason}): nothing is sent for {wait:.0f} s, then one request tries, and so on")

    def _pace(self, now: float) -> str:
        rate = "at no rate of its own" if self._rate.safe == inf else f"at {self._rate.at(now):.1f}/s"
        return f"{rate}, {self._concurrency.limit} at once"

    def __repr__(self) -> str:
        return f"<Governor {self.in_flight} in flight, {self._breaker!r}, {self._rate!r}, {self._concurrency!r}>"
