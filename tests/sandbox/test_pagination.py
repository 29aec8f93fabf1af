"""Page tokens and limits."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.pagination import MAX_LIMIT, Page, PageError, page_token, parse_page

numbers = st.integers(1, 2**32)


@given(numbers, numbers, st.text(st.characters(codec="ascii"), min_size=1))
def test_a_token_requests_the_next_page_from_its_position(number: int, start: int, list_name: str) -> None:
    token = page_token(Page(number), start, list_name)
    assert parse_page(f"page_token={quote(token, safe='')}", list_name) == Page(number + 1, start)
    assert isinstance(parse_page(f"page_token={quote(token, safe='')}", f"other {list_name}"[:64]), PageError)


def test_some_tokens_need_percent_encoding() -> None:
    tokens = [page_token(Page(), start, "list") for start in range(200)]
    assert any("+" in token or "/" in token for token in tokens)
    broken = [token for token in tokens if isinstance(parse_page(f"page_token={token}", "list"), PageError)]
    assert broken == [token for token in tokens if "+" in token]
    assert broken


@given(st.text())
def test_any_query_is_a_page_or_an_error(query: str) -> None:
    assert isinstance(parse_page(query, "list"), Page | PageError)
    assert isinstance(parse_page(f"page_token={quote(query)}", "list"), PageError)


@pytest.mark.parametrize(
    ("text", "limit"),
    [("1", 1), ("50", 50), ("51", MAX_LIMIT), ("0", MAX_LIMIT), ("-1", MAX_LIMIT), ("9" * 40, MAX_LIMIT)],
)
def test_a_limit_outside_1_to_50_becomes_50(text: str, limit: int) -> None:
    assert parse_page(f"limit={text}", "list") == Page(limit=limit)


@pytest.mark.parametrize("text", ["", "x", "1.5", "9" * 5_000])
def test_a_limit_that_is_not_a_whole_number_is_an_error(text: str) -> None:
    assert "limit" in str(parse_page(f"limit={text}", "list"))
