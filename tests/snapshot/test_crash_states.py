"""Every disk state that a crash can leave of a run of 20 ids: no record is lost and none occurs twice.

The machine crashes before each call that changes the file system. For each crash, the next run starts on every disk
state that the model allows. The checks read only the bytes of the files.
"""

from __future__ import annotations

import asyncio
import csv
import functools
import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread
import pyarrow.parquet as pq
import pytest

from collector.model.errors import NothingCollected, OutputError
from collector.model.ids import IdSet
from collector.model.ledger import Ledger, Tally
from collector.model.outcome import Outcome, OutcomeKind
from collector.polytomic.envelope import read_data
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.snapshot.manifest import FileEntry, encode
from collector.snapshot.sinks.file_sink import FileSink
from collector.snapshot.sinks.part_files import PartLimits
from collector.snapshot.sinks.resume import Resume, RunHeader
from collector.warehouse.exports.file_writers import convert_records
from tests.support.encoded import encoded
from tests.support.memory_filesystem import Crashed, MemoryFileSystem
from tests.support.reports import report
from tests.support.scripted_server import connection, ids
from tests.support.zstd_compat import zstd

AT = "2026-01-02T03:04:05.000000Z"
REQUESTED = ids(20)
FAILING = {REQUESTED[3], REQUESTED[17]}
REPAIRED = {REQUESTED[4], REQUESTED[11], REQUESTED[12]}
OLDER = b'{"an older":"snapshot"}\n'


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the work of a sink's threads in the event loop: the same calls in the same order, in half the time."""

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(anyio.to_thread, "run_sync", run)


@functools.cache
def outcome(one: str, run_id: str) -> Outcome:
    if one in FAILING:
        return Outcome(one, OutcomeKind.NOT_FOUND, 1, AT, http_status=404, error="HTTP 404")
    body = connection(one, name="x" * (int(one[:8], 16) * 37))
    record, redactions, _ = normalize(read_data(body), one, Redactor(), collected_at=AT, run_id=run_id)
    repairs = ("name",) if one in REPAIRED else ()
    return Outcome(one, OutcomeKind.OK, 1, AT, record, 200, None, redactions, repairs=repairs)


@dataclass
class Process:
    """A process that collects. Keeps the ids that it requested and those that were committed before its end."""

    system: MemoryFileSystem
    path: Path
    requested: list[str] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    resume = Resume.AUTO
    run_id = "run-1"
    limits = PartLimits()

    async def run(self) -> None:
        remaining = IdSet()
        for one in REQUESTED:
            remaining.add(one)
        sink = FileSink(
            self.path,
            lambda _: None,
            system=self.system,
            resume=self.resume,
            converter=convert_records,
            limits=self.limits,
        )
        header = RunHeader(self.run_id, AT, "digest", "https://api.example", "2025-09-18", 1)
        await sink.open()
        resumed = await sink.begin(header, remaining)
        done = [one for one in REQUESTED if one not in set(remaining)]
        if sink.writer.committed.total < len(REQUESTED):
            await self._collect(sink, remaining, done, resumed.run_id if resumed else self.run_id)
        await sink.writer.finish(is_complete=True)
        await sink.prepare(lambda: None)
        await sink.publish(manifest_of(sink.file_entries(finished=True), self.run_id, sink.writer.committed))
        await sink.close()

    async def _collect(self, sink: FileSink, remaining: IdSet, done: list[str], run_id: str) -> None:
        for number, one in enumerate(list(remaining), start=1):
            self.requested.append(one)
            sink.writer.put(*encoded(outcome(one, run_id)))
            done += [one] if one not in FAILING else []
            await sink.writer.flush()
            if number % 6 == 0:
                await sink.writer.finish(is_complete=False)
                self.committed = set(done[: sink.writer.committed.outcomes[OutcomeKind.OK]])


def manifest_of(files: list[FileEntry], run_id: str, tally: Tally) -> bytes:
    return encode(report(Ledger(tally=tally), run_id=run_id), files)


def older_files(path: Path) -> dict[Path, bytes]:
    """The snapshot of the day before, with its manifest."""
    tally = Tally(Counter({OutcomeKind.OK: 1}))
    entry = FileEntry(path.name, 1, len(OLDER), hashlib.sha256(OLDER).hexdigest())
    return {path: OLDER, path.with_name("c.manifest.json"): manifest_of([entry], "run-0", tally)}


