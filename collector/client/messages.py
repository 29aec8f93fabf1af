"""A request, its reply, and the interface of every layer that sends requests. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import NamedTuple, TypeAlias


class Request(NamedTuple):
    """One GET: `target` is the path below the base URL, exactly as sent.

    `within` is its time limit in seconds; `is_retry` marks a repeated request. `throttled_at` is the number of requests
    that the server had accepted when it last throttled this one; None if it never did. `is_sole`: no other request is
    sent until this one is answered, so its failures are an outage. `endpoint` is the template of the path, for counts;
    empty if it is `target` itself. `is_optional`: the key may be refused for this request alone.
    """

    target: str
    within: float = inf
    is_retry: bool = False
    throttled_at: int | None = None
    is_sole: bool = False
    endpoint: str = ""
    is_optional: bool = False


class Reply(NamedTuple):
    """One HTTP reply: header names compare case-insensitively, the body is decoded.

    `unread` is the reason why the body is incomplete, which is possible only for a status other than 200.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    unread: str = ""

    @property
    def summary(self) -> str:
        """The status, such as `HTTP 404`, and the reason for an unreadable body."""
        return f"HTTP {self.status}{f' (body unreadable: {self.unread})' if self.unread else ''}"


Send: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""The interface of every layer that sends a request. Raises `AttemptFailed` or a `CollectorError`."""
