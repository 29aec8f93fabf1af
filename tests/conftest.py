"""Fixtures that run the command line as a user does, in a new process or in this one, without local settings."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

import collector
from collector.cli.main import run
from tests.support.fork_server import ForkServer
from tests.support.scripted_server import PATIENCE

KEY = "canary-key-0451"
"""The key for servers that accept any key. It must not appear in any output of the program."""

# A shell that starts the tests in the background ignores these signals, and child processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

_SOURCE = Path(collector.__file__).parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Disable garbage collection while pytest collects tests, and exclude these long-lived objects afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class Finished(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: bytes
    err: str


class Process(Protocol):
    """An `asyncio` process or a forked one."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...


class Forked(NamedTuple):
    """A process of the fork server."""

    pid: int
    ended: asyncio.Task[int]

    @property
    def returncode(self) -> int | None:
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)


@dataclass
class Running:
    """A running command; `pipes` must be closed explicitly."""

    process: Process
    stderr: bytearray = field(default_factory=bytearray)
    reading: list[asyncio.Task[bytes]] = field(default_factory=list)
    pipes: list[asyncio.BaseTransport] = field(default_factory=list)

    def send(self, signum: signal.Signals) -> None:
        """Send a signal with `os.kill`.

        `Process.send_signal` may reap the process; asyncio would then report the exit code 255.
        """
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signum)

    async def wait_for_stderr(self, text: str) -> None:
        """Wait until stderr contains the text."""
        async with asyncio.timeout(PATIENCE):
            while text.encode() not in self.stderr:
                assert self.process.returncode is None, self.stderr.decode()
                await asyncio.sleep(0.005)

    async def finished(self) -> Finished:
        """Wait until the command ends."""
        try:
            async with asyncio.timeout(2 * PATIENCE):
                out, err = await asyncio.gather(*self.reading)
                code = await self.process.wait()
        finally:
            await self.kill()
        return Finished(code, out, err.decode())

    async def end(self, signum: signal.Signals) -> Finished:
        """End a run whose requests hang: repeat a signal that drains them, once the run says so."""
        self.send(signum)
        if signum is not signal.SIGKILL:
            await self.wait_for_stderr("finishing requests in flight")
            self.send(signum)
        return await self.finished()

    async def kill(self) -> None:
        """Kill the command if it still runs."""
        if self.process.returncode is None:
            self.send(signal.SIGKILL)
        for task in self.reading:
            task.cancel()
        await self.process.wait()
        for pipe in self.pipes:
            pipe.close()


class Starting(Protocol):
    """Starts `collector` with these arguments; `env` is added to an environment without settings.

    `closing` are shell redirections and `through` is the command after a pipe. With either, the exit code is that of
    the last command in the pipeline that failed (`pipefail`). `under` is a command that runs it, such as a tracer.
    """

    async def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        closing: str = "",
        through: str = "",
        under: Sequence[str] = (),
    ) -> Running: ...


class Forking(Protocol):
    """Starts `collector` with these arguments, as `Starting` does."""

    async def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Running: ...


class Calling(Protocol):
    """Runs `collector` with these arguments to its end, in a forked process or, with `anew`, in a new interpreter."""

    async def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        under: Sequence[str] = (),
        anew: bool = False,
    ) -> Finished: ...


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Starting]:
    """Start the command in an empty folder, in a new process."""
    started: list[Running] = []

    async def starting(
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        closing: str = "",
        through: str = "",
        under: Sequence[str] = (),
    ) -> Running:
        command = [*under, sys.executable, "-m", "collector", *arguments]
        if closing or through:
            pipe = f" | {through}" if through else ""
            command = ["bash", "-c", f"set -o pipefail; {shlex.join(command)} {closing}{pipe}"]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=tmp_path,
            env={**clean_environment(tmp_path), "POLYTOMIC_API_KEY": KEY, **(env or {})},
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if stdout is None else stdout,
            stderr=asyncio.subprocess.PIPE if stderr is None else stderr,
        )
        running = Running(process)
        started.append(running)
        if process.stdin is not None and stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        running.reading += [
            asyncio.create_task(_read(process.stdout, bytearray())),
            asyncio.create_task(_read(process.stderr, running.stderr)),
        ]
        return running

    yield starting
    for running in started:
        await running.kill()


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """The process from which commands are forked that need no new interpreter."""
    server = ForkServer(clean_environment(tmp_path_factory.mktemp("home")))
    yield server
    server.close()


