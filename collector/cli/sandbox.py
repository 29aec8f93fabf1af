"""`collector sandbox`: serve the sandbox API until interrupted."""

from __future__ import annotations

import signal
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from collector.cli.console import print_command, print_message
from collector.cli.stderr import allow
from collector.cli.stdout import write_lines
from collector.model.errors import ExitCode, UsageError
from collector.sandbox.faults import FAULT_SYNTAX, FaultError, Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import FAULTS_HEADER, serve

app = App(
    name="sandbox",
    usage="collector sandbox [OPTIONS]",
    help_prologue="""\
Serve the sandbox API, a local Polytomic API to rehearse on, until Ctrl-C.

Examples:
  collector sandbox
  collector sandbox --faults 500=0.05,429=0.01:retry-after=2""",
    help_epilogue=f"""\
The same seed makes the same connections. GET /_sandbox/requests returns the log
of all requests. The header {FAULTS_HEADER} sets the faults of one request.

{FAULT_SYNTAX}""",
)


@app.default
def sandbox(
    *,
    connections: Annotated[int, Parameter(metavar="N", help="How many connections to serve.")] = 1000,
    seed: Annotated[int, Parameter(metavar="N", help="Seed of the connections and of the faults.")] = 7,
    faults: Annotated[str, Parameter(metavar="FAULTS", help="Faults to inject; see below.")] = "",
    host: Annotated[str, Parameter(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(metavar="PORT", help="Port to listen on; 0 takes a free one.")] = 8710,
    list_ids: Annotated[
        bool, Parameter(help="Print the ids of the connections, one a line, and exit.", negative="")
    ] = False,
) -> int:
    """Serve the connections, or list their ids."""
    inventory = _inventory(connections, seed)
    if list_ids:
        return write_lines(inventory.ids())
    try:
        return anyio.run(_serve, inventory, _faults(faults), host, port, seed)
    except OverflowError:
        raise UsageError(f"--port {port}: not a port; use 0 to 65535") from None
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: cannot listen: {error.strerror or error}") from None


async def _serve(inventory: Inventory, faults: Faults, host: str, port: int, seed: int) -> int:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve(inventory, faults=faults, host=host, port=port, seed=seed) as served:
            allow([served.key, served.url, host])  # public: the key is in the README and opens only this API
            print_message(f"{len(inventory)} connections at {served.url}; its key is {served.key}; Ctrl-C ends it")
            print_message("to collect them, run in another terminal:")
            print_command(
                f"POLYTOMIC_API_KEY={served.key} collector collect --base-url {served.url} --all -o out.jsonl"
            )
            async for _ in signals:
                break
            print_message(f"served {served.log.summary().total} requests")
    return ExitCode.OK


def _inventory(connections: int, seed: int) -> Inventory:
    try:
        return Inventory(connections, seed)
    except ValueError as error:
        raise UsageError(f"--connections {connections}: {error}") from None


def _faults(text: str) -> Faults:
    try:
        return Faults.parse(text)
    except FaultError as error:
        raise UsageError(f"--faults: {error}; see collector sandbox --help") from None
