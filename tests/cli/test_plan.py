"""`collector collect --plan`: what a run would do, told before it does it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem
from tests.cli.test_collect import SANDBOX
from tests.conftest import Calling, Finished
from tests.support.scripted_server import answer, connection, error, found, ids, in_turn, serving

OUTPUT = ("-o", "out/c.jsonl")


async def plan_of(call: Calling, *options: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = await call("collect", *options, "--plan", "--json", env=env)
    assert done.code == 0, done.err
    loaded: dict[str, Any] = json.loads(done.out)
    assert done.out.count(b"\n") == 1
    return loaded


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}


async def test_a_plan_of_given_ids_needs_no_key_and_sends_nothing(call: Calling, tmp_path: Path) -> None:
    one, two = ids(2)
    async with serving(found) as server:
        plan = await plan_of(
            call, one, two, one, "junk", "--rate", "4", "--base-url", server.url, *OUTPUT, env={"POLYTOMIC_API_KEY": ""}
        )
    assert server.requests == 0
    assert plan["input"] == {"lines": 4, "unique": 2, "duplicates": 1, "invalid": 1, "blank": 0}
    assert plan["requests"] == {"list": 0, "connections": 2, "tables": 0, "total": 2}
    assert plan["at_ceiling"] == {"rate": 4.0, "seconds": 0.5}
    assert plan["at_pace_of_last_run"] is None
    assert plan["files"]["errors"] == "out/c.errors.jsonl"
    assert plan["output"]["action"] == "start"
    assert not (tmp_path / "out").exists()


async def test_a_plan_of_all_sends_only_the_request_for_the_list(call: Calling) -> None:
    async with serve(Inventory(300, seed=4)) as sandbox:
        healthy = ("--all", "--status", "healthy", "--base-url", sandbox.url, *OUTPUT)
        plan = await plan_of(call, *healthy, env=SANDBOX)
        assert sandbox.log.summary().total == 1
        listed = await plan_of(call, "--all", "--from-list", "--base-url", sandbox.url, *OUTPUT, env=SANDBOX)
        assert sandbox.log.summary().total == 1
    assert plan["input"]["filtered"] + plan["input"]["unique"] == 300
    assert plan["requests"]["total"] == plan["input"]["unique"] + 1
    assert listed["requests"] == {"list": 1, "connections": None, "tables": 0, "total": 1}


async def _stopped(call: Calling, url: str, *options: str) -> Finished:
    return await call("collect", *ids(4), "--concurrency", "1", "--base-url", url, *OUTPUT, *options)


@pytest.mark.parametrize(
    ("options", "action", "records", "code"),
    [
        ((), "resume", 2, 0),
        (("--resume", "never"), "quarantine", 0, 0),
        (("--redact-also", "notes"), "quarantine", 0, 0),
        (("--redact-also", "notes", "--resume", "always"), "refuse", 0, 8),
        (("--resume", "always"), "resume", 2, 0),
    ],
)
async def test_a_plan_tells_how_the_next_run_begins(
    call: Calling, tmp_path: Path, options: tuple[str, ...], action: str, records: int, code: int
) -> None:
    too_late = error(429, "later", Retry_After="1000000")
    async with serving(in_turn(found, found, too_late, found)) as server:
        assert (await _stopped(call, server.url)).code == 5
        before = files_in(tmp_path / "out")
        plan = await plan_of(call, *ids(4), "--base-url", server.url, *OUTPUT, *options)
        assert files_in(tmp_path / "out") == before
        assert (plan["output"]["action"], plan["output"]["records"]) == (action, records)
        assert plan["requests"]["connections"] == 4 - records
        sent = server.requests
        done = await _stopped(call, server.url, *options)
        assert done.code == code, done.err
        assert server.requests - sent == (0 if code else 4 - records)
    if plan["output"]["reason"]:
        assert plan["output"]["reason"] in done.err


async def test_a_plan_tells_that_a_corrupt_file_is_quarantined(call: Calling, tmp_path: Path) -> None:
    async with serving(in_turn(found, found, error(429, "later", Retry_After="1000000"))) as server:
        assert (await _stopped(call, server.url)).code == 5
        partial = tmp_path / "out/c.jsonl.partial"
        partial.write_bytes(b"x" + partial.read_bytes()[1:])
        plan = await plan_of(call, *ids(4), "--base-url", server.url, *OUTPUT)
    assert plan["output"]["action"] == "quarantine"
    assert plan["output"]["reason"].startswith("corrupt at byte 0")
    assert plan["requests"]["connections"] == 4


async def test_a_plan_of_a_dated_output_finds_the_run_of_another_date(call: Calling, tmp_path: Path) -> None:
    async with serving(in_turn(found, found, error(429, "later", Retry_After="1000000"))) as server:
        command = (*ids(4), "--concurrency", "1", "--base-url", server.url)
        assert (await call("collect", *command, "-o", "out/{date}.jsonl")).code == 5
        for path in (tmp_path / "out").iterdir():
            path.rename(path.with_name(f"2001-02-03{path.name[10:]}"))
        plan = await plan_of(call, *command, "-o", "out/{date}.jsonl")
    assert plan["output"]["action"] == "resume"
    assert plan["files"]["records"] == "out/2001-02-03.jsonl"


async def test_a_plan_estimates_the_time_at_the_pace_of_the_last_run(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        command = (*ids(4), "--base-url", server.url)
        assert (await call("collect", *command, "-o", "out/{run_id}.jsonl")).code == 0
        plan = await plan_of(call, *command, "-o", "out/{run_id}.jsonl")
    [manifest] = (tmp_path / "out").glob("*.manifest.json")
    last = json.loads(manifest.read_bytes())
    rate = round(last["requests"]["sent"] / last["duration_s"], 2)
    assert plan["at_pace_of_last_run"] == {
        "manifest": f"out/{manifest.name}",
        "rate": rate,
        "seconds": pytest.approx(4 / rate),
    }


async def test_the_text_of_a_plan_fits_80_columns_and_names_every_part(call: Calling) -> None:
    [one] = ids(1)
    async with serving(found) as server:
        command = ("collect", one, "--base-url", server.url, *OUTPUT)
        assert (await call(*command)).code == 0
        done = await call(*command, "--plan")
    assert done.code == 0, done.err
    lines = done.out.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        *("input", "requests", "time", "records", "errors", "manifest", "drift", "begins", "replaces")
    ]
    assert "1 for connections, plus retries" in lines[1]
    assert "the snapshot of 1 records" in lines[-1]


async def test_a_plan_for_standard_output_names_no_records_file(call: Calling) -> None:
    plan = await plan_of(call, *ids(1), "--manifest", "m.json")
    assert plan["files"] == {"manifest": "m.json"}
    assert plan["output"] is None


@pytest.mark.parametrize("body", [b'{"data":[]}', connection("x"), b"<html>"])
async def test_a_plan_of_a_list_without_ids_is_an_error(call: Calling, body: bytes) -> None:
    async with serving(answer(body)) as server:
        done = await call("collect", "--all", "--plan", "--base-url", server.url, "--outage-limit", "1")
    assert done.code in {2, 5}
    assert done.out == b""


async def test_a_refused_key_ends_a_plan_with_4(call: Calling) -> None:
    async with serving(error(401)) as server:
        done = await call("collect", "--all", "--plan", "--base-url", server.url)
    assert done.code == 4
    assert "Traceback" not in done.err


async def test_json_without_plan_is_2(call: Calling) -> None:
    done = await call("collect", *ids(1), "--json")
    assert done.code == 2
    assert "--json is the format of --plan" in done.err


TOO_LATE = error(429, "later", Retry_After="1000000")


async def test_a_plan_of_an_output_that_another_run_holds_tells_so(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    files = Files(PosixFileSystem())
    lock = files.open_locked(tmp_path / "out/c.partial.lock")
    try:
        command = ("collect", *ids(1), *OUTPUT)
        text = await call(*command, "--plan")
        plan = await plan_of(call, *ids(1), *OUTPUT)
        assert (await call(*command)).code == 7
    finally:
        files.system.close(lock)
    assert plan["output"]["action"] == "wait"
    assert "not at all (exit code 7): another run holds this output" in text.out.decode()


@pytest.mark.parametrize(
    ("policy", "action", "code"), [("auto", "quarantine", 0), ("never", "quarantine", 0), ("always", "refuse", 8)]
)
@pytest.mark.parametrize(
    ("output", "removed", "reason"),
    [
        ("out/c.jsonl.gz", None, "it belongs to the output c.jsonl"),
        ("out/c.jsonl", "c.jsonl.partial", "its records are missing"),
    ],
)
async def test_a_plan_tells_about_an_unfinished_run_without_records_here(
    call: Calling, tmp_path: Path, output: str, removed: str | None, reason: str, policy: str, action: str, code: int
) -> None:
    async with serving(in_turn(found, found, TOO_LATE, found)) as server:
        assert (await _stopped(call, server.url)).code == 5
        if removed:
            (tmp_path / "out" / removed).unlink()
        before = files_in(tmp_path / "out")
        command = (*ids(4), "--base-url", server.url, "-o", output, "--resume", policy)
        plan = await plan_of(call, *command)
        assert files_in(tmp_path / "out") == before
        done = await call("collect", *command)
    assert (plan["output"]["action"], done.code) == (action, code)
    assert plan["output"]["reason"] in {reason, "--resume never"}
    assert plan["output"]["reason"] in done.err


async def test_a_plan_skips_a_corrupt_run_of_another_date(call: Calling, tmp_path: Path) -> None:
    async with serving(in_turn(found, found, TOO_LATE, found)) as server:
        command = (*ids(4), "--concurrency", "1", "--base-url", server.url, "-o", "out/{date}.jsonl")
        assert (await call("collect", *command)).code == 5
        for path in (tmp_path / "out").iterdir():
            path.rename(path.with_name(f"2001-02-03{path.name[10:]}"))
        partial = tmp_path / "out/2001-02-03.jsonl.partial"
        partial.write_bytes(b"x" + partial.read_bytes()[1:])
        before = files_in(tmp_path / "out")
        plan = await plan_of(call, *command)
        assert files_in(tmp_path / "out") == before
        assert (await call("collect", *command)).code == 0
    assert plan["output"]["action"] == "start"
    assert plan["requests"]["connections"] == 4
    assert (tmp_path / plan["files"]["records"]).exists()
    assert partial.read_bytes() == before[partial.name]


@pytest.mark.parametrize("output", ["file/c.jsonl", "file/new/c.jsonl", "sealed/c.jsonl", "sealed/new/c.jsonl"])
async def test_a_plan_of_an_unusable_folder_ends_as_the_run_does(call: Calling, tmp_path: Path, output: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sealed").mkdir(mode=0o500)
    before = sorted(tmp_path.rglob("*"))
    plan = await call("collect", *ids(1), "-o", output, "--plan")
    assert sorted(tmp_path.rglob("*")) == before
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "-o", output)
    assert (plan.code, plan.err) == (done.code, done.err if done.code else "")
    assert done.code == 6 or os.access(tmp_path / "sealed", os.W_OK)  # root may write anywhere


@pytest.mark.parametrize(
    "manifest",
    [
        '{"requests":{"sent":1%s},"duration_s":1.5}' % ("0" * 400),
        '{"requests":{"sent":1e999},"duration_s":1.5}',
        '{"requests":{"sent":0.001},"duration_s":1.5}',
        '{"requests":{"sent":NaN},"duration_s":1.5}',
        '{"requests":{"sent":5},"duration_s":0}',
        "[" * 100_000,
        "[]",
    ],
    ids=["overflow", "infinite", "tiny", "not a number", "no duration", "deep", "another document"],
)
async def test_a_plan_skips_an_older_manifest_without_a_usable_pace(
    call: Calling, tmp_path: Path, manifest: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/c.manifest.json").write_text(manifest)
    plan = await plan_of(call, *ids(1), *OUTPUT)
    assert plan["at_pace_of_last_run"] is None


async def test_a_plan_of_an_interrupted_publication_plans_no_request(call: Calling, tmp_path: Path) -> None:
    """The last rename, that of the manifest, is missing."""
    async with serving(in_turn(found, found, TOO_LATE, found)) as server:
        command = (*ids(4), "--concurrency", "1", "--base-url", server.url, *OUTPUT)
        assert (await call("collect", *command)).code == 5
        header = (tmp_path / "out/c.partial.run.json").read_bytes()
        assert (await call("collect", *command)).code == 0
        (tmp_path / "out/c.partial.run.json").write_bytes(header)
        manifest = tmp_path / "out/c.manifest.json"
        manifest.rename(tmp_path / "out/c.manifest.json.draft")
        plan = await plan_of(call, *command)
        text = await call("collect", *command, "--plan")
        sent = server.requests
        done = await call("collect", *command)
        assert (done.code, server.requests) == (0, sent)
    assert plan["output"]["action"] == "publish"
    assert plan["output"]["records"] == 4
    assert plan["requests"]["total"] == 0
    assert f"the publication of the unfinished run {json.loads(header)['run_id']}" in text.out.decode()


async def test_a_plan_does_not_promise_a_publication_whose_files_have_changed(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        command = (*ids(4), "--base-url", server.url, *OUTPUT)
        assert (await call("collect", *command)).code == 0
        (tmp_path / "out/c.manifest.json").rename(tmp_path / "out/c.manifest.json.draft")
        (tmp_path / "out/c.jsonl").write_bytes(b"{}\n")
        plan = await plan_of(call, *command)
        sent = server.requests
        assert (await call("collect", *command)).code == 0
        assert server.requests - sent == plan["requests"]["total"] == 4
    assert plan["output"]["action"] == "start"
