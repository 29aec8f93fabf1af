"""Reading ids from arguments, files and stdin."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import ExitCode, InputError
from collector.model.ledger import InputCount
from collector.run.ids.id_input import MAX_REPORTED, IdInput, read_ids
from tests.support.zstd_compat import zstd

A = "248df4b7-aa70-47b8-a036-33ac447e668d"
B = "348df4b7-aa70-47b8-a036-33ac447e668d"
C = "448df4b7-aa70-47b8-a036-33ac447e668d"

junk = st.text(alphabet=st.characters(blacklist_characters="\0\r\n", codec="utf-8"), max_size=10)
lines = st.lists(
    st.sampled_from([A, B, A.upper(), f"  {C}\t", "# comment", "", "   ", f"{A} # why"]) | junk, max_size=30
)


def read(name: str, content: bytes, folder: Path, column: str = "id") -> IdInput:
    path = folder / name
    path.write_bytes(content)
    return read_ids([], [str(path)], column=column)


def from_stdin(content: bytes) -> IdInput:
    return read_ids([], ["-"], column="id", stdin=io.BytesIO(content))


def test_every_line_of_a_text_is_counted_by_kind(tmp_path: Path) -> None:
    content = f"# ids\n{A}\n\n  {B.upper()}  \n{A} # again\nnonsense\n{C}".encode()
    id_input = read("ids.txt", content, tmp_path)
    assert list(id_input.ids) == [A, B, C]
    assert id_input.count == InputCount(unique=3, duplicates=1, invalid=1, blank=2)
    assert id_input.count.lines == 7
    assert id_input.line_errors == [f"{tmp_path / 'ids.txt'}:6: not a connection id (8 characters)"]


@given(lines, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_line_of_a_text_is_counted(rows: list[str], end: str, is_last_ended: bool) -> None:
    rows = ["# text", *rows, "last"]
    id_input = from_stdin((end.join(rows) + (end if is_last_ended else "")).encode())
    assert id_input.count.lines == len(rows)
    assert id_input.count.unique == len(id_input.ids)
    assert len(id_input.line_errors) == min(id_input.count.invalid, MAX_REPORTED)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_windows_line_ends_are_accepted(end: bytes, tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + A.encode() + end + B.encode() + end
    id_input = read("ids.txt", content, tmp_path)
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2)


def test_a_line_that_is_not_utf_8_is_one_invalid_line(tmp_path: Path) -> None:
    id_input = read("ids.txt", b"\xff\xfe!\n" + A.encode(), tmp_path)
    assert list(id_input.ids) == [A]
    assert id_input.count == InputCount(unique=1, invalid=1)


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_yields_the_ids_of_its_column_and_its_header_is_not_counted(
    suffix: str, delimiter: str, tmp_path: Path
) -> None:
    rows = [["name", " id "], ["Ann, Bob", A], ["", ""], ["x", "junk"], ["y", A.upper()], ["only one"], ["z", f" {B} "]]
    content = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    id_input = read(f"ids{suffix}", content.encode(), tmp_path)
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2, duplicates=1, invalid=2, blank=1)


def test_a_row_that_spans_lines_is_one_line_of_input(tmp_path: Path) -> None:
    id_input = read("ids.csv", f'note,id\n"two\nlines",{A}\nx,{B}\n'.encode(), tmp_path)
    assert list(id_input.ids) == [A, B]
    assert id_input.count.lines == 2


def test_the_column_can_be_chosen(tmp_path: Path) -> None:
    content = f"\ufeffid,connection\n{A},{B}\n".encode()
    assert list(read("ids.csv", content, tmp_path, column="connection").ids) == [B]
    assert list(read("ids.csv", content, tmp_path).ids) == [A]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", r"none of its 2 columns \('a', 'b'\) is named 'id'; choose one with --ids-column"),
        (b"", "it has no header; a table begins with its column names"),
    ],
)
def test_a_table_without_the_column_is_an_error_that_lists_the_columns(
    content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"ids.csv: {message}$"):
        read("ids.csv", content, tmp_path)


def test_json_lines_yield_the_id_of_each_object(tmp_path: Path) -> None:
    rows = [json.dumps({"id": found}) for found in (A, 5, f" {B} ", "")] + ["", "[]", "{", '{"name": "x"}']
    id_input = read("ids.jsonl", "\n".join(rows).encode(), tmp_path)
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2, invalid=5, blank=1)


def test_a_snapshot_and_an_errors_file_are_valid_input(tmp_path: Path) -> None:
    snapshot = json.dumps({"id": A, "configuration": {"id": C, "n": 10**30}, "_schema": 1})
    error = json.dumps({"id": B, "outcome": "not_found", "http_status": 404})
    id_input = read("connections.jsonl", f"{snapshot}\n{error}\n".encode(), tmp_path)
    assert list(id_input.ids) == [A, B]
    assert id_input.count.invalid == 0


@pytest.mark.parametrize("name", ["ids.txt", "ids.csv", "ids.jsonl"])
def test_compressed_files_are_decompressed(name: str, tmp_path: Path) -> None:
    content = {"ids.txt": A, "ids.csv": f"id\n{A}", "ids.jsonl": json.dumps({"id": A})}[name].encode()
    assert list(read(f"{name}.gz", gzip.compress(content), tmp_path).ids) == [A]
    assert list(read(f"{name}.zst", zstd.compress(content), tmp_path).ids) == [A]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("corruption", ["truncated", "garbage"])
def test_a_corrupt_compressed_file_is_an_error_that_names_it(suffix: str, corruption: str, tmp_path: Path) -> None:
    pack = gzip.compress if suffix == ".gz" else zstd.compress
    content = pack("\n".join([A, B, C] * 50).encode())
    with pytest.raises(InputError, match=f"ids.txt{suffix}: cannot be read"):
        read(f"ids.txt{suffix}", content[:-6] if corruption == "truncated" else b"garbage", tmp_path)


@pytest.mark.parametrize("name", ["ids.txt", "ids.csv", "ids.jsonl"])
def test_a_binary_file_is_an_error_that_names_it_regardless_of_its_extension(name: str, tmp_path: Path) -> None:
    content = b"id\n" + b"x\0y\n"
    with pytest.raises(InputError, match=rf"{name}: line 2 contains a NUL byte") as caught:
        read(name, content, tmp_path)
    assert caught.value.exit_code == ExitCode.USAGE


def test_binary_standard_input_is_an_error() -> None:
    with pytest.raises(InputError, match="standard input: line 1 contains a NUL byte"):
        from_stdin(b"\x7fELF\0\0\n")


def test_a_file_that_is_missing_or_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(InputError, match=f"{path}: cannot be read"):
            read_ids([], [str(path)], column="id")


def test_standard_input_is_json_lines_when_it_begins_with_a_brace() -> None:
    assert list(from_stdin(b'\n  \n {"id": "%s"}\n' % A.encode()).ids) == [A]
    assert list(from_stdin(b'\xef\xbb\xbf{"id": "%s"}' % A.encode()).ids) == [A]
    id_input = from_stdin(b'# {\n%s\n{"id": "%s"}\n' % (A.encode(), B.encode()))
    assert list(id_input.ids) == [A]
    assert id_input.count == InputCount(unique=1, invalid=1, blank=1)


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n\n"])
def test_empty_standard_input_has_no_ids(content: bytes) -> None:
    id_input = from_stdin(content)
    assert len(id_input.ids) == 0
    assert id_input.count.lines == id_input.count.blank == content.count(b"\n")


def test_each_argument_is_one_line_and_arguments_are_read_first(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text(f"{A}\n{C}\n")
    id_input = read_ids([B, A.upper(), "junk", "", f" {B} "], [str(path)], column="id")
    assert list(id_input.ids) == [B, A, C]
    assert id_input.count == InputCount(unique=3, duplicates=2, invalid=2)


def test_several_files_and_standard_input_are_read_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text(A)
    id_input = read_ids([], [str(path), "-", str(path)], column="id", stdin=io.BytesIO(B.encode()))
    assert list(id_input.ids) == [A, B]
    assert id_input.count.duplicates == 1


def test_an_invalid_line_is_named_by_its_position_and_never_shown(tmp_path: Path) -> None:
    key = "a-key-pasted-by-mistake"
    id_input = read("ids.txt", f"{A}\n{key}\n".encode(), tmp_path)
    assert not any(key in line_error for line_error in id_input.line_errors)
    assert id_input.line_errors[0].startswith(f"{tmp_path / 'ids.txt'}:2:")


def test_the_first_invalid_lines_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    id_input = read("ids.txt", b"junk\n" * (MAX_REPORTED + 5), tmp_path)
    messages: list[str] = []
    id_input.report_problems(messages.append)
    assert len(messages) == MAX_REPORTED + 1
    assert messages[-1] == "5 more lines contain no valid connection id"
    id_input.report_problems(messages.append)
    assert len(messages) == MAX_REPORTED + 1


def test_a_problem_is_reported_once() -> None:
    id_input, messages = IdInput(), list[str]()
    id_input.add_line("junk", "argument", 1)
    id_input.report_problems(messages.append)
    id_input.add_line("junk", "--all", 7)
    id_input.report_problems(messages.append)
    assert [line.partition(": ")[0] for line in messages] == ["argument:1", "--all:7"]


def test_an_unclosed_quote_in_a_csv_is_an_error_that_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ids.csv: line 2: unexpected end of data"):
        read("ids.csv", f'id,name\n{A},"foo\n{B},b\n'.encode(), tmp_path)


@pytest.mark.parametrize("row", [f'x,"""\n{A},b', f'"Sales" export,{A}', f'"a,{A}\nb" c,{B}'])
def test_invalid_quotes_in_a_csv_are_an_error(row: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ids.csv: line [23]: "):
        read("ids.csv", f"name,id\n{row}\n".encode(), tmp_path)


def test_a_quote_in_a_tsv_without_quoting_is_an_ordinary_character(tmp_path: Path) -> None:
    """Ids were once lost here with exit code 0: a parser that honours quotes joins two rows into one field."""
    rows = ["name\tid", f'"quarterly\t{A}', f'report"\t{B}', f'"Sales" export\t{C}', f'"\t{A}', f'5" disk\t{B}']
    id_input = read("silent.tsv", "\n".join(rows).encode(), tmp_path)
    assert list(id_input.ids) == [A, B, C]
    assert id_input.count == InputCount(unique=3, duplicates=2)
    assert id_input.line_errors == id_input.warnings == []


def test_each_id_that_a_quoted_field_swallowed_is_an_invalid_line(tmp_path: Path) -> None:
    id_input = read("ids.csv", f'name,id\nplain,{C}\n"quarterly,{A}\nreport",{B}\n'.encode(), tmp_path)
    assert list(id_input.ids) == [C, B]
    assert id_input.count == InputCount(unique=2, invalid=1)
    messages: list[str] = []
    id_input.report_problems(messages.append)
    assert [line.partition("ids.csv:")[2].partition(";")[0] for line in messages] == [
        " quoted fields span lines 3-4",
        "3: contains an id in a quoted field that spans lines 3-4",
    ]


@pytest.mark.parametrize("name", ["ids.CSV", "ids.Csv", "a.csv.GZ", "b.CSV.Zst"])
def test_the_extension_of_a_table_matches_in_any_case(name: str, tmp_path: Path) -> None:
    content = f"id,n\n{A},1\n".encode()
    if name.lower().endswith(".gz"):
        content = gzip.compress(content)
    elif name.lower().endswith(".zst"):
        content = zstd.compress(content)
    assert list(read(name, content, tmp_path).ids) == [A]


@pytest.mark.parametrize("name", ["a.ndjson", "b.NDJSON", "c.JSONL", "d.Jsonl.Gz", "e.ndjson.gz"])
def test_json_lines_have_two_extensions_in_any_case(name: str, tmp_path: Path) -> None:
    content = b'{"id": "%s"}\n' % A.encode()
    id_input = read(name, gzip.compress(content) if name.lower().endswith(".gz") else content, tmp_path)
    assert list(id_input.ids) == [A]


def test_a_tsv_extension_in_capitals_is_accepted(tmp_path: Path) -> None:
    assert list(read("ids.TSV", f"n\tid\n1\t{A}\n".encode(), tmp_path).ids) == [A]


@pytest.mark.parametrize("name", ["ids.txt", "ids.csv", "ids.jsonl"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_line_end_and_a_byte_order_mark_are_accepted(name: str, end: str, mark: str, tmp_path: Path) -> None:
    rows = {".txt": [A, B], ".csv": ["id", A, B], ".jsonl": [f'{{"id":"{A}"}}', f'{{"id":"{B}"}}']}[Path(name).suffix]
    id_input = read(name, (mark + end.join(rows) + end).encode(), tmp_path)
    assert list(id_input.ids) == [A, B]
    assert id_input.count == InputCount(unique=2)


@pytest.mark.parametrize("name", ["ids.txt", "ids.tsv"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_utf_16_text_without_a_mark_is_an_error_that_names_the_encoding(
    name: str, encoding: str, tmp_path: Path
) -> None:
    message = "line 1 contains a NUL byte; this is a binary file, or UTF-16 without a byte order mark; save it as text"
    with pytest.raises(InputError, match=f"{name}: {message}"):
        read(name, f"id\tn\n{A}\tx\n".encode(encoding), tmp_path)


@pytest.mark.parametrize("line", [f"{A},comment", f"{A};1", f"{A}\tx", f"{A} {B}", f"'{A}"])
def test_a_line_with_more_than_an_id_is_invalid_and_its_message_gives_advice(line: str, tmp_path: Path) -> None:
    id_input = read("ids.txt", f"{line}\n{C}\n".encode(), tmp_path)
    assert id_input.count == InputCount(unique=1, invalid=1)
    assert (
        "the line contains more than an id; put # before a comment, or name a table .csv or .tsv"
        in id_input.line_errors[0]
    )


def test_a_json_line_with_an_unusual_value_beside_the_id_is_valid(tmp_path: Path) -> None:
    rows = [
        b'{"id":"%s","name":"cut \\ud83d"}' % A.encode(),
        b'{"id":"%s","limit":1e400}' % B.encode(),
        b'{"id":"%s","name":"cut \xf0\x9f"}' % C.encode(),
    ]
    assert list(read("odd.jsonl", b"\n".join(rows), tmp_path).ids) == [A, B, C]


def test_a_json_line_with_two_ids_is_invalid_unless_one_is_nested(tmp_path: Path) -> None:
    rows = [f'{{"id":"{A}","id":"{B}"}}', f'{{"id":"{C}","of":{{"id":1}},"and":[{{"id":2}}]}}']
    id_input = read("ids.jsonl", "\n".join(rows).encode(), tmp_path)
    assert list(id_input.ids) == [C]
    assert id_input.count == InputCount(unique=1, invalid=1)


@given(
    st.lists(st.sampled_from([*'{}[],:" ', '"id"', f'"{A}"', f'{{"id":"{B}"}}', "1e400", "7" * 5000, "\\ud800", "NaN"]))
)
def test_any_json_line_is_one_line_of_input(parts: list[str]) -> None:
    id_input = from_stdin(("{\n" + "".join(parts)).encode())
    assert id_input.count.lines == 2 - (not parts)
