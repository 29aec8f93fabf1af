"""An output path with placeholders."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import UsageError
from collector.run.output_template import OutputTemplate, pattern_of

RUN_ID = "20260102T030405Z-01234567"
NOW = 1_767_323_045.0  # 2026-01-02T03:04:05Z

texts = st.lists(st.sampled_from(["{date}", "{run_id}", "out/", "a", ".", "[x]", "*", "(", "é", "-"])).map("".join)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("c.jsonl", "c.jsonl"),
        ("{date}.jsonl", "2026-01-02.jsonl"),
        ("{date}/{run_id}.jsonl.gz", f"2026-01-02/{RUN_ID}.jsonl.gz"),
        ("{date}/c-{date}.jsonl", "2026-01-02/c-2026-01-02.jsonl"),
    ],
)
def test_placeholders_are_filled_in(text: str, path: str) -> None:
    assert OutputTemplate(text).fill(run_id=RUN_ID, now=NOW) == path


@pytest.mark.parametrize("text", ["{Date}.jsonl", "{}.jsonl", "{date}-{organization}.jsonl"])
def test_an_unknown_placeholder_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="is not a placeholder"):
        OutputTemplate(text).fill(run_id=RUN_ID, now=NOW)


@given(texts, st.sampled_from(["", RUN_ID, f"{RUN_ID}.2", "unknown-run", "unknown-run.13"]))
def test_every_path_of_a_template_is_recognized_even_when_quarantined(text: str, suffix: str) -> None:
    template = OutputTemplate(text)
    path = template.fill(run_id=RUN_ID, now=NOW)
    found = pattern_of(text).fullmatch(f"{path}.{suffix}" if suffix else path)
    assert found is not None
    assert found["suffix"] == (suffix or None)
    assert template.fill_from_match(found) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{date}.jsonl", "2026-1-2.jsonl"),
        ("{date}.jsonl", "2026-01-02xjsonl"),
        ("{date}.jsonl", "2026-01-02.jsonl.old"),
        ("{date}.jsonl", "2026-01-02.jsonl.gz"),
        ("{date}/{date}.jsonl", "2026-01-02/2026-01-03.jsonl"),
        ("c.jsonl", "c.jsonl.2026"),
        ("{run_id}.jsonl", "nightly.jsonl"),
    ],
)
def test_a_path_of_another_form_does_not_match_the_template(text: str, path: str) -> None:
    assert not re.fullmatch(pattern_of(text), path)
