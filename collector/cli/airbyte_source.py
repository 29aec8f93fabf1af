"""The commands of an Airbyte source: `spec`, `check`, `discover` and `read`. Each prints messages on stdout."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio

from collector.cli.collect import signals_to_hear
from collector.cli.console import print_message
from collector.cli.process_hardening import harden
from collector.cli.stderr import add_secrets, masked
from collector.cli.stdout import write_lines
from collector.cli.tap_files import load_catalog, load_config, load_state
from collector.cli.tap_run import run_tap
from collector.model.errors import CollectorError, Interrupted, OutputError, UsageError
from collector.model.secret import Environment
from collector.run.readiness.checks.finding import Finding, Level
from collector.run.readiness.host_check import check_host
from collector.run.readiness.report import Console
from collector.run.settings import Log
from collector.run.watchdog import Watchdog
from collector.warehouse.tap.airbyte_messages import (
    AirbyteFraming,
    catalog_message,
    error_message,
    spec_message,
    status_message,
)
from collector.warehouse.tap.catalog import airbyte_catalog, airbyte_selection, default_streams
from collector.warehouse.tap.config import config_schema


def spec() -> int:
    """Print the SPEC message."""
    return _write(spec_message(config_schema()))


def discover() -> int:
    """Print the CATALOG message."""
    return _write(catalog_message(airbyte_catalog()))


def check(config_path: Path | None, environ: Environment, log: Log) -> int:
    """Print the CONNECTION_STATUS message, of a few requests. A failed check is a result, and its exit code is 0."""
    try:
        problem = _problem_of(config_path, environ, log)
    except UsageError as error:
        problem = str(error)
    return _write(status_message(None if problem is None else masked(problem)))


def _problem_of(config_path: Path | None, environ: Environment, log: Log) -> str | None:
    """The first reason why a run would fail; None if there is none. Raises `UsageError`, and `Interrupted`."""
    harden()
    config = load_config(config_path, environ)
    findings: list[Finding] = []
    with Watchdog(print_message) as watchdog:
        interruption = anyio.run(
            partial(
                check_host,
                config.settings((), log),
                config.ids,
                Console(findings.append, print_message, add_secrets),
                environ=config.environ,
                signals=signals_to_hear(),
                watchdog=watchdog,
            )
        )
    if interruption is not None:
        raise interruption
    return next((finding.message for finding in findings if finding.level is Level.FAIL), None)


def read(
    config_path: Path | None, catalog_path: Path | None, state_path: Path | None, environ: Environment, log: Log
) -> int:
    """Collect the streams of the configured catalog. Every sync reads whole streams: the state only has to be valid."""

    def tell(failure: CollectorError) -> None:
        if not isinstance(failure, Interrupted | OutputError):
            _write(error_message(masked(str(failure)), failure.exit_code, time.time()))

    try:
        config = load_config(config_path, environ)
        load_state(state_path)
        content = load_catalog(catalog_path) if catalog_path else None
        streams = default_streams(config.tables) if content is None else airbyte_selection(content, str(catalog_path))
        return run_tap(config, streams, AirbyteFraming(streams, time.time), log, tell)
    except CollectorError as failure:
        tell(failure)
        raise


def _write(message: bytes) -> int:
    return write_lines([message.decode().removesuffix("\n")])
