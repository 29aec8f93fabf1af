"""A process that has imported the program and forks for each command: that takes a tenth of a new process's start.

A command is as much a process of its own as any other: its environment, folder, descriptors and standard streams are
those it was given, and its end is an interpreter's. What an interpreter reads once at its start is not its own: for
tests of the locale or of `PYTHON…` variables start a new process.

    python -m tests.support.fork_server DESCRIPTOR     of a socket on which the commands come
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

_LARGEST = 1 << 20  # bytes of a request
_STREAMS = 3


class ForkServer:
    """Starts commands; `close` it when no more are to come."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                env=environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(self, arguments: Sequence[str], environ: Mapping[str, str], folder: str, streams: Sequence[int]) -> int:
        """Start a command with these standard streams; a descriptor that tells its process id, and then how it ended.

        Each of the two is a line.
        """
        told, tell = os.pipe()
        request = json.dumps([list(arguments), dict(environ), folder]).encode("utf-8", "surrogateescape")
        socket.send_fds(self._socket, [request], [*streams, tell])
        os.close(tell)
        return told

    def close(self) -> None:
        """End the server; commands that are under way go on."""
        self._socket.close()
        self._process.wait()


def serve(requests: socket.socket) -> None:
    """Fork for each request until there are no more; returns in each command's process as well, ready to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who watches a command is not waited for
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, _LARGEST, _STREAMS + 1)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            _watch(descriptors.pop())
            arguments, environ, folder = json.loads(request.decode("utf-8", "surrogateescape"))
            _become(arguments, environ, folder, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _watch(tell: int) -> None:
    """Tell of the command, which is what returns here, its process id and its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if command := os.fork():
        os.write(tell, b"%d\n" % command)
        _, status = os.waitpid(command, 0)
        os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(tell)


def _become(arguments: list[str], environ: dict[str, str], folder: str, streams: list[int]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(_STREAMS, max(streams) + 1)
    sys.argv = ["collector", *arguments]
    sys.stdin = sys.__stdin__ = _text(0, "r", errors="surrogateescape")  # type: ignore[misc]  # as Python makes them
    sys.stdout = sys.__stdout__ = _text(1, "w", errors="surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", errors="backslashreplace", is_line_buffered=True)  # type: ignore[misc]


def _text(descriptor: int, mode: str, *, errors: str, is_line_buffered: bool = False) -> io.TextIOWrapper:
    raw: IO[bytes] = os.fdopen(descriptor, f"{mode}b", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors, line_buffering=is_line_buffered or raw.isatty())


if __name__ == "__main__":
    import collector.cli.collect
    import collector.cli.verify  # noqa: F401  # what most commands import
    from collector.__main__ import main

    serve(socket.socket(fileno=int(sys.argv[1])))
    main()
