"""`collector load`: finished snapshots into the tables of a database."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import anyio
from cyclopts import App, Group, Parameter

from collector.cli.console import print_message
from collector.cli.interrupts import noted_signals
from collector.cli.process_hardening import harden
from collector.cli.stderr import add_secrets
from collector.client.auth import key_sources
from collector.model.errors import ConfigError, ExitCode, UsageError
from collector.model.secret import Environment, Secret
from collector.warehouse.load.destination import Destination, Kind, parse_destination
from collector.warehouse.load.load import NightResult, Options, load_snapshots
from collector.warehouse.load.plan import Contract, Mode
from collector.warehouse.load.workspace import state_folder

PASSWORD: Final = "COLLECTOR_LOAD_PASSWORD"  # noqa: S105  # the name of a variable
_LIBPQ: Final = "PGPASSWORD"
_ENVIRON = Environment(os.environ)
_PASSWORD: Final = Group("Password", sort_key=1)

app = App(
    name="load",
    usage="collector load SNAPSHOT... --to URL [OPTIONS]",
    help_prologue="""\
Load finished snapshots into the tables of a database. Sends no API requests.

Examples:
  collector load connections.jsonl --to duckdb:///inventory.duckdb
  collector load night*.jsonl --to postgresql://loader@db:5432/warehouse
  collector load connections.jsonl --to duckdb:///i.duckdb --mode merge""",
    help_epilogue="""\
Snapshots load from the oldest run to the newest, each by itself. A run that is
loaded is skipped. An older run than the newest loaded one is refused.

Modes: scd2 keeps every version of each row, with the time it was valid; merge
keeps the last version; append adds the rows of each run; replace keeps only the
rows of the last run. Only a complete run of --all closes or deletes rows that
are missing; replace refuses any other.

The password comes from one of the options above, from COLLECTOR_LOAD_PASSWORD,
or for Postgres from PGPASSWORD or ~/.pgpass. The URL never contains it.

Exit codes:
  0    every snapshot is loaded
  2    usage or configuration; an older run; a table that was changed by hand
  4    the server refuses the user or the password
  6    the database or the system refuses: unreachable, no permission, full disk
  7    another load or process holds the database
  8    a snapshot does not match its manifest; it is not loaded
  70   a bug in collector
  129, 130, 143   interrupted by a signal
After 6, 7 or a signal, run the same command again.""",
)


@app.default
def load(
    *snapshots: Annotated[
        Path, Parameter(help="Snapshots in JSON Lines; .gz and .zst too.", allow_leading_hyphen=False)
    ],
    to: Annotated[str, Parameter(metavar="URL", help="The database: duckdb, postgresql, snowflake or bigquery.")] = "",
    dataset: Annotated[str, Parameter(metavar="NAME", help="The schema of the tables in it.")] = "collector",
    mode: Annotated[Mode, Parameter(help="How rows are written.")] = Mode.SCD2,
    contract: Annotated[Contract, Parameter(help="May a load add columns, or is it refused?")] = Contract.EVOLVE,
    password_file: Annotated[
        str | None, Parameter(metavar="FILE", group=_PASSWORD, help="Read the password from a private file.")
    ] = None,
    password_command: Annotated[
        str | None, Parameter(metavar="COMMAND", group=_PASSWORD, help="Run a command that prints it.")
    ] = None,
    password_fd: Annotated[
        int | None, Parameter(metavar="N", group=_PASSWORD, help="Read it from a file descriptor.")
    ] = None,
    password_keyring: Annotated[
        str | None, Parameter(metavar="SERVICE:USER", group=_PASSWORD, help="Look it up in the system's keyring.")
    ] = None,
) -> int:
    """Load and report each snapshot."""
    for missing in harden():
        print_message(missing)
    if not snapshots:
        raise UsageError("the snapshot is missing; name a file that collect -o wrote; see collector load --help")
    if not to:
        raise UsageError("--to is missing; use for example --to duckdb:///inventory.duckdb")
    destination = parse_destination(to, dataset)
    sources = {
        "--password-file": password_file,
        "--password-command": password_command,
        "--password-fd": password_fd,
        "--password-keyring": password_keyring,
    }
    password = anyio.run(_password, destination, {name: value for name, value in sources.items() if value is not None})
    os.umask(0o077)  # also for the file of DuckDB
    with noted_signals() as check:
        load_snapshots(
            *(snapshots, destination, Options(mode, contract), state_folder(_ENVIRON)),
            password=password,
            report=partial(_report, destination),
            check=check,
        )
    return ExitCode.OK


async def _password(destination: Destination, sources: dict[str, str | int]) -> Secret | None:
    """The password, which stderr masks from now on."""
    if len(sources) > 1:
        raise ConfigError(f"{' and '.join(sources)}: use one of them")
    if sources and not destination.takes_password:
        raise ConfigError(f"{next(iter(sources))}: {destination.kind} takes no password; remove the option")
    password = await _read(*next(iter(sources.items()))) if sources else _from_environment(destination)
    if password is not None:
        password = key_sources.without_line_end(password)
        add_secrets([password.reveal()])
    return password


async def _read(name: str, value: str | int) -> Secret:
    match name:
        case "--password-file":
            return key_sources.from_file(str(value), name)
        case "--password-command":
            return await key_sources.from_command(str(value), _ENVIRON, setting=name)
        case "--password-fd":
            return await key_sources.from_descriptor(int(value), name)
        case _:
            return await key_sources.from_keyring(str(value), setting=name)


def _from_environment(destination: Destination) -> Secret | None:
    names = [PASSWORD, _LIBPQ] if destination.kind is Kind.POSTGRES else [PASSWORD]
    if not destination.takes_password:
        return None
    return next((Secret(_ENVIRON[name]) for name in names if _ENVIRON.get(name)), None)


def _report(destination: Destination, result: NightResult) -> None:
    night = result.night
    if result.was_loaded:
        print_message(f"{night.path}: run {night.manifest.run_id} is loaded already; nothing changes")
        return
    rows = ", ".join(f"{count:,} {name}" for name, count in result.rows.items())
    history = (
        "" if result.opened is None else f"; {result.opened:,} versions begin and {result.closed:,} end with this run"
    )
    print_message(f"{night.path}: loaded into {destination.url}: {rows}{history}")
    if not night.is_complete:
        print_message(f"{night.path}: not a complete run of --all, so rows that it does not have stay as they are")
    if result.nul_values:
        print_message(f"{night.path}: {result.nul_values:,} values had NUL characters; each is now \\u0000")
