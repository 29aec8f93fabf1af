"""The position in a paged list."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from collector.polytomic.page_cursor import PageCursor

PATH = "/api/models"


def paged() -> PageCursor:
    return PageCursor(PATH, is_paged=True)


def test_the_first_page_has_a_limit_and_no_token() -> None:
    assert paged().target == f"{PATH}?limit=50"


def test_a_list_without_pages_has_no_query() -> None:
    assert PageCursor(PATH, is_paged=False).target == PATH


def test_a_list_without_pages_that_sends_a_token_is_read_further() -> None:
    cursor = PageCursor(PATH, is_paged=False)
    assert cursor.advance("next", has_new_rows=True) == ""
    assert cursor.target == f"{PATH}?page_token=next"


@given(st.text(min_size=1, max_size=4096))
def test_any_token_arrives_verbatim_and_cannot_change_the_request(token: str) -> None:
    cursor = paged()
    assert cursor.advance(token, has_new_rows=True) == ""
    assert cursor.page == 2
    assert cursor.target.isascii()
    assert cursor.target.isprintable()
    parts = urlsplit(cursor.target)
    assert (parts.path, parts.fragment) == (PATH, "")
    assert parse_qs(parts.query, keep_blank_values=True) == {"limit": ["50"], "page_token": [token]}


def test_a_token_that_comes_twice_ends_the_list_whichever_pages_it_repeats() -> None:
    cursor = paged()
    assert [cursor.advance(token, has_new_rows=True) for token in ("a", "b", "c", "b")] == [
        *("", "", ""),
        "page 4 repeats the token of an earlier page",
    ]


def test_a_token_of_more_than_4096_characters_is_rejected() -> None:
    assert paged().advance("x" * 4096, has_new_rows=True) == ""
    assert "4096 characters" in paged().advance("x" * 4097, has_new_rows=True)


def test_ten_pages_in_sequence_without_a_new_row_end_the_list() -> None:
    cursor = paged()
    for number in range(9):
        assert cursor.advance(f"a{number}", has_new_rows=False) == ""
    assert cursor.advance("new", has_new_rows=True) == ""
    for number in range(9):
        assert cursor.advance(f"b{number}", has_new_rows=False) == ""
    assert cursor.advance("end", has_new_rows=False) == "pages 11 to 20 have no new rows"


def test_pages_shrink_to_two_rows_and_then_no_further() -> None:
    cursor = paged()
    cursor.advance("t", has_new_rows=True)
    targets = [cursor.target]
    while cursor.shrink():
        targets.append(cursor.target)
    assert targets == [f"{PATH}?limit={limit}&page_token=t" for limit in (50, 10, 2)]
    assert not PageCursor(PATH, is_paged=False).shrink()
