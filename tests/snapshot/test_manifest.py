"""Encoding and decoding of the manifest."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.errors import ExitCode
from collector.model.ledger import InputCount, Ledger, exit_code_of, status_of
from collector.model.outcome import Outcome, OutcomeKind, Redaction
from collector.model.throughput import Throughput, WaitReason
from collector.snapshot.json_document import Malformed
from collector.snapshot.manifest import FileEntry, Manifest, decode, encode
from tests.polytomic.test_normalize import anything
from tests.support.reports import AT, report

PACE = Throughput(
    limited_by={WaitReason.SERVER: 0.12345, WaitReason.OWN_RATE: 0.25, WaitReason.LATENCY: 0.62655},
    paused_s=1.23456,
    pauses={"HTTP 429": 2, "HTTP 503": 1},
    settled_rate=9.87654,
)


def ledger_of(*kinds: OutcomeKind, invalid: int = 0) -> Ledger:
    ledger = Ledger(input=InputCount(unique=len(kinds), duplicates=2, invalid=invalid, blank=3))
    for kind in kinds:
        ledger.add(Outcome("id", kind, 1, "now", redactions=tuple(Redaction(path, "name") for path in "abbb")))
    return ledger


FACTS = FileEntry("c.jsonl", 1, 20, "f" * 64)
ERRORS = FileEntry("c.errors.jsonl", 1, 9, "e" * 64)


def document(ledger: Ledger, *files: FileEntry, **changes: Any) -> dict[str, Any]:
    defaults = {
        "finished_at": "2026-01-01T00:00:09.000000Z",
        "duration_s": 9.00049,
        "pace": PACE,
        "organization_id": "org",
    }
    text = encode(report(ledger, **{**defaults, **changes}), files or [FACTS])
    assert text.endswith(b"}\n")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_a_manifest_has_every_key_of_its_format() -> None:
    ledger = ledger_of(OutcomeKind.OK, OutcomeKind.NOT_FOUND, invalid=1)
    ledger.requests.sent, ledger.requests.retried = 5, 3
    ledger.requests.unanswered, ledger.requests.throttled = 1, 2
    ledger.requests.by_status.update({500: 2, 200: 1, 404: 1})
    ledger.tally.repairs.count_all({"r": 2, "name": 1})
    ledger.tally.nuls.count("n")
    found = document(ledger, exit_code=ExitCode.INCOMPLETE)
    assert found.pop("unparsed_timestamps") == 0
    assert found == {
        "format": "collector.manifest/1",
        "run_id": report().run_id,
        "tool": {"name": "collector", "version": "1.2.3"},
        "started_at": AT,
        "finished_at": "2026-01-01T00:00:09.000000Z",
        "duration_s": 9.0,
        "status": "partial",
        "exit_code": 3,
        "source": {
            "base_url": "https://app.polytomic.com",
            "api_version": "2025-09-18",
            "organization_id": "org",
            "ids_digest": "d" * 64,
        },
        "account": {
            "input": {"lines": 8, "unique": 2, "duplicates": 2, "invalid": 1, "blank": 3},
            "outcomes": {
                "ok": 1,
                "not_found": 1,
                "forbidden": 0,
                "rejected": 0,
                "bad_payload": 0,
                "too_large": 0,
                "exhausted": 0,
                "internal_error": 0,
                "not_attempted": 0,
            },
        },
        "requests": {
            "sent": 5,
            "unanswered": 1,
            "retried": 3,
            "throttled": 2,
            "paused_s": 1.235,
            "by_status": {"200": 1, "404": 1, "500": 2},
            "by_endpoint": {},
        },
        "pace": {
            "limited_by": {"server": 0.123, "own rate": 0.25, "latency": 0.627},
            "settled_rate": 9.88,
            "pauses": {"HTTP 429": 2, "HTTP 503": 1},
        },
        "files": [{"path": "c.jsonl", "records": 1, "bytes": 20, "sha256": "f" * 64}],
        "redactions": 8,
        "redaction": {"paths": {"b": 6, "a": 2}, "by_rule": {"name": 8}},
        "repaired": 3,
        "repairs": {"paths": {"r": 2, "name": 1}},
        "nul_characters": {"values": 1, "paths": {"n": 1}},
        "resumed": 0,
        "shape": {"types": {}, "left_out": 0},
        "earlier_shape": {"types": {}, "left_out": 0},
        "drift": {"previous": None, "reason": "not compared", "fails": False, "new": [], "gone": [], "retyped": []},
    }


def test_a_run_without_pauses_and_without_duration_has_a_pace_too() -> None:
    found = document(ledger_of(OutcomeKind.OK), pace=Throughput())
    assert found["pace"] == {"limited_by": {}, "settled_rate": None, "pauses": {}}
    assert found["requests"]["paused_s"] == 0


def test_a_run_without_a_record_has_no_organization() -> None:
    assert document(ledger_of(OutcomeKind.NOT_FOUND), organization_id=None)["source"]["organization_id"] is None


@pytest.mark.parametrize(
    ("kinds", "finished", "status"),
    [
        ([OutcomeKind.OK], True, "complete"),
        ([OutcomeKind.OK, OutcomeKind.FORBIDDEN], True, "partial"),
        ([OutcomeKind.OK, OutcomeKind.NOT_ATTEMPTED], False, "stopped"),
        ([OutcomeKind.OK], False, "stopped"),
    ],
)
def test_the_status_depends_on_whether_the_run_finished_and_every_id_is_ok(
    kinds: list[OutcomeKind], finished: bool, status: str
) -> None:
    ledger = ledger_of(*kinds)
    assert status_of(ledger, finished=finished) == document(ledger, finished=finished)["status"] == status


def test_invalid_input_lines_change_only_the_exit_code_of_a_complete_run() -> None:
    ledger = ledger_of(OutcomeKind.OK, invalid=1)
    assert document(ledger)["status"] == "complete"
    assert exit_code_of(ledger) == ExitCode.INCOMPLETE


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind is not OutcomeKind.OK])
def test_an_exit_code_of_zero_means_every_id_is_ok(kind: OutcomeKind) -> None:
    assert exit_code_of(ledger_of(OutcomeKind.OK)) == 0
    assert exit_code_of(ledger_of(OutcomeKind.OK, kind)) == 3


def test_an_encoded_manifest_is_decoded() -> None:
    ledger = ledger_of(OutcomeKind.OK, OutcomeKind.OK, OutcomeKind.NOT_FOUND, invalid=1)
    ledger.tally.unparsed_timestamps = 5
    found = decode(json.dumps(document(ledger, exit_code=3)).encode())
    assert found.run_id == report().run_id
    assert (found.status, found.exit_code, found.ids_digest, found.organization_id) == ("partial", 3, "d" * 64, "org")
    assert found.input == {"lines": 9, "unique": 3, "duplicates": 2, "invalid": 1, "blank": 3}
    assert (+found.tally.outcomes, found.tally.redactions, found.tally.unparsed_timestamps) == (
        +ledger.outcomes,
        ledger.tally.redactions,
        5,
    )
    assert found.records_file == FileEntry("c.jsonl", 1, 20, "f" * 64)


COMPLETE = document(ledger_of(OutcomeKind.OK))


def places(value: Any, *above: str | int) -> Iterator[tuple[str | int, ...]]:
    """The path of every value of a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*above, key)
        yield from places(child, *above, key)


