"""Regular expressions that are compiled on first use."""

from __future__ import annotations

import re

import pytest

from collector.model.lazy_pattern import lazy_pattern


def test_a_lazy_pattern_behaves_like_the_compiled_one() -> None:
    pattern = lazy_pattern(r"(\d+)-(\w+)", re.IGNORECASE)
    assert pattern.sub(r"\2", "12-a and 3-b") == "a and b"
    assert [found[1] for found in pattern.finditer("12-a 3-b")] == ["12", "3"]
    assert (pattern.pattern, pattern.groups) == (r"(\d+)-(\w+)", 2)


def test_a_lazy_pattern_is_compiled_on_first_use() -> None:
    broken = lazy_pattern("(")
    with pytest.raises(re.error):
        broken.search("x")


def test_an_attribute_is_cached_after_its_first_use() -> None:
    pattern = lazy_pattern("x")
    assert pattern.search is pattern.search
