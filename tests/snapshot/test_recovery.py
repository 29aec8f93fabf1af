"""What an unfinished file holds: every byte is read, and every line is a record of the run or a flaw."""

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
from tests.storage.test_blocks import EVERYTHING, PACKED, File
from tests.support.scripted_server import connection, ids

AT, RUN = "2026-01-02T03:04:05.000000Z", "run-1"
WANTED = ids(4)
CHUNK = 1024 * 1024


def line_of(one: str, run_id: str = RUN, **fields: Any) -> bytes:
    record, _, _ = normalize(read_data(connection(one, **fields)), one, Redactor(), collected_at=AT, run_id=run_id)
    return encode(record)


LINES = [line_of(one) for one in WANTED[:3]]
WHOLE = b"".join(LINES)


def asked(wanted: list[str] = WANTED) -> IdSet:
    found = IdSet()
    for one in wanted:
        found.add(one)
    return found


def packed(blocks: list[bytes], compression: Compression) -> bytes:
    return b"".join(map(compression.compress, blocks))


def ends_of(blocks: list[bytes], compression: Compression) -> list[int]:
    """Where each block ends, and before them where the first begins."""
    return [0, *accumulate(len(compression.compress(block)) for block in blocks)]


def noted(content: bytes, size: int | None = None) -> Checkpoint:
    """The checkpoint of a file's first `size` bytes."""
    synced = content if size is None else content[:size]
    return Checkpoint(len(synced), hashlib.sha256(synced).hexdigest())


def taken(
    content: bytes,
    compression: Compression,
    wanted: IdSet,
    synced: Checkpoint | None = None,
    *,
    is_checkpointed: bool = True,
    most: int = EVERYTHING,
) -> Recovered:
    return recover(
        File(content, most).pread, compression, synced=synced, run_id=RUN, ids=wanted, is_checkpointed=is_checkpointed
    )


def reason_of(content: bytes, compression: Compression, synced: Checkpoint | None = None, **options: Any) -> str:
    """Why a file is damaged; nothing of it is ticked off then."""
    wanted = asked()
    with pytest.raises(Damaged) as caught:
        taken(content, compression, wanted, synced, **options)
    assert caught.value.exit_code == ExitCode.DAMAGED
    assert list(wanted) == WANTED
    return str(caught.value)


def check_cut(
    content: bytes, compression: Compression, end: int, count: int, synced: Checkpoint | None, **options: Any
) -> None:
    """Its first `end` bytes, which are so many records, are taken over, and the rest is torn."""
    wanted = asked()
    found = taken(content, compression, wanted, synced, **options)
    assert (found.end, found.torn_bytes) == (end, len(content) - end)
    assert found.sha256.hexdigest() == hashlib.sha256(content[:end]).hexdigest()
    assert found.tally.outcomes == ({OutcomeKind.OK: count} if count else {})
    assert list(wanted) == WANTED[count:]


CHECKPOINTS: list[str | int] = ["none", "unreadable", 0, 1, 2, 3]
"""None at all, one that says nothing, or the number of lines that were synced."""


def options_for(checkpoint: str | int, content: bytes, ends: list[int]) -> dict[str, Any]:
    synced = noted(content, ends[checkpoint]) if isinstance(checkpoint, int) else None
    return {"synced": synced, "is_checkpointed": checkpoint != "none"}


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("most", [7, EVERYTHING])
def test_of_a_whole_file_every_record_is_taken_over(compression: Compression, checkpoint: str | int, most: int) -> None:
    content, ends = packed(LINES, compression), ends_of(LINES, compression)
    check_cut(content, compression, len(content), 3, **options_for(checkpoint, content, ends), most=most)


@pytest.mark.parametrize("checkpoint", ["none", "unreadable", 0])
@pytest.mark.parametrize("compression", Compression)
def test_of_an_empty_file_nothing_is_taken_over(compression: Compression, checkpoint: str | int) -> None:
    check_cut(b"", compression, 0, 0, **options_for(checkpoint, b"", [0]))


@pytest.mark.parametrize("compression", PACKED)
def test_an_empty_member_is_kept(compression: Compression) -> None:
    content = compression.compress(b"") + compression.compress(LINES[0])
    check_cut(content, compression, len(content), 1, noted(content))


