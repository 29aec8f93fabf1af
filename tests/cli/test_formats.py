"""`collect -o x.parquet` and `x.csv`: the snapshot is made from the complete journal, and survives every end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import KEY, Calling, Finished, Running, Starting
from tests.support.scripted_server import by_id, error, found, ids, serving
from tests.warehouse.exports.test_csv_text import read as read_csv
from tests.warehouse.exports.test_parquet_file import as_json

Here = Callable[..., Finished]
FORMATS = ("c.parquet", "c.csv", "c.csv.gz")
WANTED = ids(60)


def records_in(path: Path) -> dict[str, dict[str, Any]]:
    """The records by id, without the time and the run; empty text of CSV is null."""
    if path.suffix == ".parquet":
        rows = list(map(as_json, pq.read_table(path).to_pylist()))
    elif path.suffix == ".csv":
        rows = read_csv(path.read_bytes().decode())
    else:
        rows = list(map(json.loads, path.read_bytes().splitlines()))
    for row in rows:
        del row["_collected_at"], row["_run_id"]
    return {row["id"]: row for row in rows}


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def wait_for(path: Path, running: Running) -> None:
    """Wait until the file exists, or the command has ended."""
    while not path.exists() and running.process.returncode is None:
        time.sleep(0.001)


@pytest.mark.parametrize("name", FORMATS)
async def test_a_snapshot_of_any_format_verifies_and_has_the_usual_files(
    call: Calling, tmp_path: Path, name: str
) -> None:
    async with serving(by_id({WANTED[7]: error(404)}, found)) as server:
        done = await call("collect", *WANTED, "--base-url", server.url, "-o", f"out/{name}", "--rate", "0")
    assert done.code == 3, done.err
    assert files_in(tmp_path / "out") == {name, "c.errors.jsonl", "c.manifest.json"}
    [records, errors] = json.loads((tmp_path / "out/c.manifest.json").read_text())["files"]
    assert (records["path"], records["records"], errors["records"]) == (name, 59, 1)
    assert records["bytes"] == (tmp_path / "out" / name).stat().st_size
    assert (tmp_path / "out" / name).stat().st_mode & 0o777 == 0o600
    verified = await call("verify", f"out/{name}")
    assert verified.code == 0, verified.err
    assert "59 records, 1 errors" in verified.err
    assert "its size, digest and ids were compared" in verified.err


async def test_every_value_is_that_of_json_lines(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        for name in ("c.jsonl", "c.parquet", "c.csv"):
            done = await call("collect", *WANTED, "--base-url", server.url, "-o", f"{name[2:]}/{name}", "--rate", "0")
            assert done.code == 0, done.err
    expected = records_in(tmp_path / "jsonl/c.jsonl")
    assert len(expected) == len(WANTED)
    assert records_in(tmp_path / "parquet/c.parquet") == expected
    without_empty = {
        one: {key: None if value == "" else value for key, value in row.items()} for one, row in expected.items()
    }
    assert records_in(tmp_path / "csv/c.csv") == without_empty


@pytest.mark.parametrize("name", ["c.parquet", "c.csv"])
@pytest.mark.parametrize("damage", ["a byte", "the end", "no file"])
async def test_verify_rejects_a_changed_file(call: Calling, tmp_path: Path, name: str, damage: str) -> None:
    async with serving(found) as server:
        assert (await call("collect", *WANTED, "--base-url", server.url, "-o", name, "--rate", "0")).code == 0
    content = (tmp_path / name).read_bytes()
    changed = {"a byte": content[:50] + b"\0" + content[51:], "the end": content[:-1], "no file": b""}[damage]
    (tmp_path / name).write_bytes(changed)
    verified = await call("verify", name)
    assert verified.code == 8
    assert name in verified.err


async def test_a_command_that_reads_json_lines_says_so(call: Calling) -> None:
    async with serving(found) as server:
        assert (await call("collect", *ids(2), "--base-url", server.url, "-o", "c.parquet")).code == 0
    done = await call("export", "c.parquet", "-o", "x.csv")
    assert done.code == 2
    assert "c.parquet: a parquet snapshot, and this command reads JSON Lines; collect with -o FILE.jsonl" in done.err


async def test_a_killed_conversion_is_repeated_without_a_request(
    start: Starting, call: Calling, tmp_path: Path
) -> None:
    """The journal is complete when the draft appears."""
    folder = tmp_path / "out"
    async with serving(found) as server:
        command = ("collect", *WANTED, "--base-url", server.url, "-o", "out/c.parquet", "--rate", "0")
        assert (await call(*command)).code == 0
        older = (folder / "c.parquet").read_bytes()
        for delay in (0.0, 0.05, 0.15, 0.25, 0.35):
            running = await start(*command)
            await anyio.to_thread.run_sync(wait_for, folder / "c.parquet.draft", running)
            await anyio.sleep(delay)
            await running.kill()
            is_over = (folder / "c.parquet").read_bytes() != older
            assert is_over or (folder / "c.parquet.partial").read_bytes().count(b"\n") == len(WANTED)
            sent = server.requests
            done = await call(*command)
            assert done.code == 0, done.err
            assert is_over or server.requests == sent
            assert files_in(folder) == {"c.parquet", "c.manifest.json"}
            assert len(records_in(folder / "c.parquet")) == len(WANTED)
            assert (await call("verify", "out/c.parquet")).code == 0
            older = (folder / "c.parquet").read_bytes()


async def test_a_signal_ends_a_conversion_and_the_next_run_repeats_it(
    start: Starting, call: Calling, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    async with serving(found) as server:
        command = ("collect", *WANTED, "--base-url", server.url, "-o", "out/c.parquet", "--rate", "0")
        for _ in range(20):  # a run may be over before the signal
            running = await start(*command)
            await anyio.to_thread.run_sync(wait_for, folder / "c.parquet.draft", running)
            running.send(signal.SIGTERM)
            done = await running.finished()
            if done.code != 0:
                break
            for path in folder.iterdir():
                path.unlink()
        assert done.code == 143, done.err
        assert "rerun" in done.err
        assert "c.parquet.partial" in files_in(folder)
        assert not files_in(folder) & {"c.parquet", "c.parquet.draft"}
        assert (await call("verify", "out/c.parquet.partial")).code == 0
        sent = server.requests
        done = await call(*command)
        assert (done.code, server.requests) == (0, sent), done.err
    assert files_in(folder) == {"c.parquet", "c.manifest.json"}


async def test_a_run_without_a_record_leaves_the_older_snapshot_and_no_draft(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call("collect", *ids(2), "--base-url", server.url, "-o", "c.csv")).code == 0
    before = (tmp_path / "c.csv").read_bytes()
    async with serving(error(404)) as server:
        done = await call("collect", *ids(2), "--base-url", server.url, "-o", "c.csv")
    assert done.code == 3
    assert "nothing published" in done.err
    assert (tmp_path / "c.csv").read_bytes() == before
    assert "c.csv.draft" not in files_in(tmp_path)


async def test_another_format_replaces_the_manifest_of_the_first(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        for name in ("c.jsonl", "c.csv", "c.parquet", "c.jsonl"):
            done = await call("collect", *ids(2), "--base-url", server.url, "-o", name)
            assert done.code == 0, done.err
            assert json.loads((tmp_path / "c.manifest.json").read_text())["files"][0]["path"] == name
            assert (await call("verify", name)).code == 0


async def test_a_snapshot_that_would_lose_its_manifest_is_named_before_the_first_request(call: Calling) -> None:
    async with serving(found) as server:
        for name, loser in (("c.jsonl", None), ("c.jsonl", None), ("c.parquet", "c.jsonl"), ("c.parquet", None)):
            done = await call("collect", *ids(2), "--base-url", server.url, "-o", name)
            assert done.code == 0, done.err
            assert ("this run replaces its manifest" in done.err) == bool(loser)
            assert not loser or f"{loser}: this run replaces its manifest" in done.err


async def test_organizations_have_snapshots_of_any_format(call: Calling, tmp_path: Path) -> None:
    one = "11111111-1111-4111-8111-111111111111"
    (tmp_path / "config.toml").write_text(f'[[organizations]]\nid = "{one}"\nkey_command = "echo {KEY}"\n')
    (tmp_path / "config.toml").chmod(0o600)
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(2), "--config", "config.toml", "--organizations", one, "--base-url", server.url),
            *("-o", "{organization_id}.parquet"),
        )
    assert done.code == 0, done.err
    assert len(records_in(tmp_path / f"{one}.parquet")) == 2
    verified = await call("verify", "organizations.manifest.json")
    assert verified.code == 0, verified.err
    assert f"{one}.parquet: its size, digest and ids were compared" in verified.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c.parquet.gz", "Parquet is compressed inside; end the name in .parquet"),
        ("c.errors.csv", "this name is reserved for a file beside another output"),
        ("pipe.parquet", "a pipe or a device gets JSON Lines; choose another name"),
    ],
)
async def test_a_wrong_name_is_2_and_sends_nothing(call: Calling, tmp_path: Path, name: str, message: str) -> None:
    os.mkfifo(tmp_path / "pipe.parquet")
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "-o", name)
    assert (done.code, server.requests) == (2, 0)
    assert message in done.err


_WITHOUT_PYARROW = (
    "import sys; sys.modules['pyarrow'] = None; from collector.cli.main import run; sys.exit(run(sys.argv[1:]))"
)


async def test_without_pyarrow_parquet_is_refused_before_the_first_request(tmp_path: Path) -> None:
    async with serving(found) as server:
        arguments = ("collect", *ids(1), "--base-url", server.url, "-o", str(tmp_path / "c.parquet"))
        done = await anyio.run_process([sys.executable, "-c", _WITHOUT_PYARROW, *arguments], check=False)
    assert (done.returncode, server.requests) == (2, 0)
    assert b"pip install 'polytomic-collector[parquet]'" in done.stderr
    assert not files_in(tmp_path)


async def test_check_reports_a_missing_library_as_a_failure(tmp_path: Path) -> None:
    async with serving(found) as server:
        arguments = ("check", *ids(1), "--base-url", server.url, "-o", str(tmp_path / "c.parquet"), "--json")
        done = await anyio.run_process([sys.executable, "-c", _WITHOUT_PYARROW, *arguments], check=False)
    [failed] = [each for each in json.loads(done.stdout)["checks"] if each["check"] == "output format"]
    assert (done.returncode, failed["level"]) == (2, "FAIL")
    assert "pip install 'polytomic-collector[parquet]'" in failed["advice"]


def test_a_plain_collect_imports_no_library_of_the_warehouse(tmp_path: Path) -> None:
    code = (
        "import sys; from collector.cli.main import run; run(sys.argv[1:]); "
        "print(sorted({'pyarrow', 'duckdb', 'dlt', 'sqlglot', 'collector.warehouse'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "collect", *ids(1), "--base-url", "http://127.0.0.1:9", "-o", "c.jsonl", "--plan"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "POLYTOMIC_API_KEY": KEY},
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


async def test_a_file_without_ids_is_not_a_snapshot(call: Calling, tmp_path: Path) -> None:
    """Its manifest states its size and digest."""
    async with serving(found) as server:
        assert (await call("collect", *ids(2), "--base-url", server.url, "-o", "c.parquet")).code == 0
    pq.write_table(pa.table({"name": ["a", "b"]}), tmp_path / "c.parquet")
    content, manifest = (tmp_path / "c.parquet").read_bytes(), tmp_path / "c.manifest.json"
    account = json.loads(manifest.read_text())
    account["files"][0] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest.write_text(json.dumps(account))
    verified = await call("verify", "c.parquet")
    assert verified.code == 2, verified.err
    assert "c.parquet: has no column id" in verified.err
