"""Lines on their way to a file: what is settled, when it is synced, and when there is no room."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from collector.model.errors import OutputError
from collector.model.outcome import Outcome, OutcomeKind, Redaction
from collector.snapshot.sinks.writer import BatchWriter, OutcomeWriter
from collector.storage.compression import Compression
from collector.storage.durable_files import Files
from collector.storage.journal import Journal
from tests.support.clock import Clock
from tests.support.memory_filesystem import Fault, MemoryFileSystem
from tests.support.scripted_server import ids

PATH = Path("/out/c.jsonl.partial")
OK = Outcome(
    *(ids(1)[0], OutcomeKind.OK, 1, "2026-01-02T03:04:05.000000Z"),
    redactions=(Redaction("a", "name"),) * 2,
    unparsed_timestamps=1,
)
LINE = b'{"id":1}\n'


def batch_on(system: MemoryFileSystem, clock: Clock | None = None, *, backlog: int | None = None) -> BatchWriter:
    journal = Journal(system, lambda: Files(system).create(PATH), str(PATH), path=PATH)
    return BatchWriter(
        journal, Compression.PLAIN, is_durable=backlog is None, backlog=backlog, clock=(clock or Clock()).now
    )


def failing(*calls: str) -> Fault:
    """The first call of each of these names fails, and no later one."""
    left = list(calls)

    def fault(name: str, _number: int) -> OSError | None:
        if name not in left:
            return None
        left.remove(name)
        return OSError(5, "Input/output error")

    return fault


async def test_what_is_written_is_settled_once_it_is_synced() -> None:
    system, clock = MemoryFileSystem(), Clock()
    batch = batch_on(system, clock)
    batch.put(LINE, OK)
    await batch.flush()
    assert (batch.committed.total, system.files[PATH]) == (0, LINE)
    clock.time += 1
    await batch.flush()
    assert (batch.committed.total, batch.committed.redactions["a"], batch.committed.unparsed_timestamps) == (1, 2, 1)


async def test_a_thousand_lines_are_synced_at_any_time() -> None:
    batch = batch_on(MemoryFileSystem())
    for _ in range(999):
        batch.put(LINE, OK)
    assert not batch.is_full
    batch.put(LINE, OK)
    assert batch.is_full
    await batch.wait_for_capacity()
    assert (batch.committed.total, batch.is_full) == (1000, False)


async def test_what_a_failed_sync_lost_is_never_settled_though_later_ones_would_succeed() -> None:
    system, clock = MemoryFileSystem(fault=failing("fdatasync")), Clock()
    batch = batch_on(system, clock)
    batch.put(LINE, OK)
    await batch.flush()
    clock.time += 1
    for again in (batch.flush, batch.flush, lambda: batch.finish(is_complete=False)):
        batch.put(LINE, OK)
        with pytest.raises(OutputError, match="Input/output error"):
            await again()
        assert batch.committed.total == 0
    assert (system.files[PATH], batch.journal.bytes) == (b"", 0)


@pytest.mark.parametrize("change", ["removed", "replaced", "cut", "appended to"])
async def test_a_file_that_somebody_changes_settles_nothing_more(change: str) -> None:
    system, clock = MemoryFileSystem(), Clock()
    batch = batch_on(system, clock)
    batch.put(LINE, OK)
    await batch.finish(is_complete=False)
    foreign = system.open(PATH, 0o2002)  # O_RDWR | O_APPEND
    match change:
        case "removed":
            system.remove(PATH)
        case "replaced":
            Files(system).put(PATH, LINE)
        case "cut":
            system.truncate(foreign, 3)
        case "appended to":
            system.write(foreign, b"junk\n")
    batch.put(LINE, OK)
    for _ in range(2):
        with pytest.raises(OutputError, match=r"removed or replaced|changed by another process"):
            await batch.finish(is_complete=True)
    assert batch.committed.total == 1


async def test_of_a_reader_who_stands_still_no_more_than_the_backlog_and_one_of_each_task_wait() -> None:
    """Every task puts one line at a time and makes room when it is told to, as the crew does."""

    class Stuck(MemoryFileSystem):
        def write(self, descriptor: int, block: bytes | memoryview) -> int:
            anyio.from_thread.run(release.wait)
            return super().write(descriptor, block)

    release, workers, put = anyio.Event(), 8, 0
    system = Stuck()
    batch = batch_on(system, backlog=workers)

    async def work() -> None:
        nonlocal put
        for _ in range(100):
            batch.put(LINE, OK)
            put += 1
            if batch.is_full:
                await batch.wait_for_capacity()
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(work)
        await anyio.wait_all_tasks_blocked()
        assert put <= 2 * workers
        release.set()
    await batch.finish(is_complete=True)
    assert batch.committed.total == system.files[PATH].count(b"\n") == 100 * workers


async def test_errors_are_settled_though_the_records_cannot_be() -> None:
    records = batch_on(MemoryFileSystem(fault=failing("write")))
    errors = batch_on(MemoryFileSystem())
    both = OutcomeWriter(records, errors)
    both.put(Outcome(OK.id, OutcomeKind.NOT_FOUND, 1, OK.at, http_status=404, error="HTTP 404"))
    records.put(LINE, OK)
    with pytest.raises(OutputError):
        await both.finish(is_complete=False)
    assert both.committed.outcomes == {OutcomeKind.NOT_FOUND: 1}


async def test_errors_that_cannot_be_written_hold_back_the_records_too() -> None:
    both = OutcomeWriter(batch_on(MemoryFileSystem()), batch_on(MemoryFileSystem()))
    failed = Outcome(OK.id, OutcomeKind.NOT_FOUND, 1, OK.at, http_status=404, error="HTTP 404")
    while not both.is_full:
        assert both.committed.total == 0
        both.put(failed)
    await both.wait_for_capacity()
    assert not both.is_full


def test_a_byte_that_somebody_changed_is_found_when_the_file_is_read_once_more() -> None:
    system = MemoryFileSystem()
    journal = Journal(system, lambda: Files(system).create(PATH), str(PATH), path=PATH)
    journal.append(LINE * 3)
    journal.require_unchanged()
    written = Journal(system, lambda: system.open(PATH, 0o2), str(PATH))  # O_RDWR: from the first byte on
    written.append(b"[")
    journal.require_in_place()
    with pytest.raises(OutputError, match="changed by another process"):
        journal.require_unchanged()
