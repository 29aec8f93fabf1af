"""The checks of `collector check`, in the order in which a run would meet the failures.

key ─▸ ids ─▸ network ─▸ quota ─▸ requests ─▸ output

`probes` gather facts and `checks` judge them. This module and its siblings `network_check`, `api_check` and
`output_check` decide what can still be checked after a failure. They send at most five requests, leave no file,
and replace none except the file of the shared quota.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from signal import Signals
from typing import Final, NamedTuple

from collector.client import address
from collector.client.auth.header import scheme_of, secrets_of
from collector.client.failures import AttemptFailed
from collector.governor.shared_quota import has_unknown_state
from collector.model.errors import CollectorError, ConfigError, InputError, UsageError
from collector.model.secret import Environment, Secret
from collector.redaction.scrubber import Scrubber
from collector.run.assembly import SYSTEM_CLOCK, open_wire, read_header, redactor_of, shared_file
from collector.run.ids.id_input import IdInput
from collector.run.listing import require_input
from collector.run.readiness.api_check import CHECKS as API_CHECKS
from collector.run.readiness.api_check import ApiCheck
from collector.run.readiness.checks import ids as id_check
from collector.run.readiness.checks import key, quota
from collector.run.readiness.checks.finding import Finding, Level, failure_from, ok, skipped
from collector.run.readiness.checks.replies import failed_attempt
from collector.run.readiness.network_check import check_network
from collector.run.readiness.output_check import check_output
from collector.run.readiness.probes.api import ApiProbe
from collector.run.readiness.probes.daemon_thread import in_daemon_thread
from collector.run.settings import Settings
from collector.run.shutdown import Shutdown
from collector.run.watchdog import Watchdog

_FINGERPRINTS: Final = "fingerprints"
_IDS_WITHIN: Final = 60.0  # seconds to read the files of ids


class Console(NamedTuple):
    """The caller's side of a check: receives findings, the request to type the key, and secrets before their use."""

    report: Callable[[Finding], None]
    prompt: Callable[[str], None]
    hide_secrets: Callable[[Iterable[str]], None]


async def check_host(
    settings: Settings,
    ids: Sequence[str],
    console: Console,
    *,
    environ: Mapping[str, str],
    signals: Iterable[Signals] = (),
    watchdog: Watchdog | None = None,
) -> CollectorError | None:
    """Make all checks, each within a time limit. Returns the interruption by a signal, if any."""
    shutdown = Shutdown(lambda _: None, signals, watchdog)
    with shutdown.handle_signals(), shutdown.run_scope:
        await _HostCheck(settings, ids, console, Environment(environ)).run()
    return shutdown.reason


class _HostCheck:
    def __init__(self, settings: Settings, ids: Sequence[str], console: Console, environ: Environment) -> None:
        self._settings = settings
        self._ids = ids
        self._console = console
        self._environ = environ
        self._scrubber = Scrubber()

    async def run(self) -> None:
        header = await self._check_key()
        self._check_fingerprint_key()
        id_ = await self._check_ids()
        is_reachable = await check_network(self._settings, self._report)
        if header is None:
            self._skip((quota.QUOTA, *API_CHECKS), "the key is missing")
        elif not is_reachable:
            self._skip((quota.QUOTA, *API_CHECKS), "the host cannot be reached")
        else:
            await self._check_api(header, id_)
        await check_output(self._settings, self._report)

    def _report(self, finding: Finding) -> bool:
        """Report a finding without secrets; is it no failure?"""
        self._console.report(finding.scrubbed(self._scrubber.scrub))
        return finding.level is not Level.FAIL

    def _skip(self, checks: Iterable[str], reason: str) -> None:
        for each in checks:
            self._report(skipped(each, reason))

    async def _check_key(self) -> Secret | None:
        """Read the key, and scrub it from all findings."""
        api, notes = self._settings.api, list[str]()
        note = self._console.prompt if api.key_file == "-" else notes.append
        try:
            header = await read_header(self._settings, self._environ, note)
        except ConfigError as error:
            self._report(key.no_key(error))
            return None
        secrets = [*secrets_of(header), *(address.proxy(api.proxy).secrets if api.proxy else ())]
        self._console.hide_secrets(secrets)
        self._scrubber = Scrubber(secrets)
        source = key.source_of(api, {name for name, value in self._environ.items() if value})
        self._report(key.check_key(source, scheme_of(header), notes))
        return header

    def _check_fingerprint_key(self) -> None:
        """Read the key of fingerprints, if there is one: a run reads it before its first request."""
        if self._settings.redact.fingerprint_key_file is None:
            return
        try:
            redactor_of(self._settings.redact, [])
        except ConfigError as error:
            self._report(failure_from(_FINGERPRINTS, error))
        else:
            self._report(ok(_FINGERPRINTS, "their key can be read"))

    async def _check_ids(self) -> str | None:
        """Read the ids of the arguments and files, and return the first. Standard input is left to the run."""
        files = [each for each in self._settings.ids.files if each != "-"]
        if not (self._ids or files):
            if self._settings.ids.files:
                self._skip([id_check.IDS], "standard input is left to the run")
            return None
        try:
            found = await in_daemon_thread(partial(self._settings.read_ids, self._ids, files), _IDS_WITHIN)
        except (InputError, TimeoutError) as error:
            self._report(id_check.unread(error, _IDS_WITHIN))
            return None
        self._report(self._judge_ids(found))
        return next(iter(found.ids), None)

    def _judge_ids(self, found: IdInput) -> Finding:
        notes: list[str] = []
        try:
            require_input(self._settings, found, notes.append)
        except UsageError as error:
            return failure_from(id_check.IDS, error)
        return id_check.check_ids(found.count, found.line_errors, notes)

    async def _check_api(self, header: Secret, id_: str | None) -> None:
        """Check the quota and the API. Errors of the transport's settings are findings of the API."""
        file = shared_file(self._settings, header)
        was_unknown = file is not None and has_unknown_state(file, SYSTEM_CLOCK.monotonic())
        problems: list[str] = []
        async with open_wire(self._settings, header, problems.append) as (transport, ceiling):
            probe = ApiProbe(transport, ceiling, SYSTEM_CLOCK, self._settings.retry.total_timeout)
            if await self._check_quota(probe, file, problems, was_unknown=was_unknown):
                await ApiCheck(self._settings, probe, self._report, id_, SYSTEM_CLOCK).run()
            else:
                self._skip(API_CHECKS, "no permit was available")

    async def _check_quota(
        self, probe: ApiProbe, file: Path | None, problems: Sequence[str], *, was_unknown: bool
    ) -> bool:
        try:
            await probe.take_permit()
        except AttemptFailed as error:
            return self._report(failed_attempt(quota.QUOTA, error))
        if file is None:
            return self._report(quota.unshared(self._settings.limits.rate))
        return self._report(quota.check_quota(file, problems[0] if problems else "", was_unknown=was_unknown))
