"""The batch writer and the outcome writer: commits, syncs, backpressure and failures."""

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
from tests.support.encoded import encoded
from tests.support.memory_filesystem import Fault, MemoryFileSystem
from tests.support.scripted_server import ids

PATH = Path("/out/c.jsonl.partial")
OK = Outcome(
    *(ids(1)[0], OutcomeKind.OK, 1, "2026-01-02T03:04:05.000000Z"),
    redactions=(Redaction("a", "name"),) * 2,
    unparsed_timestamps=1,
)
LINE = b'{"id":1}\n'


def writer_on(system: MemoryFileSystem, clock: Clock | None = None, *, backlog: int | None = None) -> BatchWriter:
    journal = Journal(system, lambda: Files(system).create(PATH), str(PATH), path=PATH)
    return BatchWriter(
        journal, Compression.PLAIN, is_durable=backlog is None, backlog=backlog, clock=(clock or Clock()).now
    )


def failing(*calls: str) -> Fault:
    """A fault of the first call of each of these names only."""
    left = list(calls)

    def fault(name: str, _number: int) -> OSError | None:
        if name not in left:
            return None
        left.remove(name)
        return OSError(5, "Input/output error")

    return fault


async def test_a_written_line_is_committed_once_it_is_synced() -> None:
    system, clock = MemoryFileSystem(), Clock()
    writer = writer_on(system, clock)
    writer.put(LINE, OK)
    await writer.flush()
    assert (writer.committed.total, system.files[PATH]) == (0, LINE)
    clock.time += 1
    await writer.flush()
    assert (writer.committed.total, writer.committed.redactions["a"], writer.committed.unparsed_timestamps) == (1, 2, 1)


async def test_1000_lines_are_synced_before_the_interval_ends() -> None:
    writer = writer_on(MemoryFileSystem())
    for _ in range(999):
        writer.put(LINE, OK)
    assert not writer.is_full
    writer.put(LINE, OK)
    assert writer.is_full
    await writer.wait_for_capacity()
    assert (writer.committed.total, writer.is_full) == (1000, False)


async def test_lines_lost_by_a_failed_sync_are_never_committed_although_later_syncs_would_succeed() -> None:
    system, clock = MemoryFileSystem(fault=failing("fdatasync")), Clock()
    writer = writer_on(system, clock)
    writer.put(LINE, OK)
    await writer.flush()
    clock.time += 1
    for retry in (writer.flush, writer.flush, lambda: writer.finish(is_complete=False)):
        writer.put(LINE, OK)
        with pytest.raises(OutputError, match="Input/output error"):
            await retry()
        assert writer.committed.total == 0
    assert (system.files[PATH], writer.journal.bytes) == (b"", 0)


@pytest.mark.parametrize("change", ["removed", "replaced", "cut", "appended to"])
async def test_after_another_process_changes_the_file_no_further_line_is_committed(change: str) -> None:
    system, clock = MemoryFileSystem(), Clock()
    writer = writer_on(system, clock)
    writer.put(LINE, OK)
    await writer.finish(is_complete=False)
    other_descriptor = system.open(PATH, 0o2002)  # O_RDWR | O_APPEND
    match change:
        case "removed":
            system.remove(PATH)
        case "replaced":
            Files(system).write_atomically(PATH, LINE)
        case "cut":
            system.truncate(other_descriptor, 3)
        case "appended to":
            system.write(other_descriptor, b"junk\n")
    writer.put(LINE, OK)
    for _ in range(2):
        with pytest.raises(OutputError, match=r"removed or replaced|changed by another process"):
            await writer.finish(is_complete=True)
    assert writer.committed.total == 1


async def test_with_a_stalled_reader_at_most_the_backlog_and_one_line_per_task_are_enqueued() -> None:
    """Each task puts one line at a time and waits for capacity if the writer is full, as the workers do."""

    class Stuck(MemoryFileSystem):
        def write(self, descriptor: int, block: bytes | memoryview) -> int:
            anyio.from_thread.run(release.wait)
            return super().write(descriptor, block)

    release, workers, put = anyio.Event(), 8, 0
    system = Stuck()
    writer = writer_on(system, backlog=workers)

    async def work() -> None:
        nonlocal put
        for _ in range(100):
            writer.put(LINE, OK)
            put += 1
            if writer.is_full:
                await writer.wait_for_capacity()
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(work)
        await anyio.wait_all_tasks_blocked()
        assert put <= 2 * workers
        release.set()
    await writer.finish(is_complete=True)
    assert writer.committed.total == system.files[PATH].count(b"\n") == 100 * workers


async def test_errors_are_committed_although_the_records_cannot_be_written() -> None:
    records = writer_on(MemoryFileSystem(fault=failing("write")))
    errors = writer_on(MemoryFileSystem())
    both = OutcomeWriter(records, errors)
    both.put(*encoded(Outcome(OK.id, OutcomeKind.NOT_FOUND, 1, OK.at, http_status=404, error="HTTP 404")))
    records.put(LINE, OK)
    with pytest.raises(OutputError):
        await both.finish(is_complete=False)
    assert both.committed.outcomes == {OutcomeKind.NOT_FOUND: 1}


async def test_a_full_errors_writer_makes_the_outcome_writer_full() -> None:
    both = OutcomeWriter(writer_on(MemoryFileSystem()), writer_on(MemoryFileSystem()))
    failed = Outcome(OK.id, OutcomeKind.NOT_FOUND, 1, OK.at, http_status=404, error="HTTP 404")
    while not both.is_full:
        assert both.committed.total == 0
        both.put(*encoded(failed))
    await both.wait_for_capacity()
    assert not both.is_full


def test_a_byte_changed_by_another_process_is_detected_when_the_file_is_read_again() -> None:
    system = MemoryFileSystem()
    journal = Journal(system, lambda: Files(system).create(PATH), str(PATH), path=PATH)
    journal.append(LINE * 3)
    journal.require_unchanged()
    written = Journal(system, lambda: system.open(PATH, 0o2), str(PATH))  # O_RDWR: from the first byte on
    written.append(b"[")
    journal.require_in_place()
    with pytest.raises(OutputError, match="changed by another process"):
        journal.require_unchanged()
