"""A request, its reply, and the one verb of every layer that answers requests. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import NamedTuple, TypeAlias


class Request(NamedTuple):
    """One GET: `target` is the path below the base URL, as it goes on the wire.

    `within` is the seconds it may take; `is_retry` tells that the same was asked before. `throttled_at` is how many
    requests the server had taken when it last refused this one, None if it never did. `is_sole`: no other
    request is sent until it is answered, so its failures are an outage.
    """

    target: str
    within: float = inf
    is_retry: bool = False
    throttled_at: int | None = None
    is_sole: bool = False


class Reply(NamedTuple):
    """One HTTP answer: header names compare case-insensitively, the body is decoded.

    `unread` says why the body is not whole, which only a status other than 200 can have; empty for a whole one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    unread: str = ""

    @property
    def summary(self) -> str:
        """`HTTP 404`, and what is wrong with its body."""
        return f"HTTP {self.status}{f' (body unreadable: {self.unread})' if self.unread else ''}"


Send: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""The one verb of every layer that answers a request. Raises `AttemptFailed` or a `CollectorError`."""
