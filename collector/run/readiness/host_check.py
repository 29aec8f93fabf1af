"""The checks of `collector check`, in the order in which a run would meet the failures.

key ─▸ ids ─▸ network ─▸ quota ─▸ requests ─▸ output

`probes` gather facts and `checks` judge them. This module and its siblings decide what can still be checked after a
failure. They send at most five requests, leave no file, and replace none except the file of the shared quota.
`organizations_check` makes the checks of a run of several organizations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from signal import Signals
from typing import Final

from collector.model.errors import CollectorError
from collector.model.secret import Environment, Secret
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.readiness import server_check
from collector.run.readiness.api_check import ApiCheck
from collector.run.readiness.checks import replies
from collector.run.readiness.input_check import check_fingerprint_key, check_ids
from collector.run.readiness.key_check import check_key
from collector.run.readiness.network_check import check_network
from collector.run.readiness.organizations_check import OrganizationsCheck
from collector.run.readiness.output_check import check_output
from collector.run.readiness.report import Console, Report
from collector.run.readiness.server_check import ServerCheck
from collector.run.settings import Settings
from collector.run.shutdown import Shutdown
from collector.run.watchdog import Watchdog

_API_CHECKS: Final = (*server_check.CHECKS, replies.READ)


async def check_host(
    settings: Settings,
    ids: Sequence[str],
    console: Console,
    *,
    organizations: Sequence[OrganizationSettings] = (),
    environ: Mapping[str, str],
    signals: Iterable[Signals] = (),
    watchdog: Watchdog | None = None,
) -> CollectorError | None:
    """Make all checks, each within a time limit. Returns the interruption by a signal, if any.

    `organizations` are those of the configuration file.
    """
    shutdown = Shutdown(lambda _: None, signals, watchdog)
    report = Report(console)
    with shutdown.handle_signals(), shutdown.run_scope:
        if organizations or settings.api.organizations:
            await OrganizationsCheck(settings, organizations, ids, report, Environment(environ)).run()
        else:
            await _check_run(settings, ids, report, Environment(environ))
    return shutdown.reason


async def _check_run(settings: Settings, ids: Sequence[str], report: Report, environ: Environment) -> None:
    header = await check_key(settings, report, environ)
    check_fingerprint_key(settings, report)
    id_input = await check_ids(settings, ids, report)
    is_reachable = await check_network(settings, report.add)
    if header is None:
        report.skip(_API_CHECKS, "the key is missing")
    elif not is_reachable:
        report.skip(_API_CHECKS, "the host cannot be reached")
    else:
        await _check_api(settings, header, next(iter(id_input.ids), None) if id_input else None, report)
    await check_output(settings, report.add)


async def _check_api(settings: Settings, header: Secret, id_: str | None, report: Report) -> None:
    server = ServerCheck(settings, report)
    async with server.open(settings, header) as api:
        if api is None:
            report.skip([replies.READ], server.obstacle)
        else:
            await ApiCheck(settings, server, report, id_).run(api)
