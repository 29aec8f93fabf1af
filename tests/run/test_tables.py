"""Reading one column of a delimited table and accounting for every line."""

from __future__ import annotations

import csv
import io
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.ids import canonical_id, ids_in
from collector.run.ids.id_cells import Cell, UnreadableIds
from collector.run.ids.tables import read_column

A = "248df4b7-aa70-47b8-a036-33ac447e668d"
B = "348df4b7-aa70-47b8-a036-33ac447e668d"
C = "448df4b7-aa70-47b8-a036-33ac447e668d"

DELIMITERS = [",", ";", "\t", "|"]

ids = st.uuids().map(str)
words = st.text(alphabet="ab \"',;|\\", max_size=8)  # fields of a table without quoting, on one line
texts = st.text(alphabet="ab \"',;|\t\n\r", max_size=8)


def read(text: str, column: str = "id", delimiter: str = ",") -> tuple[list[Cell], list[str]]:
    messages: list[str] = []
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    return list(read_column(lines, column, delimiter=delimiter, warn=messages.append)), messages


def texts_of(cells: list[Cell]) -> list[str | None]:
    return [cell.text for cell in cells]


@given(st.lists(st.tuples(words, ids, words), max_size=12))
def test_a_table_without_quoting_yields_every_id_regardless_of_quotes(
    rows: list[tuple[str, str, str]],
) -> None:
    text = "note\tid\tmore\n" + "".join("\t".join(row) + "\n" for row in rows)
    cells, _ = read(text, delimiter="\t")
    assert texts_of(cells) == [one for _, one, _ in rows]
    assert [cell.line for cell in cells] == list(range(2, len(rows) + 2))


@given(
    st.lists(st.tuples(texts, ids, texts), max_size=12),
    st.sampled_from([",", ";"]),
    st.booleans(),
)
def test_an_rfc_4180_table_yields_the_written_ids(
    rows: list[tuple[str, str, str]], delimiter: str, quotes_all: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL)
    writer.writerow(["note", "id", "more"])
    writer.writerows(rows)
    cells, messages = read(out.getvalue())
    assert texts_of(cells) == [one for _, one, _ in rows]
    has_spans = any("\n" in text or "\r" in text for note, _, more in rows for text in (note, more))
    assert any("span lines" in each for each in messages) == has_spans


