"""Words the governor's decisions as warnings and notes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from collector.governor.events import Allowed, BreakerOpened, ConcurrencyReduced, Event, Paused, Resumed

_MIN_WARNING_PAUSE: Final = 60.0  # seconds of a pause


def report(event: Event, warn: Callable[[str], None], note: Callable[[str], None]) -> None:
    """Warn about long pauses and about the start and the end of an outage; note every other event."""
    match event:
        case Paused(seconds, reason, allowed, should_warn):
            is_warning = should_warn or seconds >= _MIN_WARNING_PAUSE
            text = f"pausing all requests for {seconds:.1f} s: {reason}; then resuming with {_limits(allowed)}"
        case BreakerOpened(seconds, reason, should_warn):
            is_warning = should_warn
            text = f"outage: too many failures ({reason}); waiting {seconds:.0f} s before probing with one request"
        case Resumed(allowed, ends_outage):
            is_warning = ends_outage
            text = f"the server is responding again; resuming with {_limits(allowed)}"
        case ConcurrencyReduced(reason, concurrency):
            is_warning = False
            text = f"concurrency reduced to {concurrency}: {reason}"
    (warn if is_warning else note)(text)


def _limits(allowed: Allowed) -> str:
    rate = "no adaptive rate limit" if allowed.rate == inf else f"at most {allowed.rate:.1f} requests/s"
    return f"concurrency {allowed.concurrency} and {rate}"