def crashes(
    path: Path,
    cap: int,
    process_on: Callable[[MemoryFileSystem], Process] | None = None,
    before: Mapping[Path, bytes] | None = None,
) -> Iterator[tuple[str, MemoryFileSystem, Process]]:
    """Every state that a crash may leave, for a crash before each call of the run."""
    call_number = 0
    while True:
        call_number += 1
        system = MemoryFileSystem(before or older_files(path), crash_before=call_number)
        process = process_on(system) if process_on else Process(system, path)
        try:
            asyncio.run(process.run())
        except* Crashed:
            pass
        else:
            return
        yield f"killed before call {call_number}", system.after_kill(), process
        for number, state in enumerate(system.crash_states(cap=cap)):
            yield f"crashed before call {call_number}, state {number}", state, process


def decompressed(path: Path, raw: bytes) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    return zstd.decompress(raw) if path.suffix == ".zst" else raw


def ids_in(path: Path, content: bytes) -> list[str]:
    """The ids of the records of a file in the format that its name tells."""
    if path.suffix == ".parquet":
        found: list[str] = pq.read_table(io.BytesIO(content))["id"].to_pylist()
        return found
    if ".csv" in path.name:
        return [row["id"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    return [json.loads(line)["id"] for line in content.splitlines()]


def check_readable(where: str, path: Path, files: dict[Path, bytes]) -> None:
    """Between the crash and the next start, a manifest either matches the files beside it or is missing."""
    if path.with_name("c.manifest.json") in files:
        for entry in json.loads(files[path.with_name("c.manifest.json")])["files"]:
            assert hashlib.sha256(files[path.with_name(entry["path"])]).hexdigest() == entry["sha256"], where
    assert path in files, where


def is_finished(path: Path, files: dict[Path, bytes]) -> bool:
    """Does the new set have its final names, with at most the lock left over? The next start is then a new run."""
    is_new = path.with_name("c.manifest.json") in files and files[path] != OLDER
    return is_new and not any(".partial" in each.name and each.suffix != ".lock" for each in files)


def check_finished(where: str, path: Path, files: dict[Path, bytes]) -> None:
    assert {each.name for each in files} == {path.name, "c.errors.jsonl", "c.manifest.json"}, where
    found = ids_in(path, decompressed(path, files[path]))
    errors = [json.loads(line)["id"] for line in files[path.with_name("c.errors.jsonl")].splitlines()]
    assert sorted(found) == sorted(set(REQUESTED) - FAILING), where
    assert sorted(errors) == sorted(FAILING), where
    manifest = json.loads(files[path.with_name("c.manifest.json")])
    assert manifest["files"][0]["sha256"] == hashlib.sha256(files[path]).hexdigest(), where
    assert manifest["account"]["outcomes"]["ok"] == len(found), where
    assert manifest["repairs"]["paths"] == {"name": len(REPAIRED)}, where


def check_next_run(where: str, path: Path, state: MemoryFileSystem, committed: set[str]) -> None:
    check_readable(where, path, state.files)
    was_finished = is_finished(path, state.files)
    following = Process(state, path)
    asyncio.run(following.run())
    check_finished(where, path, state.files)
    requested_again = set() if was_finished else committed & set(following.requested)
    assert not requested_again, f"{where}: committed, but requested again"


def check_every_state(path: Path, cap: int) -> int:
    count = 0
    for where, state, process in crashes(path, cap):
        count += 1
        check_next_run(where, path, state, process.committed)
    return count


@pytest.mark.parametrize(
    ("name", "cap"),
    [("c.jsonl", 4), ("c.jsonl.gz", 2), ("c.jsonl.zst", 2), ("c.csv", 4), ("c.csv.zst", 2), ("c.parquet", 2)]
    + [
        pytest.param(name, 12, marks=pytest.mark.soak)
        for name in ("c.jsonl", "c.jsonl.gz", "c.jsonl.zst", "c.csv", "c.parquet")
    ],
)
def test_a_crash_neither_loses_a_committed_record_nor_writes_one_twice(tmp_path: Path, name: str, cap: int) -> None:
    assert check_every_state(tmp_path / name, cap) > 100


@pytest.mark.soak
@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "c.jsonl.zst", "c.csv"])
def test_none_of_many_more_crash_states_loses_or_repeats_a_record(tmp_path: Path, name: str) -> None:
    assert check_every_state(tmp_path / name, 300) > 1000


