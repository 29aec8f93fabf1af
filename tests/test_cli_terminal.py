"""What an API says does not reach a terminal as anything but text."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress

import pytest

from .conftest import Starting
from .serving import by_id, error, found, ids, serving

ATTACKS = {
    "colour": "\x1b[31m",
    "title": "\x1b]0;evil\x07",
    "C1": "\x9b31m",
    "cursor": "\x1b[2J\x1b[H",
    "back": "\b\b\b",
    "bidi": "\u202eevil",
    "isolate": "\u2066evil",
    "mark": "\u061c\u200e\u200f",
    "line": "\ncollector: 9 of 9 connections",
    "carriage": "\rcollector: 9 of 9 connections",
    "separator": "\u2028collector: 9 of 9 connections",
    "tab": "\tevil",
    "surrogate": "\ud800evil",
    "markup": "[red]evil[/red]",
}


async def seen_on_a_terminal(start: Starting, *arguments: str, env: dict[str, str]) -> str:
    """What a terminal receives on standard error."""
    main, other = os.openpty()
    running = await start(*arguments, stderr=other, env={"TERM": "xterm", **env})
    os.close(other)
    read = b""
    with suppress(OSError):  # the terminal is gone
        while chunk := await asyncio.to_thread(os.read, main, 65536):
            read += chunk
    os.close(main)
    assert (await running.finished()).code == 3
    return read.decode()


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"COLLECTOR_DEBUG": "true"}], ids=["bar", "lines", "debug"])
async def test_no_text_of_the_api_moves_a_cursor_or_begins_a_line(start: Starting, env: dict[str, str]) -> None:
    struck = dict(zip(ids(len(ATTACKS)), ATTACKS.values(), strict=True))
    special = {one: error(404, f"<{attack}>") for one, attack in struck.items()}
    async with serving(by_id(special, found)) as server:
        seen = await seen_on_a_terminal(
            start, "collect", *struck, *ids(9, 900), "--base-url", server.url, "--rate", "0", "-v", env=env
        )
    assert [name for name, attack in ATTACKS.items() if f"<{attack}>" in seen] == ["markup"]
    assert [each for each in "\x07\x08\x9b\t\u061c\u200e\u200f\u202e\u2066\u2028" if each in seen] == []
    assert "\x1b]" not in seen  # the bar's own codes begin in another way
    assert not re.search(r"[\r\n](\x1b\[[0-9;?]*[A-Za-z])*collector: 9 of 9", seen)
    assert seen.count("collector: 9 of 9") == 3
