"""Recovery of an unfinished file: every byte is read, and every line is a record of the run or a defect."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import Damaged, ExitCode
from collector.model.ids import IdSet
from collector.model.outcome import OutcomeKind
from collector.model.secret import REDACTED
from collector.polytomic.envelope import read_data
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.snapshot.lines import encode
from collector.snapshot.sinks.recovery import Recovered, recover
from collector.storage.checkpoint import Checkpoint
from collector.storage.compression import Compression
from tests.polytomic.test_normalize import anything, connections, objects, timestamps
from tests.storage.test_blocks import COMPRESSED, UNLIMITED, File
from tests.support.scripted_server import connection, ids

AT, RUN = "2026-01-02T03:04:05.000000Z", "run-1"
REQUESTED = ids(4)
CHUNK = 1024 * 1024


def line_of(one: str, run_id: str = RUN, **fields: Any) -> bytes:
    record, _, _ = normalize(read_data(connection(one, **fields)), one, Redactor(), collected_at=AT, run_id=run_id)
    return encode(record)


LINES = [line_of(one) for one in REQUESTED[:3]]
INTACT = b"".join(LINES)


def requested_ids(remaining: list[str] = REQUESTED) -> IdSet:
    found = IdSet()
    for one in remaining:
        found.add(one)
    return found


def compressed(blocks: list[bytes], compression: Compression) -> bytes:
    return b"".join(map(compression.compress, blocks))


def ends_of(blocks: list[bytes], compression: Compression) -> list[int]:
    """The offset of the first block, then the end of each block."""
    return [0, *accumulate(len(compression.compress(block)) for block in blocks)]


def checkpoint_of(content: bytes, size: int | None = None) -> Checkpoint:
    """The checkpoint of a file's first `size` bytes."""
    synced = content if size is None else content[:size]
    return Checkpoint(len(synced), hashlib.sha256(synced).hexdigest())


def recovered(
    content: bytes,
    compression: Compression,
    remaining: IdSet,
    synced: Checkpoint | None = None,
    *,
    is_checkpointed: bool = True,
    max_read: int = UNLIMITED,
) -> Recovered:
    return recover(
        File(content, max_read).pread,
        compression,
        synced=synced,
        run_id=RUN,
        ids=remaining,
        is_checkpointed=is_checkpointed,
    )


def reason_of(content: bytes, compression: Compression, synced: Checkpoint | None = None, **options: Any) -> str:
    """The reason why a file is corrupt. Recovery then marks no id as done."""
    remaining = requested_ids()
    with pytest.raises(Damaged) as caught:
        recovered(content, compression, remaining, synced, **options)
    assert caught.value.exit_code == ExitCode.DAMAGED
    assert list(remaining) == REQUESTED
    return str(caught.value)


def check_truncated(
    content: bytes, compression: Compression, end: int, count: int, synced: Checkpoint | None, **options: Any
) -> None:
    """Recovers the first `end` bytes, which contain `count` records, and reports the rest as torn."""
    remaining = requested_ids()
    found = recovered(content, compression, remaining, synced, **options)
    assert (found.end, found.torn_bytes) == (end, len(content) - end)
    assert found.sha256.hexdigest() == hashlib.sha256(content[:end]).hexdigest()
    assert found.tally.outcomes == ({OutcomeKind.OK: count} if count else {})
    assert list(remaining) == REQUESTED[count:]


CHECKPOINTS: list[str | int] = ["none", "unreadable", 0, 1, 2, 3]
"""A missing checkpoint file, one without a valid checkpoint, or the number of synced lines."""


def options_for(checkpoint: str | int, content: bytes, ends: list[int]) -> dict[str, Any]:
    synced = checkpoint_of(content, ends[checkpoint]) if isinstance(checkpoint, int) else None
    return {"synced": synced, "is_checkpointed": checkpoint != "none"}


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("max_read", [7, UNLIMITED])
def test_every_record_of_an_intact_file_is_recovered(
    compression: Compression, checkpoint: str | int, max_read: int
) -> None:
    content, ends = compressed(LINES, compression), ends_of(LINES, compression)
    check_truncated(content, compression, len(content), 3, **options_for(checkpoint, content, ends), max_read=max_read)


@pytest.mark.parametrize("checkpoint", ["none", "unreadable", 0])
@pytest.mark.parametrize("compression", Compression)
def test_an_empty_file_has_no_records(compression: Compression, checkpoint: str | int) -> None:
    check_truncated(b"", compression, 0, 0, **options_for(checkpoint, b"", [0]))


