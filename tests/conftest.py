"""The command line as a user runs it, in a process of its own or in this one, without this machine's settings."""

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
"""The key that tests use where a server takes any; it may stand in nothing the program writes."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # these tests run in the background; what they start inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SOURCE = Path(collector.__file__).parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage while tests are collected, which are none, and do not look through them ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class Finished(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: bytes
    err: str


class Process(Protocol):
    """A process of `asyncio`, or a forked one."""

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
    """A command under way; `pipes` are those that nothing else closes."""

    process: Process
    said: bytearray = field(default_factory=bytearray)
    reading: list[asyncio.Task[bytes]] = field(default_factory=list)
    pipes: list[asyncio.BaseTransport] = field(default_factory=list)

    def send(self, signum: signal.Signals) -> None:
        """Send it a signal; not by the process's own method, which may reap it first: its exit code would be 255."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signum)

    async def says(self, text: str) -> None:
        """Wait until the text stands on its standard error."""
        async with asyncio.timeout(PATIENCE):
            while text.encode() not in self.said:
                assert self.process.returncode is None, self.said.decode()
                await asyncio.sleep(0.005)

    async def finished(self) -> Finished:
        """Wait for its end."""
        try:
            async with asyncio.timeout(2 * PATIENCE):
                out, err = await asyncio.gather(*self.reading)
                code = await self.process.wait()
        finally:
            await self.kill()
        return Finished(code, out, err.decode())

    async def kill(self) -> None:
        """End it if it has not ended."""
        if self.process.returncode is None:
            self.send(signal.SIGKILL)
        for task in self.reading:
            task.cancel()
        await self.process.wait()
        for pipe in self.pipes:
            pipe.close()


class Starting(Protocol):
    """Starts `collector` with these arguments; `env` is added to an environment without settings.

    `closing` are redirections of a shell, `through` is what stands behind its pipe: then the shell's exit code is
    that of the first command that failed. `under` is a command that runs it, such as a tracer.
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
    """Runs `collector` with these arguments to its end; `anew` in an interpreter of its own, else in a fork of one."""

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
    """Start the command in an empty folder, in a process of its own."""
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
            asyncio.create_task(_read(process.stderr, running.said)),
        ]
        return running

    yield starting
    for running in started:
        await running.kill()


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """What commands are forked from that need no interpreter of their own."""
    server = ForkServer(clean_environment(tmp_path_factory.mktemp("home")))
    yield server
    server.close()


@pytest.fixture
async def fork(fork_server: ForkServer, tmp_path: Path) -> AsyncIterator[Forking]:
    """Start the command in a fork of one interpreter: for what comes after its start."""
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
    """Run the command to its end, in a process of its own."""

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
        given = asyncio.create_task(asyncio.to_thread(_give, write, stdin or b""))
        try:
            return await running.finished()
        finally:
            await given

    return calling


async def _forked(
    server: ForkServer,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    streams: tuple[int, int | None, int | None],
) -> Running:
    """Start a command with these standard streams; what it says on one that is None is read."""
    (out, write_out), (err, write_err) = os.pipe(), os.pipe()
    stdin, stdout, stderr = streams
    given = [stdin, write_out if stdout is None else stdout, write_err if stderr is None else stderr]
    told = server.start(arguments, environ, str(folder), given)
    os.close(write_out)
    os.close(write_err)
    process, said, complained = [await _reader(descriptor) for descriptor in (told, out, err)]

    async def end() -> int:
        return int(await process.stream.readline())

    running = Running(Forked(int(await process.stream.readline()), asyncio.create_task(end())))
    running.pipes += [each.transport for each in (process, said, complained)]
    running.reading += [
        asyncio.create_task(_read(said.stream, bytearray())),
        asyncio.create_task(_read(complained.stream, running.said)),
    ]
    return running


def _give(descriptor: int, stdin: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(stdin)


class _Reader(NamedTuple):
    stream: asyncio.StreamReader
    transport: asyncio.BaseTransport


async def _reader(descriptor: int) -> _Reader:
    stream = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)  # which the transport closes at its end
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    return _Reader(stream, transport)


@pytest.fixture
def call_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Finished]:
    """Run the command in this process: for what ends before there is anything to ask."""
    for name in os.environ.keys() - clean_environment(tmp_path).keys():
        monkeypatch.delenv(name)
    for name, value in clean_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POLYTOMIC_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)

    def calling(*arguments: str) -> Finished:
        capfdbinary.readouterr()
        code = run(arguments)
        said = capfdbinary.readouterr()
        return Finished(code, said.out, said.err.decode())

    return calling


def clean_environment(home: Path) -> dict[str, str]:
    """What a cron job has, and where the package is."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home / "home"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_SOURCE),
        "PYTHONWARNINGS": "error",
        "COLLECTOR_SHARE_QUOTA": "false",  # the tests that run beside each other are no runs of one user
    }


async def _read(stream: asyncio.StreamReader | None, into: bytearray) -> bytes:
    if stream is None:
        return b""
    while chunk := await stream.read(65536):
        into += chunk
    return bytes(into)
