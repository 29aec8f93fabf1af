"""`collector collect`: the main job."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from collector.cli.config_sources import TomlSettings, from_environment
from collector.cli.console import print_message, summary
from collector.cli.converter import converter_for
from collector.cli.organizations import collect_organizations, plan_and_report
from collector.cli.plan import as_json, as_text, organizations_as_text
from collector.cli.process_hardening import harden
from collector.cli.progress import ConsoleReporter, reporter_for
from collector.cli.slips import reject_misplaced
from collector.cli.stdout import write_lines
from collector.model.errors import CollectorError, Damaged, ExitCode, Interrupted, NothingCollected, UsageError
from collector.model.ledger import exit_code_of
from collector.model.secret import Environment
from collector.run.identity import Identity, new_identity
from collector.run.ids.id_input import IdInput
from collector.run.listing import require_input
from collector.run.organizations.selection import Selection
from collector.run.output import RunOutput
from collector.run.plan import Plan, make_plan
from collector.run.run import Run, header_of
from collector.run.settings import IDS, MESSAGES, Settings
from collector.run.watchdog import Watchdog
from collector.snapshot.sinks.framing import Framing

_ENVIRON = Environment(os.environ)
_TOML = TomlSettings(_ENVIRON)

app = App(
    name="collect",
    usage="collector collect [OPTIONS] [IDS...]",
    help_prologue="""\
Collect connections: ids in, JSON Lines out, every id accounted for.

Examples:
  collector collect --all -o connections.jsonl
  collector collect --ids ids.txt --with policies,users -o connections.jsonl
  collector collect ID ID > connections.jsonl
  collector collect --all --organizations all -o 'out/{organization_id}.jsonl'""",
    help_epilogue="""\
Every option but --config, --plan and --json can also be set as
COLLECTOR_<OPTION> in the environment, or in the TOML file of --config. An
option overrides the environment; the environment overrides the file. In the
environment, : separates the values of a list. The API key comes from a command,
a file, a descriptor, the keyring or POLYTOMIC_API_KEY, never from the value of
an option.

Exit codes:
  0    every id is ok, and no side table is partial
  2    usage or configuration
  3    finished, but some ids, input lines or side tables failed; with
       --fail-on drift also if a field changed
  4    the key was refused
  5    stopped before the end; rerun to resume
  6    cannot write
  7    another run holds the output
  8    the unfinished file is corrupt or belongs to another run
  70   a bug in collector
  129, 130, 141, 143   interrupted by a signal
