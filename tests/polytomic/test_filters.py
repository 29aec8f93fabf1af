"""Filters: which payloads of the list pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.polytomic.filters import ConnectionFilter, Patterns, parse_since

ANY = Patterns(())
words = st.text(st.characters(codec="utf-8", exclude_characters="*?!"), min_size=1, max_size=8)


def filtering(**conditions: Any) -> ConnectionFilter:
    return ConnectionFilter(**{"types": ANY, "statuses": ANY, "names": ANY, **conditions})


@pytest.mark.parametrize(
    ("patterns", "value", "passes"),
    [
        ((), "anything", True),
        (("healthy",), "healthy", True),
        (("healthy",), "unhealthy", False),
        (("healthy",), "HEALTHY", True),
        (("!healthy",), "healthy", False),
        (("!healthy",), "", True),
        (("!healthy",), "unhealthy", True),
        (("prod-*",), "prod-eu", True),
        (("prod-*",), "Prod-", True),
        (("prod-*",), "my prod-eu", False),
        (("prod-*", "!*-eu"), "prod-eu", False),
        (("prod-*", "!*-eu"), "prod-us", True),
        (("a", "b"), "b", True),
        (("?",), "ab", False),
        (("[ab]",), "a", False),
        (("[ab]",), "[ab]", True),
        (("a.c",), "abc", False),
        (("*",), "two\nlines", True),
    ],
)
def test_a_pattern_matches_a_whole_value_without_case(patterns: tuple[str, ...], value: str, passes: bool) -> None:
    assert Patterns(patterns).match(value) is passes


@given(words, st.lists(words))
def test_a_pattern_and_its_exclusion_divide_all_values(pattern: str, values: list[str]) -> None:
    included, excluded = Patterns([pattern]), Patterns([f"!{pattern}"])
    assert all(included.match(value) is not excluded.match(value) for value in [pattern, *values])


def test_a_type_is_matched_by_its_id_or_its_name() -> None:
    only = filtering(types=Patterns(["postgres*l"]))
    assert only.matches({"type": {"id": "postgresql", "name": "PostgreSQL"}})
    assert only.matches({"type": {"id": "pg", "name": "PostgreSQL"}})
    assert not only.matches({"type": {"id": "snowflake", "name": "Snowflake"}})
    assert not filtering(types=Patterns(["!postgresql"])).matches({"type": {"id": "pg", "name": "PostgreSQL"}})


@pytest.mark.parametrize("fields", [{}, {"type": None}, {"type": "postgresql"}, {"status": 1, "name": ["x"]}])
def test_a_missing_or_malformed_field_matches_no_pattern(fields: dict[str, Any]) -> None:
    assert not filtering(types=Patterns(["postgresql"])).matches(fields)
    assert not filtering(statuses=Patterns(["healthy"])).matches(fields)
    assert not filtering(names=Patterns(["x"])).matches(fields)
    assert filtering().matches(fields)


def test_every_condition_must_be_met() -> None:
    both = filtering(statuses=Patterns(["!healthy"]), names=Patterns(["prod-*"]))
    assert both.matches({"status": "error", "name": "prod-1"})
    assert not both.matches({"status": "healthy", "name": "prod-1"})
    assert not both.matches({"status": "error", "name": "test"})


@pytest.mark.parametrize(
    ("updated_at", "passes"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2025-12-31T23:59:59.999Z", False),
        ("2026-01-01T00:30:00+01:00", False),
        ("2025-12-31T23:30:00-01:00", True),
        (None, True),
        ("yesterday", True),
    ],
)
def test_a_change_is_recent_unless_its_time_shows_otherwise(updated_at: str | None, passes: bool) -> None:
    assert filtering(updated_since=parse_since("2026-01-01")).matches({"updated_at": updated_at}) is passes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000000Z"),
        ("2026-01-31T06:00:00+02:00", "2026-01-31T04:00:00.000000Z"),
        ("2026-02-30", None),
        ("2026-01-31T06:00:00", None),
        ("31.01.2026", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_begins_at_midnight_utc_and_a_time_needs_an_offset(text: str, expected: str | None) -> None:
    assert parse_since(text) == expected
