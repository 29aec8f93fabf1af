"""The library's way in: outcomes as an async iterator, without files."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterable, Mapping

import anyio

from collector.model.errors import CollectorError, InputError, first_of
from collector.model.ids import IdSet, canonical_id
from collector.model.ledger import Ledger
from collector.model.outcome import Outcome
from collector.model.secret import Environment
from collector.run import pipeline
from collector.run.assembly import SYSTEM_CLOCK, assembled
from collector.run.identity import new_identity
from collector.run.observers.reporter import NullReporter
from collector.run.second_pass import SecondPass
from collector.run.settings import Settings


async def collect(
    ids: Iterable[str], settings: Settings | None = None, *, environ: Mapping[str, str] | None = None
) -> AsyncGenerator[Outcome, None]:
    """Fetch each connection and yield its outcome, in the order they come; every id, each once.

    A connection that cannot be had is an outcome too; what ends the whole is raised: `InputError` for what
    is not an id (before anything is sent), `ConfigError` without a key, `KeyRefused`, `RunStopped`. Of the settings,
    those of `api`, `limits`, `retry` and `redact` count, except `max_duration`; the key comes from `environ` (the
    process's own) or the settings. At most `concurrency` outcomes wait for the consumer. Who stops early closes the
    generator (`contextlib.aclosing`), which cancels what is in flight.
    """
    settings = settings or Settings()
    environ = Environment(os.environ if environ is None else environ)
    wanted = _id_set(ids)
    send, receive = anyio.create_memory_object_stream[Outcome]()

    async def produce() -> None:
        async with (
            send,
            assembled(settings, Ledger(), NullReporter(), environ) as parts,
        ):
            await pipeline.collect(
                wanted,
                parts.fetcher_of(new_identity(time.time()).run_id),
                send.send,
                workers=min(settings.limits.concurrency, len(wanted)),
                second_pass=SecondPass(),
                clock=SYSTEM_CLOCK,
                cool_down=anyio.sleep,
            )

    # A task of its own and no task group: a generator must not suspend inside of a cancel scope (PEP 789).
    producer = asyncio.create_task(produce())
    producer.add_done_callback(_retrieved)
    try:
        async with receive:
            async for outcome in receive:
                yield outcome
        await _finished(producer)
    finally:
        producer.cancel()
        with anyio.CancelScope(shield=True):  # a scope around us cancels again and again until we are gone
            await asyncio.wait([producer])


def _retrieved(producer: asyncio.Task[None]) -> None:
    """What it raised is raised above, or nobody waits for it any more; asyncio would log it."""
    if not producer.cancelled():
        producer.exception()


async def _finished(producer: asyncio.Task[None]) -> None:
    failure: CollectorError | None = None
    try:
        await producer
    except* CollectorError as group:
        failure = first_of(group)
    if failure is not None:
        raise failure


def _id_set(ids: Iterable[str]) -> IdSet:
    wanted = IdSet()
    for number, text in enumerate(ids, start=1):
        if not isinstance(text, str):
            raise InputError(f"item {number} of the ids is not a string but of the type {type(text).__name__}")
        canonical = canonical_id(text)
        if canonical is None:
            raise InputError(f"item {number} of the ids is not a connection id ({len(text)} characters)")
        wanted.add(canonical)
    return wanted
