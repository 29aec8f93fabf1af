"""The fenced blocks of a page of documentation, and a shell that runs them in order as a user would.

A block in `sh` or `python` must end with exit code 0, or with the one that a comment above it names:
`<!-- exit code: 8 -->`. A block that begins with `collector sandbox` serves in the background until the shell closes.
A free port replaces its port, here and in all later blocks, so that pages run beside each other.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.support.scripted_server import PATIENCE

RUN = {"sh", "python"}
SHOWN = {"console", "cron", "csv", "ini", "json", "sql", "text", "toml", "yaml"}
"""Languages of blocks that the shell does not run. A test loads each `toml` block as a configuration."""

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[^`]*)")
_EXIT_CODE = re.compile(r"\s*<!-- exit code: (\d+) -->\s*")
_SERVES = re.compile(r"collector sandbox\b(?!.*--list-ids)")
_PORT = re.compile(r"--port[ =](\d+)")
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_DEFAULT_PORT = "8710"
_LONGEST = 120.0
"""Seconds that a block may take."""


class Block(NamedTuple):
    """A fenced block: where it begins (page and line), its language and text, and the exit code it should end with."""

    place: str
    language: str
    text: str
    exit_code: int = 0


class BlockFailed(AssertionError):
    """A block ended with another exit code than it should; the text shows the block and its output."""


def blocks_of(page: Path, root: Path) -> list[Block]:
    """The fenced blocks of a page. Raises `ValueError` for a block that is not closed."""
    found: list[Block] = []
    name = page.relative_to(root)
    lines = enumerate(page.read_text().splitlines(), start=1)
    before = ""
    for number, line in lines:
        if fence := _FENCE.fullmatch(line):
            code = _EXIT_CODE.fullmatch(before)
            place = f"{name}:{number}"
            text = _until(fence["indent"] + fence["fence"], lines, place)
            found.append(Block(place, fence["language"].strip(), text, int(code[1]) if code else 0))
        before = line
    return found


def _until(end: str, lines: Iterator[tuple[int, str]], place: str) -> str:
    body: list[str] = []
    for _, line in lines:
        if line.rstrip() == end:
            return textwrap.dedent("\n".join(body)) + "\n"
        body.append(line)
    raise ValueError(f"{place}: the block is not closed")


def make_lines(block: Block) -> list[str]:
    """The `make` commands of a block; they are steps of CI and do not run here."""
    return [found[0] for line in block.text.splitlines() if (found := re.match(r"make [a-z-]+", line))]


class Shell:
    """Runs the blocks of one page in one folder, with a sandbox that its environment names. Close it at the end.

    The folder that a block changes to and the variables it exports hold for the blocks after it.
    """

    def __init__(self, folder: Path, source: Path, environ: Mapping[str, str] | None = None) -> None:
        self._home, self._folder = folder / "home", folder / "work"
        self._ports: dict[str, str] = {}
        self._servers: list[subprocess.Popen[bytes]] = []
        for each in (self._home, self._folder):
            each.mkdir()
        self._state = self._home / "state.sh"
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self._home),
            "XDG_CONFIG_HOME": str(self._home / ".config"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(source),
            "POLYTOMIC_API_KEY": "sandbox-key",
            **(environ or {}),
        }
        port = self._serve("collector sandbox --connections 100 --port 0")
        self._environ["POLYTOMIC_DEPLOYMENT_URL"] = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(PATIENCE)

    def run(self, block: Block) -> None:
        """Run a block. Raises `BlockFailed`."""
        text = "".join(line for line in block.text.splitlines(keepends=True) if not re.match(r"make ", line))
        if block.language == "sh" and _SERVES.match(text):
            self._serve_block(text)
            return
        text = self._with_free_ports(text)
        command = text if block.language == "sh" else f"python - <<'END OF BLOCK'\n{text}END OF BLOCK\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._with_state(command)],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LONGEST,
            check=False,
        )
        if done.returncode != block.exit_code:
            output = done.stdout.decode(errors="replace")[-4000:]
            raise BlockFailed(
                f"{block.place}: exit code {done.returncode}, not {block.exit_code}\n\n{block.text}\n{output}"
            )

    def _with_state(self, command: str) -> str:
        """The command, after the exports and the folder of the last one, which it notes for the next."""
        state = shlex.quote(str(self._state))
        note = f'trap \'{{ export -p; printf "cd %q\\n" "$PWD"; }} >{state}\' EXIT'
        return f"if test -e {state}; then . {state}; fi\n{note}\n{command}"

    def _with_free_ports(self, text: str) -> str:
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def _serve_block(self, text: str) -> None:
        port = found[1] if (found := _PORT.search(text)) else _DEFAULT_PORT
        command = _PORT.sub("", text).replace("collector sandbox", "collector sandbox --port 0", 1)
        self._ports[port] = self._serve(command)

    def _serve(self, command: str) -> str:
        """Start a server in the background, and return the port that it listens on."""
        said = self._home / f"server-{len(self._servers)}.err"
        with said.open("wb") as stderr:
            server = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", f"exec {command}"],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        self._servers.append(server)
        until = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < until:
            if address := _ADDRESS.search(said.read_text()):
                return address[1]
            time.sleep(0.02)
        raise BlockFailed(f"{command}: serves nothing\n{said.read_text()}")
