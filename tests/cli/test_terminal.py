"""Whole runs on a terminal: no text from a server or from a list of ids moves the cursor.

The progress bar itself sends a few known sequences; a run with a harmless server verifies the list.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.conftest import Forking
from tests.support.pty import on_a_terminal
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    by_id,
    connection,
    error,
    found,
    ids,
    in_turn,
    response,
    serving,
)

_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
EVIL = f"\x1b]0;owned\x07\x1b[31;5m\x1b[2J\x9b2J\x9d0;x\x9c\x90q\x08\x7f\x85\u2028\u2029{_BIDI}\ufeff"
"""ESC, BEL, CSI, OSC, DCS, backspace, DEL, NEL, and every mark that changes the direction of text."""

UNSEEN = [*"\x07\x08\x7f\x80\x85\x90\x9b\x9c\x9d\u2028\u2029", *_BIDI]
"""Characters that must never reach a terminal."""

_OF_THE_BAR = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*[AKG]|2K|\?25[lh])")
"""Sequences of rich: colours, up, first column, erase the line, hide and show the cursor."""

_RAW = EVIL.encode()
WANTED = ids(12)


def refusing(status: str) -> Scenario:
    body = json.dumps({"message": f"no {EVIL}", "key": EVIL, "metadata": {EVIL: EVIL}}, ensure_ascii=False).encode()
    return answer(body, status, X_Evil="a\x9bb", Content_Language="\x85")


async def spoilt_head(exchange: Exchange) -> None:
    """Control characters in the reason, in names and values of headers, and in the media type."""
    head = b"HTTP/1.1 404 Not \x1b[31mFound\x07\r\nX-\x1b[2J: \x9b2J\r\nContent-Length: 2\r\n\r\n{}"
    await exchange.write(head)


async def in_the_type(exchange: Exchange) -> None:
    await exchange.write(response(b"{}", media_type="text/\x9b31m"))


async def in_the_encoding(exchange: Exchange) -> None:
    await exchange.write(response(b"{}", Content_Encoding="\x9b31m\u2028"))


async def in_the_record(exchange: Exchange) -> None:
    fields = {"name": EVIL, "status_error": EVIL, "organization_id": EVIL, "configuration": {EVIL: EVIL}, EVIL: EVIL}
    await exchange.write(response(connection(exchange.target.rpartition("/")[2], **fields)))


async def of_another_id(exchange: Exchange) -> None:
    await exchange.write(response(connection(EVIL)))


async def no_answer(exchange: Exchange) -> None:
    await exchange.write(_RAW + b"\r\n\r\n")
    exchange.close()


HOSTILE: dict[str, Scenario] = {
    "404": refusing("404 \x9b31m"),
    "400": refusing("400 Bad\x1b[31m"),
    "403": refusing("403 No"),
    "500": in_turn(refusing("500 \x9b31m")),
    "head": spoilt_head,
    "type": in_the_type,
    "encoding": in_the_encoding,
    "record": in_the_record,
    "another id": of_another_id,
    "no answer": no_answer,
}


def assert_moves_nothing(said: str) -> None:
    without_the_bar = _OF_THE_BAR.sub("", said)
    assert "\x1b" not in without_the_bar, without_the_bar
    assert not [mark for mark in UNSEEN if mark in said], said
    assert "\x1b[31;5m" not in said
    assert "\x1b[2J" not in said


@pytest.mark.parametrize("verbose", [[], ["-v"]], ids=["", "-v"])
@pytest.mark.parametrize("output", ["c.jsonl", "-"])
async def test_no_text_of_a_server_moves_the_cursor(
    fork: Forking, tmp_path: Path, verbose: list[str], output: str
) -> None:
    struck = dict(zip(WANTED, HOSTILE.values(), strict=False))
    async with serving(by_id(struck, found)) as server:
        code, said = await on_a_terminal(
            fork,
            *("collect", *WANTED, "not \x1b[31m an id \u202e", "--base-url", server.url, "--rate", "0"),
            *("-o", output, "--max-attempts", "2", "--concurrency", "2", *verbose),
        )
    assert code == 3, said
    assert "not_found" in said
    assert_moves_nothing(said)


@pytest.mark.parametrize(
    "scenario",
    [
        answer(b"", "302 \x9b31m", Location=f"https://x.example/{_BIDI}\x9b31m"),
        answer(b"", "302 \x1b[31m", Location="https://\x9b31m.example/"),
        refusing("401 \x9b31m"),
        refusing("407 \x1b[31m"),
        error(429, EVIL, Retry_After="1000000"),
    ],
    ids=["Location", "host of Location", "401", "407", "429"],
)
async def test_no_final_message_moves_the_cursor(fork: Forking, scenario: Scenario) -> None:
    async with serving(scenario) as server:
        code, said = await on_a_terminal(fork, "collect", *WANTED, "--base-url", server.url, "-o", "c.jsonl", "-v")
    assert code in {2, 4, 5}, said
    assert_moves_nothing(said)


async def test_a_list_with_controls_in_it_moves_no_cursor(fork: Forking) -> None:
    body = json.dumps({"data": [{"id": EVIL}, {"id": ids(1)[0]}, {"id": f"{ids(1)[0]}\x1b[2J"}]}, ensure_ascii=False)

    async def listing(exchange: Exchange) -> None:
        await (answer(body.encode()) if exchange.target.endswith("/connections") else found)(exchange)

    async with serving(listing) as server:
        code, said = await on_a_terminal(fork, "collect", "--all", "--base-url", server.url, "-o", "c.jsonl", "-v")
    assert code == 3, said
    assert_moves_nothing(said)


async def test_names_of_files_and_of_options_move_no_cursor(fork: Forking, tmp_path: Path) -> None:
    name = "\x1b[31m\x9b2J\u202e\u200f\u061c"
    for arguments in (
        ["--ids", f"{name}.txt"],
        ["-o", f"{name}/{name}.partial"],
        ["-o", f"{name}{{x}}"],
        [f"--{name}"],
        ["--rate", name],
        ["--config", name],
        ["--base-url", f"https://{name}"],
        ["--proxy", f"http://{name}"],
        ["--ca-file", name, "--base-url", "https://127.0.0.1:9"],
    ):
        code, said = await on_a_terminal(fork, "collect", *ids(1), "--base-url", "http://127.0.0.1:9", *arguments)
        assert code in {2, 6}, said
        assert_moves_nothing(said)


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
    "emoji": "c.jsonl:100:",
}


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"COLLECTOR_DEBUG": "true"}], ids=["bar", "lines", "debug"])
async def test_no_text_of_the_api_imitates_a_message_of_the_collector(fork: Forking, env: dict[str, str]) -> None:
    struck = dict(zip(ids(len(ATTACKS)), ATTACKS.values(), strict=True))
    special = {one: error(404, f"<{attack}>") for one, attack in struck.items()}
    async with serving(by_id(special, found)) as server:
        code, said = await on_a_terminal(
            fork,
            *("collect", *struck, *ids(9, 900), "--base-url", server.url, "--rate", "0", "-v"),
            env=env,
        )
    assert code == 3, said
    assert [name for name, attack in ATTACKS.items() if f"<{attack}>" in said] == ["markup", "emoji"]
    assert not re.search(r"[\r\n](\x1b\[[0-9;?]*[A-Za-z])*collector: 9 of 9", said)
    assert said.count("collector: 9 of 9") == 3
    assert "\t" not in said
    assert_moves_nothing(said)


async def test_a_harmless_run_sends_only_the_known_sequences_of_the_bar(fork: Forking) -> None:
    """Otherwise the tests above would fail because of the bar."""

    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.1)
        await found(exchange)

    async with serving(slow) as server:
        code, said = await on_a_terminal(
            fork, "collect", *WANTED, "--base-url", server.url, "-o", "c.jsonl", "--concurrency", "1"
        )
    assert code == 0, said
    assert "\x1b[?25l" in said
    assert_moves_nothing(said)
