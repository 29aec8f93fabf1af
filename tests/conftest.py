"""The command line as a user runs it, in a process of its own or in this one, without this machine's settings."""

from __future__ import annotations

import asyncio
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


class Finished(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: bytes
    err: str


@dataclass
class Running:
    """A command under way."""

    process: asyncio.subprocess.Process
    said: bytearray = field(default_factory=bytearray)
    reading: list[asyncio.Task[bytes]] = field(default_factory=list)

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
        return await _forked(fork_server, arguments, environ, tmp_path, stdin)

    return calling


async def _forked(
    server: ForkServer, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, stdin: bytes | None
) -> Finished:
    read_in, write_in = os.pipe()
    pipes = [os.pipe() for _ in ("out", "err")]
    told = server.start(arguments, environ, str(folder), [read_in, *(write for _, write in pipes)])
    for descriptor in (read_in, *(write for _, write in pipes)):
        os.close(descriptor)
    given = asyncio.create_task(asyncio.to_thread(_give, write_in, stdin or b""))
    process = bytearray()
    read_out, read_err = (read for read, _ in pipes)
    reading = [
        asyncio.create_task(_read(await _reader(descriptor), into))
        for descriptor, into in ((read_out, bytearray()), (read_err, bytearray()), (told, process))
    ]
    try:
        async with asyncio.timeout(2 * PATIENCE):
            out, err, end = await asyncio.gather(*reading)
    finally:
        if process.count(b"\n") == 1:
            os.kill(int(process), signal.SIGKILL)
        await asyncio.gather(*reading, given, return_exceptions=True)
    return Finished(int(end.split()[1]), out, err.decode())


def _give(descriptor: int, stdin: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(stdin)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)  # which the transport closes at its end
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


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
