"""The column that holds the ids, chosen by name."""

from __future__ import annotations

import pytest

from collector.run.ids.id_cells import UnreadableIds
from collector.run.ids.id_column import require_column

A = "248df4b7-aa70-47b8-a036-33ac447e668d"
KEY = "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"  # in two parts, so that no scanner takes it for a key


@pytest.mark.parametrize("name", ["id", "ID", " Id ", "connection_id", "Connection ID", "CONNECTION  ID", '"id"'])
def test_a_usual_name_is_found_without_case_and_outer_spaces(name: str) -> None:
    assert require_column(["name", name, "my id"], None) == 1


def test_a_named_column_wins_over_the_usual_names() -> None:
    assert require_column(["id", "connection_id", "x"], " Connection_ID ") == 1
    assert require_column(["id", "connection_id", "X"], "x") == 2
    assert require_column(["ID", "id"], "id") == 1


@pytest.mark.parametrize(
    ("names", "column", "message"),
    [
        (
            *(["a", "b"], None),
            "none of its 2 columns ('a', 'b') is named 'id', 'connection_id' or 'Connection ID'; choose one with "
            "--ids-column",
        ),
        (["a"], "b", "none of its 1 columns ('a') is named 'b'; choose one with --ids-column"),
        (
            *(["id", "n", "Connection ID"], None),
            "2 of its columns ('id', 'Connection ID') may hold the ids; choose one with --ids-column",
        ),
        (["id", "x", "id"], None, "2 of its columns are named 'id'; rename all but one"),
        (["a", "a"], "a", "2 of its columns are named 'a'; rename all but one"),
        ([""], None, "it has no header; a table begins with its column names"),
        ([], "id", "it has no header; a table begins with its column names"),
    ],
)
def test_an_ambiguous_or_missing_column_is_an_error_that_lists_the_columns(
    names: list[str], column: str | None, message: str
) -> None:
    with pytest.raises(UnreadableIds) as caught:
        require_column(names, column)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", [A, KEY, f"x {A}", "Bearer abc", f"https://example.com/{KEY}", "a/b+" * 5 + "1=="])
def test_a_name_that_looks_like_data_is_not_shown(name: str) -> None:
    with pytest.raises(UnreadableIds) as caught:
        require_column([name, "b"], None)
    assert "((not shown), 'b')" in str(caught.value)
    assert name not in str(caught.value)


def test_names_are_cut_and_escaped_and_not_all_are_listed() -> None:
    with pytest.raises(UnreadableIds) as caught:
        require_column(["x" * 100, "\x1b[31m\u202e", *map(str, range(100))], None)
    message = str(caught.value)
    assert f"('{'x' * 40}…', '\\x1b[31m\\u202e', '0', " in message
    assert "'17' and 82 more)" in message
