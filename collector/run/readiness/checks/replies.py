"""Replies of the API: refusals, the server's clock, the version that answered, its limits, its health. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isinf
from typing import Final, NamedTuple

from collector.client.classify import raise_if_not_final
from collector.client.failures import AttemptFailed, BadPayload, Throttled, Transient, Unauthorized
from collector.client.messages import Reply
from collector.governor.rate_limit_headers import allowance, quota
from collector.model.errors import CollectorError, ExitCode
from collector.model.record import Json
from collector.run.readiness.checks.finding import Finding, failure, failure_from, ok, warning

CLOCK, LIMITS, READ, STATUS, VERSION = "clock", "limits", "read", "status", "version"
_TOLERATED_SKEW: Final = 5.0  # seconds; `Date` has whole seconds, and a proxy may cache it
_WRONG_DAY: Final = 3600.0  # seconds; a run near midnight would get the date of another day
_TO_CLOUD: Final = "check --base-url; for Polytomic's cloud it is https://app.polytomic.com"


class Answer(NamedTuple):
    """A reply, and the times at which its request was sent and its head arrived, in seconds since the epoch."""

    reply: Reply
    sent_at: float
    received_at: float

    @property
    def seconds(self) -> float:
        """Seconds from the request to the reply."""
        return max(0.0, self.received_at - self.sent_at)


def refusal(check: str, reply: Reply, now: float) -> Finding | None:
    """The finding for a reply that a run could not use either; None for any final status."""
    try:
        raise_if_not_final(reply, now)
    except AttemptFailed as error:
        return failed_attempt(check, error)
    except CollectorError as error:
        return failure_from(check, error)
    return None


def failed_attempt(check: str, error: AttemptFailed, *, is_plain: bool = False) -> Finding:
    """The finding for a request without a usable reply; `is_plain`: it was sent over plain http."""
    match error:
        case Unauthorized():
            return failure(
                check,
                "the API rejected the key (HTTP 401)",
                "check the key, and that it belongs to the API at --base-url",
                ExitCode.KEY_REFUSED,
            )
        case Throttled():
            wait = "" if error.wait is None or isinf(error.wait) else f", for {error.wait:.0f} s"
            return warning(
                check, f"the server throttles requests now ({error.reason}{wait})", "a run waits; check again later"
            )
        case BadPayload():
            return failure(check, f"the reply is unusable: {error.reason}", _TO_CLOUD)
        case Transient(status=status) if status:
            return failure(
                check, f"the server is out of order: {error.reason}", "check again later, or tell its operator"
            )
    protocol = "whether it expects https, " if is_plain else ""
    return failure(
        check,
        f"no reply: {error.reason}",
        f"check {protocol}the server, and the network path to it (limits: --connect-timeout, --read-timeout)",
    )


def check_clock(answer: Answer) -> Finding:
    """Compare this host's clock with the server's, by the `Date` of a reply."""
    sent = _date_of(answer.reply)
    if sent is None:
        return warning(
            CLOCK, "the reply has no valid Date, so the clocks cannot be compared", "make sure that this host runs NTP"
        )
    skew = _skew(sent, answer)
    facts: dict[str, Json] = {"skew_seconds": round(skew, 1)}
    if abs(skew) <= _TOLERATED_SKEW:
        return ok(CLOCK, f"agrees with the server's clock to {_TOLERATED_SKEW:g} s", **facts)
    text = f"this host's clock is {abs(skew):,.0f} s {'behind' if skew > 0 else 'ahead of'} the server's"
    advice = "set this host's clock (NTP); times in records, {date} and certificates depend on it"
    return warning(CLOCK, text, advice, **facts) if abs(skew) < _WRONG_DAY else failure(CLOCK, text, advice, **facts)


def _skew(sent: float, answer: Answer) -> float:
    """Seconds that the server's clock is ahead; 0 if it read a time between the request and the reply.

    `Date` has no fractions, so the server's clock showed up to a second more.
    """
    if answer.sent_at - 1.0 <= sent <= answer.received_at:
        return 0.0
    return sent - answer.received_at if sent > answer.received_at else sent + 1.0 - answer.sent_at


def _date_of(reply: Reply) -> float | None:
    try:
        found = parsedate_to_datetime(reply.headers.get("Date", ""))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def check_version(reply: Reply, requested: str) -> Finding:
    """Compare the API version that answered with the requested one."""
    answered = reply.headers.get("X-Polytomic-Version")
    facts = {"requested": requested, "answered": answered}
    if answered is None:
        return warning(
            VERSION,
            f"the reply does not say which API version answered; {requested} was requested",
            "make sure that --base-url is a Polytomic API, and not a page or a gateway",
            **facts,
        )
    if answered != requested:
        return warning(
            VERSION,
            f"version {answered} answered, not {requested}",
            "set --api-version to a version that the server supports; records may lack fields",
            **facts,
        )
    return ok(VERSION, f"{answered} answered, as requested", **facts)


def check_limits(reply: Reply, now: float, rate: float) -> Finding:
    """Report the rate limits that a reply states. `rate` is the setting."""
    left, stated = allowance(reply.headers, now), quota(reply.headers)
    facts = {
        "remaining": left.remaining if left else None,
        "seconds": left.seconds if left and not isinf(left.seconds) else None,
        "requests": stated.requests if stated else None,
        "window": stated.window if stated and stated.window and not isinf(stated.window) else None,
    }
    ceiling = f"--rate {rate:g}" if rate else "no ceiling (--rate 0)"
    if left is None:
        return ok(LIMITS, f"none stated; a run adapts to throttled replies, under {ceiling}", **facts)
    total = f" of {stated.requests:,}" if stated else ""
    text = f"{left.remaining:,}{total} requests left, for the next {left.seconds:,.0f} s"
    if left.remaining == 0:
        return warning(LIMITS, text, "a run waits that long; start it later, or raise the quota", **facts)
    return ok(LIMITS, f"{text}; a run keeps to it, under {ceiling}", **facts)


def check_status(reply: Reply) -> Finding:
    """Report the health check of an on-premises deployment; its load balancers accept 2xx and 401."""
    facts = {"status": reply.status}
    if 200 <= reply.status < 300 or reply.status == 401:
        return ok(STATUS, f"/status.txt returned HTTP {reply.status}: the deployment is up", **facts)
    if reply.status == 404:
        return ok(STATUS, "the host does not serve /status.txt; some deployments do not", **facts)
    return warning(
        STATUS, f"/status.txt returned HTTP {reply.status}", "look at the deployment's health check", **facts
    )


def check_read(target: str, answer: Answer) -> Finding:
    """Report a connection that was read completely."""
    size, seconds = len(answer.reply.body), answer.seconds
    return ok(
        READ, f"GET {target}: {size:,} bytes in {seconds:.2f} s", target=target, bytes=size, seconds=round(seconds, 3)
    )


def unread(target: str, status: int, *, is_list: bool, option: str = "--organization-id") -> Finding:
    """The finding for a final status other than 200 in reply to the real read. `option` names the organization."""
    facts = {"target": target, "status": status}
    if is_list:
        return failure(
            READ,
            f"GET {target} returned HTTP {status}: this key may not list connections",
            "use a key that may read connections, or name the ids instead of --all",
            ExitCode.KEY_REFUSED if status == 403 else ExitCode.USAGE,
            **facts,
        )
    return warning(
        READ,
        f"GET {target} returned HTTP {status}; the id may be of another organization, or deleted",
        f"check the ids and {option}",
        **facts,
    )


def empty_list(target: str, option: str) -> Finding:
    """The finding for a list without connections. `option` names the organization."""
    return warning(
        READ,
        f"the list of GET {target} is empty",
        f"check which organization the key reads ({option})",
        target=target,
    )
