"""Foreign programs, each in the environment that `make engines` builds for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def program(environment: str, name: str = "python") -> str:
    """The path of a program in the environment `.venv/engine-…`."""
    path = ROOT / ".venv" / f"engine-{environment}" / "bin" / name
    assert path.exists(), f"{path} is missing; run: make engines"
    return str(path)


def collector(*arguments: str, folder: Path, env: Mapping[str, str], code: int = 0) -> bytes:
    """Run `collector` to its end and return its standard output."""
    return run([sys.executable, "-m", "collector", *arguments], folder=folder, env=env, code=code)


def run(
    command: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    stdin: bytes = b"",
    code: int = 0,
    seconds: int = 240,
) -> bytes:
    """Run a command with only these variables, PATH and HOME; return its standard output."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **env}
    done = subprocess.run(
        command, cwd=folder, env=environ, input=stdin, capture_output=True, check=False, timeout=seconds
    )
    assert done.returncode == code, f"{done.returncode}: {done.stderr.decode()[-4000:]}"
    return done.stdout
