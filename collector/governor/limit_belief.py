"""A Bayesian belief over the server's rate limit and its noise: a joint probability distribution. Pure.

Theory of operation. Noise throttles each request with the same probability `p` at any rate. A limit of `L` requests
per second throttles none below `L` and increasingly more above it: a strict limiter soon, a token bucket late. The
server announces neither, one throttled request fits both, and both change. So a grid holds every hypothesis (a
point-mass filter: Bucy and Senne, Automatica 7, 1971): limits in steps of 5 %, several levels of noise, two kinds of
limiters. Bayes' rule updates their weights:

- *A request is accepted or throttled* at some rate, with the probability 1 - h or h. Below the limit h = p. Above it
  h = p + (1 - p)·x, where x grows to its full size within the next 10 %.
- *Trailing requests*, in flight after a throttled one, receive their replies. A full window throttles all of them,
  a bucket those beyond its limit, noise hardly any.
- *Time passes.* The limit jumps with a constant hazard (Adams and MacKay, arXiv:0710.3742), more likely to a near
  value than to a far one. So an unlimited rate becomes likely again, and a known limit is tested again.

The best rate maximizes the expected throughput of the next seconds; each throttled request costs its pause. Too high a
rate is detected soon and costs one pause, and the lesson holds for a while. Noise costs the same share at every rate,
so it does not move the best rate. The filter need not classify a throttled request as noise or limit.

A search in simulation chose the numbers below, over steps of a limit, noise, and noise on top of a limit.
"""

from __future__ import annotations

from bisect import bisect_left
from math import comb, exp, log
from typing import Final, NamedTuple

MIN_RATE: Final = 0.05
"""Requests per second; the lowest limit in the grid."""

_STEP = 1.05
_LIMITS: Final = [MIN_RATE * _STEP**number for number in range(263)]  # up to 18,000/s, which means unlimited
_PRIOR_UNLIMITED: Final = 0.7  # prior probability
_RARE_BELOW = 6.0  # requests per second; the prior falls in proportion below this
# Levels of noise and their prior weights.
_NOISE: Final = ((0.0003, 0.4), (0.001, 0.3), (0.003, 0.2), (0.01, 0.1), (0.03, 0.04), (0.1, 0.03))
_EXCESS: Final = (0.2, 0.035)  # share throttled above the limit: by a window, by a bucket that the pause refilled
_EDGE_WIDTH = 0.1  # of the limit; within it the excess grows from 0 to its full size
_JUMP_HAZARD = 0.072  # jumps of the limit per second
_NOISE_CHANGE_HAZARD = 1 / 300  # changes per second
_JUMP_SCALE = 1.0  # in log(limit); a jump by a factor of e is 1/e as likely as a small one
_HORIZON = 11.0  # seconds for which the knowledge is assumed to hold
_THROTTLE_COST = 9.0  # requests; the cost of a throttled request beside its pause, because operators count them
_ANY_SHARE_WEIGHT = 0.7  # weight of limiters that throttle a uniformly random share of trailing requests …
_MIN_EXCESS_SHARE = 0.04  # … the others throttle the share above the limit, at least this
_MAX_TRAILING = 50  # more add no information
_MIN_WEIGHT = 1e-15  # keeps every hypothesis possible

_RHO: Final = exp(-log(_STEP) / _JUMP_SCALE)

Row = list[float]


class _Kind(NamedTuple):
    noise: float
    excess: float
    weight: float


_KINDS: Final = [_Kind(noise, excess, weight / len(_EXCESS)) for excess in _EXCESS for noise, weight in _NOISE]


