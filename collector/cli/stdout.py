"""Standard output of the commands that print: data in UTF-8 whatever the locale, text as far as the locale can.

Data (ids, records) goes to programs and files, so its bytes do not depend on who runs the command. Text for people
(help) keeps the terminal's encoding; a character that it lacks is shown as an escape, as on standard error.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable

from collector.model.errors import ExitCode


def take_every_character() -> None:
    """Let no character of a help page end the process."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write_lines(lines: Iterable[str]) -> ExitCode:
    """Write lines of data in UTF-8. Returns `BROKEN_PIPE` when nobody reads them any more."""
    if sys.stdout is None:  # closed before we began
        return ExitCode.OK
    try:
        sys.stdout.flush()
        for line in lines:
            sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stdout = None  # or the interpreter flushes it once more, and complains
        return ExitCode.BROKEN_PIPE
    return ExitCode.OK
