"""`collector collect` for several organizations: runs them side by side and reports the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from signal import Signals

from collector.cli.console import print_message
from collector.cli.converter import converter_for
from collector.cli.organization_progress import ConsoleOrganizationsReporter, organizations_reporter_for
from collector.model.errors import ExitCode
from collector.run.ids.id_input import IdInput
from collector.run.listing import require_input
from collector.run.organizations.organizations_plan import OrganizationsPlan, plan_organizations
from collector.run.organizations.organizations_run import OrganizationsEnd, OrganizationsRun
from collector.run.organizations.selection import Selection
from collector.run.watchdog import Watchdog
from collector.snapshot.organizations_index import OrganizationResult


async def collect_organizations(
    selection: Selection,
    id_input: IdInput,
    environ: Mapping[str, str],
    signals: Sequence[Signals],
    watchdog: Watchdog,
) -> int:
    """Collect the selected organizations, report the result on stderr, and return the exit code."""
    with _reporter(selection, id_input) as reporter:
        run = OrganizationsRun(
            *(selection, id_input, reporter),
            environ=environ,
            signals=signals,
            watchdog=watchdog,
            converter=converter_for(selection.settings.output.path),
        )
        end = await run.execute()
    if not selection.settings.log.quiet and end.exit_code != ExitCode.BROKEN_PIPE:
        print_message("; ".join(_summary(end)))
    return end.exit_code


async def plan_and_report(selection: Selection, id_input: IdInput, environ: Mapping[str, str]) -> OrganizationsPlan:
    """Plan the run of the selected organizations. Raises the errors that would prevent it."""
    with _reporter(selection, id_input) as reporter:
        return await plan_organizations(selection, id_input, reporter, environ=environ)


@contextmanager
def _reporter(selection: Selection, id_input: IdInput) -> Iterator[ConsoleOrganizationsReporter]:
    """The reporter, which draws until the end of the context. Raises `UsageError` for an unusable input."""
    log = selection.settings.log
    with closing(organizations_reporter_for(quiet=log.quiet, verbose=log.verbose, debug=log.debug)) as reporter:
        require_input(selection.settings, id_input, reporter.warn)
        yield reporter


def _summary(end: OrganizationsEnd) -> Iterator[str]:
    """`2 of 3 organizations complete in 12.3 s`, `1 not complete (exit code 4)`, and the index."""
    others = [result for result in end.results if result.exit_code != ExitCode.OK]
    complete = len(end.results) - len(others)
    yield f"{complete} of {len(end.results)} organizations complete in {end.duration_s:.1f} s"
    if others:
        yield ", ".join(f"{count} {state}" for state, count in Counter(map(_state, others)).items())
    if end.index is not None:
        yield f"index {end.index}"


def _state(result: OrganizationResult) -> str:
    """Such as `not complete (exit code 3)`."""
    return f"not {'complete' if result.is_started else 'started'} (exit code {result.exit_code:d})"
