"""`collector demo`: the main job, without a key and without a network."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from collector.cli.health_table import health_table
from collector.sandbox.inventory import Inventory
from tests.conftest import Calling, Forking, Starting
from tests.support.output_oracle import Given, check_finished
from tests.support.pty import on_a_terminal

COLUMNS = ["type", "count", "healthy", "error", "processing", "unhealthy", "other"]


def rows_of(said: str) -> list[list[str]]:
    """The cells of the table, a list per line; an empty cell is left out."""
    table = said.partition("\n\n")[2].partition("\n\n")[0]
    return [re.split(r" {2,}", line.strip()) for line in table.splitlines()]


async def test_the_demo_collects_all_in_an_empty_folder_without_a_key(call: Calling, tmp_path: Path) -> None:
    done = await call("demo", env={"POLYTOMIC_API_KEY": "", "HTTP_PROXY": "http://127.0.0.1:9"})
    assert done.code == 0, done.err
    snapshot = tmp_path / "demo/connections.jsonl"
    result = check_finished(snapshot, Given(list(Inventory(1000, seed=7).ids())), 0)
    assert f"the sandbox API received {result.manifest['requests']['sent']} requests" in done.err
    assert "\x1b" not in done.err
    with snapshot.open("rb") as lines:
        assert done.out == b"".join(islice(lines, 3))  # whole records and nothing else


async def test_the_demo_ends_with_a_table_of_the_snapshot_and_two_commands_that_work(
    call: Calling, tmp_path: Path
) -> None:
    done = await call("demo", "--folder", "my demo")
    assert done.code == 0, done.err
    heading, *rows = rows_of(done.err)
    records = [json.loads(line) for line in (tmp_path / "my demo/connections.jsonl").read_bytes().splitlines()]
    assert heading == COLUMNS
    assert len(rows) <= 11
    assert rows[-1][:3] == ["total", "1,000", str(sum(record["status"] == "healthy" for record in records))]
    assert sum(int(row[1]) for row in rows[:-1]) == 1000
    assert rows[0][1] == str(max(Counter(record["type_name"] for record in records).values()))
    assert max(map(len, done.err.partition("\n\n")[2].splitlines())) <= 80
    verify, collect = [shlex.split(line) for line in done.err.splitlines() if line.startswith("  collector ")]
    assert (await call(*verify[1:])).code == 0
    refused = await call(*collect[1:], env={"POLYTOMIC_API_KEY": "", "COLLECTOR_BASE_URL": "http://127.0.0.1:9"})
    assert refused.code == 2
    assert "POLYTOMIC_API_KEY" in refused.err


async def test_an_interrupted_demo_does_not_advise_to_resume_and_the_next_one_begins_anew(
    start: Starting, call: Calling, tmp_path: Path
) -> None:
    running = await start("demo")
    async with asyncio.timeout(30):
        while not (tmp_path / "demo/connections.jsonl.partial").exists():  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0.005)
    running.send(signal.SIGINT)
    done = await running.finished()
    assert done.code == 130, done.err
    assert "stopped: " in done.err
    assert "resume" not in done.err
    assert (await call("demo")).code == 0  # it may have quarantined the files of the first
    assert (await call("verify", "demo/connections.jsonl")).code == 0
    assert len((tmp_path / "demo/connections.jsonl").read_bytes().splitlines()) == 1000


async def test_a_terminal_gets_short_lines_and_a_coloured_table(fork: Forking) -> None:
    code, said = await on_a_terminal(fork, "demo", env={"COLUMNS": "80"})
    assert code == 0, said
    end = said[said.index("received") :].replace("\r\n", "\n")
    assert "\x1b[32m" in end
    assert [line for line in re.sub(r"\x1b\[[0-9;]*m", "", end).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
async def test_a_terminal_without_colours_gets_a_plain_table(fork: Forking, env: dict[str, str]) -> None:
    code, said = await on_a_terminal(fork, "demo", env=env)
    assert code == 0, said
    assert "\x1b" not in said[said.index("received") :]
    assert "total                       1,000" in said


async def test_an_output_that_is_not_utf_8_gets_ascii(call: Calling) -> None:
    done = await call("demo", env={"PYTHONIOENCODING": "ascii"})
    assert done.code == 0, done.err
    assert rows_of(done.err)[0] == COLUMNS
    assert done.err.isascii()


def test_rare_types_and_statuses_are_summed() -> None:
    statuses = ["healthy"] * 5 + ["error"] * 4 + ["failed"] * 3 + ["warning"] * 2 + ["unready", None]
    records = [
        {"type_name": None if number == 0 else f"type {number}\x1b[31m", "type_id": "first", "status": status}
        for number, status in enumerate(statuses)
    ]
    table = health_table(records)
    assert table.columns == ("healthy", "error", "failed", "warning", "other")
    assert table.rows[0] == ("first", 1, (1, 0, 0, 0, 0))
    assert table.rows[1][0] == "type 10\\x1b[31m"
    assert table.rows[-2] == ("10 other types", 10, (4, 4, 1, 0, 1))
    assert table.rows[-1] == ("total", 16, (5, 4, 3, 2, 2))


def test_few_types_and_statuses_are_all_shown() -> None:
    table = health_table([{"type_name": "A" * 40, "type_id": "a", "status": "healthy"}])
    assert table == (("healthy",), (("A" * 23 + "...", 1, (1,)), ("total", 1, (1,))))
    assert health_table([]) == ((), (("total", 0, ()),))


async def test_a_demo_without_permission_to_write_is_6(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    for arguments in (["demo"], ["demo", "--folder", "demo/in/it"]):
        done = await call(*arguments)
        assert done.code == 6, done.err
        assert "Traceback" not in done.err
