"""A complete run in the event loop of the test, beside its server: the command line without argument parsing."""

from __future__ import annotations

from collections.abc import Iterable

from collector.cli.collect import run_and_report
from collector.cli.progress import ConsoleReporter
from collector.cli.progress_display import LineDisplay
from collector.run.ids.id_input import read_ids
from collector.run.settings import Settings
from tests.conftest import KEY


async def collect_in_process(requested: Iterable[str], settings: Settings) -> int:
    """Run, report everything on stderr, and return the exit code."""
    id_input = read_ids(list(requested), (), column="id")
    reporter = ConsoleReporter(LineDisplay(), verbose=True)
    return await run_and_report(settings, id_input, reporter, {"POLYTOMIC_API_KEY": KEY})
