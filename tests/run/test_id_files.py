"""Ids in every form of file that people have: encodings, separators, quoting, JSON documents, standard input."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import ExitCode, InputError
from collector.model.ledger import InputCount
from collector.run.ids import id_text
from collector.run.ids.id_formats import IdsFormat
from collector.run.ids.id_input import IdInput, read_ids
from collector.run.ids.json_ids import cells_in_array
from tests.support.zstd_compat import zstd

A = "248df4b7-aa70-47b8-a036-33ac447e668d"
B = "348df4b7-aa70-47b8-a036-33ac447e668d"
C = "448df4b7-aa70-47b8-a036-33ac447e668d"
URL = "https://app.polytomic.com/org/connections/"


class Form(NamedTuple):
    """A file with the ids A and B, its name, and the number of its other lines."""

    name: str
    content: str | bytes
    blank: int = 0
    invalid: int = 0


FORMS = [
    # text
    Form("ids.txt", f"# ids\n{A}\n\n{B} # why", blank=2),
    Form("ids", f"{A}\r\n{B}\r\n"),
    Form("ids.list", f"{{{A}}}\n{{{B.upper()}}}\n"),
    Form("sql.txt", f"'{A}',\n'{B}'\n"),
    Form("code.txt", f'"{A}",\n"{B}",\n'),
    Form("addresses.txt", f"{URL}{A}?tab=1#top\n{URL}{B}/schemas # why\n"),
    Form("powershell.txt", f"{A}\r\n{B}\r\n".encode("utf-16")),
    Form("big-endian.txt", b"\xfe\xff" + f"{A}\n{B}".encode("utf-16-be")),
    # tables
    Form("excel.csv", f"\ufeffName;Connection ID\r\nÄ;{A}\r\nB;{B}\r\n"),
    Form("excel-unicode.txt", f"Name\tID\r\nÄ\t{A}\r\nB\t{B}\r\n".encode("utf-16")),
    Form("excel-sep.csv", f"sep=;\r\nid;n\r\n{A};1\r\n{B};2\r\n"),
    Form("export-csv.csv", f'#TYPE Selected.Object\r\n"Name","ID"\r\n"a","{A}"\r\n"b","{B}"\r\n'),
    Form("export-csv-sep.csv", f'#TYPE Selected.Object\r\nsep=;\r\n"Name";"ID"\r\n"a";"{A}"\r\n"b";"{B}"\r\n'),
    Form("utf-16.csv", f"connection_id,n\n{A},1\n{B},2\n".encode("utf-16")),
    Form("cells.tsv", f" n \t ID \n1\t {A} \n2\t{{{B}}}\n"),
    Form("links.csv", f"id,n\n{URL}{A},1\n{URL}{B},2\n,\n,3\n", blank=1, invalid=1),
    Form("bars", f" n | id \n---+---\n 1 | {A}\n 2 | {B}\n", invalid=1),
    Form("one-column.txt", f"connection_id\n{A}\n{B}\n"),
    # JSON
    Form("ids.json", json.dumps([A, B])),
    Form("objects.json", json.dumps([{"id": A, "of": {"id": C}}, {"name": "x", "id": f" {B} "}], indent=2)),
    Form("list.json", json.dumps({"data": [{"id": A}, {"id": B}]})),
    Form("pretty.json", json.dumps({"page": {"next": None}, "data": [{"id": A}, {"id": B}], "n": 2}, indent=4)),
    Form("invalid.json", json.dumps([A, None, 5, "", "x", [], {}, {"id": 5}, {"data": C}, B]), invalid=8),
    Form("twice.json", f'[{{"id":"{C}","id":"{A}"}},{{"id":"{C}","\\u0069d":"{A}"}},"{A}","{B}"]', invalid=2),
    Form("bom.json", "\ufeff" + json.dumps([A, B])),
    Form("utf-16.json", json.dumps({"data": [{"id": A}, {"id": B}]}, indent=1).encode("utf-16")),
    Form("lines.json", f'{{"id":"{A}"}}\n{{"id":"{B}"}}\n'),
    Form("ids.jsonl", f'{{"id":"{A}","data":[1]}}\n"{B}"\n{{"id":"{C}","\\u0069d":"{A}"}}\n', invalid=1),
    Form("utf-16.jsonl", f'{{"id":"{A}"}}\n\n{{"id":"{B}"}}\n'.encode("utf-16"), blank=1),
]


def bytes_of(form: Form) -> bytes:
    return form.content.encode() if isinstance(form.content, str) else form.content


def read(folder: Path, name: str, content: bytes, format: IdsFormat = IdsFormat.AUTO) -> IdInput:
    (folder / name).write_bytes(content)
    return read_ids([], [str(folder / name)], format=format)


def from_stdin(content: bytes, column: str | None = None, format: IdsFormat = IdsFormat.AUTO) -> IdInput:
    return read_ids([], ["-"], column=column, format=format, stdin=io.BytesIO(content))


def check(id_input: IdInput, form: Form) -> None:
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2, blank=form.blank, invalid=form.invalid)
    assert not any(C in line_error for line_error in id_input.line_errors)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_file_of_every_form_yields_its_ids(form: Form, tmp_path: Path) -> None:
    check(read(tmp_path, form.name, bytes_of(form)), form)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_standard_input_of_every_form_yields_its_ids(form: Form) -> None:
    id_input = from_stdin(bytes_of(form))
    check(id_input, form)
    assert id_input.warnings == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_a_compressed_pipe_of_every_form_yields_its_ids(form: Form, compress: object) -> None:
    content = gzip.compress(bytes_of(form)) if compress is gzip.compress else zstd.compress(bytes_of(form))
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(content[:1])
            pipe.write(content[1:])

    writer = threading.Thread(target=write)
    writer.start()
    with open(reading, "rb") as stdin:
        check(read_ids([], ["-"], stdin=stdin), form)
        assert not stdin.closed
    writer.join()


@pytest.mark.parametrize("name", ["ids.txt", "ids.csv.gz", "ids.json.gz", "ids.json.zst"])
def test_compression_is_told_by_the_suffix_or_the_first_bytes(name: str, tmp_path: Path) -> None:
    compress = zstd.compress if name.endswith("zst") else gzip.compress
    content = f'["{A}","{B}"]' if "json" in name else f"id\n{A}\n{B}\n"
    assert list(read(tmp_path, name, compress(content.encode())).ids) == [A, B]


@pytest.mark.parametrize(
    ("format", "content"),
    [
        (IdsFormat.TEXT, f"{A}\nid\n"),
        (IdsFormat.CSV, f"x;id\n1;{A}\n2;x\n"),
        (IdsFormat.TSV, f"x\tid\n1\t{A}\n2\tx\n"),
        (IdsFormat.JSONL, f'{{"id":"{A}"}}\n[]\n'),
        (IdsFormat.JSON, f'["{A}",1]'),
    ],
)
@pytest.mark.parametrize("name", ["ids.txt", "ids.csv", "ids.json", "ids.jsonl", "ids.parquet", "ids"])
def test_a_given_format_overrides_the_name_and_the_content(
    format: IdsFormat, content: str, name: str, tmp_path: Path
) -> None:
    for id_input in (
        read(tmp_path, name, content.encode(), format),
        read(tmp_path, f"{name}.gz", gzip.compress(content.encode()), format),
        from_stdin(content.encode(), format=format),
    ):
        assert list(id_input.ids) == [A]
        assert id_input.count == InputCount(unique=1, invalid=1)


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"", InputCount()),
        (b"\xef\xbb\xbf", InputCount()),
        (b"\xff\xfe", InputCount()),
        (b"{", InputCount(invalid=1)),
        (b"{{{\n}", InputCount(invalid=2)),
        (f"{{{A}}}\n{{}}\n".encode(), InputCount(unique=1, invalid=1)),
        (f"[ids]\n{A}\n".encode(), InputCount(unique=1, invalid=1)),
        (f"my id\n{A}\n".encode(), InputCount(unique=1, invalid=1)),
        (f"name,number\n{A}\n".encode(), InputCount(unique=1, invalid=1)),
        (f"{A}\nid\n{B}\n".encode(), InputCount(unique=2, invalid=1)),
        (b'{"data": {"id": "%s"}}' % A.encode(), InputCount(invalid=1)),
        (b'{"id": "%s", "data": []}' % A.encode(), InputCount(unique=1)),
        (b'{"data": [1], "id": "%s"}' % A.encode(), InputCount(unique=1)),
    ],
)
def test_standard_input_that_resembles_another_format_is_told_apart(content: bytes, count: InputCount) -> None:
    assert from_stdin(content).count == count


def test_a_named_column_makes_a_table_of_standard_input() -> None:
    content = f"n,key\n1,{A}\n".encode()
    assert list(from_stdin(content, column="KEY").ids) == [A]
    assert from_stdin(content).count == InputCount(invalid=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r'is neither a JSON array nor {"data": \[...\]}; for one object per line, use --ids-format jsonl'),
        ('{"id": 5,', r'is neither a JSON array nor {"data": \[...\]}'),
        (f'{{"id":\n"{A}"}}', r'is neither a JSON array nor {"data": \[...\]}'),
        ("[" * 5000, "after element 0 the JSON is invalid or truncated"),
        (
            f'["{A}", "{B}',
            "after element 1 the JSON is invalid or truncated, or an element exceeds 16777216 characters",
        ),
        (f'["{A}", "{B}"', "after element 1 the JSON is invalid or truncated"),
        (f'["{A}", NaN]', "after element 1 the JSON is invalid or truncated"),
        (f'["{A}", "{B}"] x', "after element 2 the JSON is invalid or truncated"),
        (f'{{"data": ["{A}", {{"id": "{B}"}}', "after element 1 the JSON is invalid or truncated"),
        (f'["{A}\0"]', "line 1 contains a NUL byte"),
    ],
)
def test_a_document_without_a_complete_array_is_an_error_that_quotes_no_data(
    content: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"ids.json: {message}") as caught:
        read(tmp_path, "ids.json", content.encode())
    assert caught.value.exit_code == ExitCode.USAGE
    assert A not in str(caught.value)


def test_elements_and_lines_are_named_by_position(tmp_path: Path) -> None:
    path = tmp_path / "ids.json"
    assert read(tmp_path, "ids.json", b'["x", {}]').line_errors == [
        f"{path}: element 1: not a connection id (1 characters)",
        f"{path}: element 2: contains no id",
    ]


def test_a_value_that_only_strict_parsers_reject_does_not_hide_the_id_beside_it(tmp_path: Path) -> None:
    content = b'[{"id":"%s","n":"\\ud800\xff","m":1e999},{"id":"%s","n":%s}]' % (A.encode(), B.encode(), b"7" * 5000)
    check(read(tmp_path, "ids.json", content), Form("", b""))


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_bytes_like_a_mark_without_utf_16_after_it_are_one_invalid_line(mark: bytes) -> None:
    assert from_stdin(mark + f"!\n{A}\n".encode()).count == InputCount(unique=1, invalid=1)


@pytest.mark.parametrize("tail", [b"\0", b"\x00\xd8", b"\n\0\x00\xd8\n\0"])
def test_invalid_utf_16_hides_no_other_line(tail: bytes) -> None:
    id_input = from_stdin(f"{A}\n{B}\nx".encode("utf-16") + tail)
    assert list(id_input.ids) == [A, B]
    assert id_input.count.invalid >= 1


def test_an_endless_line_is_an_error_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(id_text, "MAX_LINE_LENGTH", 100_000)
    with pytest.raises(
        InputError, match=r"ids.txt: line 2 exceeds 100000 characters; it is not a list with one id per"
    ):
        read(tmp_path, "ids.txt", b"%s\n" % A.encode() + b"x" * 1_000_000)


ENCODINGS = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
names = st.text(alphabet="ab é\u4e2d'", max_size=6)
ids = st.uuids().map(str)
cells = st.one_of(ids, ids, ids.map(str.upper), ids.map("{{{}}}".format), st.sampled_from([A, "", "x", f"{A} x", " "]))


def expected(texts: list[str]) -> list[str]:
    bare = [text.strip().strip("{}").lower() for text in texts]
    return list(dict.fromkeys(text for text in bare if len(text) == 36))


def check_sum(id_input: IdInput, texts: list[str], blank: int) -> None:
    """Check that the ids written are the ids read, and that the lines add up."""
    count = id_input.count
    assert list(id_input.ids) == expected(texts)
    assert count.lines == count.unique + count.duplicates + count.invalid + count.blank == len(texts)
    assert (count.unique, count.blank) == (len(expected(texts)), blank)
    assert (
        count.invalid
        == sum(text.strip() in {"x", f"{A} x"} for text in texts) + sum(not t.strip() for t in texts) - blank
    )


@given(
    st.lists(st.tuples(names, cells, names), min_size=1, max_size=8),
    st.sampled_from(list(ENCODINGS)),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.sampled_from(["id", " ID ", "Connection ID", "connection_id"]),
)
def test_a_table_in_any_encoding_separator_line_end_and_quoting_yields_the_written_ids(
    rows: list[tuple[str, str, str]], encoding: str, delimiter: str, end: str, quotes_all: bool, header: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL
    )
    writer.writerow(["name", header, "more"])
    writer.writerows(rows)
    content = ENCODINGS[encoding] + out.getvalue().encode(encoding)
    blank = sum(not "".join(row).strip() for row in rows)
    for id_input in (from_stdin(content), from_stdin(gzip.compress(content), format=IdsFormat.CSV)):
        check_sum(id_input, [text for _, text, _ in rows], blank)


@given(
    st.lists(cells, max_size=12),
    st.sampled_from(list(ENCODINGS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_a_text_in_any_encoding_and_line_end_yields_the_written_ids(
    texts: list[str], encoding: str, end: str, is_last_ended: bool
) -> None:
    text = end.join([A, *texts, B]) + (end if is_last_ended else "")
    id_input = from_stdin(ENCODINGS[encoding] + text.encode(encoding))
    check_sum(id_input, [A, *texts, B], sum(not text.strip() for text in texts))


@given(
    st.lists(cells | st.none() | st.integers(), max_size=12),
    st.sampled_from(list(ENCODINGS)),
    st.sampled_from([None, 1]),
    st.sampled_from(["bare", "objects", "envelope"]),
)
def test_a_document_in_any_encoding_and_layout_yields_the_written_ids(
    values: list[str | int | None], encoding: str, indent: int | None, layout: str
) -> None:
    items = values if layout == "bare" else [{"id": value, "n": [1]} for value in values]
    document = {"data": items} if layout == "envelope" else items
    content = ENCODINGS[encoding] + json.dumps(document, indent=indent).encode(encoding)
    id_input = from_stdin(content, format=IdsFormat.JSON)
    assert id_input.count.lines == len(values)
    assert id_input.count.blank == 0
    assert list(id_input.ids) == expected([value for value in values if isinstance(value, str)])


def test_a_document_of_any_length_is_read_in_flat_memory() -> None:
    item = json.dumps({"id": A, "configuration": {"text": "x" * 1000}, "list": [{"id": None}] * 20})

    def chunks(count: int) -> Iterator[str]:
        yield '{"page": 1, "data": ['
        for number in range(count):
            yield item + ("," if number < count - 1 else "")
        yield "]}"

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(cell.text == A for cell in cells_in_array(chunks(count))) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    first = peak(100)
    assert peak(5000) < first + 50_000