@given(st.lists(st.tuples(texts, ids), min_size=1, max_size=8))
def test_a_tsv_quoted_by_excel_or_pandas_loses_no_id(rows: list[tuple[str, str]]) -> None:
    """If both dialects are possible, an id may be reported as an invalid line, but is never lost."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t")
    writer.writerow(["note", "id"])
    writer.writerows(rows)
    check_nothing_is_lost(out.getvalue(), "\t")


rubbish = st.lists(st.sampled_from([*"\t,;|", '"', '""', "\n", "\r\n", "x", A, B, C]), max_size=40).map("".join)


@given(rubbish, st.sampled_from(DELIMITERS), st.sampled_from(["id", "note{0}id", "id{0}note", "note{0}id{0}more"]))
def test_no_table_silently_loses_an_id_of_its_column(text: str, delimiter: str, header: str) -> None:
    try:
        check_nothing_is_lost(f"{header.format(delimiter)}\n{text}", delimiter)
    except UnreadableIds:
        return  # an error, so not silent


def check_nothing_is_lost(text: str, delimiter: str) -> None:
    """Check that every id in the column of its physical line is returned, or that its line is invalid."""
    cells, _ = read(text, delimiter=delimiter)
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    at = lines[0].split(delimiter).index("id")
    returned = {one for cell in cells if cell.text and (one := canonical_id(cell.text))}
    invalid = {cell.line for cell in cells if cell.text is None or (cell.text and not canonical_id(cell.text))}
    for number, line in enumerate(lines[1:], start=2):
        columns = line.split(delimiter)
        if at < len(columns) and (one := canonical_id(columns[at].strip())):
            assert one in returned or number in invalid


@given(rubbish, st.sampled_from(DELIMITERS))
def test_cells_follow_the_order_of_the_lines(text: str, delimiter: str) -> None:
    try:
        cells, _ = read(f"id{delimiter}n\n{text}", delimiter=delimiter)
    except UnreadableIds:
        return
    assert [cell.line for cell in cells] == sorted(cell.line for cell in cells)
    assert {cell.line for cell in cells} <= set(range(2, len(text) + 3))


@given(st.lists(st.uuids(), min_size=1, max_size=5), words)
def test_ids_are_found_anywhere_in_a_text(found: list[UUID], between: str) -> None:
    assert ids_in(f" {between} ".join(map(str, found))) == list(map(str, found))


def test_ids_are_found_in_capitals_and_not_inside_longer_words() -> None:
    assert ids_in(f"x{A.upper()}, 0{B} {C}-1 '{C}'") == [A, C]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("default", [",", "\t"])
def test_the_header_determines_the_delimiter(delimiter: str, default: str) -> None:
    cells, messages = read(f"name{delimiter}id\nx{delimiter}{A}\n", delimiter=default)
    assert texts_of(cells) == [A]
    assert bool(messages) == (delimiter != default)


def test_the_separator_line_of_excel_is_not_a_row() -> None:
    assert texts_of(read(f"sep=;\nname;id\nx;{A}\n")[0]) == [A]
    assert texts_of(read(f"sep=^\nname^id\nx^{A}\n")[0]) == [A]


@pytest.mark.parametrize("header", ["id", " id ", '"id"', '" ID "', "Id", "ID"])
def test_the_column_name_matches_without_spaces_and_case(header: str) -> None:
    assert texts_of(read(f"name,{header}\nx,{A}\n")[0]) == [A]


def test_an_exact_column_name_wins_over_another_case() -> None:
    assert texts_of(read(f"ID,id\n{A},{B}\n")[0]) == [B]


@pytest.mark.parametrize("header", ["id,id", "ID,Id"])
def test_a_duplicate_column_name_is_an_error(header: str) -> None:
    with pytest.raises(UnreadableIds, match="2 of its columns are named 'id'"):
        read(f"{header}\n{A},{B}\n")


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_a_missing_column_is_an_error_that_lists_the_columns_whatever_separates_them(delimiter: str) -> None:
    with pytest.raises(UnreadableIds, match=r"none of its 3 columns \('a', 'b', 'c'\) is named 'id'"):
        read(f"a{delimiter}b{delimiter}c\n{A}\n")


@pytest.mark.parametrize("text", [f"{A}\n{B}\n", f"{A},x\n", f"\n{A}\n"])
def test_a_table_without_a_header_is_an_error(text: str) -> None:
    with pytest.raises(UnreadableIds, match="its first line contains an id"):
        read(text)


def test_a_header_may_span_lines() -> None:
    assert texts_of(read(f'"note\nmore",id\nx,{A}\n')[0]) == [A]
    with pytest.raises(UnreadableIds, match="line 1: unexpected end of data"):
        read(f'"note,id\nx,{A}\n')


def test_empty_trailing_columns_are_ignored() -> None:
    assert texts_of(read(f"name,id,\nx,{A},\ny,{B}\nz,{C},,\n")[0]) == [A, B, C]
    assert texts_of(read(f'name\tid\n"x\t{A}\t\ny"\t{B}\t\n', delimiter="\t")[0]) == [A, B]


def test_a_row_without_the_column_is_invalid_and_a_blank_row_is_blank() -> None:
    cells, _ = read(f'name,id\nx\n\n,\n"",""\ny, \nz,{A}\n')
    assert cells == [
        Cell(2, None), Cell(3, ""), Cell(4, ""), Cell(5, ""), Cell(6, None), Cell(7, A)
    ]  # fmt: skip


def test_an_id_after_the_last_column_makes_its_line_invalid() -> None:
    cells, _ = read(f"id\n{A}\n{B},{C}\n")
    assert texts_of(cells) == [A, None]
    assert cells[1].error == "contains an id after the last column of the header"


def test_blank_lines_before_the_header_are_counted() -> None:
    assert read(f"\n \nid\n{A}\n")[0] == [Cell(1, ""), Cell(2, ""), Cell(4, A)]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_field_may_have_any_length(delimiter: str) -> None:
    long = "x" * 2_000_000
    assert texts_of(
        read(f'note{delimiter}id\n"{long}"{delimiter}{A}\n{long}{delimiter}{B}\n', delimiter=delimiter)[0]
    ) == [A, B]


def test_a_tsv_field_quoted_because_it_contains_the_delimiter_is_unquoted() -> None:
    cells, messages = read(f'note\tid\n"a\tb"\t{A}\n"two\nlines"\t{B}\n"q ""x"""\t{C}\n', delimiter="\t")
    assert texts_of(cells) == [A, B, C]
    assert [cell.line for cell in cells] == [2, 3, 5]
    assert messages == [
        "quoted fields span lines 3-4; each such row counts as one line; check that no quote is missing there"
    ]


def test_many_fields_that_span_lines_cause_one_warning() -> None:
    _, [messages] = read("note,id\n" + f'"a\nb",{A}\n' * 30)
    assert messages.startswith("quoted fields span lines 2-3, 4-5, ")
    assert " and 10 more; " in messages


def test_a_field_that_spans_lines_may_contain_the_id_of_its_row() -> None:
    assert read(f'note,id\n"two\n{A.upper()}",{A}\n')[0] == [Cell(2, A)]


@pytest.mark.parametrize("count", [10, 5_000])
def test_an_open_quote_in_a_table_without_quoting_swallows_no_row(count: int) -> None:
    rows = "".join(f"x\t{A}\n" for _ in range(count))
    cells, _ = read(f'name\tid\n"short\n{rows}', delimiter="\t")
    assert texts_of(cells) == [None, *[A] * count]


def test_a_quote_that_is_never_closed_is_an_error_even_in_a_long_file() -> None:
    with pytest.raises(UnreadableIds, match="line 2: unexpected end of data"):
        read('note,id\n"x\n' + f"y,{A}\n" * 200_000)
    with pytest.raises(UnreadableIds, match="line 1: unexpected end of data"):
        read('"note,id\n' + f"y,{A}\n" * 200_000)


def test_a_valid_row_is_the_same_with_both_parsers() -> None:
    """A field above the size limit of the csv module is parsed by the second parser."""
    for note in ("plain", 'a ""quote""', "a,b", 'x" y'):
        quoted = note if note.startswith("x") else f'"{note}"'
        for filling in ("", "z" * 200_000):
            assert texts_of(read(f"note,id,more\n{quoted},{A},{filling}\n")[0]) == [A]
