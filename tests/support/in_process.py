"""A whole run in the test's own loop, beside the server it asks: all of the command line but its arguments."""

from __future__ import annotations

from collections.abc import Iterable

from collector.cli.collect import run_and_report
from collector.cli.console import LineReporter
from collector.run.id_input import read_ids
from collector.run.settings import Settings
from tests.conftest import KEY


async def collect_in_process(wanted: Iterable[str], settings: Settings) -> int:
    """Run, tell everything on standard error, and return the exit code."""
    id_input = read_ids(list(wanted), (), column="id")
    return await run_and_report(settings, id_input, LineReporter(verbose=True), {"POLYTOMIC_API_KEY": KEY})
