"""What limit the server has and how much it refuses beside it: a probability for every pair of both. Pure.

Theory of operation. Noise refuses each request with the same probability `p`, however many are sent. A limit of `L`
requests a second refuses none at a rate below `L` and some more with every step above it, a strict limiter soon, a
token bucket late. Neither is announced, one refusal fits both, and both change. So all that is thinkable is kept, on a
grid (a point-mass filter: Bucy and Senne, Automatica 7, 1971): limits at distances of 5 %, some sizes of noise, two
kinds of limiters. Bayes' rule weighs each with what happens:

- *A request is taken*, or *refused*, at some rate: with the probability 1 - h or h, where h = p + (1 - p)·x above the
  limit, x growing to its full size within the next 10 %, and h = p below it.
- *What was in flight behind a refusal* has its verdicts. A window that is full refuses all of it, a bucket the part
  beyond its limit, noise hardly any.
- *Time passes.* With a constant hazard the limit has jumped (Adams and MacKay, arXiv:0710.3742), to a near value
  rather than to a far one. That is why an unlimited rate is believed in again, and why what is known is tried again.

The best rate is the one that will bring most in the next seconds, where a refusal costs its pause. A rate that is too
high is found out soon, costs one pause, and what is learned by it holds for a while. With noise everything is lost in
proportion, whatever the rate, so it moves nothing. Nobody has to tell noise from a limit: it is done where it pays.

The numbers below were chosen by a search in simulation: steps of a limit, noise, and noise on top of a limit.
"""

from __future__ import annotations

from bisect import bisect_left
from math import comb, exp, log
from typing import Final, NamedTuple

MIN_RATE: Final = 0.05
"""Requests a second; no lower limit is thought of."""

_STEP = 1.05
_LIMITS: Final = [MIN_RATE * _STEP**number for number in range(263)]  # up to 18,000/s, which stands for no limit
_PRIOR_UNLIMITED: Final = 0.7  # before anything is known
_RARE_BELOW = 6.0  # requests a second; the lower a limit is below that, the less it is expected
# The sizes of noise, and their weights.
_NOISE: Final = ((0.0003, 0.4), (0.001, 0.3), (0.003, 0.2), (0.01, 0.1), (0.03, 0.04), (0.1, 0.03))
_EXCESS: Final = (0.2, 0.035)  # refused above the limit by a window, by a bucket that has filled in the pause
_EDGE_WIDTH = 0.1  # of the limit; from its edge to the full excess
_JUMP_HAZARD = 0.072  # of the limit a second
_NOISE_CHANGE_HAZARD = 1 / 300  # a second
_JUMP_SCALE = 1.0  # of the logarithm of a limit; a jump by a factor of e is 1/e as likely as a small one
_HORIZON = 11.0  # seconds for which what is learned is thought to hold
_THROTTLE_COST = 9.0  # requests a refusal is worth beside its pause; the server's owner counts them
_ANY_SHARE_WEIGHT = 0.7  # of the limiters refuse any part of what is behind a refusal, as if at random …
_MIN_EXCESS_SHARE = 0.04  # … and the others the part above the limit, at least this
_MAX_TRAILING = 50  # more say no more
_MIN_WEIGHT = 1e-15  # nothing is ever impossible

_RHO: Final = exp(-log(_STEP) / _JUMP_SCALE)

Row = list[float]


class _Kind(NamedTuple):
    noise: float
    excess: float
    weight: float


_KINDS: Final = [_Kind(noise, excess, weight / len(_EXCESS)) for excess in _EXCESS for noise, weight in _NOISE]


