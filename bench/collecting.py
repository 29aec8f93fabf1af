"""Runs `collector collect` from this source tree in a separate process and folder, and reads its results."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

_TREE = Path(__file__).parent.parent
_STOP_TIMEOUT = 60
"""Seconds until a stopped process must have ended."""

_NOT_FAILED = {"ok", "not_attempted"}


class RunResult(NamedTuple):
    """The result of a run by its manifest: its status, the number of `ok` ids and of failed ids."""

    status: str
    ok: int
    failed: int


@asynccontextmanager
async def collecting(
    folder: Path, url: str, ids: int, concurrency: int, *, rate: float = 0.0
) -> AsyncIterator[Process]:
    """Collect `ids` generated ids with the rate ceiling `rate` (0: unlimited), and stop the process at the end.

    Kills a process that does not stop in time, and raises TimeoutError.
    """
    _write_ids(folder / "ids.txt", ids)
    limits = ["--rate", f"{rate:g}", "--concurrency", str(concurrency)]
    command = [sys.executable, "-m", "collector", "collect", "--base-url", url, "--ids", "ids.txt", "-q"]
    with (folder / "stderr.txt").open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command,
            *("-o", "c.jsonl", *limits),
            cwd=folder,
            env=_environment(folder),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=stderr,
        )
    try:
        yield process
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)  # asyncio's method may reap it first and lose its exit code
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def result_in(folder: Path) -> RunResult:
    """Read a run's manifest and errors file; an id that failed in either counts as failed."""
    manifests = [path for path in (folder / "c.partial.manifest.json", folder / "c.manifest.json") if path.exists()]
    if not manifests:
        return RunResult("no manifest", 0, _errors_in(folder))
    manifest = json.loads(manifests[0].read_bytes())
    outcomes: dict[str, int] = manifest["account"]["outcomes"]
    failed = sum(count for kind, count in outcomes.items() if kind not in _NOT_FAILED)
    return RunResult(manifest["status"], outcomes["ok"], max(failed, _errors_in(folder)))


def _errors_in(folder: Path) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("c*.errors.jsonl"))


def _write_ids(path: Path, count: int) -> None:
    path.write_text("".join(f"{number:08x}-0000-4000-8000-00000000c0de\n" for number in range(count)))


def _environment(home: Path) -> dict[str, str]:
    """Return an environment without this machine's settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_TREE),
        "POLYTOMIC_API_KEY": "bench-key",
    }
