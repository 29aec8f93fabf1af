"""One run of a tap: connections and side tables on stdout as messages, everything else on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

import anyio

from collector.cli.collect import run_and_report
from collector.cli.console import print_message
from collector.cli.process_hardening import harden
from collector.cli.progress import reporter_for
from collector.cli.tap_files import TapConfig
from collector.model.errors import CollectorError
from collector.run.settings import Log
from collector.run.watchdog import Watchdog
from collector.snapshot.sinks.framing import Framing
from collector.warehouse.columns import CONNECTIONS
from collector.warehouse.tap.streams import Stream


def run_tap(
    config: TapConfig,
    streams: Sequence[Stream],
    framing: Framing,
    log: Log,
    on_failure: Callable[[CollectorError], None] = lambda _: None,
) -> int:
    """Collect these streams; return the exit code. `on_failure` receives the failure that ended the run, if any."""
    reporter = reporter_for(quiet=log.quiet, verbose=log.verbose, debug=log.debug)
    if log.debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s: %(levelname)s: %(message)s")
    for missing in harden():
        reporter.note(missing)
    settings = config.settings([stream.name for stream in streams if stream.name != CONNECTIONS], log)
    id_input = settings.read_ids(config.ids, ())
    id_input.report_problems(reporter.warn)
    with Watchdog(print_message) as watchdog:  # outside the loop, which waits for its threads at its end
        job = partial(
            run_and_report,
            *(settings, id_input, reporter, config.environ, watchdog),
            is_resumable=False,
            framing=framing,
            on_failure=on_failure,
        )
        return anyio.run(job)