@given(st.binary() | anything.map(json.dumps).map(str.encode))
def test_any_other_bytes_raise_only_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        decode(content)


WITH_ERRORS_FILE = document(ledger_of(OutcomeKind.OK, OutcomeKind.NOT_FOUND), FACTS, ERRORS)
PYTHON_WORDING = re.compile(
    r"NoneType|Traceback|<class|<ExitCode|out of range|subscriptable|unpack|iterable|unhashable|indices|built-in|"
    r"has no attribute|Error\b|\b(dict|list|str|int|float|bool)\b"
)
"""Matches text in a message that comes from a Python exception."""


def parent_in(found: Any, place: tuple[str | int, ...]) -> Any:
    for key in place[:-1]:
        found = found[key]
    return found


@st.composite
def mutated_manifests(draw: st.DrawFn, found: dict[str, Any]) -> dict[str, Any]:
    """A manifest with one to three values replaced or removed."""
    changed = copy.deepcopy(found)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(changed)) or [("format",)]))
        if draw(st.booleans()):
            parent_in(changed, place)[place[-1]] = draw(
                anything | st.sampled_from([None, [], {}, -1, "", "\0", [None]])
            )
        elif parent_in(changed, place):
            del parent_in(changed, place)[place[-1]]
    return changed


@settings(max_examples=500)
@given(mutated_manifests(WITH_ERRORS_FILE))
def test_a_manifest_with_any_value_in_any_place_is_decoded_or_rejected_in_plain_words(changed: dict[str, Any]) -> None:
    try:
        found = decode(json.dumps(changed).encode())
    except Malformed as error:
        message = str(error)
    else:
        require_types(found)
        return
    _, _, problem = re.sub(r'\[".*"\]', "", message).partition(": ")
    assert problem
    assert not PYTHON_WORDING.search(problem), message


