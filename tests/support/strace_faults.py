"""Faults of the system, injected by strace into the system calls of a process.

    fault = Fault("fdatasync", "error=EIO", when=2)
    running = await start(..., under=fault.command(log))
    ...
    assert fault.times(log) == 1

`-P` injects nothing for a path that is not there or not absolute, so a test that uses it asserts that the fault fired.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Fault:
    """What becomes of which call: `error=EIO`, `signal=KILL`, `delay_enter=30s`.

    `call` is a name or a regular expression as strace takes it; `when` is a number, or `2+` for all from the second;
    `on` limits it to one path, which is made absolute and must be there.
    """

    call: str
    effect: str
    when: str | int = 1
    on: Path | None = None

    def command(self, log: Path) -> list[str]:
        """What to put before a command; it keeps its process id, its exit code and its signals."""
        path = []
        if self.on is not None:
            assert self.on.exists(), f"strace would inject nothing: {self.on} is not there"
            path = ["-P", str(self.on.resolve())]
        return [
            *("strace", "-D", "-f", "-qq", "-o", str(log), *path),
            *("-e", f"trace={self.call}", "-e", f"inject={self.call}:{self.effect}:when={self.when}"),
        ]

    def times(self, log: Path) -> int:
        """How often it happened, by what strace wrote down."""
        text = log.read_text() if log.exists() else ""
        if "signal=KILL" in self.effect:
            return int("+++ killed by SIGKILL +++" in text)
        return text.count("(INJECTED)") + text.count("(DELAYED)")


@cache
def why_not() -> str | None:
    """Why no fault can be injected here; None when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-D", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "strace may not trace here" if tried.returncode or tried.stderr else None


needs_strace = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