@pytest.fixture
async def fork(fork_server: ForkServer, tmp_path: Path) -> AsyncIterator[Forking]:
    """Start the command in a forked process, for tests that do not concern its start."""
    forked: list[Running] = []

    async def forking(
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Running:
        environ = {**clean_environment(tmp_path), "POLYTOMIC_API_KEY": KEY, **(env or {})}
        with open(os.devnull, "rb") as nothing:  # noqa: ASYNC230  # does not block
            streams = (nothing.fileno(), stdout, stderr)
            forked.append(await _forked(fork_server, arguments, environ, tmp_path, streams))
        return forked[-1]

    yield forking
    for running in forked:
        await running.kill()


@pytest.fixture
def call(start: Starting, fork_server: ForkServer, tmp_path: Path) -> Calling:
    """Run the command to its end, in a separate process."""

    async def calling(
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        under: Sequence[str] = (),
        anew: bool = False,
    ) -> Finished:
        if anew or under or not all(name.startswith(("COLLECTOR_", "POLYTOMIC_")) for name in env or ()):
            return await (await start(*arguments, env=env, stdin=stdin, under=under)).finished()
        environ = {**clean_environment(tmp_path), "POLYTOMIC_API_KEY": KEY, **(env or {})}
        read, write = os.pipe()
        running = await _forked(fork_server, arguments, environ, tmp_path, (read, None, None))
        os.close(read)
        writing = asyncio.create_task(asyncio.to_thread(_write_stdin, write, stdin or b""))
        try:
            return await running.finished()
        finally:
            await writing

    return calling


async def _forked(
    server: ForkServer,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    streams: tuple[int, int | None, int | None],
) -> Running:
    """Start a forked command with these standard streams; None stands for a pipe that is read."""
    (out, write_out), (err, write_err) = os.pipe(), os.pipe()
    stdin, stdout, stderr = streams
    descriptors = [stdin, write_out if stdout is None else stdout, write_err if stderr is None else stderr]
    status = server.start(arguments, environ, str(folder), descriptors)
    os.close(write_out)
    os.close(write_err)
    process, stdout_reader, stderr_reader = [await _reader(descriptor) for descriptor in (status, out, err)]

    async def end() -> int:
        return int(await process.stream.readline())

    running = Running(Forked(int(await process.stream.readline()), asyncio.create_task(end())))
    running.pipes += [each.transport for each in (process, stdout_reader, stderr_reader)]
    running.reading += [
        asyncio.create_task(_read(stdout_reader.stream, bytearray())),
        asyncio.create_task(_read(stderr_reader.stream, running.stderr)),
    ]
    return running


def _write_stdin(descriptor: int, stdin: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(stdin)


class _Reader(NamedTuple):
    stream: asyncio.StreamReader
    transport: asyncio.BaseTransport


async def _reader(descriptor: int) -> _Reader:
    stream = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)  # closed by the transport
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    return _Reader(stream, transport)


@pytest.fixture
def call_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Finished]:
    """Run the command in this process, for tests that end before the first request."""
    for name in os.environ.keys() - clean_environment(tmp_path).keys():
        monkeypatch.delenv(name)
    for name, value in clean_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POLYTOMIC_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)

    def calling(*arguments: str) -> Finished:
        capfdbinary.readouterr()
        code = run(arguments)
        output = capfdbinary.readouterr()
        return Finished(code, output.out, output.err.decode())

    return calling


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of a cron job, plus the path of the package."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home / "home"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_SOURCE),
        "PYTHONWARNINGS": "error",
        "COLLECTOR_SHARE_QUOTA": "false",  # concurrent tests must not share a quota
    }


async def _read(stream: asyncio.StreamReader | None, into: bytearray) -> bytes:
    if stream is None:
        return b""
    while chunk := await stream.read(65536):
        into += chunk
    return bytes(into)
