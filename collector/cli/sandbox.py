"""`collector sandbox`: serve the sandbox API until interrupted."""

from __future__ import annotations

import signal
from itertools import chain
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from collector.cli.console import print_command, print_message
from collector.cli.stderr import allow
from collector.cli.stdout import write_lines
from collector.model.errors import ExitCode, UsageError
from collector.sandbox.deployment import MAX_ORGANIZATIONS, Deployment
from collector.sandbox.faults import FAULT_SYNTAX, FaultError, Faults
from collector.sandbox.server import FAULTS_HEADER, serve

app = App(
    name="sandbox",
    usage="collector sandbox [OPTIONS]",
    help_prologue="""\
Serve the sandbox API, a local Polytomic API to rehearse on, until Ctrl-C.

Examples:
  collector sandbox
  collector sandbox --faults 500=0.05,429=0.01:retry-after=2
  collector sandbox --organizations 3 --connections 200""",
    help_epilogue=f"""\
The keys are public: sandbox-key of the first organization's administrator,
sandbox-key-2 of the second's, and so on; sandbox-reader-key of a user who may
not read users, roles and policies; sandbox-partner-key and
sandbox-deployment-key of all organizations. The first organization owns the
others, which have shared copies of some of its connections.

From one generation to the next, a third of --churn vanishes, a third is new
and a third changes. POST /_sandbox/advance starts the next generation.

The same seed makes the same connections. GET /_sandbox/requests returns the log
of all requests. The header {FAULTS_HEADER} sets the faults of one request.

{FAULT_SYNTAX}""",
)


@app.default
def sandbox(
    *,
    connections: Annotated[int, Parameter(metavar="N", help="How many connections each organization has.")] = 1000,
    organizations: Annotated[int, Parameter(metavar="N", help="How many organizations to serve.")] = 1,
    seed: Annotated[int, Parameter(metavar="N", help="Seed of the connections and of the faults.")] = 7,
    churn: Annotated[
        float,
        Parameter(metavar="FRACTION", help="Part of the connections that changes; see below."),
    ] = 0.0,
    generation: Annotated[int, Parameter(metavar="N", help="The generation to start with.")] = 0,
    faults: Annotated[str, Parameter(metavar="FAULTS", help="Faults to inject; see below.")] = "",
    host: Annotated[str, Parameter(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(metavar="PORT", help="Port to listen on; 0 takes a free one.")] = 8710,
    list_ids: Annotated[
        bool, Parameter(help="Print the ids of the connections, one a line, and exit.", negative="")
    ] = False,
) -> int:
    """Serve the connections, or list their ids."""
    deployment = _deployment(organizations, connections, seed, churn, generation)
    if list_ids:
        return write_lines(chain.from_iterable(inventory.ids() for inventory in deployment.inventories))
    try:
        return anyio.run(_serve, deployment, _faults(faults), host, port, seed)
    except OverflowError:
        raise UsageError(f"--port {port}: not a port; use 0 to 65535") from None
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: cannot listen: {error.strerror or error}") from None


async def _serve(deployment: Deployment, faults: Faults, host: str, port: int, seed: int) -> int:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve(deployment, faults=faults, host=host, port=port, seed=seed) as served:
            # These are public: the keys are in the help and open only this API.
            allow([*served.user_keys, served.partner_key, served.deployment_key, served.url, host])
            print_message(
                f"{len(deployment.inventories[0])} connections at {served.url}; its key is {served.key}; Ctrl-C ends it"
            )
            if len(served.user_keys) > 1:
                print_message(
                    f"{len(served.user_keys)} organizations, each with as many connections; "
                    f"the last one's key is {served.user_keys[-1]}; the key of all is {served.partner_key}"
                )
            print_message("to collect them, run in another terminal:")
            print_command(
                f"POLYTOMIC_API_KEY={served.key} collector collect --base-url {served.url} --all -o out.jsonl"
            )
            if len(served.user_keys) > 1:
                print_command(
                    f"POLYTOMIC_PARTNER_KEY={served.partner_key} collector collect --base-url {served.url} --all "
                    "--organizations all -o 'out/{organization_id}.jsonl'"
                )
            async for _ in signals:
                break
            print_message(f"served {served.log.summary().total} requests")
    return ExitCode.OK


def _deployment(organizations: int, connections: int, seed: int, churn: float, generation: int) -> Deployment:
    if not 0 <= churn <= 1:
        raise UsageError(f"--churn {churn}: outside the range 0 to 1; use for example 0.05")
    if generation < 0 or (generation and not churn):
        raise UsageError(f"--generation {generation}: use a whole number from 0, with --churn above 0")
    try:
        return Deployment.of_size(organizations, connections, seed, churn=churn, generation=generation)
    except ValueError as error:
        is_served = 1 <= organizations <= MAX_ORGANIZATIONS
        option = f"--connections {connections}" if is_served else f"--organizations {organizations}"
        raise UsageError(f"{option}: {error}") from None


def _faults(text: str) -> Faults:
    try:
        return Faults.parse(text)
    except FaultError as error:
        raise UsageError(f"--faults: {error}; see collector sandbox --help") from None
