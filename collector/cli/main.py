"""The command line: argv → settings → exit code. Joins the commands, which have one module each."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from cyclopts import App, CycloptsError, UnknownCommandError

from collector.cli import stderr
from collector.cli.argument_guard import redacted_message, reject_secrets
from collector.cli.console import print_message
from collector.cli.help_page import HelpPage
from collector.cli.slips import unknown_command
from collector.cli.stdout import take_every_character, writing
from collector.model.errors import CollectorError, ExitCode
from collector.version import VERSION

_PROLOGUE = """\
Collect Polytomic connections: ids in, JSON Lines out, every id accounted for.

Examples:
  collector demo                                  try it: no key, no network
  collector collect --all -o connections.jsonl    the key: POLYTOMIC_API_KEY
  collector verify connections.jsonl              is the file still intact?"""

app = App(
    name="collector",
    usage="collector COMMAND [OPTIONS]",
    help="Collect Polytomic connections: ids in, JSON Lines out, every id accounted for.",
    help_prologue=_PROLOGUE,
    version=VERSION,
    help_format="plaintext",
    help_formatter=HelpPage(),
    result_action="return_value",
)
app["--help"].group = app["--version"].group = "Options"
app["--help"].help = "Show this page; after a COMMAND, the page of that command."
app["--version"].help = "Show the version."
# Named, not imported: a cron job that collects does not import the sandbox's web server.
app.command(
    "collector.cli.collect:app", name="collect", sort_key=1, help="Collect connections: ids in, JSON Lines out."
)
app.command("collector.cli.check:app", name="check", sort_key=2, help="Check whether this host is ready for a run.")
app.command("collector.cli.verify:app", name="verify", sort_key=3, help="Compare a snapshot with its manifest.")
app.command(
    "collector.cli.export:app", name="export", sort_key=4, help="Write a snapshot as Parquet, CSV or JSON Lines."
)
app.command("collector.cli.load:app", name="load", sort_key=5, help="Load snapshots into a database.")
app.command(
    "collector.cli.schema:app", name="schema", sort_key=6, help="Print the schema of the data, or SQL that loads it."
)
app.command("collector.cli.tap:app", name="tap", sort_key=7, help="Collect as a Singer tap or an Airbyte source.")
app.command("collector.cli.demo:app", name="demo", sort_key=8, help="Collect 1,000 connections of the sandbox API.")
app.command("collector.cli.sandbox:app", name="sandbox", sort_key=9, help="Serve the sandbox API, to rehearse on.")


def run(argv: Sequence[str], loaded: Callable[[], None] = lambda: None) -> int:
    """Run one command line and return its exit code. Never raises for anything a user can cause.

    Calls `loaded` once all imports of the command are done.
    """
    try:
        reject_secrets(argv, os.environ)
        command, arguments, _ = app.parse_args(argv, exit_on_error=False, print_error=False)
        loaded()
        call = partial(command, *arguments.args, **arguments.kwargs)
        code = writing(call) if isinstance(getattr(command, "__self__", None), App) else call()  # help or version
    except UnknownCommandError:
        print_message(unknown_command(argv))
        return ExitCode.USAGE
    except CycloptsError as error:
        print_message(f"{redacted_message(error)}; see {' '.join(['collector', *(error.command_chain or ())])} --help")
        return ExitCode.USAGE
    except CollectorError as error:
        print_message(str(error))
        return error.exit_code
    except KeyboardInterrupt:  # after a run, which restored the signal handlers of Python
        return ExitCode.INTERRUPTED
    except Exception:  # a bug: print its traceback, but keep the exit code
        with suppress(OSError):
            traceback.print_exc()
        print_message("this is a bug in collector; please report the lines above")
        return ExitCode.BUG
    return code if isinstance(code, int) else ExitCode.OK


def main(*, command: Sequence[str] = ()) -> None:
    """The `collector` console script; a script of its own for a `command` puts it before the arguments."""
    stderr.install(os.environ)
    take_every_character()
    code = run([*command, *sys.argv[1:]], loaded=_collect_garbage_from_here_on)
    _let_standard_error_go()
    sys.exit(code)


def _collect_garbage_from_here_on() -> None:
    """Exempt imported objects from garbage collection, which would take 1/7 of the startup time."""
    gc.freeze()
    gc.enable()


def _let_standard_error_go() -> None:
    """Redirect a broken stderr to /dev/null: Python flushes it at exit and would replace the exit code by 120."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
