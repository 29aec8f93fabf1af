"""Stdout of the commands: data always in UTF-8, text in the encoding of the locale.

Data (ids, records) goes to programs and files, so its bytes do not depend on the locale. Text for people (help) has the
terminal's encoding, with unencodable characters escaped, as on stderr.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable

from collector.model.errors import ExitCode, OutputError


def take_every_character() -> None:
    """Escape characters of a help page that stdout cannot encode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write_lines(lines: Iterable[str]) -> ExitCode:
    """Write lines of data in UTF-8; `writing` describes the result."""
    if sys.stdout is None:  # closed before the process began
        return ExitCode.OK

    def write() -> None:
        for line in lines:
            sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()

    return writing(write)


def writing(write: Callable[[], object]) -> ExitCode:
    """Call a function that writes to stdout. Returns `BROKEN_PIPE` if the reader has closed the pipe.

    Raises `OutputError` if the system refuses to write, for example because the disk is full.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
        write()
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit:  # rich exits if the pipe is closed
        sys.stdout = None
        return ExitCode.BROKEN_PIPE
    except OSError as error:
        sys.stdout = None  # otherwise the interpreter flushes it again and prints an error
        if isinstance(error, BrokenPipeError):
            return ExitCode.BROKEN_PIPE
        raise OutputError(
            f"standard output: cannot be written: {error.strerror}; choose another file or disk"
        ) from None
    return ExitCode.OK
