"""The requests a second that the server seems to allow, learned from what it refuses. Pure.

Theory of operation. A refusal costs a pause. If every request is refused with the same probability (noise), a lower
rate only loses; if the server limits the rate, a lower one loses nothing. So the rate comes down for evidence alone,
and comes back when it did no good:

- *No limit is known.* The rate has no bound. It comes down when the hazard of a request is far above the noise known
  so far (`refusals`), or for a *trial* after a few refusals, which cost pauses whatever they are. A trial goes to a
  rate below the limit, if there is one: to what the server took on average, pauses included, or to the part that it
  took of what was in flight behind refusals.
- *A trial goes on.* As many refusals as before acquit: the rate is at once what it was, and the next trial takes twice
  as many refusals. Far fewer convict (`trial`).
- *A limit is known*: convicted, or proved by more refusals than the worst noise explains. There is a *safe* rate:

    rate
     │                                   / climb: safe · (1 + (t/10 s)³), slow beside what is known
     │        ┌────── hold ─────────────/  and ever faster beyond it, until the server refuses
     │  ramp /   at the safe rate
     │      /
     └─────┴──┴────────────────────────┴──▸ seconds since the rate changed, pauses for noise left out

  A refusal in the climb says that the limit lies between the safe rate and the one that was refused: the safe rate
  moves up between them, and the next hold is twice as long. A refusal in ramp or hold says that the safe rate is not
  safe: it comes down, and soon after a pause to what the server really took. Neither says so where noise was due.

The curve is CUBIC's (RFC 9438), which looks for a bound that nobody announces as well; the hold is ours, because a
refusal costs a pause of seconds here and not a packet. Three ways were simulated (`tests/simulation.py`). The medians
of the rate left outside of pauses, with 1 % of noise at 50/s and 0.2 % at 300/s:

    the curve alone, every refusal lowers the rate        20 %    17 %
    … only a risen hazard does                            47 %    36 %
    … and a trial that lowers no hazard is undone         93 %    97 %

What the server says is left of its quota is a bound of its own, until it says something else or that time is over.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from collector.limiter import until_free
from collector.refusals import MILD, Refusals
from collector.trial import Trial

LOWEST: Final = 0.5
"""Requests a second that are sent whatever the server refuses; its pauses come on top."""

_RAMP = 3.0  # seconds from the restart, at `_RESTART` of the safe rate, to all of it
_RESTART = 0.7
_HOLDS = (5.0, 10.0, 15.0)  # seconds: after a limit that was far off, after one that fell, at most
_CLIMB = 10.0  # seconds in which a climb doubles the rate
_MEMORY = 3.0  # seconds of answers by which the rate of the present is measured
_FAR = 1.5  # times the safe rate; what is refused beyond is a limit that has moved
_FIRST = 0.85  # the first safe rate, as a part of what was refused
_BELOW = 0.9  # … and a later one at least
_BETWEEN = 0.6  # … and how far it moves towards what was refused
_ALARM, _MORE = 5.0, 2.0  # nats of evidence for a limit where none is known, and more after each acquittal
_KNOWN = 3.0  # … below a limit that is known
_LONGEST_TRIAL = 20.0  # seconds in which no climb begins
_STILL = 6  # episodes after a trial; as many would there be without it
_EPISODES = 3  # that cause a trial, twice as many after each acquittal
_MOST_TRIALS = 5
_DOUBT = 3.0  # refusals that there might as well have been: by chance none in one case of 20
_LESS, _LEAST = 0.93, 0.3  # of the safe rate; the bounds of a step down
_PAUSE = 2.0  # seconds; of a longer pause this much counts, and four times as much after each trial
_PART = 0.2  # of what was sent behind a refusal; more is refused by a limit only
_SHORTEST = 0.01  # seconds; less is no time to measure a rate in
_GUESS = 10.0  # requests a second, when there were too few answers before the first refusal to judge by
_SOON = 5.0  # seconds after a pause within which a refusal is a sign of a rate much too high
_AT_ONCE = 2.0  # … and within which it means that what the server took, pause included, is all there is
_ENOUGH = 3  # answers since the last refusal; fewer say nothing of the rate


class AdaptiveRate:
    """How many requests may start a second, judged by the answers. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.safe = inf
        self.is_measured = False
        self._refusals = Refusals()
        self._hold = _HOLDS[0]
        self._pause = 0.0  # seconds the last one took
        self._clock = now  # from when hold and climb are counted; pauses for noise move it on
        self._ramp = 0.0  # seconds of a ramp, if the clock began with one
        self._resumed_at = self._refused_at = now
        self._was_early = False  # was the last refusal one that noise would hardly explain?
        self._was_short = False  # did the last pause end too early?
        self._told = (inf, now)  # requests a second that the server says are left, until when
        self._started = now  # when the last request was due
        self._arrival = float("-inf")  # of the next request, as in `limiter`
        self.answers = 0  # in all
        self._at_refusal = self._at_episode = 0  # the answers by then
        self._tried = 0.0  # the rate as the episode began
        self._lasted = 0.0  # seconds, from that one to this
        self._since = 0.0  # seconds from the end of the pause before to the beginning of the episode
        self._top = 0.0  # the highest of these since the rate changed
        self._deep = inf  # the rate to come down to, if it shows that more is refused than noise explains
        self._took = 0  # answers between this episode and the one before
        self._taken, self._within = 0, 0.0  # answers, and seconds, since the rate changed
        self._behind = self._refused_behind = 0  # verdicts on what was sent behind a refusal, since the rate changed
        self._late = self._refused_late = 0  # the same in this episode
        self._is_hold = False  # did the episode begin below a limit that is known?
        self._is_judged = self._is_cut = False  # in this episode, and did the rate come down?
        self._trial: Trial | None = None
        self._trials = 0  # that ended in noise
        self._climbs = 0  # that ended, one after the other
        self._is_proved = False  # by what noise does not explain, or twice
        self._recent: deque[float] = deque()

    def at(self, now: float) -> float:
        """Requests a second that may start at this moment; infinite while no limit is known."""
        if self.safe == inf:
            return inf
        since = now - self._clock
        if 0 <= since < self._ramp:
            return self.safe * (_RESTART + (1 - _RESTART) * since / self._ramp)
        if since < self._hold or (self._trial and self._is_undecided(since)):
            return self.safe
        return self.safe * (1 + ((since - self._hold) / _CLIMB) ** 3)

    def after_pause(self, now: float) -> float:
        """Requests a second as the present pause ends; without one, at this moment."""
        return _RESTART * self.safe if self._is_cut else self.at(now)

    def _is_undecided(self, since: float) -> bool:
        """Does a trial go on? Then the climb waits, but not for ever: at a low rate a trial takes minutes."""
        trial = self._trial
        if trial is None or self._is_proved or since >= _LONGEST_TRIAL:
            return False
        if not trial.would_be_limit(self.answers - self._at_refusal):
            return True
        self._convict()
        self._clock += max(0.0, since - self._hold)  # the climb begins now
        return False

    def _convict(self) -> None:
        """Far fewer are refused at the lower rate: it was a limit."""
        self._trial, self._trials = None, 0
        self._refusals.convict()

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now."""
        return until_free(self._arrival, now)

    def start(self, now: float) -> None:
        """A request starts now; it is the caller's duty to have waited out `delay`."""
        if (rate := self._allowed(now)) < inf:
            self._started = max(self._arrival, now)
            self._arrival = self._started + 1 / rate

    def told(self, now: float, rate: float, seconds: float) -> None:
        """The server says that `rate` requests a second are left for so many seconds; what it said before is void."""
        self._told = (rate, now + seconds)
        self._arrival = min(self._arrival, self._started + 1 / self._allowed(now))

    def _allowed(self, now: float) -> float:
        rate, until = self._told
        return min(rate, self.at(now)) if now < until else self.at(now)

    def answered(self, now: float) -> None:
        """The server took a request."""
        self.answers += 1
        recent = self._recent
        recent.append(now)
        while recent[0] < now - _MEMORY:
            recent.popleft()

    def refused(self, now: float, *, begins: bool = True, is_certain: bool = False) -> bool:
        """The server asks to slow down. True when it is far beyond noise.

        `begins` says that it is the first time since the last pause, `is_certain` that the server named its limit.
        """
        if begins:
            self._begin(now)
        accepted = self.answers - self._at_refusal
        self._at_refusal = self.answers
        self._refusals.refused(accepted, begins=begins)
        is_far = self._refusals.are_beyond_noise
        if self._is_judged:  # it was sent at the rate from before, and says nothing but whether that was rightly judged
            is_news = self._is_cut and is_far and not self._is_proved
            if is_news:
                self._is_proved, self._trial = True, None
            return is_news
        is_noise = self._try(accepted, now)
        is_cut = is_certain or (not is_noise and self._is_limit(now))
        self._is_judged = is_cut or is_noise
        if is_cut:
            self._cut(now, is_far=is_far)
            self._is_cut = True
        return is_cut and is_far

    def answered_behind(self, *, is_refused: bool) -> None:
        """One that started after the request whose refusal began the present pause has its verdict."""
        self._late += 1
        self._refused_late += is_refused
        if not self._is_judged:
            self._behind += 1
            self._refused_behind += is_refused

    def resumed(self, now: float) -> None:
        """The pause, or an outage, is over, and the server takes requests again."""
        if self._refused_at > self._resumed_at:
            self._pause = now - self._refused_at
            self._clock += self._pause
        is_clump = self._refused_late > _PART * self._late  # far more than noise refuses
        if self._is_hold and not is_clump:
            self._refusals.note_noise()
        self._is_hold = False
        if self._is_cut:
            if is_clump:
                self.safe, self._trial = max(LOWEST, min(self.safe, self._deep)), None
            self._clock, self._ramp, self._is_cut = now, _RAMP, False
            self._refusals.start_over()
        self._resumed_at = now
        self._is_judged = False
        self._recent.clear()

    def _begin(self, now: float) -> None:
        """An episode begins: note at what rate, and what the server took since the one before, pause included."""
        self._is_judged = False
        self._tried = min(self.at(now), self._measured(now))
        self._top = max(self._top, self._tried)
        self._since = now - self._resumed_at
        self._took = self.answers - self._at_episode
        self._lasted = now - self._refused_at
        self._taken += self._took
        self._within += self._lasted - max(0.0, self._pause - _PAUSE * 4**self._trials)
        self._at_episode = self.answers
        self._refused_at = now
        self._late = self._refused_late = 0

    def _try(self, accepted: int, now: float) -> bool:
        """Go on with a trial. True when it ends in noise: the rate is what it was before."""
        trial, refusals = self._trial, self._refusals
        if trial is None:
            is_doubtful = self.safe < inf and not self._is_proved
            is_noise = is_doubtful and refusals.episodes >= _STILL and refusals.are_mild(MILD)
            if is_noise:
                self._acquit(now, inf)
            return is_noise
        trial.accepted(accepted)
        if trial.is_limit:
            self._convict()
            return False
        trial.refused()
        is_climb = self._is_proved and now - self._clock >= self._hold
        is_ordinary = refusals.is_due() if self._is_proved else refusals.are_mild(MILD)
        is_noise = not is_climb and trial.is_noise and is_ordinary
        if is_noise:
            self._acquit(now, trial.before)
        return is_noise

    def _acquit(self, now: float, rate: float) -> None:
        """It was noise: the rate is again what it was."""
        self.safe = rate
        self._trial = None
        self._clock, self._ramp = now, 0.0
        self._trials = min(self._trials + 1, _MOST_TRIALS)
        self._refusals.acquit()
        self._start_over()

    def _is_limit(self, now: float) -> bool:
        refusals = self._refusals
        if self._is_proved:
            climb = now - self._clock - self._hold
            self._is_hold = climb < 0
            is_due = refusals.is_due(None if climb < 0 else climb * self.safe)
            return not is_due or refusals.nats >= _KNOWN or (climb < 0 and self._is_costly)
        if self._trial and self._trial.is_mild:
            return refusals.are_beyond_noise
        if self.safe == inf and self._is_costly:
            return True
        return refusals.nats >= _ALARM + _MORE * self._trials

    @property
    def _is_costly(self) -> bool:
        """Were there enough refusals at this rate to try a lower one for?"""
        return self._refusals.episodes >= _EPISODES << self._trials

    def _cut(self, now: float, *, is_far: bool) -> None:
        self._deep = inf
        refusals, before = self._refusals, self.safe
        is_climb = before < inf and now - self._clock >= self._hold
        enough = self.answers if before == inf else self._took
        self.is_measured = self.is_measured or is_climb or enough >= _ENOUGH
        if is_climb:
            self._was_refused_above(self._tried)
            self._climbs += 1
            self._trial, self._is_proved = None, self._is_proved or is_far or self._climbs > 1
            refusals.expect()
        else:
            self._is_proved, self._climbs = self._is_proved or is_far, 0
            self._was_refused_below()
            before = max(before, self._trial.before if self._trial else 0.0)
            is_open = before < inf or not self._is_proved  # nobody goes back to no rate at all once a limit is proved
            self._trial = Trial(before, refusals.spacing) if is_open else None
            refusals.charge()
        self.safe = max(self.safe, LOWEST)
        self._start_over()

    def _start_over(self) -> None:
        self._taken, self._within = 0, 0.0
        self._behind = self._refused_behind = 0
        self._top = 0.0

    def _was_refused_above(self, tried: float) -> None:
        self._was_short = False
        is_far = tried > _FAR * self.safe
        if tried > self.safe:
            self.safe = max(self.safe + _BETWEEN * (tried - self.safe), _BELOW * tried)
        self._hold = _HOLDS[0] if is_far else min(self._longest_hold, 2 * self._hold)

    def _was_refused_below(self) -> None:
        was_short, self._was_short = self._was_short, self._took < _ENOUGH
        if self.safe == inf:
            at_most = self._tried if self._is_proved else min(self._top, self._bound / _FIRST)
            self.safe = at_most * _FIRST if self.is_measured else _GUESS
            return
        if self._was_short and not was_short:
            return  # it was the pause that was too short, for once
        self._deep = 0.8 * self.safe if self._since < _SOON else _LESS * self.safe
        if self._since < _AT_ONCE and not self._was_short:
            self._deep = min(self._deep, 0.95 * self._took / max(self._lasted, _SHORTEST))
        self._deep = max(_LEAST * self.safe, self._deep)
        if not self._is_proved:
            self.safe = max(_LEAST * self.safe, min(self._deep, self._bound))
        else:
            was_early, self._was_early = self._was_early, self._refusals.is_early
            less = (0.8 if self._was_early else _LESS) * self.safe
            self.safe = self._deep if self._was_early and (was_early or not self._refusals.is_known) else less
        self._hold = min(self._longest_hold, max(self._hold, _HOLDS[1]))

    @property
    def _bound(self) -> float:
        """Requests a second that are below the limit if there is one.

        They are what the server took on average, pauses included; or, if that is more, the part of what was sent
        behind refusals that it took at least: a limit of half the rate would have refused every second one.
        """
        taken = self._taken / max(self._within, _SHORTEST)
        passed = 1 - (self._refused_behind + _DOUBT) / max(1, self._behind)
        return 0.95 * max(taken, passed * self._top)

    @property
    def _longest_hold(self) -> float:
        return _HOLDS[2] * min(2.0, max(1.0, self._pause))  # a refusal that costs a long pause is to be rare

    def _measured(self, now: float) -> float:
        """Requests a second that the server took of late."""
        span = max(_SHORTEST, min(_MEMORY, now - self._resumed_at))
        return sum(at > now - span for at in self._recent) / span

    def __repr__(self) -> str:
        return f"<AdaptiveRate safe={self.safe:.2f}/s hold={self._hold:.0f}s>"