def test_a_failed_close_does_not_lose_a_record(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    system = MemoryFileSystem(
        older_files(path), fault=lambda name, _: OSError(5, "Input/output error") if name == "close" else None
    )
    with suppress(OutputError):
        asyncio.run(Process(system, path).run())
    check_next_run("every close failed", path, system.after_kill(), set())


@pytest.mark.parametrize("is_permanent", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "c.csv", "c.parquet"])
def test_after_any_failed_call_the_run_fails_or_completes_and_the_next_run_completes_it(
    tmp_path: Path, name: str, is_permanent: bool
) -> None:
    """EIO for every call that changes the file system, once or from then on."""
    path, call_number, failures = tmp_path / name, 0, 0
    while True:
        call_number += 1
        calls = 0

        def fault(_name: str, number: int, at: int = call_number) -> OSError | None:
            nonlocal calls
            calls = max(calls, number)
            is_due = number >= at if is_permanent else number == at
            return OSError(5, "Input/output error") if number and is_due else None

        system = MemoryFileSystem(older_files(path), fault=fault)
        process = Process(system, path)
        try:
            asyncio.run(process.run())
        except OutputError:
            failures += 1
        if calls < call_number:
            break
        check_next_run(f"call {call_number} failed", path, system.after_kill(), process.committed)
    assert failures > 20


@pytest.mark.parametrize("cap", [4, pytest.param(300, marks=pytest.mark.soak)])
def test_a_crash_during_quarantine_does_not_lose_a_file_of_the_run(tmp_path: Path, cap: int) -> None:
    """Another run crashes anywhere and runs again: every file of the first run is quarantined exactly once."""
    path = tmp_path / "c.jsonl"
    killed = MemoryFileSystem(older_files(path))
    with suppress(_Killed):
        asyncio.run(_KilledProcess(killed, path).run())
    unfinished = {each: content for each, content in killed.files.items() if ".partial" in each.name}
    kept = {each.name: content for each, content in unfinished.items() if each.suffix != ".lock"}
    assert len(kept) == 4  # records, errors, checkpoint and run header
    for where, state, _ in crashes(path, cap, lambda system: _NeverResuming(system, path), killed.files):
        asyncio.run(_NeverResuming(state, path).run())
        quarantined = {
            each.name.removesuffix(".run-1"): content for each, content in state.files.items() if ".run-1" in each.name
        }
        assert quarantined == kept, where


def test_a_crash_of_a_run_without_a_record_does_not_change_the_older_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    older = older_files(path)
    state_count = 0
    for where, state, _ in crashes(path, 12, lambda system: _WithoutRecord(system, path)):
        state_count += 1
        assert {each: state.files.get(each) for each in older} == older, where
        again = _WithoutRecord(state, path)
        asyncio.run(again.run())
        assert again.is_rejected, where
        assert {each: state.files.get(each) for each in older} == older, where
        following = Process(state, path)
        asyncio.run(following.run())
        assert sorted(following.requested) == REQUESTED, where
        check_finished(where, path, state.files)
    assert state_count > 50


class _WithoutRecord(Process):
    """A run in which no id is ok: it leaves its manifest and does not publish."""

    is_rejected = False

    async def run(self) -> None:
        remaining = IdSet()
        for one in REQUESTED:
            remaining.add(one)
        sink = FileSink(self.path, lambda _: None, system=self.system)
        await sink.open()
        await sink.begin(RunHeader(self.run_id, AT, "digest", "https://api.example", "2025-09-18", 1), remaining)
        for one in remaining:
            sink.writer.put(*encoded(Outcome(one, OutcomeKind.NOT_FOUND, 1, AT, http_status=404, error="HTTP 404")))
        await sink.writer.finish(is_complete=True)
        try:
            await sink.publish(manifest_of(sink.file_entries(finished=True), self.run_id, sink.writer.committed))
        except NothingCollected:
            self.is_rejected = True
            await sink.leave(manifest_of(sink.file_entries(finished=False), self.run_id, sink.writer.committed))
        await sink.close()


class _Killed(Exception):
    pass


class _KilledProcess(Process):
    """A run whose process is killed after 8 ids."""

    async def _collect(self, sink: FileSink, remaining: IdSet, done: list[str], run_id: str) -> None:
        for one in REQUESTED[:8]:
            sink.writer.put(*encoded(outcome(one, run_id)))
        await sink.writer.finish(is_complete=False)
        raise _Killed


class _NeverResuming(Process):
    """A run with `--resume never`."""

    resume = Resume.NEVER
    run_id = "run-2"
