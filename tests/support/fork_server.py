"""A process that has imported the program and forks for each command, in about 10 % of the start time of a new process.

Each command is a separate process: it gets its own environment, folder, descriptors and standard streams, and ends like
an interpreter. It does not get the state that an interpreter reads once at its start. Tests of the locale or of
`PYTHON…` variables must start a new process.

    python -m tests.support.fork_server DESCRIPTOR     the descriptor of a socket that receives the commands
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
    """Starts commands. Call `close` after the last one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with server_end:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(server_end.fileno())],
                env=environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[server_end.fileno()],
            )

    def start(self, arguments: Sequence[str], environ: Mapping[str, str], folder: str, streams: Sequence[int]) -> int:
        """Start a command with these standard streams.

        Returns a descriptor that yields two lines: the process id, and later the exit code.
        """
        read_end, write_end = os.pipe()
        request = json.dumps([list(arguments), dict(environ), folder]).encode("utf-8", "surrogateescape")
        socket.send_fds(self._socket, [request], [*streams, write_end])
        os.close(write_end)
        return read_end

    def close(self) -> None:
        """End the server; running commands continue."""
        self._socket.close()
        self._process.wait()


def serve(requests: socket.socket) -> None:
    """Fork for each request until the socket closes; returns in each command's process, ready to run it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the watching processes are not waited for
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


def _watch(write_end: int) -> None:
    """Fork a child that returns and becomes the command; this process reports its process id and exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if command := os.fork():
        os.write(write_end, b"%d\n" % command)
        _, status = os.waitpid(command, 0)
        os.write(write_end, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(write_end)


def _become(arguments: list[str], environ: dict[str, str], folder: str, streams: list[int]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(_STREAMS, max(streams) + 1)
    sys.argv = ["collector", *arguments]
    sys.stdin = sys.__stdin__ = _text(0, "r", errors="surrogateescape")  # type: ignore[misc]  # as Python opens them
    sys.stdout = sys.__stdout__ = _text(1, "w", errors="surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", errors="backslashreplace", is_line_buffered=True)  # type: ignore[misc]


def _text(descriptor: int, mode: str, *, errors: str, is_line_buffered: bool = False) -> io.TextIOWrapper:
    raw: IO[bytes] = os.fdopen(descriptor, f"{mode}b", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors, line_buffering=is_line_buffered or raw.isatty())


if __name__ == "__main__":
    import collector.cli.collect
    import collector.cli.verify  # noqa: F401  # imported by most commands
    from collector.__main__ import main

    serve(socket.socket(fileno=int(sys.argv[1])))
    main()
