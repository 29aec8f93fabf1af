"""Ids in a column of a Parquet file."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import ExitCode, InputError
from collector.model.ledger import InputCount
from collector.run.ids.id_input import IdInput, read_ids

A = "248df4b7-aa70-47b8-a036-33ac447e668d"
B = "348df4b7-aa70-47b8-a036-33ac447e668d"
PACKED = [bytes.fromhex(one.replace("-", "")) for one in (A, B)]


def parquet(column: Any, name: str = "id", **others: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({name: column, **others}), file, row_group_size=3, write_page_checksum=True)
    return file.getvalue()


def read(folder: Path, content: bytes, name: str = "ids.parquet", column: str | None = None) -> IdInput:
    (folder / name).write_bytes(content)
    return read_ids([], [str(folder / name)], column=column)


@pytest.mark.parametrize(
    "column",
    [
        [A, B],
        [A.upper(), f" {{{B}}} "],
        pa.array([A, B], pa.large_string()),
        pa.array([A, B], pa.string_view()),
        pa.array([A, B]).dictionary_encode(),
        pa.array([A.encode(), B.encode()], pa.binary()),
        pa.array(PACKED, pa.binary(16)),
        pa.array(PACKED, pa.uuid()),
    ],
    ids=lambda column: str(getattr(column, "type", column)),
)
def test_texts_and_uuids_of_every_type_are_ids(column: Any, tmp_path: Path) -> None:
    id_input = read(tmp_path, parquet(column, "Connection ID", note=["x", "y"]))
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2)


def test_every_row_is_counted_and_an_invalid_one_is_named_by_its_number(tmp_path: Path) -> None:
    id_input = read(tmp_path, parquet([A, None, "", "key-by-mistake", A, B]))
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2, duplicates=1, invalid=3)
    place = tmp_path / "ids.parquet"
    assert id_input.line_errors == [
        f"{place}: row 2: contains no id",
        f"{place}: row 3: contains no id",
        f"{place}: row 4: not a connection id (14 characters)",
    ]


@given(st.lists(st.uuids().map(str) | st.none() | st.sampled_from([A, "", "x"]), max_size=40))
def test_the_rows_add_up(rows: list[str | None]) -> None:
    content = parquet(pa.array(rows, pa.string()))
    id_input = read_ids([], ["-"], stdin=io.BytesIO(content))
    assert id_input.count.lines == len(rows)
    assert list(id_input.ids) == list(dict.fromkeys(row for row in rows if row and len(row) == 36))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([1, 2], "of the type int64"),
        ([None], "of the type null"),
        ([{"id": A}], "nested"),
        ([[A]], "nested"),
        (pa.array([b"12345678"], pa.binary(8)), r"of the type fixed_size_binary\[8\]"),
    ],
)
def test_a_column_that_cannot_hold_ids_is_an_error_that_names_its_type(column: Any, kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"ids.parquet: its column 'id' is {kind}, but ids are texts or UUIDs; choose"):
        read(tmp_path, parquet(column))


def test_the_column_can_be_chosen_and_must_be_unambiguous(tmp_path: Path) -> None:
    content = parquet([A], connection_id=[B])
    assert list(read(tmp_path, content, column="connection_id").ids) == [B]
    with pytest.raises(InputError, match=r"2 of its columns \('id', 'connection_id'\) may hold the ids"):
        read(tmp_path, content)
    with pytest.raises(InputError, match=r"none of its 2 columns \('id', 'connection_id'\) is named 'x'"):
        read(tmp_path, content, column="x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1" + b"x" * 500 + b"PAR1",
        parquet([A])[:-20],
        parquet([A]).replace(A.encode(), B.encode(), 1),
    ],
    ids=["empty", "magic", "garbage", "truncated", "corrupt"],
)
def test_a_damaged_file_is_an_error_that_names_it(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ids.parquet: is not a Parquet file, is corrupt, or has an unsupported form"):
        read(tmp_path, content)


@pytest.mark.parametrize("name", ["ids", "ids.txt", "ids.PARQUET", "ids.pq", "ids.parquet.gz"])
def test_the_name_or_the_first_bytes_tell_the_format(name: str, tmp_path: Path) -> None:
    content = parquet([A])
    assert list(read(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name).ids) == [A]


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_pipe_is_read_too(is_compressed: bool) -> None:
    content = gzip.compress(parquet([A, B])) if is_compressed else parquet([A, B])
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(content[:1])
            pipe.write(content[1:])

    writer = threading.Thread(target=write)
    writer.start()
    with open(reading, "rb") as stdin:
        assert list(read_ids([], ["-"], stdin=stdin).ids) == [A, B]
    writer.join()


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"ids.parquet: Parquet needs the extra parquet; run: pip install ") as caught:
        read(tmp_path, parquet([A]))
    assert caught.value.exit_code == ExitCode.USAGE


def test_only_parquet_files_import_pyarrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert list(read(tmp_path, A.encode(), "ids.txt").ids) == [A]


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_file_with_a_changed_byte_is_an_error_or_yields_every_row(compression: str, tmp_path: Path) -> None:
    file, rows = io.BytesIO(), [f"{number:08x}-0000-4000-8000-00000000c0de" for number in range(50)]
    pq.write_table(pa.table({"id": rows}), file, row_group_size=7, compression=compression)
    content = file.getvalue()
    end_of_pages = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    errors = 0
    for at in range(4, end_of_pages, 5):
        changed = bytearray(content)
        changed[at] ^= 0x16
        try:
            assert read(tmp_path, bytes(changed)).count.lines == len(rows), at
        except InputError:
            errors += 1
    assert errors > 5


def test_a_text_column_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    invalid = pa.array([A.encode(), b"\xff\xfe"], pa.binary()).cast(pa.string(), safe=False)
    with pytest.raises(InputError, match="not UTF-8"):
        read(tmp_path, parquet(invalid))