def require_types(found: Manifest) -> None:
    counts = [
        *found.input.values(),
        *found.tally.outcomes.values(),
        found.records_file.bytes,
        found.records_file.records,
    ]
    assert all(type(count) is int and count >= 0 for count in counts)
    assert all(type(text) is str for text in (found.run_id, found.status, found.ids_digest, *found.records_file[::3]))


MALFORMED: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "format: not collector.manifest/1": (("format",), None),
    "run_id: not a string": (("run_id",), 7),
    "tool: not an object": (("tool",), []),
    "tool.version: not a string": (("tool", "version"), None),
    "started_at: not a UTC time": (("started_at",), "today"),
    "duration_s: not a duration (a number of at least 0)": (("duration_s",), "1"),
    "source.organization_id: not a string": (("source", "organization_id"), 7),
    "account: not an object": (("account",), None),
    "account.outcomes.ok: not a count (an integer of at least 0)": (("account", "outcomes", "ok"), True),
    "account.input.lines: not a count (an integer of at least 0)": (("account", "input", "lines"), 1.5),
    'requests.by_status["200"]: not a count (an integer of at least 0)': (("requests", "by_status"), {"200": None}),
    "requests.by_status: not an object": (("requests", "by_status"), [1]),
    "resumed: more than account.outcomes.ok": (("resumed",), 2),
    "files: has no entry for the records": (("files",), []),
    "files: not an array": (("files",), {}),
    "files[0]: not an object": (("files",), [None]),
    "files[1]: not an object": (("files", 1), None),
    "files[1].path: not a path": (("files", 1, "path"), "a\0b"),
    "files[1].sha256: not a string": (("files", 1, "sha256"), None),
    "files[2]: unexpected; only the records, the errors file and side tables are listed": (("files",), [{}] * 3),
    "redactions: not the sum of redaction.paths": (("redactions",), 7),
    "redaction.paths: not an object": (("redaction", "paths"), 7),
    "nul_characters: not an object": (("nul_characters",), 0),
    "repaired: not the sum of repairs.paths": (("repaired",), 7),
}


@pytest.mark.parametrize(("message", "change"), MALFORMED.items())
def test_a_message_names_the_place_and_the_problem(message: str, change: tuple[tuple[str | int, ...], Any]) -> None:
    (place, value), changed = change, copy.deepcopy(WITH_ERRORS_FILE)
    parent_in(changed, place)[place[-1]] = value
    with pytest.raises(Malformed) as error:
        decode(json.dumps(changed).encode())
    assert str(error.value) == message


def test_a_message_names_a_missing_key() -> None:
    changed = copy.deepcopy(WITH_ERRORS_FILE)
    del changed["files"][1]["bytes"]
    with pytest.raises(Malformed, match=re.escape("files[1].bytes: is missing")):
        decode(json.dumps(changed).encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "byte 0: invalid JSON"), (b'{"a":]', "byte 5: invalid JSON"), (b"[]", "the document: not an object")],
)
def test_a_message_gives_the_byte_of_a_json_error(content: bytes, message: str) -> None:
    with pytest.raises(Malformed) as error:
        decode(content)
    assert str(error.value) == message


def test_the_errors_file_is_listed_after_the_records() -> None:
    found = document(ledger_of(OutcomeKind.OK, OutcomeKind.NOT_FOUND), FACTS, ERRORS)
    assert found["files"] == [FACTS.as_json(), ERRORS.as_json()]
    manifest = decode(json.dumps(found).encode())
    assert (manifest.records_file, manifest.errors) == (FACTS, ERRORS)


def test_a_manifest_with_no_file_or_three_files_is_malformed() -> None:
    found = document(ledger_of(OutcomeKind.OK))
    invalid: list[object] = [[], [FACTS._asdict()] * 3, {}, [None]]
    for files in invalid:
        with pytest.raises(Malformed):
            decode(json.dumps({**found, "files": files}).encode())
