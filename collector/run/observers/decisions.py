"""What the governor decided, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from collector.governor.events import Allowed, Event, Halted, Narrowed, Paused, Resumed

_WORTH_A_WARNING: Final = 60.0  # seconds of a pause


def report(event: Event, warn: Callable[[str], None], note: Callable[[str], None]) -> None:
    """Warn of a long pause, and of the begin and the end of an outage; note everything else."""
    match event:
        case Paused(seconds, reason, then, is_news):
            tell = warn if is_news or seconds >= _WORTH_A_WARNING else note
            tell(f"all requests pause for {seconds:.1f} s: {reason}; then {_allowed(then)}")
        case Halted(seconds, reason, is_news):
            tell = warn if is_news else note
            tell(f"too much fails ({reason}): nothing is sent for {seconds:.0f} s, then one request tries, and so on")
        case Resumed(now, ends_outage):
            (warn if ends_outage else note)(f"a request was answered: going on {_allowed(now)}")
        case Narrowed(reason, concurrency):
            note(f"fewer requests at once: {reason}; now {concurrency}")


def _allowed(allowed: Allowed) -> str:
    rate = "at no rate of its own" if allowed.rate == inf else f"at {allowed.rate:.1f}/s"
    return f"{rate}, {allowed.concurrency} at once"
