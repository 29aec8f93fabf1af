"""Faults in the system calls of a process, injected by strace.

    fault = Fault("fdatasync", "error=EIO", when=2)
    running = await start(..., under=fault.command(log))
    ...
    assert fault.count(log) == 1

`-P` has no effect for a path that is missing or not absolute, so a test that uses it asserts that the fault fired.
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
    """A system call and its fault: `error=EIO`, `signal=KILL`, `delay_enter=30s`.

    - `call`: a name or a regular expression of strace.
    - `when`: the number of the call, from 1, or `2+` for all from the second.
    - `on`: the only path affected. It must exist, and is made absolute.
    """

    call: str
    effect: str
    when: str | int = 1
    on: Path | None = None

    def command(self, log: Path) -> list[str]:
        """The prefix for a command, which keeps its process id, exit code and signals."""
        path = []
        if self.on is not None:
            assert self.on.exists(), f"{self.on} is missing, so strace would inject no fault"
            path = ["-P", str(self.on.resolve())]
        return [
            *("strace", "-D", "-f", "-qq", "-o", str(log), *path),
            *("-e", f"trace={self.call}", "-e", f"inject={self.call}:{self.effect}:when={self.when}"),
        ]

    def count(self, log: Path) -> int:
        """The number of injected faults in the log of strace."""
        text = log.read_text() if log.exists() else ""
        if "signal=KILL" in self.effect:
            return int("+++ killed by SIGKILL +++" in text)
        return text.count("(INJECTED)") + text.count("(DELAYED)")


@cache
def unavailable_reason() -> str | None:
    """Why faults cannot be injected here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-D", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "this system does not permit tracing" if tried.returncode or tried.stderr else None


needs_strace = pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason()))
