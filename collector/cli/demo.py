"""`collector demo`: collects from the sandbox API in the same process, without a key or a network."""

from __future__ import annotations

import json
import shlex
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import anyio
from cyclopts import App, Parameter

from collector.cli.collect import run_and_report
from collector.cli.console import print_command, print_message, print_table
from collector.cli.health_table import health_table
from collector.cli.progress import reporter_for
from collector.cli.stdout import write_lines
from collector.model.errors import ExitCode
from collector.run.ids.id_input import IdInput
from collector.run.settings import Api, Limits, Output, Settings, Tables
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve

app = App(
    name="demo",
    usage="collector demo [OPTIONS]",
    help_prologue="""\
Collect 1,000 connections of the sandbox API. Needs no key and no network.

Example:
  collector demo""",
    help_epilogue="""\
Some requests fail on purpose, to show retries. A table of the result follows.
Standard output gets the first three records, whole in a pipe.""",
)

_CONNECTIONS: Final = 1000
_FAULTS: Final = "500=0.04,429=0.002:retry-after=1,reset=0.005,truncate=0.005,latency=lognormal:20ms:0.5"
_FAULT_SEED: Final = 1  # pauses, but no probe fails, so a first run shows no outage
_TABLES: Final = Tables(("policies", "users"))
_SHOWN: Final = 3
_WIDTH: Final = 80  # columns of a terminal


@app.default
def demo(*, folder: Annotated[Path, Parameter(metavar="PATH", help="Where to write the files.")] = Path("demo")) -> int:
    """Run the demo."""
    return anyio.run(_demo, folder)


async def _demo(folder: Path) -> int:
    inventory = Inventory(_CONNECTIONS, seed=7)
    id_input = IdInput()
    for number, one in enumerate(inventory.ids(), start=1):
        id_input.add_line(one, "sandbox", number)
    output = folder / "connections.jsonl"
    print_message(f"sandbox API: {_CONNECTIONS:,} connections; some requests fail on purpose")
    async with serve(inventory, faults=Faults.parse(_FAULTS), seed=_FAULT_SEED) as sandbox:
        settings = Settings(
            api=Api(base_url=sandbox.url), limits=Limits(rate=400.0), output=Output(path=str(output)), tables=_TABLES
        )
        reporter = reporter_for(quiet=False, verbose=False)
        environ = {"POLYTOMIC_API_KEY": sandbox.key}
        # The next demo has another port, so it begins anew.
        code = await run_and_report(settings, id_input, reporter, environ, is_resumable=False)
        print_message(f"the sandbox API received {sandbox.log.summary().total} requests")
    return _show(output) if code == ExitCode.OK else code


def _show(output: Path) -> int:
    """Print the first records on standard output, and on standard error a table of all and what to do next."""
    with output.open(encoding="utf-8", newline="\n") as lines:
        shown = [line.rstrip("\n") for line in islice(lines, _SHOWN)]
        lines.seek(0)
        table = health_table(json.loads(line) for line in lines)
    if code := write_lines(map(_shortened, shown) if sys.stdout is not None and sys.stdout.isatty() else shown):
        return code
    print_message(f"printed {_SHOWN} of {_CONNECTIONS:,} records; all are in {output}")
    print_table(table.drawn())
    print_message("next: check the file against its manifest:")
    print_command(f"collector verify {shlex.quote(str(output))}")
    print_message("then collect your own connections, with the key in POLYTOMIC_API_KEY:")
    print_command("collector collect --all -o connections.jsonl")
    return ExitCode.OK


def _shortened(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
