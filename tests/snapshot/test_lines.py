"""JSON lines: one line for every reader, without a character that moves the cursor."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.control_chars import json_escaped
from collector.model.outcome import Outcome, OutcomeKind
from collector.snapshot import manifest
from collector.snapshot.lines import encode, error_line
from collector.snapshot.manifest import FileEntry
from collector.snapshot.sinks.resume import RunHeader
from tests.support.reports import report

UNSAFE = [chr(number) for number in (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029)]
UNSAFE += "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = [chr(number) for number in range(0x20)]
HUGE = 10**30  # orjson rejects it, so another encoder writes the line

texts = st.text(st.one_of(st.sampled_from([*UNSAFE, *CONTROLS, "😀", "é", "\\", '"']), st.characters(codec="utf-8")))
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def assert_safe(line: bytes) -> None:
    text = line.decode()
    assert text.endswith("\n")
    assert not set(text[:-1]) & {*UNSAFE, *CONTROLS}
    assert text.splitlines() == [text[:-1]]


@pytest.mark.parametrize("mark", [*UNSAFE, *CONTROLS], ids=lambda mark: f"U+{ord(mark):04X}")
@pytest.mark.parametrize("more", [{}, {"big": HUGE}], ids=["orjson", "json"])
def test_an_unsafe_character_is_escaped_in_keys_and_values_at_any_depth(mark: str, more: dict[str, Any]) -> None:
    record = {f"a{mark}b": mark, "deep": {mark: [mark, {mark: f"😀{mark}😀"}]}, **more}
    line = encode(record)
    assert_safe(line)
    assert json.loads(line) == record


@given(st.dictionaries(texts, values, max_size=4), st.booleans())
def test_every_line_decodes_to_its_record_and_is_one_line_to_any_reader(record: dict[str, Any], is_huge: bool) -> None:
    if is_huge:
        record = {**record, "huge": HUGE}
    line = encode(record)
    assert_safe(line)
    assert json.loads(line) == record


def test_characters_outside_the_basic_multilingual_plane_are_unchanged() -> None:
    assert encode({"a": "😀\x80"}) == '{"a":"😀\\u0080"}\n'.encode()
    assert json_escaped("é😀".encode()) == "é😀".encode()


@pytest.mark.parametrize("mark", UNSAFE, ids=lambda mark: f"U+{ord(mark):04X}")
def test_the_errors_file_the_manifest_and_the_run_header_are_escaped_too(mark: str) -> None:
    outcome = Outcome(f"i{mark}", OutcomeKind.REJECTED, 1, f"at{mark}", http_status=400, error=f"no{mark}")
    assert_safe(error_line(outcome))
    assert_safe(RunHeader("run", "2026-01-01T00:00:00Z", "0", f"https://{mark}", f"v{mark}", 1).encode())
    encoded = report(base_url=f"https://{mark}", api_version=f"v{mark}", organization_id=f"o{mark}")
    document = manifest.encode(encoded, [FileEntry(f"c{mark}.jsonl", 0, 0, "0")])
    assert not set(document.decode()) & set(UNSAFE)
    assert orjson.loads(document)["source"]["organization_id"] == f"o{mark}"
    assert orjson.loads(document)["files"][0]["path"] == f"c{mark}.jsonl"