@pytest.mark.parametrize("compression", PACKED)
def test_the_lines_of_a_member_are_all_taken_over(compression: Compression) -> None:
    content = compression.compress(WHOLE)
    check_cut(content, compression, len(content), 3, noted(content))


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("compression", Compression)
def test_a_file_torn_anywhere_is_cut_behind_its_checkpoint_and_damaged_before_it(
    compression: Compression, checkpoint: str | int
) -> None:
    content, ends = packed(LINES, compression), ends_of(LINES, compression)
    options = options_for(checkpoint, content, ends)
    firm = ends[checkpoint] if isinstance(checkpoint, int) else 0
    for length in range(len(content) + 1):
        count = sum(1 for end in ends[1:] if end <= length)
        if ends[count] >= firm:
            check_cut(content[:length], compression, ends[count], count, **options)
        else:
            assert f"corrupt at byte {ends[count]}: " in reason_of(content[:length], compression, **options)


@pytest.mark.parametrize("compression", Compression)
def test_a_file_shortened_to_whole_lines_before_its_checkpoint_is_damaged(compression: Compression) -> None:
    content, ends = packed(LINES, compression), ends_of(LINES, compression)
    missing = ends[3] - ends[1]
    reason = reason_of(content[: ends[1]], compression, noted(content))
    assert reason == f"corrupt at byte {ends[1]}: {missing} synced bytes are missing"
    assert "synced bytes are missing" in reason_of(b"", compression, noted(content))


def test_a_checkpoint_within_a_line_is_kept_to_the_byte() -> None:
    end = len(LINES[0])
    check_cut(WHOLE[: end + 9], Compression.PLAIN, end, 1, noted(WHOLE, end))
    reason_of(WHOLE[: end + 9], Compression.PLAIN, noted(WHOLE, end + 1))


BAD = {
    "a duplicate": LINES[0],
    "another run": line_of(WANTED[2], run_id="run-2"),
    "not asked for": line_of(ids(1, first=99)[0]),
    "zeros": b"\0" * 600 + b"\n",
    "zeros without a line feed": b"\0" * 600,
    "zeros in the middle": LINES[2][:200] + b"\0" * 100 + LINES[2][300:],
    "zeros at the end": LINES[2][:-1] + b"\0\n",
    "CRLF": LINES[2][:-1] + b"\r\n",
    "half a character": LINES[2].replace(b"Warehouse", b"Wareh\xc3"),
    "an empty line": b"\n",
    "garbage": b"\xffgarbage\n",
    "no record": b'{"id":"x"}\n',
    "half a line": LINES[2][:100] + b"\n",
    "two in one": LINES[2][:-1] + line_of(WANTED[3]),
    "a longer one": LINES[2][:-2] + b',"more":1}\n',
    "another schema": LINES[2].replace(b'"_schema":1', b'"_schema":2'),
}
bad_lines = pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
good_or_nothing = pytest.mark.parametrize("behind", [b"", line_of(WANTED[3])], ids=["last", "followed"])


@bad_lines
@good_or_nothing
@pytest.mark.parametrize("checkpoint", ["unreadable", 0, 1, 2])
def test_from_a_bad_line_behind_the_checkpoint_on_the_file_is_cut(
    bad: bytes, behind: bytes, checkpoint: str | int
) -> None:
    content, ends = b"".join(LINES[:2]) + bad + behind, ends_of(LINES, Compression.PLAIN)
    check_cut(content, Compression.PLAIN, ends[2], 2, **options_for(checkpoint, content, ends))


@bad_lines
@good_or_nothing
def test_a_bad_line_before_the_checkpoint_is_damage_where_it_stands(bad: bytes, behind: bytes) -> None:
    content, at = b"".join(LINES[:2]) + bad + behind, ends_of(LINES, Compression.PLAIN)[2]
    for size in (at + 1, len(content)):
        assert reason_of(content, Compression.PLAIN, noted(content, size)).startswith(f"corrupt at byte {at}: ")


