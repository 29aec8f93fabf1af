r"""Scrubbing stream in place of stderr: all text output of the process passes it.

Theory of operation. During the whole life of the process, `sys.stderr` is this stream. Everything that Python writes to
it is scrubbed: messages, tracebacks, warnings, exceptions of threads and destructors, asyncio's reports on abandoned
tasks, logs of libraries, and the bar on a terminal. The stream buffers a line until it is complete or flushed and
scrubs it as a whole, so a secret written in pieces is found. It escapes control characters, except those that draw the
bar (`for_terminal`).

The stream masks keys in the environment from the start, and any other secret from its `add_secrets` call on. It does
not see output that the interpreter writes directly to the descriptor: fatal errors and `faulthandler` print places in
the code, but no values. Text for files is scrubbed where it is made (`scrubber`).
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
_STILL_HELD: Final = 4096  # the last ones, which may be the beginning of a secret


def install(environ: MutableMapping[str, str]) -> None:
    """Replace `sys.stderr`, if it is open, by the stream, and add the keys in the environment to its secrets."""
    if sys.stderr is None:  # closed before the process began
        return
    stream = StandardError(sys.stderr)
    sys.stderr = stream
    sys.__stderr__ = stream  # type: ignore[misc,assignment]  # for code that bypasses `sys.stderr`
    for name, value in environ.items():
        if name.startswith("POLYTOMIC_") and name.endswith("_KEY"):
            add_secrets(keys_in(value))
    # Python 3.13 and later colour tracebacks on a terminal, and the stream would escape the colour codes.
    environ.setdefault("PYTHON_COLORS", "0")


def add_secrets(secrets: Iterable[str]) -> None:
    """Mask these from now on."""
    if isinstance(sys.stderr, StandardError):
        sys.stderr.add_secrets(secrets)


def allow(texts: Iterable[str]) -> None:
    """Do not mask these, although they look like secrets or are set as a key."""
    if isinstance(sys.stderr, StandardError):
        sys.stderr.allow(texts)


def masked(text: str) -> str:
    """Text as stderr would show it, for a message that goes elsewhere."""
    return sys.stderr.masked(text) if isinstance(sys.stderr, StandardError) else Scrubber().mask(text)


def for_terminal() -> TextIO:
    """A stderr to draw on a terminal: scrubbed, but with control characters unchanged."""
    return sys.stderr.for_terminal() if isinstance(sys.stderr, StandardError) else sys.stderr


class StandardError(io.TextIOBase):
    """Scrubs text and writes it to the stream below, whose errors it raises. Thread-safe.

    The lock is reentrant, because garbage collection during a write can run a destructor that writes to stderr.
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
        """Do not mask these, even if they look like secrets or were added as secrets."""
        with self._lock:
            self._public |= frozenset(texts)
            self._scrubber = Scrubber(self._secrets - self._public, self._public)

    def masked(self, text: str) -> str:
        """The text without secrets."""
        with self._lock:
            return self._scrubber.mask(text)

    def for_terminal(self) -> TextIO:
        """A scrubbing stream to the same place that leaves control characters unchanged."""
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
        """Do not close the stream below, which has other owners.

        Python 3.13 and later would report that flushing it failed. No text is lost: the interpreter
        flushes `sys.stderr` at exit.
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
        """Is a line written as soon as it is complete?"""
        return True
