"""`collector check`: is this host ready for a run with these options?"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from collector.cli.check_report import CheckReport
from collector.cli.collect import signals_to_hear
from collector.cli.config_sources import TomlSettings, from_environment
from collector.cli.console import print_message
from collector.cli.converter import converter_for
from collector.cli.process_hardening import harden
from collector.cli.setting_origins import OriginRecorder
from collector.cli.slips import reject_misplaced
from collector.cli.stderr import add_secrets
from collector.model.errors import UsageError
from collector.model.secret import Environment
from collector.run.readiness.checks.configuration import check_configuration
from collector.run.readiness.checks.finding import failure_from
from collector.run.readiness.host_check import check_host
from collector.run.readiness.report import Console
from collector.run.settings import IDS, MESSAGES, Settings
from collector.run.watchdog import Watchdog

_ENVIRON = Environment(os.environ)
_TOML = TomlSettings(_ENVIRON)
_RECORDER = OriginRecorder()

app = App(
    name="check",
    usage="collector check [OPTIONS] [IDS...]",
    help_prologue="""\
Check whether this host is ready for a run, with the options of that run.

Examples:
  collector check --all -o connections.jsonl
  collector check --key-file /etc/collector/key --json""",
    help_epilogue="""\
Each line says OK, WARN (a run works, with a drawback or later), FAIL (a run
fails) or SKIP (not checked), and what to do next. Standard output gets the
lines, or with --json one document. -v lists all settings, also those with their
defaults.

The check sends at most five requests, under --rate. For several organizations
it sends at most three requests, and four for each of the first ten. It does not
read ids from standard input. It removes the files that it writes, and replaces
none except the file of the shared quota. Every step has a time limit.

The options of collect have the same meaning. Options without a use in a check
are accepted, so that it takes those of a cron job.

Exit codes, that of the first FAIL:
  0    ready: every check is OK, WARN or SKIP
  2    usage, configuration, or a server or network that is down
  4    the key was refused
  6    the output cannot be written
  129, 130, 141, 143   interrupted by a signal""",
    config=[from_environment(_ENVIRON), _TOML, _RECORDER],
)


@app.default
def check(
    *ids: Annotated[str, Parameter(help="Connection ids.", allow_leading_hyphen=False, group=IDS)],
    config: Annotated[
        str | None, Parameter(metavar="FILE", group=MESSAGES, help="Read settings from a TOML file.")
    ] = None,
    is_json: Annotated[
        bool, Parameter(name="--json", negative="", group=MESSAGES, help="Print one JSON document.")
    ] = False,
    settings: Settings = Settings(),  # noqa: B008  # frozen
) -> int:
    """Check and report."""
    harden()
    log = settings.log
    if log.debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s: %(levelname)s: %(message)s")
    reject_misplaced(ids, settings.ids)
    report = CheckReport(is_json=is_json, quiet=log.quiet, verbose=log.verbose)
    report.add(check_configuration(settings, _RECORDER.origins, _TOML.organizations))
    try:
        converter_for(settings.output.path)
    except UsageError as missing:  # a library
        report.add(failure_from("output format", missing))
    console = Console(report.add, print_message, add_secrets)
    with Watchdog(print_message) as watchdog:
        interruption = anyio.run(
            partial(
                check_host,
                settings,
                ids,
                console,
                organizations=_TOML.organizations,
                environ=_ENVIRON,
                signals=signals_to_hear(),
                watchdog=watchdog,
            )
        )
    if interruption is not None:
        print_message(f"stopped: {interruption}")
        return interruption.exit_code
    return report.end()
