"""Checkpoints of an unfinished file, and notes of its repaired values."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.checkpoint import Checkpoint, RepairNote, decode, repairs_in

DIGEST = hashlib.sha256(b"one\n").hexdigest()
LINE = Checkpoint(1234, DIGEST).encode()

checkpoints = st.builds(
    Checkpoint,
    st.integers(min_value=0),
    st.binary().map(lambda content: hashlib.sha256(content).hexdigest()),
    st.dictionaries(st.sampled_from(["name", "schema", "token:github", "(resumed)"]), st.integers(1, 2**40)),
)


def with_checksum(text: str) -> bytes:
    return f"\n{text} {zlib.crc32(text.encode()):08x}\n".encode()


@given(checkpoints)
def test_a_checkpoint_is_decoded_from_its_line(checkpoint: Checkpoint) -> None:
    assert decode(checkpoint.encode()) == checkpoint


@given(checkpoints)
def test_a_checkpoint_is_one_line(checkpoint: Checkpoint) -> None:
    assert checkpoint.encode().endswith(b"\n")
    assert checkpoint.encode().count(b"\n") == 2  # the first one ends a partial line before it


def test_the_line_contains_size_digest_and_checksum() -> None:
    assert with_checksum(f"1234 {DIGEST}") == LINE


@given(checkpoints)
def test_a_partial_line_is_ignored(checkpoint: Checkpoint) -> None:
    line = checkpoint.encode()
    assert [decode(line[:length]) for length in range(len(line))] == [None] * len(line)


def test_a_line_with_one_changed_byte_is_ignored() -> None:
    for at, byte in enumerate(LINE[1:], start=1):
        for other in set(range(256)) - {byte}:
            assert decode(LINE[:at] + bytes([other]) + LINE[at + 1 :]) is None


def test_a_line_with_two_neighbouring_bytes_swapped_is_ignored() -> None:
    for at in range(1, len(LINE) - 1):
        first, second = LINE[at : at + 1], LINE[at + 1 : at + 2]
        if first != second:
            assert decode(LINE[:at] + second + first + LINE[at + 2 :]) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"  \n",
        b"\0" * len(LINE),
        LINE[:40] + b"\0" * (len(LINE) - 40),
        b" " + LINE[1:],
        LINE.replace(b"\n", b"\r\n"),
        b"\xff" * 80,
        "\u0661\u0662 \u0663 \u0664\n".encode(),
        b"9" * 5000 + b" " + DIGEST.encode() + b" 00000000\n",
    ],
)
def test_an_invalid_line_is_ignored(line: bytes) -> None:
    assert decode(line) is None


@given(st.lists(checkpoints, min_size=1), st.integers(min_value=0, max_value=200), st.binary(max_size=9))
def test_the_last_whole_line_counts_regardless_of_a_torn_tail(
    checkpoint: list[Checkpoint], torn: int, garbage: bytes
) -> None:
    whole = b"".join(each.encode() for each in checkpoint)
    half = Checkpoint(10**9, DIGEST).encode()[:torn][:-1]
    assert decode(whole + half) == checkpoint[-1]
    assert decode(whole + half + checkpoint[0].encode()) == checkpoint[0]
    assert decode(whole + garbage) == checkpoint[-1]


@pytest.mark.parametrize("size", ["01234", "+1234", "1_234", "1234.0", "", "0x1"])
def test_a_size_in_another_format_is_ignored_even_with_a_valid_checksum(size: str) -> None:
    assert decode(with_checksum(f"{size} {DIGEST}")) is None


@given(st.binary() | st.text().map(str.encode) | st.lists(st.integers() | st.text(max_size=3)).map(str).map(str.encode))
def test_garbage_is_ignored_without_an_exception(line: bytes) -> None:
    assert decode(line) is None


notes = st.builds(
    RepairNote, st.uuids().map(str), st.lists(st.text(), max_size=3).map(tuple) | st.just(("configuration.a b", "name"))
)


@given(st.lists(notes | checkpoints, max_size=6), st.binary(max_size=9))
def test_repair_notes_and_checkpoints_are_decoded_from_one_file(
    lines: list[RepairNote | Checkpoint], torn: bytes
) -> None:
    content = b"".join(line.encode() for line in lines) + torn.replace(b"\n", b"")
    assert repairs_in(content) == {line.id: line.paths for line in lines if isinstance(line, RepairNote)}
    synced = [line for line in lines if isinstance(line, Checkpoint)]
    assert decode(content) == (synced[-1] if synced else None)


@given(notes, st.data())
def test_a_partial_repair_note_is_ignored(note: RepairNote, data: st.DataObject) -> None:
    whole = note.encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert repairs_in(whole[:cut]) == {}
    assert repairs_in(whole[:cut] + note.encode()) == {note.id: note.paths}


@given(st.binary() | st.binary().map(lambda tail: b"repaired " + tail + b"\n"))
def test_reading_repair_notes_from_any_bytes_raises_nothing(content: bytes) -> None:
    assert isinstance(repairs_in(content), dict)


def test_the_last_repair_note_of_an_id_counts() -> None:
    """The first line was torn, and the second reply to the id needed no repair."""
    first, last = RepairNote("a", ("name",)), RepairNote("a", ())
    assert repairs_in(first.encode() + last.encode()) == {"a": ()}
