"""The run header of an unfinished run, and whether another run may resume it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import Damaged, ExitCode
from collector.snapshot.sinks.resume import UNRECORDED_FORM, RunHeader, decode
from tests.polytomic.test_normalize import anything

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADER = RunHeader("run-2", NOW.isoformat(), "digest", "https://api.example", "2025-09-18", 1)
UNFINISHED = HEADER._replace(run_id="run-1")
MAX_CLOCK_STEP = timedelta(minutes=5)
"""The clock may be set back by this much between two runs."""
MAX_AGE = timedelta(hours=24) - timedelta(microseconds=1)

headers = st.builds(
    RunHeader,
    run_id=st.from_regex(r"\A[0-9A-Za-z-]{1,80}\Z"),
    started_at=st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    ids_digest=st.text(),
    base_url=st.text(),
    api_version=st.text(),
    schema=st.integers(0, 2**63),
)
nearly_valid_headers = st.fixed_dictionaries(
    {
        key: st.just(value) | anything | st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat)
        for key, value in HEADER._asdict().items()
    }
)


def content_of(**changes: Any) -> bytes:
    return json.dumps({**HEADER._asdict(), **changes}).encode()


def unfinished_since(age: timedelta, offset: timezone = UTC) -> RunHeader:
    return UNFINISHED._replace(started_at=(NOW - age).astimezone(offset).isoformat())


@given(headers)
def test_a_run_header_is_decoded_from_its_json(header: RunHeader) -> None:
    assert decode(header.encode()) == header


def test_a_run_header_is_one_line_of_json_with_its_fields_in_order() -> None:
    assert HEADER.encode().endswith(b"}\n")
    assert list(json.loads(HEADER.encode()).items()) == list(HEADER._asdict().items())


def test_a_truncated_run_header_is_invalid() -> None:
    encoded = HEADER.encode().removesuffix(b"\n")
    assert [decode(encoded[:length]) for length in range(len(encoded))] == [None] * len(encoded)


@pytest.mark.parametrize("key", sorted(set(RunHeader._fields) - {"redaction", "form"}))
def test_a_run_header_without_a_key_is_invalid(key: str) -> None:
    fields = HEADER._asdict()
    del fields[key]
    assert decode(json.dumps(fields).encode()) is None


FIRST_FORM = json.dumps({"configuration_as": "object", "max_record_bytes": 0, "timestamps": "keep"})


@pytest.mark.parametrize(
    ("form", "is_resumed"), [("", True), (FIRST_FORM, True), (FIRST_FORM.replace("0", "9"), False)], ids=str
)
def test_a_run_that_recorded_no_form_is_resumed_with_the_default_or_its_own_form(form: str, is_resumed: bool) -> None:
    fields = UNFINISHED._asdict()
    del fields["form"]
    earlier = decode(json.dumps(fields).encode())
    assert earlier
    assert earlier.has_first_form
    header = HEADER._replace(form=form)
    if is_resumed:
        assert header.check_resumable(earlier, fresh=True) == earlier
    else:
        with pytest.raises(Damaged, match="another form of records"):
            header.check_resumable(earlier, fresh=True)


def test_keys_added_by_a_later_version_are_ignored() -> None:
    assert decode(content_of(added=[1])) == HEADER


@pytest.mark.parametrize(
    "run_id",
    ["", ".", "..", "../x", "a/b", "/a", "a.b", "a b", "a\n", "a\0", "a\\b", "ä", "٣", "a" * 81, 7, None, True, ["a"]],
)
def test_a_run_id_that_could_be_a_path_or_is_not_text_is_invalid(run_id: Any) -> None:
    assert decode(content_of(run_id=run_id)) is None


@pytest.mark.parametrize("run_id", ["a", "20260102T030405Z-0a1b2c3d", "a" * 80])
def test_a_run_id_of_letters_digits_and_dashes_is_valid(run_id: str) -> None:
    assert decode(content_of(run_id=run_id)) == HEADER._replace(run_id=run_id)


@pytest.mark.parametrize(
    "started_at", ["2026-01-02T03:04:05", "2026-01-02", "03:04:05Z", "", "soon", 1767323045, None, [], {}]
)
def test_an_invalid_start_or_one_without_an_offset_is_rejected(started_at: Any) -> None:
    assert decode(content_of(started_at=started_at)) is None


@given(st.binary() | anything.map(json.dumps).map(str.encode))
def test_any_other_bytes_are_an_invalid_header_and_never_raise(content: bytes) -> None:
    assert decode(content) is None


@given(nearly_valid_headers, st.booleans())
def test_with_a_nearly_valid_header_a_run_resumes_or_raises_the_reason(fields: dict[str, Any], fresh: bool) -> None:
    unfinished = decode(json.dumps(fields).encode())
    try:
        assert HEADER.check_resumable(unfinished, fresh=fresh) is unfinished
    except Damaged:
        return


def test_a_run_without_a_header_is_not_resumed() -> None:
    with pytest.raises(Damaged, match="its run header is missing or invalid") as caught:
        HEADER.check_resumable(None, fresh=False)
    assert caught.value.exit_code == ExitCode.DAMAGED


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"ids_digest": "other"}, "it has other ids"),
        ({"base_url": "https://other.example"}, "it has another base URL"),
        ({"api_version": "2030-01-01"}, "it has another API version"),
        ({"schema": 2}, "it has another schema"),
        ({"schema": 2, "ids_digest": "other"}, "it has other ids and another schema"),
        (
            {"ids_digest": "", "base_url": "", "api_version": "", "schema": 0},
            "it has other ids and another base URL and another API version and another schema",
        ),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_the_reason_names_every_difference(other: dict[str, Any], reason: str, fresh: bool) -> None:
    with pytest.raises(Damaged) as caught:
        HEADER.check_resumable(UNFINISHED._replace(**other), fresh=fresh)
    assert str(caught.value) == reason


@pytest.mark.parametrize("offset", [UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])
@pytest.mark.parametrize("age", [-MAX_CLOCK_STEP, timedelta(0), timedelta(microseconds=1), timedelta(hours=1), MAX_AGE])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_of_the_last_24_hours_is_resumed(age: timedelta, offset: timezone, fresh: bool) -> None:
    unfinished = unfinished_since(age, offset)
    assert HEADER.check_resumable(unfinished, fresh=fresh) is unfinished


@pytest.mark.parametrize(
    "age", [timedelta(hours=24), timedelta(days=365), -MAX_CLOCK_STEP - timedelta(microseconds=1), -timedelta(days=1)]
)
def test_an_older_run_or_one_from_the_future_is_resumed_only_if_it_need_not_be_fresh(age: timedelta) -> None:
    unfinished = unfinished_since(age)
    with pytest.raises(Damaged, match="not within the last 24 hours") as caught:
        HEADER.check_resumable(unfinished, fresh=True)
    assert unfinished.started_at in str(caught.value)
    assert HEADER.check_resumable(unfinished, fresh=False) is unfinished


def test_a_header_of_an_earlier_version_has_neither_redaction_settings_nor_a_form_of_records() -> None:
    fields = HEADER._asdict()
    del fields["redaction"], fields["form"]
    assert decode(json.dumps(fields).encode()) == HEADER._replace(form=UNRECORDED_FORM)


def test_a_run_with_other_redaction_settings_is_not_resumed() -> None:
    with pytest.raises(Damaged, match="it has other redaction settings"):
        HEADER.check_resumable(UNFINISHED._replace(redaction="else"), fresh=False)


def test_a_run_with_another_form_of_records_is_not_resumed() -> None:
    with pytest.raises(Damaged, match="it has another form of records"):
        HEADER.check_resumable(UNFINISHED._replace(form="else"), fresh=False)
