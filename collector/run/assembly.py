"""Builds the client and the fetcher of a run from its settings. No other module does.

Fetcher ─▸ Client ─▸ Transport
   └─ Reply ─▸ normalize, redact ─▸ Outcome
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import anyio

from collector.client import address
from collector.client.auth.authorization import KeySource, authorization
from collector.client.auth.header import secrets_of
from collector.client.auth.key_sources import from_file, without_line_end
from collector.client.client import Client, open_client
from collector.client.retry import RetryPolicy
from collector.client.transport.aiohttp_transport import Timeouts, Transport
from collector.governor.common_ceiling import CommonCeiling
from collector.governor.governor import Governor
from collector.governor.rate_ceiling import LocalCeiling, RateCeiling
from collector.governor.shared_quota import SharedQuota, identity_of, quota_file
from collector.model.clock import Clock
from collector.model.errors import CollectorError
from collector.model.ledger import Ledger
from collector.model.secret import Secret
from collector.polytomic.cross_check import CrossCheck
from collector.polytomic.enrichment import TableReader
from collector.polytomic.fetch import Fetcher
from collector.polytomic.listed_records import ListedRecords
from collector.polytomic.live_schemas import LiveSchemas
from collector.polytomic.record_reader import RecordReader
from collector.redaction.detect.rules import Rules
from collector.redaction.fingerprint import fingerprinter
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber
from collector.run.observers.reporter import Reporter
from collector.run.settings import Redact, Settings
from collector.version import VERSION

_SEVERAL_ORGANIZATIONS: Final = "several organizations"  # the owner of a quota
SYSTEM_CLOCK: Final = Clock(time.monotonic, time.time, anyio.sleep)


class Components(NamedTuple):
    """The connected parts of a run that access the API."""

    client: Client
    reader: RecordReader
    create_fetcher: Callable[[str], Fetcher]
    "Maps a run id to the fetcher of that run. The id is known only after the output has begun."
    create_listed_records: Callable[[str], ListedRecords]
    "Maps a run id to the counterpart of the fetcher for the payloads of the list."
    create_table_reader: Callable[[str], TableReader]
    "Maps a run id to the reader of its side tables."
    cross_check: CrossCheck | None = None


class Access(NamedTuple):
    """The parts of a run's access to the API that it has in common with other runs of this process.

    `header` carries the key. Without it the run reads a key of its own, from `key_source` or else from that of its
    settings. `share` joins the run's rate ceiling to a common one. `organization_id` is the only organization whose
    records the run may collect; None for any.
    """

    header: Secret | None = None
    share: Callable[[RateCeiling], RateCeiling] = lambda own: own
    organization_id: str | None = None
    key_source: KeySource | None = None


OWN_ACCESS: Final = Access()
"""The access of a run that has nothing in common with others."""


@asynccontextmanager
async def open_components(
    settings: Settings,
    ledger: Ledger,
    reporter: Reporter,
    environ: Mapping[str, str],
    access: Access = OWN_ACCESS,
) -> AsyncIterator[Components]:
    """Build and connect the components. The reporter receives every secret before the secret is used.

    Raises `ConfigError` for a missing key, an unusable key source or an unusable certificate file. Raises `RunStopped`
    in an exception group when the server has not replied for longer than the outage limit of the settings.
    """
    key_source = access.key_source or settings.api.key_source
    header = access.header or await authorization(key_source, environ, reporter.warn)
    proxy = settings.api.proxy
    keys: list[str] = [*secrets_of(header)]
    redactor = redactor_of(settings.redact, keys)
    secrets = [*keys, *(address.proxy(proxy).secrets if proxy else ())]
    reporter.hide_secrets(secrets)
    scrubber = Scrubber(secrets)
    # A server reached over TLS never sees the proxy's password, which may be a common word in records.
    reply_scrubber = scrubber if settings.api.base_url.startswith("http:") else Scrubber(keys)
    rng = random.Random()
    _warn_about_plain_http(settings.api.base_url, reporter.warn)
    own_ceiling = _ceiling(settings, header, reporter.warn)
    with closing(access.share(own_ceiling)) as ceiling, _scrub_failures(scrubber.scrub):
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
            on_event=reporter.report_decision,
            logs_attempts=settings.log.debug,
        ) as client:
            yield _components(
                settings,
                client,
                redactor,
                scrubber=scrubber,
                reply_scrubber=reply_scrubber,
                warn=reporter.warn,
            )


def _components(
    settings: Settings,
    client: Client,
    redactor: Redactor,
    *,
    scrubber: Scrubber,
    reply_scrubber: Scrubber,
    warn: Callable[[str], None],
) -> Components:
    """The parts that use a connected client. `reply_scrubber` is for texts of the server, `scrubber` for all others."""
    schemas = LiveSchemas(client, redactor.add_schema, warn=warn) if settings.redact.live_schemas else None
    cross_check = CrossCheck(redactor.path_of) if settings.ids.cross_check else None
    timestamps = settings.output.timestamps
    reader = RecordReader(
        reply_scrubber,
        redactor,
        clock=SYSTEM_CLOCK,
        schemas=schemas,
        observe=cross_check.prepare if cross_check else None,
        timestamps=timestamps,
    )
    return Components(
        client,
        reader,
        partial(Fetcher, client, reader, reply_scrubber, clock=SYSTEM_CLOCK),
        partial(ListedRecords, reader, scrub=scrubber.scrub, clock=SYSTEM_CLOCK),
        partial(TableReader, client, reply_scrubber, redactor, clock=SYSTEM_CLOCK, timestamps=timestamps),
        cross_check,
    )


def _warn_about_plain_http(base_url: str, warn: Callable[[str], None]) -> None:
    found = address.parse(base_url)
    if found.scheme == "http" and not found.is_loopback:
        warn(
            f"the key and all records travel unencrypted to {found.host} (--allow-http): anyone on the network path "
            "can read and use the key"
        )


@contextmanager
def _scrub_failures(scrub: Callable[[str], str]) -> Iterator[None]:
    """Scrub secrets from the failure that ends the run: its text may quote the server, such as a redirect's target."""
    try:
        yield
    except BaseException as error:
        for failure in _leaf_exceptions(error):
            if isinstance(failure, CollectorError):
                failure.args = (scrub(str(failure)),)
        raise


