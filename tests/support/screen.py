"""Draws on a pseudo-terminal in this process, and returns what a user sees on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyte
import pytest

from collector.cli.stderr import StandardError
from tests.support.pty import drained


class Screen(NamedTuple):
    """All characters that the terminal received, the lines that scrolled off its top, and the lines on it."""

    received: str
    scrolled: list[str]
    lines: list[str]


def screen_after(
    draw: Callable[[], object], patch: pytest.MonkeyPatch, *, columns: int = 80, lines: int = 24
) -> Screen:
    """The screen of a terminal of this size after `draw`, which finds it as stderr."""
    leader, follower = os.openpty()
    with (
        ThreadPoolExecutor() as threads,
        patch.context() as scope,
        os.fdopen(follower, "w", encoding="utf-8") as stream,
    ):
        reading = threads.submit(drained, leader)
        scope.setattr("sys.stderr", StandardError(stream))
        for name, value in {"COLUMNS": str(columns), "LINES": str(lines), "TERM": "xterm-256color"}.items():
            scope.setenv(name, value)
        try:
            draw()
        finally:
            stream.close()
            received = reading.result()
    return _shown(received, columns, lines)


def _shown(received: bytes, columns: int, lines: int) -> Screen:
    screen = pyte.HistoryScreen(columns, lines, history=1000)
    pyte.ByteStream(screen).feed(received)
    scrolled = ["".join(row[column].data for column in range(columns)) for row in screen.history.top]
    return Screen(
        received.decode(),
        [line.rstrip() for line in scrolled],
        [line.rstrip() for line in screen.display if line.strip()],
    )
