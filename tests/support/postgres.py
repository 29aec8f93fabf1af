"""A private Postgres server for tests: a new cluster in a folder, on a free port of the loopback address."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import pytest

USER: Final = "collector"
PASSWORD: Final = "collector-test"
_INSTALLED: Final = Path("/usr/lib/postgresql")


class Server(NamedTuple):
    """A running server. `url` names its database and a password, which the server does not ask for."""

    url: str
    port: int
    folder: Path

    def psql(self, sql: str, *options: str, cwd: Path | None = None) -> str:
        """Run SQL and commands of psql from a script. Returns unaligned rows; raises at the first error."""
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*command, *options, self.url], input=sql, cwd=cwd, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def postgres_server(folder: Path) -> Iterator[Server]:
    """Start a server whose files are in `folder`, and stop it at the end.

    As root, it runs as the user `postgres`, and its files are in a temporary folder: each start of pytest closes the
    folders of tests to other users.
    """
    with ExitStack() as stack:
        if os.geteuid() == 0:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="collector-postgres-")))
            shutil.chown(folder, "postgres", "postgres")
        folder.mkdir(parents=True, exist_ok=True)
        yield stack.enter_context(_running(folder))


@contextmanager
def _running(folder: Path) -> Iterator[Server]:
    binaries, data = _binaries(), str(folder / "data")
    _as_server_user([str(binaries / "initdb"), "-D", data, "-U", USER, "-A", "trust", *_INIT])
    port = _free_port()
    options = f"-k '' -c listen_addresses=127.0.0.1 -p {port} -c fsync=off -c full_page_writes=off"
    control = [str(binaries / "pg_ctl"), "-D", data, "-w"]
    _as_server_user([*control, "-l", str(folder / "log"), "-o", options, "start"])
    try:
        yield Server(f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres", port, folder)
    finally:
        _as_server_user([*control, "-m", "immediate", "stop"])


_INIT: Final = ("--no-sync", "-E", "UTF8", "--locale=C.UTF-8")


def _binaries() -> Path:
    """The folder of the server's programs: of the newest installed version, else of the one on the PATH."""
    found = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("no Postgres server is installed")
    return (found[-1] if found else Path(on_path or "")).parent


def _as_server_user(command: Sequence[str]) -> None:
    switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    # The server does not keep these pipes open: pg_ctl gives it the log file.
    done = subprocess.run(
        [*switch, *command], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
