"""`collector export`: its options, its messages, and its end at any moment."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pyarrow.parquet as pq
import pytest

from collector.model.record import Record
from tests.conftest import Calling, Finished, Starting
from tests.support.snapshots import odd_records, record_of, write_snapshot

Here = Callable[..., Finished]
COUNT = 4000


def many_records() -> Iterator[Record]:
    record = record_of({"name": "a name", "configuration": {"database": "prod", "port": 5432}})
    for number in range(COUNT):
        yield {**record, "id": f"00000000-0000-4000-8000-{number:012x}"}


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.002)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_snapshot(tmp_path_factory.mktemp("large") / "c.jsonl", many_records())


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.CSV.GZ", "x.jsonl.zst", "new/folder/x.parquet"])
def test_the_name_tells_the_format(call_here: Here, tmp_path: Path, name: str) -> None:
    write_snapshot(tmp_path / "c.jsonl.gz", odd_records())
    done = call_here("export", "c.jsonl.gz", "-o", name)
    assert (done.code, done.out) == (0, b"")
    size = (tmp_path / name).stat().st_size
    assert f"{name}: {len(odd_records())} rows of connections, {size} bytes, sha256 " in done.err
    start = {"p": b"PAR1", "c": b"id,name,", "G": b"\x1f\x8b", "z": b"\x28\xb5\x2f\xfd"}[name.rpartition(".")[2][0]]
    assert (tmp_path / name).read_bytes().startswith(start)


def test_standard_output_gets_the_rows_and_nothing_else(call_here: Here, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "c.jsonl", odd_records())
    done = call_here("export", "c.jsonl", "-o", "-", "--format", "jsonl")
    assert (done.code, done.out, done.err) == (0, (tmp_path / "c.jsonl").read_bytes(), "")
    done = call_here("export", "c.jsonl", "--output=-", "--format=csv")
    assert len(list(csv.reader(done.out.decode().splitlines(keepends=True)))) == len(odd_records()) + 1


async def test_parquet_goes_to_a_pipe_but_not_to_a_terminal(start: Starting, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "c.jsonl", odd_records())
    command = ("export", "c.jsonl", "-o", "-", "--format", "parquet")
    done = await (await start(*command)).finished()
    assert done.code == 0, done.err
    assert pq.read_table(io.BytesIO(done.out)).num_rows == len(odd_records())
    main, side = pty.openpty()
    done = await (await start(*command, stdout=side)).finished()
    os.close(side)
    os.close(main)
    assert done.code == 2
    assert "Parquet is binary, and standard output is a terminal; name a file with --output" in done.err


async def test_a_reader_that_has_enough_ends_the_export(start: Starting, large: Path) -> None:
    running = await start("export", str(large), "-o", "-", "--format", "csv", through="head -1")
    done = await running.finished()
    assert (done.code, done.err) == (141, "")
    assert done.out.startswith(b"id,name,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x"], "--output x: cannot derive the format from the name; add --format parquet, csv or jsonl"),
        (["-o", "-"], "--output -: cannot derive the format from the name"),
        (["-o", "x.csv", "--format", "parquet"], "the name tells csv, but --format is parquet"),
        (["-o", "x.parquet.gz"], "--output x.parquet.gz: Parquet is compressed inside; end the name in .parquet"),
        (["-o", "x.gz", "--format", "parquet"], "Parquet is compressed inside; remove the suffix"),
        (["-o", "x.csv", "--table", "user"], "--table user: not a table; the tables are connections, policies,"),
        (["-o", "x.csv", "--table", "users"], "has no side table users; it has connections; collect with --with users"),
        (["-o", "c.jsonl"], "--output c.jsonl: is a snapshot, which c.manifest.json describes; choose another name"),
        (["-o", "c.jsonl.partial.20260102T030405Z-0badcafe", "--format", "csv"], "this name is reserved"),
        (["-o", "/dev/null", "--format", "csv"], "is a pipe or a device; write to standard output with -"),
        (["-o", "/dev/stdout", "--format", "csv"], "is a pipe or a device; write to standard output with -"),
        (["-o", "c.errors.jsonl"], "this name is reserved for a file beside another output"),
        (["-o", "folder.csv/"], "is a folder; name a file in it"),
        (["-o", "folder.csv"], "is a folder; name a file in it"),
        ([], "--output needs a value"),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_refused(call_here: Here, tmp_path: Path, arguments: list[str], message: str) -> None:
    write_snapshot(tmp_path / "c.jsonl", odd_records())
    (tmp_path / "folder.csv").mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    done = call_here("export", "c.jsonl", *arguments)
    assert done.code == 2
    assert message in done.err
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_link_is_not_followed(call_here: Here, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "c.jsonl", odd_records())
    (tmp_path / "x.csv").symlink_to("elsewhere.csv")
    done = call_here("export", "c.jsonl", "-o", "x.csv")
    assert done.code == 6
    assert "x.csv: cannot be written: a symbolic link" in done.err


def test_a_damaged_snapshot_leaves_the_older_file(call_here: Here, tmp_path: Path) -> None:
    path = write_snapshot(tmp_path / "c.jsonl", odd_records())
    (tmp_path / "x.parquet").write_bytes(b"old")
    path.write_bytes(path.read_bytes()[:-100])
    done = call_here("export", "c.jsonl", "-o", "x.parquet")
    assert done.code == 8
    assert (tmp_path / "x.parquet").read_bytes() == b"old"


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "c.jsonl", odd_records())
    code = "import sys; sys.modules['pyarrow'] = None; from collector.cli.main import run; sys.exit(run(sys.argv[1:]))"
    for name, status in (("x.parquet", 2), ("x.csv", 0)):
        done = subprocess.run(
            [sys.executable, "-c", code, "export", "c.jsonl", "-o", name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status
        assert ("pip install 'polytomic-collector[parquet]'" in done.stderr) == bool(status)
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
async def test_a_signal_leaves_the_older_file_and_nothing_else(
    start: Starting, tmp_path: Path, large: Path, signum: signal.Signals, name: str
) -> None:
    (tmp_path / name).write_bytes(b"old")
    running = await start("export", str(large), "-o", name)
    await anyio.to_thread.run_sync(wait_for, tmp_path / f"{name}.draft")
    running.send(signum)
    done = await running.finished()
    assert done.code == 128 + signum, done.err
    assert f"interrupted by {signum.name}" in done.err
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"old"


async def test_after_kill_at_any_moment_the_file_is_the_old_or_the_new_one(
    start: Starting, call: Calling, tmp_path: Path, large: Path
) -> None:
    target, moments = tmp_path / "x.parquet", random.Random(7)
    for _ in range(12):
        target.write_bytes(b"old")
        running = await start("export", str(large), "-o", "x.parquet")
        await asyncio.sleep(moments.uniform(0.1, 1.0))
        await running.kill()
        if target.read_bytes() != b"old":
            assert pq.read_metadata(target).num_rows == COUNT
        assert set(os.listdir(tmp_path)) <= {"x.parquet", "x.parquet.draft"}
    done = await call("export", str(large), "-o", "x.parquet")
    assert done.code == 0, done.err
    assert pq.read_metadata(target).num_rows == COUNT
    assert os.listdir(tmp_path) == ["x.parquet"]