@pytest.mark.parametrize("bad", [bad for bad in BAD.values() if bad.endswith(b"\n")])
def test_without_a_checkpoint_the_last_line_is_cut_when_it_is_bad_and_any_other_is_damage(bad: bytes) -> None:
    content, at = b"".join(LINES[:2]) + bad, ends_of(LINES, Compression.PLAIN)[2]
    check_cut(content, Compression.PLAIN, at, 2, None, is_checkpointed=False)
    for behind in (line_of(WANTED[3]), b"torn", b"\n"):
        reason = reason_of(content + behind, Compression.PLAIN, is_checkpointed=False)
        assert reason.startswith(f"corrupt at byte {at}: ")


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("checkpoint", CHECKPOINTS[:-1])
@bad_lines
@good_or_nothing
def test_a_bad_line_in_a_member_with_the_right_check_sum_is_damage_wherever_it_is(
    bad: bytes, behind: bytes, checkpoint: str | int, compression: Compression
) -> None:
    ends = ends_of(LINES, compression)
    content = packed([*LINES[:2], bad if bad.endswith(b"\n") else bad + b"\n", behind], compression)
    reason = reason_of(content, compression, **options_for(checkpoint, content, ends))
    assert reason.startswith(f"corrupt in the member at byte {ends[2]}: ")


TORN = {"zeros": b"\0" * 600, "garbage": b"garbage" * 100, "no line": b"no line"}


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("tail", TORN.values(), ids=TORN.keys())
@good_or_nothing
def test_a_broken_member_is_cut_behind_the_checkpoint_and_damage_before_it(
    tail: bytes, behind: bytes, compression: Compression
) -> None:
    broken = compression.compress(tail) if tail == TORN["no line"] else tail
    content, ends = packed(LINES[:2], compression) + broken + compression.compress(behind), ends_of(LINES, compression)
    for checkpoint in ("unreadable", 0, 1, 2):
        check_cut(content, compression, ends[2], 2, **options_for(checkpoint, content, ends))
    for size in (ends[2] + 1, len(content)):
        assert reason_of(content, compression, noted(content, size)).startswith(f"corrupt at byte {ends[2]}: ")
    # Without any checkpoint it may be that whole members follow.
    reason = reason_of(content, compression, **options_for("none", content, ends))
    assert reason.startswith(f"corrupt at byte {ends[2]}: ")


def test_a_byte_changed_inside_a_value_before_the_checkpoint_is_found_by_the_digest() -> None:
    changed = WHOLE.replace(b"Warehouse", b"Warehousf", 1)
    for lines in (1, 2, 3):
        size = ends_of(LINES, Compression.PLAIN)[lines]
        reason = reason_of(changed, Compression.PLAIN, noted(WHOLE, size))
        assert reason == f"corrupt at byte 0: the first {size} bytes differ from those that were synced"


def test_so_is_one_that_the_check_sum_of_a_member_does_not_cover() -> None:
    content = packed(LINES, Compression.GZIP)
    changed = content[:4] + b"\x01" + content[5:]  # the time it was made (RFC 1952, 2.3)
    check_cut(changed, Compression.GZIP, len(changed), 3, noted(content, 0))
    assert "differ from those that were synced" in reason_of(changed, Compression.GZIP, noted(content))


@pytest.mark.parametrize("compression", Compression)
def test_a_torn_tail_does_not_hide_a_change_before_the_checkpoint(compression: Compression) -> None:
    content, ends = packed(LINES, compression), ends_of(LINES, compression)
    other = noted(packed([line_of(WANTED[0], name="Warehousf"), *LINES[1:]], compression), ends[1])
    assert "differ from those" in reason_of(content[:-5], compression, other._replace(size=ends[1]))


@pytest.mark.parametrize("compression", Compression)
def test_the_first_flaw_is_the_one_that_is_told(compression: Compression) -> None:
    content, ends = packed(LINES, compression), ends_of(LINES, compression)
    damaged = content[: ends[1] + 30] + b"\0" * 30 + content[ends[1] + 60 : -7]
    assert f"at byte {ends[1]}: " in reason_of(damaged, compression, noted(content))


def test_a_file_of_several_chunks_is_cut_and_refused_like_a_small_one() -> None:
    lines = [line_of(one, name=str(number) * 900_000) for number, one in enumerate(WANTED[:3])]
    content, ends = b"".join(lines), ends_of(lines, Compression.PLAIN)
    assert len(content) > 2 * CHUNK
    for most in (100_000, EVERYTHING):
        for checkpoint in CHECKPOINTS:
            options = options_for(checkpoint, content, ends)
            check_cut(content, Compression.PLAIN, len(content), 3, **options, most=most)
        for checkpoint in CHECKPOINTS[:-1]:
            options = options_for(checkpoint, content, ends)
            check_cut(content[:-2], Compression.PLAIN, ends[2], 2, **options, most=most)
        damaged = content.replace(b"1" * 100, bytes(100), 1)
        assert f"at byte {ends[1]}: " in reason_of(damaged, Compression.PLAIN, is_checkpointed=False, most=most)


