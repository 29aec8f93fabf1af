"""Stdout of the commands: data always in UTF-8, text in the encoding of the locale.

Data (ids, records) goes to programs and files, so its bytes do not depend on the locale. Text for people (help) has the
terminal's encoding, with unencodable characters escaped, as on stderr.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable

from collector.model.errors import ExitCode


def take_every_character() -> None:
    """Escape characters of a help page that stdout cannot encode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write_lines(lines: Iterable[str]) -> ExitCode:
    """Write lines of data in UTF-8. Returns `BROKEN_PIPE` if the reader has closed the pipe."""
    if sys.stdout is None:  # closed before the process began
        return ExitCode.OK
    try:
        sys.stdout.flush()
        for line in lines:
            sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stdout = None  # otherwise the interpreter flushes it again and prints an error
        return ExitCode.BROKEN_PIPE
    return ExitCode.OK
