"""`collector tap`: a run as a Singer tap, or as the source of an Airbyte connection."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from collector.cli import airbyte_source
from collector.cli.stdout import write_lines
from collector.cli.tap_files import load_catalog, load_config, load_state
from collector.cli.tap_run import run_tap
from collector.model.errors import UsageError
from collector.model.secret import Environment
from collector.run.settings import Log
from collector.version import VERSION
from collector.warehouse.tap.catalog import default_streams, singer_catalog, singer_selection
from collector.warehouse.tap.config import config_schema
from collector.warehouse.tap.singer_messages import SingerFraming

_ENVIRON = Environment(os.environ)
NAME: Final = "tap-polytomic-connections"
_CAPABILITIES: Final = ("about", "activate-version", "catalog", "discover", "state")

app = App(
    name="tap",
    usage="collector tap [OPTIONS]\n       collector tap --output-format airbyte COMMAND [OPTIONS]",
    help_prologue="""\
Collect as a Singer tap or as an Airbyte source: messages on standard output.

Examples:
  collector tap --config config.json | target-jsonl
  collector tap --config config.json --discover > catalog.json
  collector tap --config config.json --catalog catalog.json --state state.json
  collector tap --output-format airbyte read --config config.json""",
    help_epilogue="""\
The command tap-polytomic-connections is the same. The commands of Airbyte are
spec, check, discover and read.

The configuration is a JSON object; --about lists its keys. The API key comes
from it, if no other user can read the file, or from the environment. Of the
variables COLLECTOR_<OPTION>, only COLLECTOR_BASE_URL has an effect.

A complete run of all connections ends with ACTIVATE_VERSION, by which a target
marks deleted rows. A run with another exit code than 0 never sends it.

Exit codes:
  0    every id is ok, and no side table is partial
  2    usage or configuration
  3    finished, but some ids or side tables failed
  4    the key was refused
  5    stopped before the end
  6    cannot write
  70   a bug in collector
  129, 130, 141, 143   interrupted by a signal
The command check ends with 0 also if its message says FAILED.""",
)


class Command(StrEnum):
    """A command of an Airbyte source."""

    SPEC = "spec"
    CHECK = "check"
    DISCOVER = "discover"
    READ = "read"


class OutputFormat(StrEnum):
    """The protocol of the messages."""

    SINGER = "singer"
    AIRBYTE = "airbyte"


class AboutFormat(StrEnum):
    """The format of --about."""

    TEXT = "text"
    JSON = "json"


@app.default
def tap(
    command: Annotated[Command | None, Parameter(help="Command of an Airbyte source.")] = None,
    /,
    *,
    config: Annotated[Path | None, Parameter(metavar="FILE", help="JSON object with the configuration.")] = None,
    catalog: Annotated[
        Path | None, Parameter(metavar="FILE", help="Catalog that selects streams; without one, connections.")
    ] = None,
    state: Annotated[Path | None, Parameter(metavar="FILE", help="Last state that the tap emitted.")] = None,
    discover: Annotated[bool, Parameter(negative="", help="Print the catalog, and collect nothing.")] = False,
    about: Annotated[bool, Parameter(negative="", help="Print the keys of the configuration.")] = False,
    format: Annotated[AboutFormat, Parameter(metavar="FORMAT", help="Format of --about: text or json.")] = (
        AboutFormat.TEXT
    ),
    output_format: Annotated[OutputFormat, Parameter(metavar="FORMAT", help="Protocol: singer or airbyte.")] = (
        OutputFormat.SINGER
    ),
    log: Annotated[Log, Parameter(name="*")] = Log(),  # noqa: B008  # frozen
) -> int:
    """Collect and print messages, or describe the tap."""
    if about:
        return write_lines(_about(is_json=format is AboutFormat.JSON))
    if output_format is OutputFormat.AIRBYTE:
        return _airbyte(command, config, catalog, state, log)
    if command is not None:
        raise UsageError(f"{command} is a command of Airbyte; add --output-format airbyte")
    loaded = load_config(config, _ENVIRON)
    if discover:
        return write_lines([json.dumps(singer_catalog(loaded.tables), indent=2)])
    content = load_catalog(catalog) if catalog else None
    streams = (
        singer_selection(content, str(catalog), loaded.tables)
        if content is not None
        else default_streams(loaded.tables)
    )
    return run_tap(loaded, streams, SingerFraming(streams, load_state(state), covers_all=loaded.covers_all), log)


def _airbyte(command: Command | None, config: Path | None, catalog: Path | None, state: Path | None, log: Log) -> int:
    match command:
        case Command.SPEC:
            return airbyte_source.spec()
        case Command.DISCOVER:
            return airbyte_source.discover()
        case Command.CHECK:
            return airbyte_source.check(config, _ENVIRON, log)
        case Command.READ:
            return airbyte_source.read(config, catalog, state, _ENVIRON, log)
        case None:
            raise UsageError(f"the command is missing; add one of {', '.join(Command)} behind airbyte")


def _about(*, is_json: bool) -> Iterator[str]:
    facts = {
        "name": NAME,
        "description": "Polytomic connections and their side tables, redacted.",
        "version": VERSION,
        "capabilities": list(_CAPABILITIES),
        "settings": config_schema(),
    }
    if is_json:
        yield json.dumps(facts, indent=2)
        return
    yield f"{NAME} {VERSION}: {facts['description']}"
    yield f"capabilities: {', '.join(_CAPABILITIES)}"
    yield "keys of --config:"
    for name, schema in config_schema()["properties"].items():
        yield f"  {name} ({schema['type']}): {schema['description']}"