class LimitBelief:
    """Weighs limits (requests per second) and noise (a probability) by accepted and throttled requests."""

    def __init__(self) -> None:
        weights = [min(1.0, limit / _RARE_BELOW) for limit in _LIMITS[:-1]]
        limited = (1 - _PRIOR_UNLIMITED) / sum(weights)
        limits = [limited * weight for weight in weights] + [_PRIOR_UNLIMITED]
        self._rows = [[kind.weight * weight for weight in limits] for kind in _KINDS]

    def accepted(self, requests: int, rate: float) -> None:
        """Update for `requests` that were accepted at this rate."""
        parts = _excess_onsets(rate)
        acceptance = {excess: [(1 - excess * part) ** requests for part in parts] for excess in _EXCESS}
        for number, (kind, row) in enumerate(zip(_KINDS, self._rows, strict=True)):
            below = (1 - kind.noise) ** requests
            above = [weight * below * chance for weight, chance in zip(row, acceptance[kind.excess], strict=False)]
            self._rows[number] = above + [weight * below for weight in row[len(parts) :]]
        self._normalize()

    def throttled(self, rate: float) -> None:
        """Update for one request that was throttled at this rate."""
        parts = _excess_onsets(rate)
        for number, (kind, row) in enumerate(zip(_KINDS, self._rows, strict=True)):
            above = [weight * (kind.noise + kind.excess * part) for weight, part in zip(row, parts, strict=False)]
            self._rows[number] = above + [weight * kind.noise for weight in row[len(parts) :]]
        self._normalize()

    def trailing_throttled(self, throttled: int, trailing: int, rate: float) -> None:
        """Update for `trailing` requests after a throttled one at this rate, of which `throttled` were throttled."""
        if trailing > _MAX_TRAILING:
            throttled, trailing = round(throttled * _MAX_TRAILING / trailing), _MAX_TRAILING
        accepted = trailing - throttled
        edge = _limits_below(rate)
        any_part = _ANY_SHARE_WEIGHT / ((trailing + 1) * comb(trailing, throttled))
        chances = [
            any_part + (1 - _ANY_SHARE_WEIGHT) * part**throttled * (1 - part) ** accepted
            for part in _shares_above_limit(edge, rate)
        ]
        for number, (kind, row) in enumerate(zip(_KINDS, self._rows, strict=True)):
            below = kind.noise**throttled * (1 - kind.noise) ** accepted
            above = [weight * chance for weight, chance in zip(row, chances, strict=False)]
            self._rows[number] = above + [weight * below for weight in row[edge:]]
        self._normalize()

    def pass_time(self, seconds: float) -> None:
        """Account for changes of the limit or the noise within `seconds`."""
        jumped = 1 - exp(-_JUMP_HAZARD * seconds)
        changed = 1 - exp(-_NOISE_CHANGE_HAZARD * seconds)
        rows = [_diffuse(row, jumped) for row in self._rows]
        by_limit = _column_sums(rows)
        for number, (kind, row) in enumerate(zip(_KINDS, rows, strict=True)):
            share = changed * kind.weight
            rows[number] = [
                (1 - changed) * weight + share * total_weight
                for weight, total_weight in zip(row, by_limit, strict=True)
            ]
        self._rows = rows
        self._normalize()

    @property
    def noise(self) -> float:
        """The expected probability that noise throttles a request."""
        return sum(kind.noise * sum(row) for kind, row in zip(_KINDS, self._rows, strict=True))

    def probability_below(self, rate: float) -> float:
        """Return the probability that the limit is below this rate."""
        return sum(sum(row[: _limits_below(rate)]) for row in self._rows)

    def best_rate(self, pause: float, max_rate: float) -> float:
        """Return the rate up to `max_rate` with the highest expected throughput.

        A throttled request costs a pause of `pause` seconds.
        """
        noise, by_limit = self.noise, _column_sums(self._rows)
        rest, failed = sum(by_limit), 0.0
        best, best_value = MIN_RATE, 0.0
        for limit, weight in zip(_LIMITS[: _limits_below(max_rate) + 1], by_limit, strict=False):
            cost = pause + _THROTTLE_COST / limit
            accepted_rate = limit / (1 + limit * noise * cost)
            value = rest * accepted_rate + failed
            if value > best_value:
                best, best_value = limit, value
            rest -= weight
            failed += weight * accepted_rate * _HORIZON / (_HORIZON + cost)
        return best

    def _normalize(self) -> None:
        total = sum(map(sum, self._rows))
        self._rows = [[weight / total + _MIN_WEIGHT for weight in row] for row in self._rows]

    def __repr__(self) -> str:
        return f"<LimitBelief noise={self.noise:.2%}>"


def _limits_below(rate: float) -> int:
    """Count the limits below the rate; the last one means unlimited, so it is never counted."""
    return bisect_left(_LIMITS, rate, hi=len(_LIMITS) - 1)


def _excess_onsets(rate: float) -> Row:
    """Return, for each limit below the rate, the part of its full excess that it throttles."""
    return [min(1.0, (rate / limit - 1) / _EDGE_WIDTH) for limit in _LIMITS[: _limits_below(rate)]]


def _shares_above_limit(edge: int, rate: float) -> Row:
    """Return, for each limit below the rate, the share of requests beyond it."""
    return [max(_MIN_EXCESS_SHARE, 1 - limit / rate) for limit in _LIMITS[:edge]]


def _diffuse(row: Row, jumped: float) -> Row:
    """Spread the share `jumped` of each weight to both sides, geometrically falling with the distance."""
    spread = jumped * (1 - _RHO) / (1 + _RHO)
    unchanged = 1 - jumped - spread
    blurred: Row = []
    below = above = 0.0
    for weight in row:
        below = below * _RHO + weight
        blurred.append(unchanged * weight + spread * below)
    for at in range(len(row) - 1, -1, -1):
        above = above * _RHO + row[at]
        blurred[at] += spread * above
    return blurred


def _column_sums(rows: list[Row]) -> Row:
    return list(map(sum, zip(*rows, strict=True)))
