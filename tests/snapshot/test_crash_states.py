"""Every state that a crash of the machine can leave of a run of twenty ids: nothing lost, nothing twice.

The run is cut before each call that changes the file system, and for each of these moments every state that the model
allows is the disk of the next start. What is checked is read from the bytes alone.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from collector.model.errors import NothingCollected, OutputError
from collector.model.ids import IdSet
from collector.model.ledger import Ledger, Tally
from collector.model.outcome import Outcome, OutcomeKind
from collector.polytomic.envelope import read_data
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.snapshot.manifest import FileFacts, encode
from collector.snapshot.sinks.file_sink import FileSink
from collector.snapshot.sinks.resume import Resume, RunHeader
from tests.support.memory_filesystem import Crashed, MemoryFileSystem
from tests.support.reports import report
from tests.support.scripted_server import connection, ids
from tests.support.zstd_compat import zstd

AT = "2026-01-02T03:04:05.000000Z"
WANTED = ids(20)
FAILING = {WANTED[3], WANTED[17]}
REPAIRED = {WANTED[4], WANTED[11], WANTED[12]}
OLDER = b'{"an older":"snapshot"}\n'


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sink leaves to a thread is done at once: its calls and their order are the same, in half the time."""

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
    """One process that collects: what it asked for and what it may call committed, until its end or the crash."""

    system: MemoryFileSystem
    path: Path
    asked: list[str] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    resume = Resume.AUTO
    run_id = "run-1"

    async def run(self) -> None:
        wanted = IdSet()
        for one in WANTED:
            wanted.add(one)
        sink = FileSink(self.path, lambda _: None, system=self.system, resume=self.resume)
        header = RunHeader(self.run_id, AT, "digest", "https://api.example", "2025-09-18", 1)
        await sink.open()
        taken = await sink.begin(header, wanted)
        done = [one for one in WANTED if one not in set(wanted)]
        if sink.writer.committed.total < len(WANTED):
            await self._collect(sink, wanted, done, taken.run_id if taken else self.run_id)
        await sink.writer.finish(is_complete=True)

        await sink.publish(manifest_of(sink.facts(finished=True), self.run_id, sink.writer.committed))
        await sink.close()

    async def _collect(self, sink: FileSink, wanted: IdSet, done: list[str], run_id: str) -> None:
        for number, one in enumerate(list(wanted), start=1):
            self.asked.append(one)
            sink.writer.put(outcome(one, run_id))
            done += [one] if one not in FAILING else []
            await sink.writer.flush()
            if number % 6 == 0:
                await sink.writer.finish(is_complete=False)
                self.committed = set(done[: sink.writer.committed.outcomes[OutcomeKind.OK]])


def manifest_of(files: list[FileFacts], run_id: str, tally: Tally) -> bytes:
    return encode(report(Ledger(tally=tally), run_id=run_id), files)


def older_set(path: Path) -> dict[Path, bytes]:
    """A snapshot of the day before, with the manifest that vouches for it."""
    tally = Tally(Counter({OutcomeKind.OK: 1}))
    facts = FileFacts(path.name, 1, len(OLDER), hashlib.sha256(OLDER).hexdigest())
    return {path: OLDER, path.with_name("c.manifest.json"): manifest_of([facts], "run-0", tally)}


def crashes(
    path: Path,
    cap: int,
    process_on: Callable[[MemoryFileSystem], Process] | None = None,
    before: Mapping[Path, bytes] | None = None,
) -> Iterator[tuple[str, MemoryFileSystem, Process]]:
    """Every moment of a run, and for each every state it may leave."""
    moment = 0
    while True:
        moment += 1
        system = MemoryFileSystem(before or older_set(path), crash_before=moment)
        process = process_on(system) if process_on else Process(system, path)
        try:
            asyncio.run(process.run())
        except* Crashed:
            pass
        else:
            return
        yield f"killed before call {moment}", system.killed(), process
        for number, state in enumerate(system.crash_states(cap=cap)):
            yield f"crashed before call {moment}, state {number}", state, process


def unpacked(path: Path, raw: bytes) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    return zstd.decompress(raw) if path.suffix == ".zst" else raw


def check_readable(where: str, path: Path, files: dict[Path, bytes]) -> None:
    """A reader between the crash and the next start: a manifest vouches for the files beside it, or there is none."""
    if path.with_name("c.manifest.json") in files:
        for facts in json.loads(files[path.with_name("c.manifest.json")])["files"]:
            assert hashlib.sha256(files[path.with_name(facts["path"])]).hexdigest() == facts["sha256"], where
    assert path in files, where


def is_finished(path: Path, files: dict[Path, bytes]) -> bool:
    """The new set stands under its names, and nothing is left of the run but its lock: a start now is a new run."""
    is_new = path.with_name("c.manifest.json") in files and files[path] != OLDER
    return is_new and not any(".partial" in each.name and each.suffix != ".lock" for each in files)


def check_finished(where: str, path: Path, files: dict[Path, bytes]) -> None:
    assert {each.name for each in files} == {path.name, "c.errors.jsonl", "c.manifest.json"}, where
    records: list[dict[str, Any]] = [json.loads(line) for line in unpacked(path, files[path]).splitlines()]
    errors = [json.loads(line)["id"] for line in files[path.with_name("c.errors.jsonl")].splitlines()]
    assert sorted(record["id"] for record in records) == sorted(set(WANTED) - FAILING), where
    assert sorted(errors) == sorted(FAILING), where
    manifest = json.loads(files[path.with_name("c.manifest.json")])
    assert manifest["files"][0]["sha256"] == hashlib.sha256(files[path]).hexdigest(), where
    assert manifest["account"]["outcomes"]["ok"] == len(records), where
    assert manifest["repairs"]["paths"] == {"name": len(REPAIRED)}, where