@pytest.mark.parametrize("compression", COMPRESSED)
def test_an_empty_member_is_kept(compression: Compression) -> None:
    content = compression.compress(b"") + compression.compress(LINES[0])
    check_truncated(content, compression, len(content), 1, checkpoint_of(content))


@pytest.mark.parametrize("compression", COMPRESSED)
def test_every_line_of_a_member_is_recovered(compression: Compression) -> None:
    content = compression.compress(INTACT)
    check_truncated(content, compression, len(content), 3, checkpoint_of(content))


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("compression", Compression)
def test_a_torn_file_is_truncated_after_its_checkpoint_and_corrupt_before_it(
    compression: Compression, checkpoint: str | int
) -> None:
    content, ends = compressed(LINES, compression), ends_of(LINES, compression)
    options = options_for(checkpoint, content, ends)
    synced_bytes = ends[checkpoint] if isinstance(checkpoint, int) else 0
    for length in range(len(content) + 1):
        count = sum(1 for end in ends[1:] if end <= length)
        if ends[count] >= synced_bytes:
            check_truncated(content[:length], compression, ends[count], count, **options)
        else:
            assert f"corrupt at byte {ends[count]}: " in reason_of(content[:length], compression, **options)


@pytest.mark.parametrize("compression", Compression)
def test_a_file_truncated_to_whole_lines_before_its_checkpoint_is_corrupt(compression: Compression) -> None:
    content, ends = compressed(LINES, compression), ends_of(LINES, compression)
    missing = ends[3] - ends[1]
    reason = reason_of(content[: ends[1]], compression, checkpoint_of(content))
    assert reason == f"corrupt at byte {ends[1]}: {missing} synced bytes are missing"
    assert "synced bytes are missing" in reason_of(b"", compression, checkpoint_of(content))


def test_a_checkpoint_within_a_line_counts_to_the_byte() -> None:
    end = len(LINES[0])
    check_truncated(INTACT[: end + 9], Compression.PLAIN, end, 1, checkpoint_of(INTACT, end))
    reason_of(INTACT[: end + 9], Compression.PLAIN, checkpoint_of(INTACT, end + 1))


BAD = {
    "a duplicate": LINES[0],
    "another run": line_of(REQUESTED[2], run_id="run-2"),
    "not requested": line_of(ids(1, first=99)[0]),
    "zeros": b"\0" * 600 + b"\n",
    "zeros without a line feed": b"\0" * 600,
    "zeros in the middle": LINES[2][:200] + b"\0" * 100 + LINES[2][300:],
    "zeros at the end": LINES[2][:-1] + b"\0\n",
    "CRLF": LINES[2][:-1] + b"\r\n",
    "half a character": LINES[2].replace(b"Warehouse", b"Wareh\xc3"),
    "an empty line": b"\n",
    "garbage": b"\xffgarbage\n",
    "not a record": b'{"id":"x"}\n',
    "half a line": LINES[2][:100] + b"\n",
    "two in one": LINES[2][:-1] + line_of(REQUESTED[3]),
    "a longer one": LINES[2][:-2] + b',"more":1}\n',
    "another schema": LINES[2].replace(b'"_schema":1', b'"_schema":2'),
}
bad_lines = pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
with_or_without_successor = pytest.mark.parametrize("successor", [b"", line_of(REQUESTED[3])], ids=["last", "followed"])


@bad_lines
@with_or_without_successor
@pytest.mark.parametrize("checkpoint", ["unreadable", 0, 1, 2])
def test_the_file_is_truncated_at_a_bad_line_after_the_checkpoint(
    bad: bytes, successor: bytes, checkpoint: str | int
) -> None:
    content, ends = b"".join(LINES[:2]) + bad + successor, ends_of(LINES, Compression.PLAIN)
    check_truncated(content, Compression.PLAIN, ends[2], 2, **options_for(checkpoint, content, ends))


@bad_lines
@with_or_without_successor
def test_a_bad_line_before_the_checkpoint_is_corruption_at_its_offset(bad: bytes, successor: bytes) -> None:
    content, offset = b"".join(LINES[:2]) + bad + successor, ends_of(LINES, Compression.PLAIN)[2]
    for size in (offset + 1, len(content)):
        assert reason_of(content, Compression.PLAIN, checkpoint_of(content, size)).startswith(
            f"corrupt at byte {offset}: "
        )