@pytest.mark.parametrize("length", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize("most", [99_991, EVERYTHING])
def test_without_a_checkpoint_a_last_line_of_any_length_may_be_torn_and_no_other(length: int, most: int) -> None:
    torn, end = b"x" * (length - 1), len(WHOLE)
    for tail in (torn + b"\n", torn + b"y"):
        check_cut(WHOLE + tail, Compression.PLAIN, end, 3, None, is_checkpointed=False, most=most)
        reason = reason_of(WHOLE + b"bad\n" + tail, Compression.PLAIN, is_checkpointed=False, most=most)
        assert reason.startswith(f"corrupt at byte {end}: ")


def test_ids_that_were_ticked_off_for_a_damaged_file_can_be_ticked_off_again() -> None:
    wanted = asked()
    with pytest.raises(Damaged):
        taken(WHOLE[:-1] + b"\r\n", Compression.PLAIN, wanted, noted(WHOLE[:-1] + b"\r\n"))
    assert taken(WHOLE, Compression.PLAIN, wanted, noted(WHOLE)).tally.total == 3
    assert list(wanted) == WANTED[3:]


def test_the_organizations_of_the_records_are_told_once_and_in_order() -> None:
    theirs = [ids(1, first=number)[0] for number in (70, 50, 70)]
    lines = [line_of(one, organization_id=other) for one, other in zip(WANTED[:3], theirs, strict=True)]
    lines.append(line_of(WANTED[3], organization_id=None))
    found = taken(b"".join(lines), Compression.PLAIN, asked())
    assert list(found.organizations) == theirs[:2]
    assert list(Recovered().organizations) == []


odd_texts = st.sampled_from([REDACTED, f'"{REDACTED}', f'{REDACTED}"', f'x"{REDACTED}":', "\\", "***", "", "yesterday"])
odd = st.fixed_dictionaries(
    {},
    optional={
        "name": odd_texts,
        "status_error": odd_texts,
        "policies": st.lists(odd_texts, max_size=3),
        "type": objects(id=odd_texts, name=odd_texts, operations=st.lists(odd_texts, max_size=2)),
        "configuration": st.dictionaries(odd_texts, odd_texts | st.lists(odd_texts, max_size=2) | anything, max_size=3),
        "unknown": odd_texts | st.dictionaries(odd_texts, odd_texts),
        "rate_limit": objects(limited_since=odd_texts | timestamps, expires_at=odd_texts, password=odd_texts),
        "created_at": odd_texts | timestamps,
        "updated_at": odd_texts | timestamps,
    },
)


@given(st.lists(connections | odd | st.builds(lambda one, two: {**one, **two}, connections, odd), max_size=4))
def test_what_is_counted_of_records_is_what_was_counted_when_they_were_made(made: list[dict[str, Any]]) -> None:
    redactions: Counter[str] = Counter()
    unparsed = 0
    lines = []
    for asked_for, fields in zip(WANTED, made, strict=False):
        body = json.dumps({"data": {**fields, "id": asked_for}}).encode()
        record, masked, odd_times = normalize(read_data(body), asked_for, Redactor(), collected_at=AT, run_id=RUN)
        redactions.update(one.path for one in masked)
        unparsed += odd_times
        lines.append(encode(record))
    found = taken(b"".join(lines), Compression.PLAIN, asked())
    assert found.torn_bytes == 0
    assert (found.tally.total, found.tally.unparsed_timestamps) == (len(made), unparsed)
    assert found.tally.redactions == redactions


@given(st.binary(max_size=300), st.sampled_from(Compression), st.booleans(), st.integers(0, 3))
def test_any_bytes_behind_whole_lines_are_cut_or_damage_and_nothing_else(
    tail: bytes, compression: Compression, is_checkpointed: bool, count: int
) -> None:
    content = packed(LINES[:count], compression)
    wanted = asked()
    try:
        found = taken(content + tail, compression, wanted, None, is_checkpointed=is_checkpointed)
    except Damaged:
        assert list(wanted) == WANTED
    else:
        assert list(wanted) == WANTED[count:]
        assert (found.end, found.torn_bytes) == (len(content), len(tail))
