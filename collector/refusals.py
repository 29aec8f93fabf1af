"""Is a refusal noise, or does it speak of a limit? Pure.

Theory of operation. Noise refuses every request with the same probability, however many are sent. A limit refuses in
excess of a rate: the hazard of one request is high above it and vanishes below it. So one refusal proves nothing; two
things do, and they are the field's two classical tests.

*The hazard rises* above what is known as noise. Page's cumulative sum (Biometrika 41, 1954) of Wald's log likelihood
ratio adds ln(h/p) for a refusal and subtracts h - p for an accepted request, where p is the noise seen so far and
h = 8·p. It never falls below 0. Requests that were in flight behind the first refusal count as all others do: at a
limit of half the rate every second one is refused too, under noise hardly any. The sum is brought up to date at a
refusal only, so that an accepted request costs one addition.

*A lower rate lowers the hazard.* Only a trial can tell a limit just below the rate (one refusal in some hundred
requests, a whole window apart) from as much noise. `adaptive_rate` makes it; here is what it compares.

The noise p is a ratio of refusals to requests with a prior of 0.25 %, worth 200 requests, and forgets half of
all when it grows old. What a limit was convicted of does not count as noise.
"""

from __future__ import annotations

from math import log
from typing import Final

_PRIOR_REQUESTS: Final = 200.0
_PRIOR_REFUSALS: Final = 0.5
_LEAST_NOISE, _MOST_NOISE = 0.0005, 0.02
_OLD: Final = 8000.0  # requests
_MANY: Final = 40.0  # refusals; from here on, too, half is forgotten
_TIMES: Final = 8.0  # the noise; the hazard that a sum looks for
MILD: Final = 40.0  # requests a refusal; a higher hazard is never taken for noise
_DUE: Final = 0.3  # refusals; noise brings the next one earlier in a quarter of all cases
_SHORT_RUN: Final = 20  # requests; in so few the worst noise refuses one in a third of all cases
_SOME: Final = 2.0  # refusals, from which on the noise is known
_BEYOND_NOISE: Final = 6.5  # nats


class _Sum:
    """Evidence, in nats, that the hazard is `_TIMES` as high as some noise; a cumulative sum from 0."""

    def __init__(self) -> None:
        self.nats = 0.0

    def accept(self, requests: int, noise: float) -> None:
        self.nats = max(0.0, self.nats - requests * (_TIMES - 1) * noise)

    def refuse(self) -> None:
        self.nats += log(_TIMES)


class Refusals:
    """Weighs refusals against accepted requests. An *episode* is a refusal with those in flight behind it."""

    def __init__(self) -> None:
        self._requests = _PRIOR_REQUESTS
        self._refusals = _PRIOR_REFUSALS
        self._unlearned = (0, 0)  # requests and refusals since the sum last left 0
        self._charge = (0, 0)  # … for which the rate came down, and nobody knows yet whether rightly
        self._charged = (0, 0)  # all that was seen at the rate before
        self._seen = (0, 0)  # since the rate last changed
        self._above_noise = _Sum()
        self._above_any_noise = _Sum()
        self._run = 0  # requests accepted before the last refusal
        self.episodes = 0
        """Since the rate last changed."""

    @property
    def noise(self) -> float:
        """The probability that a request is refused whatever the rate."""
        return min(_MOST_NOISE, max(_LEAST_NOISE, self._refusals / self._requests))

    @property
    def nats(self) -> float:
        """The evidence that the hazard has risen, as of the last refusal."""
        return self._above_noise.nats

    @property
    def are_beyond_noise(self) -> bool:
        """Are there more than the worst noise explains?"""
        return self._above_any_noise.nats >= _BEYOND_NOISE

    @property
    def spacing(self) -> float:
        """Requests a refusal since the rate last changed; of several the last, which ends the count, is none."""
        requests, refusals = self._seen
        return requests / max(1, refusals - 1)

    def are_mild(self, spacing: float) -> bool:
        """Were there so many requests a refusal, before the rate came down and since?"""
        requests, refusals = _plus(self._charged, *self._seen)
        return requests >= spacing * refusals and not self.are_beyond_noise

    def is_due(self, requests: float | None = None) -> bool:
        """Would noise have refused one of so many, or of all since the refusal before, about as often as not?"""
        run = self._run if requests is None else requests
        return self.is_known and run * self.noise >= _DUE

    @property
    def is_known(self) -> bool:
        """Were there enough refusals to speak of noise?"""
        return self._refusals >= _SOME

    @property
    def is_early(self) -> bool:
        """Would noise hardly ever have refused the last one so soon?"""
        return self._run < _SHORT_RUN or self.are_beyond_noise

    def note_noise(self) -> None:
        """The last refusal, at a rate that is thought to be safe, may have been noise."""
        if self._run >= _SHORT_RUN:
            self._learn(self._run, 1)

    def refused(self, accepted: int, *, begins: bool) -> None:
        """A request is refused, after so many `accepted` ones; `begins` when it is the first of its episode."""
        self.episodes += begins
        self._run = accepted
        self._seen = _plus(self._seen, accepted + 1, 1)
        self._above_any_noise.accept(accepted, _MOST_NOISE)
        self._above_any_noise.refuse()
        self._above_noise.accept(accepted, self.noise)
        if self.nats == 0:
            self._learn(*_plus(self._unlearned, accepted, 0))
            self._unlearned, accepted = (0, 0), 0
        self._above_noise.refuse()
        self._unlearned = _plus(self._unlearned, accepted + 1, 1)

    def charge(self) -> None:
        """The rate comes down for what was refused; `acquit` or `convict` follows."""
        self._charge = _plus(self._charge, *self._unlearned)
        self._charged = self._seen
        self._forget()

    def acquit(self) -> None:
        """It was noise: at the lower rate as many were refused."""
        self._learn(*self._charge)
        self._learn(*self._unlearned)
        self._charge = (0, 0)
        self._forget()

    def convict(self) -> None:
        """It was a limit, or the worst noise does not explain it."""
        self._charge = (0, 0)

    def expect(self) -> None:
        """The refusal ended a climb, as one was to: it counts neither as noise nor for a trial."""
        self._learn(self._unlearned[0], 0)
        self._charge = (0, 0)
        self._forget()

    def start_over(self) -> None:
        """What is refused from now on was sent at the new rate."""
        self._above_any_noise.nats = 0.0
        self._forget()

    def _forget(self) -> None:
        self._unlearned, self._seen, self.episodes = (0, 0), (0, 0), 0
        self._above_noise.nats = 0.0

    def _learn(self, requests: int, refusals: float) -> None:
        self._requests += requests
        self._refusals += refusals
        while self._requests > _OLD or self._refusals > _MANY:
            self._requests /= 2
            self._refusals /= 2

    def __repr__(self) -> str:
        return f"<Refusals noise={self.noise:.2%} evidence={self.nats:.1f}>"


def _plus(counts: tuple[int, int], requests: int, refusals: int) -> tuple[int, int]:
    return counts[0] + requests, counts[1] + refusals