def _leaf_exceptions(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaf_exceptions(each)
    else:
        yield error


def redactor_of(settings: Redact, secrets: list[str]) -> Redactor:
    """The redactor for these settings. A fingerprint key that is read for it is appended to `secrets`.

    Raises `ConfigError` for an unusable file of that key.
    """
    fingerprint = None
    if settings.fingerprint_key_file is not None:
        # ASCII, as in every version: another encoding of the same file would change every fingerprint.
        secret = from_file(settings.fingerprint_key_file, "[redact] fingerprint_key_file", encoding="ascii")
        key = without_line_end(secret)
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
        require_loopback=is_plain and not api.allow_http,
    )


def _governor(settings: Settings, ceiling: RateCeiling, rng: random.Random) -> Governor:
    limits = settings.limits
    return Governor(ceiling, limits.concurrency, time.monotonic(), max_pause=limits.max_pause, rng=rng)


def _ceiling(settings: Settings, header: Secret, warn: Callable[[str], None]) -> RateCeiling:
    rate, file = settings.limits.rate, shared_file(settings, header)
    return LocalCeiling(rate) if file is None else SharedQuota(file, rate, warn)


def common_ceiling(settings: Settings, warn: Callable[[str], None]) -> CommonCeiling:
    """The ceiling of all organizations of a run, and of other such runs of this user on this host."""
    rate = settings.limits.rate
    if not (settings.limits.share_quota and rate):
        return CommonCeiling(rate)
    return CommonCeiling(rate, SharedQuota(quota_file(settings.api.base_url, _SEVERAL_ORGANIZATIONS), rate, warn))


@asynccontextmanager
async def open_wire(
    settings: Settings,
    header: Secret,
    warn: Callable[[str], None],
    share: Callable[[RateCeiling], RateCeiling] = OWN_ACCESS.share,
) -> AsyncIterator[tuple[Transport, RateCeiling]]:
    """Open the transport and the rate ceiling of a run, for requests without retries.

    `warn` receives the reason if the quota cannot be shared. `share` is that of `Access`. Raises `ConfigError`.
    """
    with closing(share(_ceiling(settings, header, warn))) as ceiling:
        async with _transport(settings, header, Ledger()).opened() as transport:
            yield transport, ceiling


def shared_file(settings: Settings, header: Secret) -> Path | None:
    """Return the file of the shared quota; None if the settings turn sharing off."""
    api, limits = settings.api, settings.limits
    if not (limits.share_quota and limits.rate):
        return None
    return quota_file(api.base_url, identity_of(api.organization_id, header))
