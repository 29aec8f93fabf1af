"""Does a lower rate lower the hazard of a request? A sequential test. Pure.

Theory of operation. Wald's sequential probability ratio test (Ann. Math. Stat. 16, 1945) of two hypotheses about a
trial at a lower rate: the hazard is the same as before (noise), or a fifth of it at most (a limit). A refusal adds
ln 5, an accepted request subtracts 0.8 times the hazard before. The bounds are not symmetrical: a limit that is taken
for noise is met again at once, noise that is taken for a limit costs throughput until a climb ends.
"""

from __future__ import annotations

from math import log

from collector.refusals import MILD

_SHORTEST = 100.0  # requests; a trial is called for by short spacings, which are shorter than the true one by chance
_FEWER = 5.0  # times
_NOISE = 0.4  # nats; one refusal within one and a half times the spacing
_LIMIT = -2.8  # nats; no refusal in three and a half times the spacing: by chance in 3 % of all cases


class Trial:
    """A trial of a lower rate; `before` is the rate to return to, `spacing` the requests a refusal at that rate."""

    def __init__(self, before: float, spacing: float) -> None:
        self.before = before
        self.is_mild = spacing >= MILD
        self.spacing = max(_SHORTEST, spacing)
        self._nats = 0.0

    def accepted(self, requests: int) -> None:
        """So many more were accepted, the present refusal not counted."""
        self._nats -= requests * (1 - 1 / _FEWER) / self.spacing

    def refused(self) -> None:
        """One was refused."""
        self._nats += log(_FEWER)

    @property
    def is_noise(self) -> bool:
        """Is the hazard as high as before?"""
        return self._nats >= _NOISE

    @property
    def is_limit(self) -> bool:
        """Has the hazard fallen?"""
        return self._nats <= _LIMIT

    def would_be_limit(self, requests: int) -> bool:
        """Will it have, if so many more were accepted?"""
        return self._nats - requests * (1 - 1 / _FEWER) / self.spacing <= _LIMIT

    def __repr__(self) -> str:
        return f"<Trial before={self.before:.1f}/s spacing={self.spacing:.0f} {self._nats:+.1f}>"
