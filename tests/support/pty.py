"""Runs a command on a pseudo-terminal and returns what the terminal receives."""

from __future__ import annotations

import asyncio
import os

from tests.conftest import Forking


async def on_a_terminal(
    start: Forking, *arguments: str, env: dict[str, str] | None = None, encoding: str = "utf-8"
) -> tuple[int, str]:
    """Run with stdout and stderr on a pseudo-terminal; return the exit code and all output."""
    leader, follower = os.openpty()
    try:
        running = await start(
            *arguments, env={"TERM": "xterm-256color", **(env or {})}, stdout=follower, stderr=follower
        )
    finally:
        os.close(follower)
    reading = asyncio.create_task(asyncio.to_thread(drained, leader))
    code = (await running.finished()).code
    return code, (await reading).decode(encoding)


def drained(leader: int) -> bytes:
    """All that the terminal receives until its other end is closed."""
    received = b""
    try:
        while chunk := os.read(leader, 65536):
            received += chunk
    except OSError:  # Linux reports a closed follower as EIO
        pass
    os.close(leader)
    return received
