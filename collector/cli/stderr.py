r"""Standard error: the one way out for what is said, whoever says it.

Theory of operation. For the whole life of the command line's process `sys.stderr` is a stream that scrubs. Everything
Python writes there comes through it: our messages, tracebacks, warnings, what a thread or a destructor raised, what
asyncio says of a task nobody waited for, the logs of libraries, the bar on a terminal. A line is held until it is
whole or somebody flushes, and scrubbed as a whole, so that it does not matter in how many pieces it came. Then it is
shown with its control characters as escapes, except what the bar is drawn with (`for_terminal`).

It knows secrets by value from the moment it is told of them (`add_secrets`), those in the environment from the start.
What it does not see is what the interpreter itself writes to the descriptor: a fatal error and `faulthandler` name
places in the code, and no values. Files are not its business: what goes there is scrubbed where it is made
(`scrubber`).
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterable, MutableMapping
from typing import Final, TextIO

from collector.client.auth.key_wrapping import keys_in
from collector.model.control_chars import printable_lines
from collector.redaction.scrubber import Scrubber

_LONGEST_HELD: Final = 65536  # characters of a line without an end
_STILL_HELD: Final = 4096  # of these, so many may be the beginning of a secret


def install(environ: MutableMapping[str, str]) -> None:
    """Put the stream in the place of `sys.stderr`, if there is one; it knows the keys in the environment."""
    if sys.stderr is None:  # closed before we began
        return
    stream = StandardError(sys.stderr)
    sys.stderr = stream
    sys.__stderr__ = stream  # type: ignore[misc,assignment]  # who goes past `sys.stderr` comes here as well
    for name, value in environ.items():
        if name.startswith("POLYTOMIC_") and name.endswith("_KEY"):
            add_secrets(keys_in(value))
    # From 3.13 on Python colours tracebacks on a terminal; the codes would be shown as what they are.
    environ.setdefault("PYTHON_COLORS", "0")


def add_secrets(secrets: Iterable[str]) -> None:
    """Never say these from now on."""
    if isinstance(sys.stderr, StandardError):
        sys.stderr.add_secrets(secrets)


def allow(texts: Iterable[str]) -> None:
    """Show these from now on, though they have the form of a secret or the user set them as a key."""
    if isinstance(sys.stderr, StandardError):
        sys.stderr.allow(texts)


def for_terminal() -> TextIO:
    """Standard error for what is drawn on a terminal: scrubbed as all is, but with its control characters."""
    return sys.stderr.for_terminal() if isinstance(sys.stderr, StandardError) else sys.stderr


class StandardError(io.TextIOBase):
    """Scrubs what passes to the stream below, and fails as that one does. May be used from all threads.

    Its lock may be taken twice by one thread: the collector of garbage can make a destructor complain in the middle of
    a write.
    """

    def __init__(self, below: TextIO, *, escapes: bool = True) -> None:
        self._below = below
        self._escapes = escapes
        self._lock = threading.RLock()
        self._secrets: frozenset[str] = frozenset()
        self._public: frozenset[str] = frozenset()
        self._scrubber = Scrubber()
        self._held = ""
        self._drawings: list[StandardError] = []

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Mask these from now on, in all their forms."""
        with self._lock:
            self._secrets |= frozenset(secrets)
            self._scrubber = Scrubber(self._secrets - self._public, self._public)
            for each in self._drawings:
                each.add_secrets(self._secrets)

    def allow(self, texts: Iterable[str]) -> None:
        """Do not mask these, for their form or because they were learned as secrets."""
        with self._lock:
            self._public |= frozenset(texts)
            self._scrubber = Scrubber(self._secrets - self._public, self._public)

    def for_terminal(self) -> TextIO:
        """A stream to the same place whose control characters are left as they are."""
        stream = StandardError(self._below, escapes=False)
        stream.add_secrets(self._secrets)
        self._drawings.append(stream)
        return stream  # type: ignore[return-value]  # typeshed has no TextIO in TextIOBase

    def write(self, text: str, /) -> int:
        with self._lock:
            whole, end, self._held = (self._held + text).rpartition("\n")
            if end:
                self._pass_on(whole + end)
            if len(self._held) > _LONGEST_HELD:
                masked = self._scrubber.mask(self._held)
                self._held = masked[-_STILL_HELD:]
                self._pass_on(masked[:-_STILL_HELD])
        return len(text)

    def flush(self) -> None:
        with self._lock:
            held, self._held = self._held, ""
            if held:
                self._pass_on(held)
            self._below.flush()

    def __del__(self) -> None:
        """Leave the stream below alone, which has other owners: from 3.13 on Python reports that it cannot be flushed.

        Nothing is lost: the interpreter flushes `sys.stderr` before it ends.
        """

    def _pass_on(self, text: str) -> None:
        masked = self._scrubber.mask(text)
        self._below.write(printable_lines(masked) if self._escapes else masked)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._below.isatty()

    def fileno(self) -> int:
        return self._below.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute
        return self._below.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # typeshed has an attribute
        return self._below.errors

    @property
    def line_buffering(self) -> bool:
        """Is a line written as soon as it is whole?"""
        return True