@pytest.mark.parametrize("bad", [bad for bad in BAD.values() if bad.endswith(b"\n")])
def test_without_a_checkpoint_file_a_bad_last_line_is_truncated_and_any_other_is_corruption(bad: bytes) -> None:
    content, offset = b"".join(LINES[:2]) + bad, ends_of(LINES, Compression.PLAIN)[2]
    check_truncated(content, Compression.PLAIN, offset, 2, None, is_checkpointed=False)
    for successor in (line_of(REQUESTED[3]), b"torn", b"\n"):
        reason = reason_of(content + successor, Compression.PLAIN, is_checkpointed=False)
        assert reason.startswith(f"corrupt at byte {offset}: ")


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("checkpoint", CHECKPOINTS[:-1])
@bad_lines
@with_or_without_successor
def test_a_bad_line_in_a_member_with_a_correct_checksum_is_corruption_anywhere(
    bad: bytes, successor: bytes, checkpoint: str | int, compression: Compression
) -> None:
    ends = ends_of(LINES, compression)
    content = compressed([*LINES[:2], bad if bad.endswith(b"\n") else bad + b"\n", successor], compression)
    reason = reason_of(content, compression, **options_for(checkpoint, content, ends))
    assert reason.startswith(f"corrupt in the member at byte {ends[2]}: ")


TORN = {"zeros": b"\0" * 600, "garbage": b"garbage" * 100, "not a line": b"not a line"}


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("tail", TORN.values(), ids=TORN.keys())
@with_or_without_successor
def test_a_broken_member_is_truncated_after_the_checkpoint_and_corruption_before_it(
    tail: bytes, successor: bytes, compression: Compression
) -> None:
    broken = compression.compress(tail) if tail == TORN["not a line"] else tail
    content, ends = (
        compressed(LINES[:2], compression) + broken + compression.compress(successor),
        ends_of(LINES, compression),
    )
    for checkpoint in ("unreadable", 0, 1, 2):
        check_truncated(content, compression, ends[2], 2, **options_for(checkpoint, content, ends))
    for size in (ends[2] + 1, len(content)):
        assert reason_of(content, compression, checkpoint_of(content, size)).startswith(f"corrupt at byte {ends[2]}: ")
    # Without a checkpoint file, intact members may follow.
    reason = reason_of(content, compression, **options_for("none", content, ends))
    assert reason.startswith(f"corrupt at byte {ends[2]}: ")


def test_a_byte_changed_inside_a_value_before_the_checkpoint_is_found_by_the_digest() -> None:
    changed = INTACT.replace(b"Warehouse", b"Warehousf", 1)
    for lines in (1, 2, 3):
        size = ends_of(LINES, Compression.PLAIN)[lines]
        reason = reason_of(changed, Compression.PLAIN, checkpoint_of(INTACT, size))
        assert reason == f"corrupt at byte 0: the first {size} bytes differ from those that were synced"


def test_a_changed_byte_that_the_checksum_of_a_member_does_not_cover_is_found_by_the_digest() -> None:
    content = compressed(LINES, Compression.GZIP)
    changed = content[:4] + b"\x01" + content[5:]  # the modification time (RFC 1952, 2.3)
    check_truncated(changed, Compression.GZIP, len(changed), 3, checkpoint_of(content, 0))
    assert "differ from those that were synced" in reason_of(changed, Compression.GZIP, checkpoint_of(content))


@pytest.mark.parametrize("compression", Compression)
def test_a_torn_tail_does_not_hide_a_change_before_the_checkpoint(compression: Compression) -> None:
    content, ends = compressed(LINES, compression), ends_of(LINES, compression)
    other = checkpoint_of(compressed([line_of(REQUESTED[0], name="Warehousf"), *LINES[1:]], compression), ends[1])
    assert "differ from those" in reason_of(content[:-5], compression, other._replace(size=ends[1]))


@pytest.mark.parametrize("compression", Compression)
def test_the_first_defect_is_reported(compression: Compression) -> None:
    content, ends = compressed(LINES, compression), ends_of(LINES, compression)
    corrupt = content[: ends[1] + 30] + b"\0" * 30 + content[ends[1] + 60 : -7]
    assert f"at byte {ends[1]}: " in reason_of(corrupt, compression, checkpoint_of(content))


def test_a_file_of_several_chunks_is_truncated_or_corrupt_like_a_small_one() -> None:
    lines = [line_of(one, name=str(number) * 900_000) for number, one in enumerate(REQUESTED[:3])]
    content, ends = b"".join(lines), ends_of(lines, Compression.PLAIN)
    assert len(content) > 2 * CHUNK
    for max_read in (100_000, UNLIMITED):
        for checkpoint in CHECKPOINTS:
            options = options_for(checkpoint, content, ends)
            check_truncated(content, Compression.PLAIN, len(content), 3, **options, max_read=max_read)
        for checkpoint in CHECKPOINTS[:-1]:
            options = options_for(checkpoint, content, ends)
            check_truncated(content[:-2], Compression.PLAIN, ends[2], 2, **options, max_read=max_read)
        corrupt = content.replace(b"1" * 100, bytes(100), 1)
        assert f"at byte {ends[1]}: " in reason_of(corrupt, Compression.PLAIN, is_checkpointed=False, max_read=max_read)


