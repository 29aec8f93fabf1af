"""`collector demo`: the main job against the sandbox, in one process, without key or network."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from collector.cli.collect import run_and_report
from collector.cli.console import print_message, reporter_for
from collector.cli.stdout import write_lines
from collector.model.control_chars import printable
from collector.model.errors import ExitCode
from collector.run.id_input import IdInput
from collector.run.settings import Api, Limits, Output, Settings
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve

app = App(
    name="demo",
    help_epilogue="Needs no key and no network; the API fails now and then, on purpose.",
)

_CONNECTIONS = 1000
_FAULTS = "500=0.04,429=0.002:retry-after=1,reset=0.005,truncate=0.005,latency=lognormal:20ms:0.5"
_SHOWN = 3


@app.default
def demo(*, folder: Annotated[Path, Parameter(help="Where the files go.")] = Path("demo")) -> int:
    """Run the demo."""
    return anyio.run(_demo, folder)


async def _demo(folder: Path) -> int:
    inventory = Inventory(_CONNECTIONS, seed=7)
    id_input = IdInput()
    for number, one in enumerate(inventory.ids(), start=1):
        id_input.add_line(one, "sandbox", number)
    output = folder / "connections.jsonl"
    print_message(f"a sandbox API with {_CONNECTIONS} connections; on purpose, some requests fail: {_FAULTS}")
    async with serve(inventory, faults=Faults.parse(_FAULTS), seed=7) as sandbox:
        settings = Settings(api=Api(base_url=sandbox.url), limits=Limits(rate=400.0), output=Output(path=str(output)))
        reporter = reporter_for(quiet=False, verbose=False)
        code = await run_and_report(settings, id_input, reporter, {"POLYTOMIC_API_KEY": sandbox.key})
        print_message(f"requests, as the sandbox counted them: {sandbox.log.summary().total}")
    return _show(output) if code == ExitCode.OK else code


def _show(output: Path) -> int:
    with output.open(encoding="utf-8") as lines:
        if code := write_lines(printable(line.rstrip("\n")) for line in islice(lines, _SHOWN)):
            return code
    print_message(f"above: {_SHOWN} of the records; all are in {output}, the account in {output.stem}.manifest.json")
    print_message("next: collector sandbox, and in another terminal collector collect against it; then your own:")
    print_message("  POLYTOMIC_API_KEY=… collector collect --all -o connections.jsonl")
    return ExitCode.OK
