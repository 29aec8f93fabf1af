"""Builds a governor, a pacer, a retrier and a client, connected as in `assembly`, for tests of one of them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NoReturn

from collector.client.client import Client, Stream
from collector.client.messages import Send
from collector.client.pacer import Pacer
from collector.client.retrier import Retrier
from collector.client.retry import RetryPolicy
from collector.governor.events import Event
from collector.governor.governor import Governor
from collector.governor.rate_ceiling import LocalCeiling
from collector.model.ledger import RequestCount
from tests.support.clock import AnyClock, as_clock


def _ignore(_text: str) -> None:
    """Discard a note."""


def make_governor(
    now: float = 0.0,
    *,
    rate: float = 0.0,
    concurrency: int = 100,
    max_pause: float = 900.0,
    seed: int = 0,
) -> Governor:
    """Return a new governor with the user's limits."""
    return Governor(LocalCeiling(rate), concurrency, now, max_pause=max_pause, rng=Random(seed))


def make_pacer(
    send: Send,
    governor: Governor,
    clock: AnyClock,
    count: RequestCount | None = None,
    scrub: Callable[[str], str] = str,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Pacer:
    """Return a pacer in front of `send`."""
    return Pacer(
        send,
        governor,
        clock=as_clock(clock),
        count=RequestCount() if count is None else count,
        scrub=scrub,
        on_event=on_event,
    )


def make_retrier(
    pacer: Pacer,
    governor: Governor,
    clock: AnyClock,
    *,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008  # it is frozen
    seed: int = 0,
    note: Callable[[str], None] = _ignore,
) -> Retrier:
    """Return a retrier in front of a pacer and its governor."""
    return Retrier(
        pacer,
        governor,
        policy=policy,
        clock=as_clock(clock),
        rng=Random(seed),
        note=note,
    )


def make_client(
    send: Send,
    governor: Governor,
    clock: AnyClock,
    count: RequestCount | None = None,
    *,
    stream: Stream | None = None,
    scrub: Callable[[str], str] = str,
) -> Client:
    """Return a client in front of `send`, and of `stream` for streamed bodies."""
    pacer = make_pacer(send, governor, clock, count, scrub)
    return client_from_pacer(pacer, governor, clock, stream=stream, scrub=scrub)


def client_from_pacer(
    pacer: Pacer,
    governor: Governor,
    clock: AnyClock,
    *,
    stream: Stream | None = None,
    scrub: Callable[[str], str] = str,
) -> Client:
    """Return a client in front of a pacer."""
    retrier = make_retrier(pacer, governor, clock)
    return Client(retrier, pacer, governor, stream or _no_stream, clock=as_clock(clock), scrub=scrub)


def _no_stream(*_: object, **__: object) -> NoReturn:
    raise AssertionError("unexpected stream")
