"""A command on a terminal, and what the terminal receives."""

from __future__ import annotations

import asyncio
import os

from tests.conftest import Forking


async def on_a_terminal(
    start: Forking, *arguments: str, env: dict[str, str] | None = None, encoding: str = "utf-8"
) -> tuple[int, str]:
    """Run with standard output and standard error on a pseudo-terminal; the exit code and all that was sent there."""
    leader, follower = os.openpty()
    try:
        running = await start(
            *arguments, env={"TERM": "xterm-256color", **(env or {})}, stdout=follower, stderr=follower
        )
    finally:
        os.close(follower)
    reading = asyncio.create_task(asyncio.to_thread(_drained, leader))
    code = (await running.finished()).code
    return code, (await reading).decode(encoding)


def _drained(leader: int) -> bytes:
    said = b""
    try:
        while chunk := os.read(leader, 65536):
            said += chunk
    except OSError:  # a terminal's way to say that the other side is gone
        pass
    os.close(leader)
    return said
