"""Help pages: at most 80 columns, examples first, options in the order of use."""

from __future__ import annotations

import re
import shlex

import pytest

from collector.cli.slips import COMMANDS
from tests.conftest import Calling, Forking
from tests.support.pty import on_a_terminal

PAGES = [[], ["--help"], *([command, "--help"] for command in COMMANDS)]


@pytest.mark.parametrize("arguments", PAGES, ids=" ".join)
@pytest.mark.parametrize("columns", [None, "200", "80"])
async def test_a_page_fits_80_columns_in_a_pipe(call: Calling, arguments: list[str], columns: str | None) -> None:
    done = await call(*arguments, env={"COLUMNS": columns} if columns else None)
    assert (done.code, done.err) == (0, "")
    page = done.out.decode("ascii")
    assert max(map(len, page.splitlines())) <= 80
    assert [line for line in page.splitlines() if line != line.rstrip()] == []
    assert "\n\n\n" not in page


async def test_a_page_fits_80_columns_on_a_wide_terminal(fork: Forking) -> None:
    for arguments in PAGES:
        code, page = await on_a_terminal(fork, *arguments, env={"COLUMNS": "200"})
        assert code == 0
        assert "\x1b" not in page
        assert max(map(len, page.splitlines())) <= 80


async def test_the_first_page_fits_a_screen_and_has_three_examples(call: Calling) -> None:
    page = (await call("--help")).out.decode()
    assert len(page.splitlines()) <= 24
    examples = re.findall(r"^  (collector \S.*?)(?:   |$)", page, re.MULTILINE)
    assert [shlex.split(example)[1] for example in examples] == ["demo", "collect", "verify"]
    assert (await call()).out.decode() == page


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_page_begins_with_what_the_command_does_and_an_example(call: Calling, command: str) -> None:
    lines = (await call(command, "--help")).out.decode().splitlines()
    assert re.fullmatch(r"[A-Z].*\.", lines[0])
    assert lines[1] == ""
    assert lines[2] in {"Example:", "Examples:"}
    assert lines[3].startswith(f"  collector {command}")


async def test_the_options_of_collect_are_in_the_order_of_use(call: Calling) -> None:
    page = (await call("collect", "--help")).out.decode()
    groups = re.findall(r"^([A-Z][A-Za-z ]+):$", page, re.MULTILINE)
    assert groups == [
        *("Examples", "Ids", "Filters", "Output", "The key", "Limits", "Retries", "The API", "Redaction"),
        *("Messages and settings", "Exit codes"),
    ]


@pytest.mark.parametrize(
    ("option", "default"),
    [
        ("--rate N", "[50]"),
        ("--resume WHEN", "[auto]"),
        ("--all", ""),
        ("--ids-column NAME", ""),
        ("--ids-format FORMAT", "[auto]"),
    ],
)
async def test_a_default_is_shown_if_it_says_something(call: Calling, option: str, default: str) -> None:
    page = (await call("collect", "--help")).out.decode()
    described = page.partition(f"  {option} ")[2].partition("\n  -")[0].partition("\n\n")[0]
    assert described.strip()
    assert described.endswith(default)
    assert bool(default) == ("[" in described)


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_option_is_described_beside_it_or_below_it(call: Calling, command: str) -> None:
    page = (await call(command, "--help")).out.decode()
    undescribed = re.findall(r"^  -\S+(?: \S+)*\n(?! {10,}\S)", page, re.MULTILINE)
    assert undescribed == []