def check_next_run(where: str, path: Path, state: MemoryFileSystem, committed: set[str]) -> None:
    check_readable(where, path, state.files)
    was_finished = is_finished(path, state.files)
    following = Process(state, path)
    asyncio.run(following.run())
    check_finished(where, path, state.files)
    asked_again = set() if was_finished else committed & set(following.asked)
    assert not asked_again, f"{where}: committed, and asked for again"


def check_every_state(path: Path, cap: int) -> int:
    count = 0
    for where, state, process in crashes(path, cap):
        count += 1
        check_next_run(where, path, state, process.committed)
    return count


@pytest.mark.parametrize(
    ("name", "cap"),
    [("c.jsonl", 4), ("c.jsonl.gz", 2), ("c.jsonl.zst", 2)]
    + [pytest.param(f"c.jsonl{end}", 12, marks=pytest.mark.soak) for end in ("", ".gz", ".zst")],
)
def test_no_crash_loses_what_is_committed_or_writes_anything_twice(tmp_path: Path, name: str, cap: int) -> None:
    assert check_every_state(tmp_path / name, cap) > 100


@pytest.mark.soak
@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "c.jsonl.zst"])
def test_no_crash_of_very_many_does_either(tmp_path: Path, name: str) -> None:
    assert check_every_state(tmp_path / name, 300) > 1000


def test_no_close_that_fails_loses_anything(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    system = MemoryFileSystem(
        older_set(path), fault=lambda name, _: OSError(5, "Input/output error") if name == "close" else None
    )
    with suppress(OutputError):
        asyncio.run(Process(system, path).run())
    check_next_run("no file could be closed", path, system.killed(), set())


@pytest.mark.parametrize("is_lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz"])
def test_whatever_call_fails_the_run_fails_or_is_whole_and_the_next_one_completes_it(
    tmp_path: Path, name: str, is_lasting: bool
) -> None:
    """EIO of every call that changes something, once and lastingly."""
    path, moment, failures = tmp_path / name, 0, 0
    while True:
        moment += 1
        calls = 0

        def fault(_name: str, number: int, at: int = moment) -> OSError | None:
            nonlocal calls
            calls = max(calls, number)
            is_due = number >= at if is_lasting else number == at
            return OSError(5, "Input/output error") if number and is_due else None

        system = MemoryFileSystem(older_set(path), fault=fault)
        process = Process(system, path)
        try:
            asyncio.run(process.run())
        except OutputError:
            failures += 1
        if calls < moment:
            break
        check_next_run(f"call {moment} failed", path, system.killed(), process.committed)
    assert failures > 20


@pytest.mark.parametrize("cap", [4, pytest.param(300, marks=pytest.mark.soak)])
def test_no_crash_while_a_run_is_set_aside_loses_any_of_it(tmp_path: Path, cap: int) -> None:
    """A run of other ids comes, is cut short anywhere, and comes again: what the first one had is there, once."""
    path = tmp_path / "c.jsonl"
    begun = MemoryFileSystem(older_set(path))
    with suppress(_Enough):
        asyncio.run(_Half(begun, path).run())
    unfinished = {each: content for each, content in begun.files.items() if ".partial" in each.name}
    kept = {each.name: content for each, content in unfinished.items() if each.suffix != ".lock"}
    assert len(kept) == 4  # records, errors, checkpoint and head
    for where, state, _ in crashes(path, cap, lambda system: _Other(system, path), begun.files):
        asyncio.run(_Other(state, path).run())
        aside = {
            each.name.removesuffix(".run-1"): content for each, content in state.files.items() if ".run-1" in each.name
        }
        assert aside == kept, where


def test_no_crash_of_a_run_without_a_record_touches_the_older_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    older = older_set(path)
    states = 0
    for where, state, _ in crashes(path, 12, lambda system: _Nothing(system, path)):
        states += 1
        assert {each: state.files.get(each) for each in older} == older, where
        again = _Nothing(state, path)
        asyncio.run(again.run())
        assert again.is_refused, where
        assert {each: state.files.get(each) for each in older} == older, where
        following = Process(state, path)
        asyncio.run(following.run())
        assert sorted(following.asked) == WANTED, where
        check_finished(where, path, state.files)
    assert states > 50


class _Nothing(Process):
    """No id is ok: it publishes nothing and leaves its account."""

    is_refused = False

    async def run(self) -> None:
        wanted = IdSet()
        for one in WANTED:
            wanted.add(one)
        sink = FileSink(self.path, lambda _: None, system=self.system)
        await sink.open()
        await sink.begin(RunHeader(self.run_id, AT, "digest", "https://api.example", "2025-09-18", 1), wanted)
        for one in wanted:
            sink.writer.put(Outcome(one, OutcomeKind.NOT_FOUND, 1, AT, http_status=404, error="HTTP 404"))
        await sink.writer.finish(is_complete=True)
        try:
            await sink.publish(manifest_of(sink.facts(finished=True), self.run_id, sink.writer.committed))
        except NothingCollected:
            self.is_refused = True
            await sink.leave(manifest_of(sink.facts(finished=False), self.run_id, sink.writer.committed))
        await sink.close()


class _Enough(Exception):
    pass


class _Half(Process):
    """Ends as a killed process does, in the middle."""

    async def _collect(self, sink: FileSink, wanted: IdSet, done: list[str], run_id: str) -> None:
        for one in WANTED[:8]:
            sink.writer.put(outcome(one, run_id))
        await sink.writer.finish(is_complete=False)
        raise _Enough


class _Other(Process):
    """A run that must not go on with what another left."""

    resume = Resume.NEVER
    run_id = "run-2"
