"""A stream with a framing: messages begin once, end once, and hold the rows of side tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.model.errors import Interrupted
from collector.model.ids import IdSet
from collector.model.ledger import Tally
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.side_tables import SIDE_TABLES, TableEnd, TableStatus
from collector.snapshot.sinks.resume import RunHeader
from collector.snapshot.sinks.sink import Sink
from collector.snapshot.sinks.target import sink_for

HEADER = RunHeader("run-1", "2026-11-28T09:07:10.225000Z", "", "http://x", "2025-09-18", 1)
POLICIES = SIDE_TABLES["policies"]


class Upper:
    """A framing whose messages show the call that made them."""

    def begin(self, header: RunHeader) -> bytes:
        return f"begin {header.run_id}\n".encode()

    def record(self, line: bytes) -> bytes:
        return b"record " + line

    def row(self, table: str, line: bytes) -> bytes:
        return table.encode() + b" " + line

    def end(self, manifest: bytes) -> bytes:
        return b"end " + manifest + b"\n"


def framed(path: Path) -> Sink:
    os.mkfifo(path)
    return sink_for(str(path), errors=None, manifest=None, warn=print, backlog=4, tables=["policies"], framing=Upper())


def outcome() -> Outcome:
    return Outcome("11111111-1111-4111-8111-111111111111", OutcomeKind.OK, 1, HEADER.started_at, record={})


@pytest.mark.parametrize("is_finished", [True, False])
async def test_records_come_before_rows_and_the_ending_after_both(tmp_path: Path, is_finished: bool) -> None:
    sink = framed(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    await sink.open()
    await sink.begin(HEADER, IdSet())
    sink.writer.put(outcome(), b"1\n")
    assert sink.tables is not None
    rows = await sink.tables.open("policies")
    await rows.put(b"2\n")
    await sink.tables.finish(POLICIES, TableEnd(TableStatus.COMPLETE, 1, 1, "", 0, 0, Tally()))
    await sink.writer.finish(is_complete=True)
    await (sink.publish(b"done") if is_finished else sink.leave(b"done"))
    await sink.leave(b"again")
    await sink.close()
    assert os.read(reader, 1000) == b"begin run-1\nrecord 1\npolicies 2\nend done\n"
    os.close(reader)
    [entry] = sink.tables.entries(finished=True)
    assert (entry.table, entry.file.records, entry.file.bytes) == ("policies", 1, len(b"policies 2\n"))


async def test_a_stream_that_has_not_begun_has_no_ending(tmp_path: Path) -> None:
    sink = framed(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    await sink.open()
    await sink.writer.finish(is_complete=False)
    await sink.leave(b"stopped")
    await sink.close()
    assert os.read(reader, 1000) == b""
    os.close(reader)


async def test_an_ending_that_the_reader_refuses_is_not_tried_again(tmp_path: Path) -> None:
    sink = framed(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    await sink.open()
    await sink.begin(HEADER, IdSet())
    await sink.writer.finish(is_complete=True)
    os.close(reader)
    with pytest.raises(Interrupted):
        await sink.publish(b"done")
    await sink.leave(b"done")
    await sink.close()
