"""The command line: argv → settings → exit code. One module a command; here they are joined."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

from cyclopts import App, CycloptsError

from collector.cli import stderr
from collector.cli.argument_guard import redacted_message, reject_secrets
from collector.cli.console import print_message
from collector.cli.stdout import take_every_character
from collector.model.errors import CollectorError, ExitCode
from collector.version import VERSION

app = App(
    name="collector",
    help="Collects Polytomic connections: ids in, JSON Lines out, every id accounted for.",
    version=VERSION,
    help_format="plaintext",
    result_action="return_value",
)
# Named, not imported: a cron job that collects does not pay for the sandbox's web server.
app.command("collector.cli.collect:app", name="collect", help="Collect connections: ids in, JSON Lines out.")
app.command("collector.cli.verify:app", name="verify", help="Compare a snapshot with its manifest, byte for byte.")
app.command("collector.cli.demo:app", name="demo", help="Collect 1,000 made-up connections from the sandbox API.")
app.command("collector.cli.sandbox:app", name="sandbox", help="Serve a local Polytomic API, to rehearse on.")


def run(argv: Sequence[str], loaded: Callable[[], None] = lambda: None) -> int:
    """Run one command line and return its exit code. Never raises for anything a user can cause.

    `loaded` is called once all is imported that the command needs.
    """
    try:
        reject_secrets(argv, os.environ)
        command, arguments, _ = app.parse_args(argv, exit_on_error=False, print_error=False)
        loaded()
        code = command(*arguments.args, **arguments.kwargs)
    except CycloptsError as error:
        print_message(f"{redacted_message(error)}; see collector --help")
        return ExitCode.USAGE
    except CollectorError as error:
        print_message(str(error))
        return error.exit_code
    except KeyboardInterrupt:  # who listened to signals has given them back to Python
        return ExitCode.INTERRUPTED
    except Exception:  # a bug: its report must reach somebody, and the exit code must be ours
        with suppress(OSError):
            traceback.print_exc()
        print_message("this is a bug in collector; please report the lines above")
        return ExitCode.BUG
    return code if isinstance(code, int) else ExitCode.OK


def main() -> None:
    """The `collector` console script."""
    stderr.install(os.environ)
    take_every_character()
    code = run(sys.argv[1:], loaded=_collect_garbage_from_here_on)
    _let_standard_error_go()
    sys.exit(code)


def _collect_garbage_from_here_on() -> None:
    """What is imported stays: looking through it again and again is a seventh of the start."""
    gc.freeze()
    gc.enable()


def _let_standard_error_go() -> None:
    """Python flushes it once more when it exits, and would make 120 of our exit code where nobody takes it any more."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
