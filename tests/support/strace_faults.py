"""Faults in the system calls of a process, injected by strace.

    fault = Fault("fdatasync", "error=EIO", when=2)
    running = await start(..., under=fault.command(log))
    ...
    assert fault.times(log) == 1

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

    `call` is a name or a regular expression as strace takes it; `when` is a number, or `2+` for all from the second;
    `on` limits it to one path, which is made absolute and must be there.
    """

    call: str
    effect: str
    when: str | int = 1
    on: Path | None = None

    def command(self, log: Path) -> list[str]:
        """The prefix for a command, which keeps its process id, exit code and signals."""
        path = []
        if self.on is not None:
            assert self.on.exists(), f"strace would inject nothing: {self.on} is not there"
            path = ["-P", str(self.on.resolve())]
        return [
            *("strace", "-D", "-f", "-qq", "-o", str(log), *path),
            *("-e", f"trace={self.call}", "-e", f"inject={self.call}:{self.effect}:when={self.when}"),
        ]

    def times(self, log: Path) -> int:
        """The number of injected faults in the log of strace."""
        text = log.read_text() if log.exists() else ""
        if "signal=KILL" in self.effect:
            return int("+++ killed by SIGKILL +++" in text)
        return text.count("(INJECTED)") + text.count("(DELAYED)")


@cache
def why_not() -> str | None:
    """Why faults cannot be injected here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-D", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "strace may not trace here" if tried.returncode or tried.stderr else None


needs_strace = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
