"""The entry point of the library: outcomes as an async iterator, without files."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import replace

import anyio

from collector.model.errors import CollectorError, InputError, first_of
from collector.model.ids import IdSet, canonical_id
from collector.model.ledger import Ledger
from collector.model.outcome import Outcome
from collector.model.secret import Environment
from collector.run import pipeline
from collector.run.assembly import SYSTEM_CLOCK, open_components
from collector.run.identity import new_identity
from collector.run.observers.reporter import NullReporter
from collector.run.second_pass import SecondPass
from collector.run.settings import Output, Settings


async def collect(
    ids: Iterable[str], settings: Settings | None = None, *, environ: Mapping[str, str] | None = None
) -> AsyncGenerator[Outcome, None]:
    """Fetch each connection and yield exactly one outcome per unique id, in the order of arrival.

    A connection that cannot be fetched is an outcome too. A failure that ends the collection is raised: `InputError`
    for an invalid id (before any request), `ConfigError` for a missing key, `KeyRefused`, `RunStopped`.

    The sections `api`, `limits`, `retry` and `redact` of the settings apply, except `max_duration` and `organizations`.
    The key comes from `environ` (default: the environment of the process) or from the settings. At most `concurrency`
    outcomes wait for the consumer. A consumer that stops early closes the generator (`contextlib.aclosing`), which
    cancels the requests in flight.
    """
    settings = replace(settings or Settings(), output=Output())
    environ = Environment(os.environ if environ is None else environ)
    requested = _id_set(ids)
    send, receive = anyio.create_memory_object_stream[Outcome]()

    async def produce() -> None:
        async with (
            send,
            open_components(settings, Ledger(), NullReporter(), environ) as components,
        ):
            await pipeline.collect(
                requested,
                components.create_fetcher(new_identity(time.time()).run_id),
                send.send,
                workers=min(settings.limits.concurrency, len(requested)),
                second_pass=SecondPass(),
                clock=SYSTEM_CLOCK,
                cool_down=anyio.sleep,
            )

    # A separate task instead of a task group: a generator must not yield inside a cancel scope (PEP 789).
    producer = asyncio.create_task(produce())
    producer.add_done_callback(_retrieve_exception)
    try:
        async with receive:
            async for outcome in receive:
                yield outcome
        await _raise_failure(producer)
    finally:
        producer.cancel()
        with anyio.CancelScope(shield=True):  # a cancelled outer scope would interrupt this wait
            await asyncio.wait([producer])


def _retrieve_exception(producer: asyncio.Task[None]) -> None:
    """Mark the exception as retrieved, or asyncio logs it. `collect` raises it, unless the consumer stopped early."""
    if not producer.cancelled():
        producer.exception()


async def _raise_failure(producer: asyncio.Task[None]) -> None:
    failure: CollectorError | None = None
    try:
        await producer
    except* CollectorError as group:
        failure = first_of(group)
    if failure is not None:
        raise failure


def _id_set(ids: Iterable[str]) -> IdSet:
    requested = IdSet()
    for number, text in enumerate(ids, start=1):
        if not isinstance(text, str):
            raise InputError(f"item {number} of ids has type {type(text).__name__}; ids must be strings")
        canonical = canonical_id(text)
        if canonical is None:
            raise InputError(f"item {number} of ids is not a connection id ({len(text)} characters); ids must be UUIDs")
        requested.add(canonical)
    return requested
