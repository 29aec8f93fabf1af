"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from collector.model.lazy_pattern import lazy_pattern


def test_it_does_what_the_compiled_pattern_does() -> None:
    pattern = lazy_pattern(r"(\d+)-(\w+)", re.IGNORECASE)
    assert pattern.sub(r"\2", "12-a and 3-b") == "a and b"
    assert [found[1] for found in pattern.finditer("12-a 3-b")] == ["12", "3"]
    assert (pattern.pattern, pattern.groups) == (r"(\d+)-(\w+)", 2)


def test_it_is_compiled_at_its_first_use_and_not_before() -> None:
    broken = lazy_pattern("(")
    with pytest.raises(re.error):
        broken.search("x")


def test_what_was_asked_for_once_is_kept() -> None:
    pattern = lazy_pattern("x")
    assert pattern.search is pattern.search
