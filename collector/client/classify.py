"""Decides what a reply means for its id: an outcome, another attempt, or the end of the run. Pure."""

from __future__ import annotations

from collector.client import address
from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    Throttled,
    TooLarge,
    Transient,
    Unauthorized,
    UnexpectedFailure,
)
from collector.client.messages import Reply
from collector.governor.rate_limit_headers import allowance, requested_wait
from collector.model.errors import ConfigError, RunStopped
from collector.model.outcome import OutcomeKind

_FINAL = {404: OutcomeKind.NOT_FOUND, 410: OutcomeKind.NOT_FOUND, 403: OutcomeKind.FORBIDDEN}
_TRANSIENT = {408, 409, 425}
_REJECTED_5XX = {501, 505}
_ABUSE = b"abnormal-usage-detected"  # a problem type of draft-ietf-httpapi-ratelimit-headers-10
_CONFIGURATION_ONLY = {407: "the proxy requires credentials", 511: "the network requires a login"}


def final_outcome(status: int) -> OutcomeKind:
    """Return the outcome of a final status; OK means that the body can be read."""
    return OutcomeKind.OK if status == 200 else _FINAL.get(status, OutcomeKind.REJECTED)


def raise_if_not_final(reply: Reply, now: float) -> None:
    """Raise unless the status is final for the id; `now` is in seconds since the epoch.

    Raises `Transient`, `Throttled`, `Unauthorized` or `BadPayload` if another attempt may help, `ConfigError` if only a
    change of the configuration can, and `RunStopped` if the server reports abnormal usage.
    """
    status = reply.status
    if status == 200:
        return
    if status == 401:
        raise Unauthorized(reply.summary, status)
    if status == 429 and _ABUSE in reply.body:
        raise RunStopped("the server reports abnormal usage (HTTP 429); contact its operator before the next run")
    if is_throttle(reply, now):
        raise Throttled(f"HTTP {status}", status, requested_wait(reply.headers, now))
    if status in _CONFIGURATION_ONLY:
        raise ConfigError(f"{_CONFIGURATION_ONLY[status]} (HTTP {status}); check [api] proxy and base_url")
    if 300 <= status < 400:
        # The message shows only the origin of Location; the rest could contain a token.
        origin = address.origin_of(reply.headers.get("Location", ""))
        raise ConfigError(
            f"the server redirects{f' to {origin}' if origin else ''} (HTTP {status}); the key is not sent to another "
            "address; set --base-url to the final one"
        )
    if status in _TRANSIENT or (status >= 500 and status not in _REJECTED_5XX):
        raise Transient(reply.summary, status)
    if status < 300:
        raise BadPayload(f"HTTP {status} does not contain a connection", status)


def is_throttle(reply: Reply, now: float) -> bool:
    """Is the reply throttled? A 403 or 503 is throttled only if it states a wait or an exhausted quota."""
    if reply.status == 429:
        return True
    if reply.status not in (403, 503):
        return False
    limit = allowance(reply.headers, now)
    return "Retry-After" in reply.headers or (limit is not None and limit.remaining == 0)


def outcome_of(failure: AttemptFailed | None) -> OutcomeKind:
    """Return the outcome of an id whose attempts are spent."""
    if isinstance(failure, TooLarge):
        return OutcomeKind.TOO_LARGE
    if isinstance(failure, BadPayload):
        return OutcomeKind.BAD_PAYLOAD
    return OutcomeKind.INTERNAL_ERROR if isinstance(failure, UnexpectedFailure) else OutcomeKind.EXHAUSTED
