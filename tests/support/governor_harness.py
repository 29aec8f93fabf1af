"""A governor, a pacer and a retrier, joined as `assembly` does, for tests that care for one thing about them."""

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


def _unheard(_text: str) -> None:
    """A note that nobody reads."""


def governor(
    now: float = 0.0,
    *,
    rate: float = 0.0,
    concurrency: int = 100,
    max_pause: float = 900.0,
    seed: int = 0,
) -> Governor:
    """A governor that knows nothing of the server yet, with the user's limits."""
    return Governor(LocalCeiling(rate), concurrency, now, max_pause=max_pause, rng=Random(seed))


def pacer(
    send: Send,
    governed: Governor,
    clock: AnyClock,
    count: RequestCount | None = None,
    scrub: Callable[[str], str] = str,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Pacer:
    """A pacer in front of `send`, whose replies it judges."""
    return Pacer(
        send,
        governed,
        clock=as_clock(clock),
        count=RequestCount() if count is None else count,
        scrub=scrub,
        on_event=on_event,
    )


def retrier(
    paced: Pacer,
    governed: Governor,
    clock: AnyClock,
    *,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008  # it is frozen
    seed: int = 0,
    note: Callable[[str], None] = _unheard,
) -> Retrier:
    """A retrier in front of a pacer and its governor."""
    return Retrier(
        paced,
        governed,
        policy=policy,
        clock=as_clock(clock),
        rng=Random(seed),
        note=note,
    )


def client(
    send: Send,
    governed: Governor,
    clock: AnyClock,
    count: RequestCount | None = None,
    *,
    stream: Stream | None = None,
    scrub: Callable[[str], str] = str,
) -> Client:
    """A client in front of `send`, and of `stream` for what is read as it comes."""
    paced = pacer(send, governed, clock, count, scrub)
    return client_of(paced, governed, clock, stream=stream, scrub=scrub)


def client_of(
    paced: Pacer,
    governed: Governor,
    clock: AnyClock,
    *,
    stream: Stream | None = None,
    scrub: Callable[[str], str] = str,
) -> Client:
    """A client in front of a pacer."""
    retrying = retrier(paced, governed, clock)
    return Client(retrying, paced, governed, stream or _no_stream, clock=as_clock(clock), scrub=scrub)


def _no_stream(*_: object, **__: object) -> NoReturn:
    raise AssertionError("nothing is to be streamed here")