class LimitBelief:
    """Weighs limits (requests a second) and noise (a probability) by what the server took and refused."""

    def __init__(self) -> None:
        weights = [min(1.0, limit / _RARE_BELOW) for limit in _LIMITS[:-1]]
        limited = (1 - _PRIOR_UNLIMITED) / sum(weights)
        limits = [limited * weight for weight in weights] + [_PRIOR_UNLIMITED]
        self._rows = [[kind.weight * weight for weight in limits] for kind in _KINDS]

    def accepted(self, requests: int, rate: float) -> None:
        """So many were taken at this rate."""
        parts = _excess_onsets(rate)
        survives = {excess: [(1 - excess * part) ** requests for part in parts] for excess in _EXCESS}
        for number, (kind, row) in enumerate(zip(_KINDS, self._rows, strict=True)):
            below = (1 - kind.noise) ** requests
            above = [weight * below * chance for weight, chance in zip(row, survives[kind.excess], strict=False)]
            self._rows[number] = above + [weight * below for weight in row[len(parts) :]]
        self._normalize()

    def throttled(self, rate: float) -> None:
        """One was refused at this rate."""
        parts = _excess_onsets(rate)
        for number, (kind, row) in enumerate(zip(_KINDS, self._rows, strict=True)):
            above = [weight * (kind.noise + kind.excess * part) for weight, part in zip(row, parts, strict=False)]
            self._rows[number] = above + [weight * kind.noise for weight in row[len(parts) :]]
        self._normalize()

    def trailing_throttled(self, throttled: int, trailing: int, rate: float) -> None:
        """Of so many in flight behind a refusal at this rate so many were refused as well."""
        if trailing > _MAX_TRAILING:
            throttled, trailing = round(throttled * _MAX_TRAILING / trailing), _MAX_TRAILING
        passed = trailing - throttled
        edge = _limits_below(rate)
        any_part = _ANY_SHARE_WEIGHT / ((trailing + 1) * comb(trailing, throttled))
        chances = [
            any_part + (1 - _ANY_SHARE_WEIGHT) * part**throttled * (1 - part) ** passed
            for part in _shares_above_limit(edge, rate)
        ]
        for number, (kind, row) in enumerate(zip(_KINDS, self._rows, strict=True)):
            below = kind.noise**throttled * (1 - kind.noise) ** passed
            above = [weight * chance for weight, chance in zip(row, chances, strict=False)]
            self._rows[number] = above + [weight * below for weight in row[edge:]]
        self._normalize()

    def pass_time(self, seconds: float) -> None:
        """The limit, or the noise, may have changed in so many seconds."""
        jumped = 1 - exp(-_JUMP_HAZARD * seconds)
        changed = 1 - exp(-_NOISE_CHANGE_HAZARD * seconds)
        rows = [_diffuse(row, jumped) for row in self._rows]
        by_limit = _column_sums(rows)
        for number, (kind, row) in enumerate(zip(_KINDS, rows, strict=True)):
            share = changed * kind.weight
            rows[number] = [(1 - changed) * weight + share * all_ for weight, all_ in zip(row, by_limit, strict=True)]
        self._rows = rows
        self._normalize()

    @property
    def noise(self) -> float:
        """The probability, as expected, that a request is refused whatever the rate."""
        return sum(kind.noise * sum(row) for kind, row in zip(_KINDS, self._rows, strict=True))

    def probability_below(self, rate: float) -> float:
        """The probability that the limit is below this rate."""
        return sum(sum(row[: _limits_below(rate)]) for row in self._rows)

    def best_rate(self, pause: float, max_rate: float) -> float:
        """The rate up to `max_rate` that is expected to bring most when a refusal costs a pause of so many seconds."""
        noise, by_limit = self.noise, _column_sums(self._rows)
        rest, failed = sum(by_limit), 0.0
        best, best_value = MIN_RATE, 0.0
        for limit, weight in zip(_LIMITS[: _limits_below(max_rate) + 1], by_limit, strict=False):
            cost = pause + _THROTTLE_COST / limit
            taken = limit / (1 + limit * noise * cost)
            value = rest * taken + failed
            if value > best_value:
                best, best_value = limit, value
            rest -= weight
            failed += weight * taken * _HORIZON / (_HORIZON + cost)
        return best

    def _normalize(self) -> None:
        total = sum(map(sum, self._rows))
        self._rows = [[weight / total + _MIN_WEIGHT for weight in row] for row in self._rows]

    def __repr__(self) -> str:
        return f"<LimitBelief noise={self.noise:.2%}>"


def _limits_below(rate: float) -> int:
    """How many limits are below the rate; the last one stands for none, so it never is."""
    return bisect_left(_LIMITS, rate, hi=len(_LIMITS) - 1)


def _excess_onsets(rate: float) -> Row:
    """For each limit below the rate, how much of its excess it refuses."""
    return [min(1.0, (rate / limit - 1) / _EDGE_WIDTH) for limit in _LIMITS[: _limits_below(rate)]]


def _shares_above_limit(edge: int, rate: float) -> Row:
    """For each limit below the rate, the part of the requests that is beyond it."""
    return [max(_MIN_EXCESS_SHARE, 1 - limit / rate) for limit in _LIMITS[:edge]]


def _diffuse(row: Row, jumped: float) -> Row:
    """The row after this share of it has jumped, to both sides, ever less far out."""
    spread = jumped * (1 - _RHO) / (1 + _RHO)
    stays = 1 - jumped - spread
    blurred: Row = []
    below = above = 0.0
    for weight in row:
        below = below * _RHO + weight
        blurred.append(stays * weight + spread * below)
    for at in range(len(row) - 1, -1, -1):
        above = above * _RHO + row[at]
        blurred[at] += spread * above
    return blurred


def _column_sums(rows: list[Row]) -> Row:
    return list(map(sum, zip(*rows, strict=True)))