Several organizations: the common code, or 3 if they end with different ones.""",
    config=[from_environment(_ENVIRON), _TOML],
)


@app.default
def collect(
    *ids: Annotated[str, Parameter(help="Connection ids.", allow_leading_hyphen=False, group=IDS)],
    config: Annotated[
        str | None, Parameter(metavar="FILE", group=MESSAGES, help="Read settings from a TOML file.")
    ] = None,
    plan: Annotated[
        bool, Parameter(negative="", group=MESSAGES, help="Print what the run would do, and collect nothing.")
    ] = False,
    json: Annotated[bool, Parameter(negative="", group=MESSAGES, help="Print the plan as JSON.")] = False,
    settings: Settings = Settings(),  # noqa: B008  # frozen
) -> int:
    """Collect and report the result."""
    if json and not plan:
        raise UsageError("--json is the format of --plan; records are always JSON Lines; add --plan or remove --json")
    log = settings.log
    reporter = reporter_for(quiet=log.quiet, verbose=log.verbose, debug=log.debug)
    for missing in harden():
        reporter.note(missing)
    if log.debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s: %(levelname)s: %(message)s")
    selection = Selection(settings, _TOML.organizations)
    reject_misplaced(ids, settings.ids)
    id_input = settings.read_ids(ids, settings.ids.files)
    id_input.report_problems(reporter.warn)
    if plan and selection.is_active:
        plans = anyio.run(plan_and_report, selection, id_input, _ENVIRON)
        return write_lines(as_json(plans) if json else organizations_as_text(plans)) or plans.exit_code
    if plan:
        made = anyio.run(_plan, settings, id_input, reporter)
        return write_lines(as_json(made) if json else as_text(made))
    with Watchdog(print_message) as watchdog:  # outside the loop, which waits for its threads at its end
        if selection.is_active:
            job = partial(collect_organizations, selection, id_input, _ENVIRON, signals_to_hear(), watchdog)
        else:
            job = partial(run_and_report, settings, id_input, reporter, _ENVIRON, watchdog)
        return anyio.run(
            job,
            backend_options={"debug": True} if log.debug else {},  # otherwise PYTHONASYNCIODEBUG and -X dev apply
        )


async def run_and_report(
    settings: Settings,
    id_input: IdInput,
    reporter: ConsoleReporter,
    environ: Mapping[str, str],
    watchdog: Watchdog | None = None,
    *,
    is_resumable: bool = True,
    framing: Framing | None = None,
    on_failure: Callable[[CollectorError], None] = lambda _: None,
) -> int:
    """Run once, report the result on stderr, and return the exit code. Advises to resume only if `is_resumable`.

    A `framing` turns the lines on stdout into messages. `on_failure` receives the failure that ended the run, if any.
    """
    run = _run_of(settings, id_input, reporter, environ, watchdog, framing=framing)
    try:
        failure = await run.execute()
    finally:
        reporter.close()
    if isinstance(failure, Interrupted) and failure.signum == signal.SIGPIPE:
        return ExitCode.BROKEN_PIPE  # the reader closed the pipe, because it had read enough
    if failure is not None:
        on_failure(failure)
    if not settings.log.quiet:
        where = run.place(finished=failure is None)
        for line in summary(run.ledger, run.throughput, seconds=run.duration_s, where=where, tables=run.tables):
            print_message(line)
    if failure is None:
        return exit_code_of(run.ledger)
    if isinstance(failure, NothingCollected):
        print_message(f"nothing published: {failure}")
        return failure.exit_code
    hint = run.resume_hint if is_resumable and not isinstance(failure, Damaged) else None
    print_message(f"stopped: {failure}{f'; {hint}' if hint else ''}")
    return failure.exit_code


def signals_to_hear() -> list[signal.Signals]:
    """SIGTERM, and SIGINT and SIGHUP unless ignored, as they are under nohup and after `&` in a script."""
    others = (signal.SIGINT, signal.SIGHUP)
    return [signal.SIGTERM, *(each for each in others if signal.getsignal(each) is not signal.SIG_IGN)]


async def _plan(settings: Settings, id_input: IdInput, reporter: ConsoleReporter) -> Plan:
    require_input(settings, id_input, reporter.warn)
    identity, output = _identity_and_output(settings, reporter)
    return await make_plan(
        settings, id_input, output, header_of(settings, identity), reporter=reporter, environ=_ENVIRON
    )


def _run_of(
    settings: Settings,
    id_input: IdInput,
    reporter: ConsoleReporter,
    environ: Mapping[str, str],
    watchdog: Watchdog | None,
    *,
    framing: Framing | None,
) -> Run:
    require_input(settings, id_input, reporter.warn)
    identity, output = _identity_and_output(settings, reporter, framing)
    return Run(
        *(settings, identity, id_input, output, reporter),
        environ=environ,
        signals=signals_to_hear(),
        watchdog=watchdog,
    )


def _identity_and_output(
    settings: Settings, reporter: ConsoleReporter, framing: Framing | None = None
) -> tuple[Identity, RunOutput]:
    now = time.time()
    identity = new_identity(now)
    output = RunOutput(
        settings.output,
        run_id=identity.run_id,
        now=now,
        backlog=settings.limits.concurrency,
        warn=reporter.warn,
        tables=settings.tables.include,
        framing=framing,
        converter=converter_for(settings.output.path),
    )
    return identity, output
