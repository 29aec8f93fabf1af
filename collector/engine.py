"""The parts that ask the API, built from the settings and joined; the only place that does.

Fetcher ─▸ Asker (retries) ─▸ Pacer (limiter) ─▸ Transport
   └─ Reply ─▸ judge ─▸ normalize, redact ─▸ Outcome
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import anyio

from collector.account import Account
from collector.asking import Asker, Chance
from collector.config import Settings
from collector.fetch import Fetcher
from collector.key import authorization, secrets_of
from collector.limiter import Limiter
from collector.pacing import Pacer
from collector.redact import Scrubber
from collector.retrying import RetryPolicy
from collector.transport import Timeouts, Transport
from collector.version import VERSION


class Engine(NamedTuple):
    """The parts that ask the API, ready to be used."""

    transport: Transport
    asker: Asker
    pacer: Pacer
    limiter: Limiter
    fetcher_of: Callable[[str], Fetcher]
    "A run's name → what makes the records of that run."


@asynccontextmanager
async def engine(
    settings: Settings, account: Account, *, note: Callable[[str], None], environ: Mapping[str, str]
) -> AsyncIterator[Engine]:
    """Build and join the parts. Raises `ConfigError` for a missing key or an unusable certificate file."""
    api, limits, retry = settings.api, settings.limits, settings.retry
    header = authorization(api, environ)
    scrubber = Scrubber(secrets_of(header))
    limiter = Limiter(limits.rate)
    pacer = Pacer(limiter, time.monotonic, anyio.sleep)
    transport = Transport(
        api.base_url,
        {"Authorization": header, "X-Polytomic-Version": api.version, "User-Agent": f"collector/{VERSION}"},
        connections=limits.concurrency,
        timeouts=Timeouts(retry.connect_timeout, retry.read_timeout, retry.total_timeout),
        count=account.requests,
        ca_file=api.ca_file,
        proxy=api.proxy,
    )
    async with transport.opened():
        asker = Asker(
            transport.send,
            pacer,
            limiter,
            policy=RetryPolicy(max_attempts=retry.max_attempts),
            max_pause=limits.max_pause,
            count=account.requests,
            chance=Chance(time.monotonic, anyio.sleep, random.Random()),
            scrub=scrubber.scrub,
            note=note,
        )
        send = pacer.paced(transport.send)
        fetcher_of = partial(Fetcher, send, asker, scrubber, wall=time.time)
        yield Engine(transport, asker, pacer, limiter, fetcher_of)
