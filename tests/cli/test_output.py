"""`collector collect`: files, streams, and errors of the operating system."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import KEY, Calling, Finished, Starting, clean_environment
from tests.support.output_oracle import Given, Seen, check_finished, check_stopped
from tests.support.pty import on_a_terminal
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    by_id,
    error,
    found,
    ids,
    in_turn,
    once_set,
    response,
    serving,
)

Here = Callable[..., Finished]
NOWHERE = "http://127.0.0.1:9"


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_standard_output_is_json_lines_and_nothing_else(call: Calling) -> None:
    async with serving(found) as server:
        for arguments in ([], ["-o", "-"]):
            done = await call("collect", *ids(5), "--base-url", server.url, "--rate", "0", "-v", *arguments)
            assert done.code == 0, done.err
            assert sorted(json.loads(line)["id"] for line in done.out.decode().splitlines()) == ids(5)
            assert done.out.endswith(b"\n")


async def test_without_an_errors_file_the_first_twenty_failures_are_listed_then_the_rest_counted(call: Calling) -> None:
    async with serving(error(404, "gone \x1b[31mfishing\x07")) as server:
        done = await call("collect", *ids(30), "--base-url", server.url, "--rate", "0")
    assert (done.code, done.out) == (3, b"")
    assert sum("not_found" in line and "HTTP 404" in line for line in done.err.splitlines()) == 20
    assert "30 not_found" in done.err
    assert "\x1b" not in done.err
    assert "\x07" not in done.err


async def test_quiet_prints_nothing_if_every_id_is_ok(call: Calling) -> None:
    async with serving(in_turn(error(500, "once"), found)) as server:
        done = await call("collect", *ids(5), "--base-url", server.url, "-o", "c.jsonl", "-q")
    assert (done.code, done.out, done.err) == (0, b"", "")


async def test_verbose_prints_the_reason_of_a_retry(call: Calling) -> None:
    async with serving(in_turn(error(500, "once"), found)) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "-o", "c.jsonl", "-v")
    assert done.code == 0
    assert f"/api/connections/{ids(1)[0]}: HTTP 500" in done.err


async def test_the_date_and_the_run_id_are_filled_in(call: Calling, tmp_path: Path) -> None:
    before = datetime.now(UTC).date()
    async with serving(found) as server:
        done = await call("collect", *ids(2), "--base-url", server.url, "-o", "made/{date}/c-{run_id}.jsonl")
    assert done.code == 0, done.err
    [folder] = os.listdir(tmp_path / "made")
    output = (
        tmp_path / "made" / folder / next(name for name in os.listdir(tmp_path / "made" / folder) if "jsonl" in name)
    )
    result = check_finished(output, Given(ids(2)), 0, seen=Seen(2))
    assert output.name == f"c-{result.manifest['run_id']}.jsonl"
    assert output.parent.name in {str(before), str(datetime.now(UTC).date())}


@pytest.mark.parametrize("name", ["{when}.jsonl", "{}.jsonl", "{date.year}.jsonl", "{run_id!r}.jsonl"])
def test_an_unknown_placeholder_is_2(call_here: Here, name: str, tmp_path: Path) -> None:
    done = call_here("collect", *ids(1), "--base-url", NOWHERE, "-o", f"out/{name}")
    assert done.code == 2
    assert "{date}" in done.err
    assert not (tmp_path / "out").exists()


async def test_a_suffix_in_capitals_compresses_too_and_the_file_is_valid_input_and_verifies(
    call: Calling, tmp_path: Path
) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(3), "--base-url", server.url, "-o", "C.jsonl.GZ")
        again = await call("collect", "--ids", "C.jsonl.GZ", "--base-url", server.url, "-o", "out/c.jsonl")
    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert len(gzip.decompress((tmp_path / "C.jsonl.GZ").read_bytes()).splitlines()) == 3
    assert (tmp_path / "C.manifest.json").exists()
    assert (await call("verify", "C.jsonl.GZ")).code == 0
    check_finished(tmp_path / "out/c.jsonl", Given(ids(3)), 0)


async def test_gz_compresses_and_the_manifest_describes_the_compressed_file(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(9), "--base-url", server.url, "-o", "out/c.jsonl.gz")
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl.gz", Given(ids(9)), 0, seen=Seen(9))
    assert len(gzip.decompress((tmp_path / "out/c.jsonl.gz").read_bytes()).splitlines()) == 9


async def test_files_are_private_whatever_the_umask(call: Calling, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with serving(by_id({ids(3)[0]: error(404)}, found)) as server:
            done = await call("collect", *ids(3), "--base-url", server.url, "-o", "deep/er/c.jsonl")
    finally:
        os.umask(before)
    assert done.code == 3
    check_finished(tmp_path / "deep/er/c.jsonl", Given(ids(3)), 3)
    assert {oct((tmp_path / folder).stat().st_mode & 0o777) for folder in ("deep", "deep/er")} == {"0o700"}


async def test_a_new_snapshot_replaces_all_files_of_the_old_one(call: Calling, tmp_path: Path) -> None:
    """The errors file of an earlier run is removed."""
    async with serving(by_id({ids(3)[0]: in_turn(error(404), found)}, found)) as server:
        arguments = ["collect", *ids(3), "--base-url", server.url, "-o", "out/c.jsonl", "--concurrency", "1"]
        first = await call(*arguments)
        assert (tmp_path / "out/c.errors.jsonl").exists()
        again = await call(*arguments)
    assert (first.code, again.code) == (3, 0)
    check_finished(tmp_path / "out/c.jsonl", Given(ids(3)), 0)


# Older files stay.


FAILED_RUNS: dict[str, tuple[Scenario, list[str], int]] = {
    "wrong key": (error(401, "no"), [], 4),
    "redirect": (answer(b"", "302 Found", Location="/login"), [], 2),
    "a pause too long": (error(429, "later", Retry_After="1000000"), [], 5),
    "--max-pause": (error(429, "later", Retry_After="30"), ["--max-pause", "10"], 5),
    "no such placeholder": (found, ["-o", "out/{x}.jsonl"], 2),
    "no such option": (found, ["--frobnicate"], 2),
}


@pytest.mark.parametrize(("scenario", "more", "code"), FAILED_RUNS.values(), ids=FAILED_RUNS.keys())
async def test_a_failed_run_leaves_the_older_files_unchanged(
    call: Calling, tmp_path: Path, scenario: Scenario, more: list[str], code: int
) -> None:
    wanted = ids(40)
    before = {name: f"older {name}\n".encode() for name in ("c.jsonl", "c.errors.jsonl", "c.manifest.json")}
    (tmp_path / "out").mkdir()
    for name, content in before.items():
        (tmp_path / "out" / name).write_bytes(content)
    arguments = ["collect", *wanted, "-o", "out/c.jsonl", "--rate", "0", "--concurrency", "4", *more]
    async with serving(scenario) as server:
        done = await call(*arguments, "--base-url", server.url)
    assert done.code == code, done.err
    assert server.requests <= 4 + 1
    after = contents(tmp_path / "out")
    assert {name: after.get(name) for name in before} == before
    if server.requests:
        result = check_stopped(tmp_path / "out/c.jsonl", Given(wanted), code, seen=Seen(server.requests))
        assert result.outcomes == {"not_attempted": 40}


async def test_a_rejected_key_after_some_replies_keeps_the_records(call: Calling, tmp_path: Path) -> None:
    async with serving(in_turn(*[found] * 20, error(401, "revoked"))) as server:
        done = await call(
            *("collect", *ids(60), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0", "--concurrency", "5")
        )
    assert done.code == 4, done.err
    assert server.requests <= 20 + 5 + 1
    result = check_stopped(tmp_path / "out/c.jsonl", Given(ids(60)), 4, seen=Seen(server.requests))
    assert result.outcomes == {"ok": 20, "not_attempted": 40}
    assert KEY not in done.err


# Outputs that cannot be written.


def a_folder(folder: Path) -> str:
    (folder / "c.jsonl").mkdir()
    return "c.jsonl"


def a_slash(folder: Path) -> str:
    return "new/"


def the_current_folder(folder: Path) -> str:
    return "."


@pytest.mark.parametrize("make", [a_folder, a_slash, the_current_folder])
def test_a_folder_as_output_is_2(call_here: Here, tmp_path: Path, make: Callable[[Path], str]) -> None:
    done = call_here("collect", *ids(1), "--base-url", NOWHERE, "-o", make(tmp_path))
    assert done.code == 2, done.err
    assert "folder" in done.err
    assert not contents(tmp_path)


def below_a_file(folder: Path) -> str:
    (folder / "file").write_text("x")
    return "file/c.jsonl"


def in_proc(folder: Path) -> str:
    return "/proc/c.jsonl"


def in_new_folder_of_proc(folder: Path) -> str:
    return "/proc/new/c.jsonl"


def a_link_to_elsewhere(folder: Path) -> str:
    (folder / "c.jsonl.partial").symlink_to(folder / "elsewhere")
    return "c.jsonl"


def a_name_too_long(folder: Path) -> str:
    return f"{'x' * 300}.jsonl"


def a_loop(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return "loop/c.jsonl"


@pytest.mark.parametrize(
    "make", [below_a_file, in_proc, in_new_folder_of_proc, a_link_to_elsewhere, a_name_too_long, a_loop]
)
def test_an_output_that_the_system_refuses_is_6_before_the_first_request(
    call_here: Here, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    output = make(tmp_path)
    before = contents(tmp_path)
    done = call_here("collect", *ids(1), "--base-url", NOWHERE, "-o", output)
    assert done.code == 6, done.err
    assert "cannot be written" in done.err
    assert "Traceback" not in done.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("flag", ["--errors", "--manifest"])
@pytest.mark.parametrize("path", ["/proc/x.json", "file/x.json", f"{'x' * 300}.json"], ids=["proc", "file", "long"])
async def test_an_errors_file_or_manifest_that_cannot_be_written_is_6_before_the_first_request(
    call: Calling, tmp_path: Path, flag: str, path: str
) -> None:
    (tmp_path / "file").write_text("x")
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, flag, path)
    assert (done.code, server.requests) == (6, 0), done.err
    assert "cannot be written" in done.err


@pytest.mark.parametrize("flag", ["--errors", "--manifest"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_an_errors_file_or_manifest_that_is_not_a_file_is_2_and_unchanged(
    call_here: Here, tmp_path: Path, flag: str, make: Callable[[Path], None]
) -> None:
    """A run replaces an old manifest and removes an empty errors file, unless it is a device."""
    make(tmp_path / "special")
    before = (tmp_path / "special").stat()
    done = call_here("collect", *ids(1), "--base-url", NOWHERE, flag, "special")
    assert done.code == 2, done.err
    assert (tmp_path / "special").stat().st_ino == before.st_ino


def test_errors_and_manifest_beside_a_file_are_2(call_here: Here) -> None:
    for flag in ("--errors", "--manifest"):
        assert call_here("collect", *ids(1), "--base-url", NOWHERE, "-o", "c.jsonl", flag, "x").code == 2


async def test_a_full_device_is_6_and_no_record_counts_as_written(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(50), "--base-url", server.url, "-o", "/dev/full", "--rate", "0"),
            *("--manifest", "manifest.json"),
        )
    assert done.code == 6, done.err
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    outcomes = manifest["account"]["outcomes"]
    assert (manifest["status"], manifest["exit_code"]) == ("stopped", 6)
    assert (outcomes["ok"], sum(outcomes.values())) == (0, 50)
    assert "0 of 50 connections" in done.err


async def test_the_null_device_accepts_all_records(call: Calling) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(5), "--base-url", server.url, "-o", "/dev/null")
    assert done.code == 0, done.err
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


# Readers that close the pipe, and concurrent runs.


async def test_a_reader_that_closes_the_pipe_ends_the_run_quietly_with_141(start: Starting) -> None:
    """`collector collect … | head -1`."""
    reading, writing = os.pipe()

    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.01)
        await found(exchange)

    async with serving(slow) as server:
        try:
            running = await start("collect", *ids(2000), "--base-url", server.url, "--rate", "0", stdout=writing)
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            first = await asyncio.to_thread(stream.readline)
        done = await running.finished()
    assert json.loads(first)["_schema"] == 1
    assert (done.code, done.err) == (141, "")
    assert server.requests < 2000


async def test_a_shell_pipeline_with_head_ends_quietly(start: Starting, tmp_path: Path) -> None:
    async with serving(found) as server:
        running = await start(
            *("collect", *ids(500), "--base-url", server.url, "--rate", "0", "-o", "-"), through="head -n 1"
        )
        done = await running.finished()
    assert (done.code, done.err) == (141, "")
    assert len(done.out.splitlines()) == 1


async def test_a_second_run_on_the_same_output_is_7_and_sends_no_request(
    start: Starting, call: Calling, tmp_path: Path
) -> None:
    release = asyncio.Event()
    async with serving(once_set(release, found)) as first, serving(found) as second:
        running = await start("collect", *ids(3), "--base-url", first.url, "-o", "out/c.jsonl")
        await first.saw(3)
        before = contents(tmp_path / "out")
        done = await call("collect", *ids(3), "--base-url", second.url, "-o", "out/c.jsonl")
        assert (done.code, second.opened) == (7, 0)
        assert "another run" in done.err
        assert contents(tmp_path / "out") == before
        release.set()
        assert (await running.finished()).code == 0
        check_finished(tmp_path / "out/c.jsonl", Given(ids(3)), 0, seen=Seen(3))
        again = await call("collect", *ids(3), "--base-url", second.url, "-o", "out/c.jsonl")
        assert again.code == 0


async def test_a_run_works_with_closed_streams(start: Starting, tmp_path: Path) -> None:
    async with serving(found) as server:
        running = await start(
            *("collect", *ids(3), "--base-url", server.url, "-o", "out/c.jsonl"), closing="<&- >&- 2>&-"
        )
        done = await running.finished()
    assert (done.code, done.out, done.err) == (0, b"", "")
    check_finished(tmp_path / "out/c.jsonl", Given(ids(3)), 0, seen=Seen(3))


async def test_a_reader_never_finds_new_data_under_an_old_manifest(call: Calling, tmp_path: Path) -> None:
    """The reader polls while one snapshot after another is published."""
    path, manifest = tmp_path / "c.jsonl", tmp_path / "c.manifest.json"
    seen: set[bytes] = set()

    def look() -> None:
        before, content, after = read(manifest), read(path), read(manifest)
        if before and before == after:  # otherwise a publication came in between
            [facts] = json.loads(before)["files"]
            assert hashlib.sha256(content).hexdigest() == facts["sha256"]
            seen.add(before)

    async def watch() -> None:
        while True:
            look()
            await asyncio.sleep(0.0005)

    async with serving(found) as server:
        watching = asyncio.create_task(watch())
        for number in range(1, 6):
            done = await call("collect", *ids(50 * number), "--base-url", server.url, "-o", path.name, "--rate", "0")
            assert done.code == 0, done.err
            assert not watching.done()
        watching.cancel()
        await asyncio.wait([watching])
    assert len(seen) >= 4


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


# A terminal.


async def test_a_terminal_gets_a_bar_and_then_the_summary(start: Starting) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.02)
        await exchange.write(response(b"{}", "404 Not Found"))

    async with serving(slow) as server:
        code, said = await on_a_terminal(start, "collect", *ids(30), "--base-url", server.url, "-o", "c.jsonl")
    assert code == 3
    assert re.search(r"\x1b\[[0-9;?]*[A-Za-z]", said)
    assert "30 not_found" in said


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
async def test_a_terminal_without_escape_codes_gets_none(start: Starting, env: dict[str, str]) -> None:
    async with serving(found) as server:
        code, said = await on_a_terminal(start, "collect", *ids(30), "--base-url", server.url, "-o", "c.jsonl", env=env)
    assert code == 0
    assert "\x1b" not in said
    assert "30 of 30 connections" in said


@pytest.mark.parametrize("signum", [None, signal.SIGHUP], ids=["under nohup", "hung up"])
async def test_a_run_survives_the_loss_of_its_terminal(
    start: Starting, tmp_path: Path, signum: signal.Signals | None
) -> None:
    release = asyncio.Event()

    leader, follower = os.openpty()
    async with serving(once_set(release, found)) as server:
        running = await start(
            *("collect", *ids(30), "--base-url", server.url, "-o", "c.jsonl", "--rate", "0"),
            env={"TERM": "xterm"},
            stderr=follower,
        )
        os.close(follower)
        await server.saw(4)
        os.close(leader)
        if signum:
            running.send(signum)
            running.send(signum)
        else:
            release.set()
        done = await running.finished()
    if signum:
        assert done.code == 129
        check_stopped(tmp_path / "c.jsonl", Given(ids(30)), 129)
    else:
        assert done.code == 0
        check_finished(tmp_path / "c.jsonl", Given(ids(30)), 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["collect", "--help"], ["--version"], ["sandbox", "--list-ids", "--connections", "9"]]
)
def test_a_full_disk_behind_stdout_is_6_without_a_traceback(arguments: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "collector", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=clean_environment(tmp_path),
        )
    assert done.returncode == 6
    assert done.stderr == (
        "collector: standard output: cannot be written: No space left on device; choose another file or disk\n"
    )