@pytest.mark.parametrize("length", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize("max_read", [99_991, UNLIMITED])
def test_without_a_checkpoint_file_only_the_last_line_may_be_torn_whatever_its_length(
    length: int, max_read: int
) -> None:
    torn, end = b"x" * (length - 1), len(INTACT)
    for tail in (torn + b"\n", torn + b"y"):
        check_truncated(INTACT + tail, Compression.PLAIN, end, 3, None, is_checkpointed=False, max_read=max_read)
        reason = reason_of(INTACT + b"bad\n" + tail, Compression.PLAIN, is_checkpointed=False, max_read=max_read)
        assert reason.startswith(f"corrupt at byte {end}: ")


def test_ids_marked_as_done_for_a_corrupt_file_can_be_marked_again() -> None:
    remaining = requested_ids()
    with pytest.raises(Damaged):
        recovered(INTACT[:-1] + b"\r\n", Compression.PLAIN, remaining, checkpoint_of(INTACT[:-1] + b"\r\n"))
    assert recovered(INTACT, Compression.PLAIN, remaining, checkpoint_of(INTACT)).tally.total == 3
    assert list(remaining) == REQUESTED[3:]


def test_the_organizations_of_the_records_are_listed_once_and_in_order() -> None:
    organizations = [ids(1, first=number)[0] for number in (70, 50, 70)]
    lines = [line_of(one, organization_id=other) for one, other in zip(REQUESTED[:3], organizations, strict=True)]
    lines.append(line_of(REQUESTED[3], organization_id=None))
    found = recovered(b"".join(lines), Compression.PLAIN, requested_ids())
    assert list(found.organizations) == organizations[:2]
    assert list(Recovered().organizations) == []


unusual_texts = st.sampled_from(
    [REDACTED, f'"{REDACTED}', f'{REDACTED}"', f'x"{REDACTED}":', "\\", "***", "", "yesterday"]
)
unusual = st.fixed_dictionaries(
    {},
    optional={
        "name": unusual_texts,
        "status_error": unusual_texts,
        "policies": st.lists(unusual_texts, max_size=3),
        "type": objects(id=unusual_texts, name=unusual_texts, operations=st.lists(unusual_texts, max_size=2)),
        "configuration": st.dictionaries(
            unusual_texts, unusual_texts | st.lists(unusual_texts, max_size=2) | anything, max_size=3
        ),
        "unknown": unusual_texts | st.dictionaries(unusual_texts, unusual_texts),
        "rate_limit": objects(
            limited_since=unusual_texts | timestamps, expires_at=unusual_texts, password=unusual_texts
        ),
        "created_at": unusual_texts | timestamps,
        "updated_at": unusual_texts | timestamps,
    },
)


@given(st.lists(connections | unusual | st.builds(lambda one, two: {**one, **two}, connections, unusual), max_size=4))
def test_the_recovered_tally_equals_the_tally_at_collection(
    connection_fields: list[dict[str, Any]],
) -> None:
    redactions: Counter[str] = Counter()
    unparsed = 0
    lines = []
    for connection_id, fields in zip(REQUESTED, connection_fields, strict=False):
        body = json.dumps({"data": {**fields, "id": connection_id}}).encode()
        record, masked, invalid_timestamps = normalize(
            read_data(body), connection_id, Redactor(), collected_at=AT, run_id=RUN
        )
        redactions.update(one.path for one in masked)
        unparsed += invalid_timestamps
        lines.append(encode(record))
    found = recovered(b"".join(lines), Compression.PLAIN, requested_ids())
    assert found.torn_bytes == 0
    assert (found.tally.total, found.tally.unparsed_timestamps) == (len(connection_fields), unparsed)
    assert found.tally.redactions == redactions


@given(st.binary(max_size=300), st.sampled_from(Compression), st.booleans(), st.integers(0, 3))
def test_any_bytes_after_whole_lines_are_a_torn_tail_or_corruption(
    tail: bytes, compression: Compression, is_checkpointed: bool, count: int
) -> None:
    content = compressed(LINES[:count], compression)
    remaining = requested_ids()
    try:
        found = recovered(content + tail, compression, remaining, None, is_checkpointed=is_checkpointed)
    except Damaged:
        assert list(remaining) == REQUESTED
    else:
        assert list(remaining) == REQUESTED[count:]
        assert (found.end, found.torn_bytes) == (len(content), len(tail))
