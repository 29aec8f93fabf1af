"""What asks the API, built from the settings; the only place that does.

Fetcher ─▸ Client ─▸ Transport
   └─ Reply ─▸ normalize, redact ─▸ Outcome
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from typing import Final, NamedTuple

import anyio

from collector.client import address
from collector.client.auth.authorization import KeySource, authorization
from collector.client.auth.header import secrets_of
from collector.client.auth.key_sources import from_file, without_line_end
from collector.client.client import Client, open_client
from collector.client.retry import RetryPolicy
from collector.client.transport.aiohttp_transport import Timeouts, Transport
from collector.governor.governor import Governor
from collector.governor.rate_ceiling import LocalCeiling, RateCeiling
from collector.governor.shared_quota import SharedQuota, identity_of, quota_file
from collector.model.clock import Clock
from collector.model.errors import CollectorError
from collector.model.ledger import Ledger
from collector.model.secret import Secret
from collector.polytomic.fetch import Fetcher
from collector.polytomic.live_schemas import LiveSchemas
from collector.redaction.detect.rules import Rules
from collector.redaction.fingerprint import fingerprinter
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber
from collector.run.observers.reporter import Reporter
from collector.run.settings import Api, Redact, Settings
from collector.version import VERSION

SYSTEM_CLOCK: Final = Clock(time.monotonic, time.time, anyio.sleep)


class Assembly(NamedTuple):
    """What asks the API, ready to be used."""

    client: Client
    fetcher_of: Callable[[str], Fetcher]
    "A run's name, which is known once its output has begun → what makes the records of that run."


@asynccontextmanager
async def assembled(
    settings: Settings, ledger: Ledger, reporter: Reporter, environ: Mapping[str, str]
) -> AsyncIterator[Assembly]:
    """Build and join the parts. The reporter is told what must never be shown before anything is done with it.

    Raises `ConfigError` for a missing key, an unusable source of it or an unusable certificate file, and, in an
    exception group, `RunStopped` when the server does not answer for longer than the settings' outage limit.
    """
    header = await authorization(_key_source(settings.api), environ, reporter.warn)
    proxy = settings.api.proxy
    keys: list[str] = [*secrets_of(header)]
    redactor = _redactor(settings.redact, keys)
    secrets = [*keys, *(address.proxy(proxy).secrets if proxy else ())]
    reporter.hide_secrets(secrets)
    scrubber = Scrubber(secrets)
    # Who answers over TLS does not know the proxy's password, which may be a word that records are full of.
    of_replies = scrubber if settings.api.base_url.startswith("http:") else Scrubber(keys)
    rng = random.Random()
    _warn_of_plain_http(settings.api.base_url, reporter.warn)
    with closing(_ceiling(settings, header, reporter.warn)) as ceiling, _scrubbed(scrubber.scrub):
        async with open_client(
            _transport(settings, header, ledger),
            _governor(settings, ceiling, rng),
            policy=RetryPolicy(max_attempts=settings.retry.max_attempts, within=settings.retry.id_timeout),
            outage_limit=settings.limits.outage_limit,
            count=ledger.requests,
            clock=SYSTEM_CLOCK,
            rng=rng,
            scrub=scrubber.scrub,
            note=reporter.note,
            tell=reporter.decided,
            logs_attempts=settings.log.debug,
        ) as client:
            schemas = (
                LiveSchemas(client, redactor.add_schema, warn=reporter.warn) if settings.redact.live_schemas else None
            )
            yield Assembly(client, partial(Fetcher, client, of_replies, redactor, clock=SYSTEM_CLOCK, schemas=schemas))


def _key_source(api: Api) -> KeySource:
    return KeySource(api.key_command, api.key_file, api.key_fd, api.key_keyring, api.organization_id)


def _warn_of_plain_http(base_url: str, warn: Callable[[str], None]) -> None:
    found = address.parse(base_url)
    if found.scheme == "http" and not found.is_loopback:
        warn(f"the key and all records travel unencrypted to {found.host} (--allow-http): who listens can use the key")


@contextmanager
def _scrubbed(scrub: Callable[[str], str]) -> Iterator[None]:
    """What ends the run is told without the key: a server may have chosen some of the words, such as a redirect's."""
    try:
        yield
    except BaseException as error:
        for failure in _leaves(error):
            if isinstance(failure, CollectorError):
                failure.args = (scrub(str(failure)),)
        raise


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _redactor(settings: Redact, secrets: list[str]) -> Redactor:
    """What masks by these settings; a key that is read for it joins the `secrets`."""
    fingerprint = None
    if settings.fingerprint_key_file is not None:
        # ASCII, as ever: under another reading of the same file every fingerprint would change.
        held = from_file(settings.fingerprint_key_file, "[redact] fingerprint_key_file", encoding="ascii")
        key = without_line_end(held)
        fingerprint = fingerprinter(key)
        secrets.append(key.reveal())
    return Redactor(Rules(settings.also, settings.keep), fingerprint)


def _transport(settings: Settings, header: Secret, ledger: Ledger) -> Transport:
    api, retry = settings.api, settings.retry
    is_plain = api.base_url.startswith("http:")
    return Transport(
        api.base_url,
        {"Authorization": header.reveal(), "X-Polytomic-Version": api.version, "User-Agent": f"collector/{VERSION}"},
        connections=settings.limits.concurrency,
        timeouts=Timeouts(retry.connect_timeout, retry.read_timeout, min(retry.total_timeout, retry.id_timeout)),
        count=ledger.requests,
        clock=SYSTEM_CLOCK,
        ca_file=api.ca_file,
        proxy=api.proxy,
        only_here=is_plain and not api.allow_http,
    )


def _governor(settings: Settings, ceiling: RateCeiling, rng: random.Random) -> Governor:
    limits = settings.limits
    return Governor(ceiling, limits.concurrency, time.monotonic(), max_pause=limits.max_pause, rng=rng)


def _ceiling(settings: Settings, header: Secret, warn: Callable[[str], None]) -> RateCeiling:
    api, limits = settings.api, settings.limits
    if not (limits.share_quota and limits.rate):
        return LocalCeiling(limits.rate)
    return SharedQuota(quota_file(api.base_url, identity_of(api.organization_id, header)), limits.rate, warn)
