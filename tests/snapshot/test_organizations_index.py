"""Encoding of the index of several organizations, and its check."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.ledger import InputCount, Ledger, RequestCount, exit_code_of
from collector.model.outcome import OutcomeKind
from collector.model.side_tables import TableStatus
from collector.snapshot.checked_index import decode, is_index
from collector.snapshot.json_document import Malformed
from collector.snapshot.manifest import STREAM_PATH, FileEntry, TableEntry
from collector.snapshot.manifest import encode as manifest_of
from collector.snapshot.organizations_index import (
    IndexReport,
    OrganizationResult,
    OrganizationStatus,
    common_exit_code,
    encode,
)
from tests.polytomic.test_normalize import anything
from tests.snapshot.test_manifest import PYTHON_WORDING, mutated_manifests
from tests.support.reports import AT, report
from tests.support.scripted_server import ids

INDEX = Path("/data/out/organizations.manifest.json")
FIRST, SECOND, THIRD, FOURTH = ids(4)
OUTSIDE = RequestCount(sent=2, retried=1, by_status=Counter({200: 1, 503: 1}))


def index_report(*organizations: OrganizationResult) -> IndexReport:
    return IndexReport(
        run_id=report().run_id,
        version="1.2.3",
        base_url="https://app.polytomic.com",
        api_version="2025-09-18",
        started_at=AT,
        finished_at=AT,
        duration_s=9.00049,
        requests=OUTSIDE,
        organizations=organizations,
    )


def ledger(outcomes: dict[OutcomeKind, int], **counts: int) -> Ledger:
    """A ledger with these outcomes, one request for each, and `counts` of other input lines."""
    found = Ledger(InputCount(unique=sum(outcomes.values()), **counts))
    found.outcomes.update(outcomes)
    found.requests.sent = found.requests.by_status[200] = sum(outcomes.values())
    return found


def files(stem: str, found: Ledger) -> list[FileEntry]:
    records = FileEntry(f"{stem}.jsonl", found.outcomes[OutcomeKind.OK], 20, "f" * 64)
    errors = FileEntry(f"{stem}.errors.jsonl", found.failed, 9, "e" * 64)
    return [records, errors] if found.failed else [records]


def finished(id_: str, found: Ledger, **changes: Any) -> OrganizationResult:
    """The result of an organization whose run finished, in a folder of its own."""
    manifest = manifest_of(
        report(found, exit_code=exit_code_of(found), organization_id=id_),
        files(id_, found),
        changes.pop("tables", ()),
    )
    path = INDEX.parent / id_ / f"{id_}.manifest.json"
    defaults = {"id": id_, "label": None, "name": f"Name of {id_}", "exit_code": exit_code_of(found)}
    return OrganizationResult(**{**defaults, "manifest": manifest, "manifest_path": path, **changes})


COMPLETE = finished(FIRST, ledger({OutcomeKind.OK: 2}), label="first", is_kept=True)
PARTIAL = finished(SECOND, ledger({OutcomeKind.OK: 1, OutcomeKind.NOT_FOUND: 1}, filtered=3))
FAILED = OrganizationResult(THIRD, None, None, 4, "the API rejects the key", None)
NOT_STARTED = OrganizationResult(None, "fourth", None, 5, None, None, is_started=False)


def document(*organizations: OrganizationResult) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(index_report(*organizations), INDEX))
    return found


def test_an_index_has_every_key_of_its_format() -> None:
    found = document(COMPLETE, PARTIAL, FAILED, NOT_STARTED)
    entries = found.pop("organizations")
    assert found == {
        "format": "collector.organizations/1",
        "run_id": report().run_id,
        "tool": {"name": "collector", "version": "1.2.3"},
        "started_at": AT,
        "finished_at": AT,
        "duration_s": 9.0,
        "status": "stopped",
        "exit_code": 3,
        "source": {"base_url": "https://app.polytomic.com", "api_version": "2025-09-18"},
        "account": {
            "organizations": {"total": 4, "complete": 1, "partial": 1, "stopped": 0, "failed": 1, "not_started": 1},
            "input": {"lines": 7, "unique": 4, "duplicates": 0, "invalid": 0, "blank": 0, "filtered": 3},
            "outcomes": {**dict.fromkeys(map(str, OutcomeKind), 0), "ok": 3, "not_found": 1},
        },
        "requests": {  # without those of the first, which was kept
            "sent": 4,
            "unanswered": 0,
            "retried": 1,
            "throttled": 0,
            "by_status": {"200": 3, "503": 1},
        },
    }
    assert [each["status"] for each in entries] == ["complete", "partial", "failed", "not_started"]
    assert PARTIAL.manifest is not None
    assert entries[1] == {
        "id": SECOND,
        "label": None,
        "name": f"Name of {SECOND}",
        "status": "partial",
        "exit_code": 3,
        "error": None,
        "kept": False,
        "run_id": report().run_id,
        "organization_id": SECOND,
        "ids_digest": "d" * 64,
        "input": {"lines": 5, "unique": 2, "duplicates": 0, "invalid": 0, "blank": 0, "filtered": 3},
        "outcomes": {**dict.fromkeys(map(str, OutcomeKind), 0), "ok": 1, "not_found": 1},
        "requests": {"sent": 2, "unanswered": 0, "retried": 0, "throttled": 0, "by_status": {"200": 2}},
        "manifest": {
            "path": f"{SECOND}/{SECOND}.manifest.json",
            "bytes": len(PARTIAL.manifest),
            "sha256": hashlib.sha256(PARTIAL.manifest).hexdigest(),
        },
        "files": [
            {"path": f"{SECOND}/{SECOND}.jsonl", "records": 1, "bytes": 20, "sha256": "f" * 64},
            {"path": f"{SECOND}/{SECOND}.errors.jsonl", "records": 1, "bytes": 9, "sha256": "e" * 64},
        ],
    }
    assert entries[2] == {
        **dict.fromkeys(entries[1]),
        **{"id": THIRD, "status": "failed", "exit_code": 4, "error": "the API rejects the key"},
        **{"kept": False, "files": []},
    }


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([], 0), ([0], 0), ([0, 0], 0), ([4, 4], 4), ([5], 5), ([0, 4], 3), ([4, 5], 3), ([3, 0], 3), ([143, 143], 143)],
)
def test_the_exit_code_is_the_common_one_or_else_3(codes: Sequence[int], expected: int) -> None:
    assert common_exit_code(codes) == expected


def stopped(id_: str, found: Ledger, entries: Sequence[FileEntry], path: Path | None) -> OrganizationResult:
    manifest = manifest_of(report(found, finished=False, exit_code=5), entries)
    return OrganizationResult(id_, None, None, 5, "stopped", manifest, path)


STOPPED = ledger({OutcomeKind.OK: 1, OutcomeKind.NOT_ATTEMPTED: 1})
ALL_INVALID = finished(FIRST, ledger({OutcomeKind.OK: 1}, invalid=1))


@pytest.mark.parametrize(
    ("organizations", "status"),
    [
        ([COMPLETE], "complete"),
        ([COMPLETE, PARTIAL], "partial"),
        ([ALL_INVALID], "partial"),
        ([COMPLETE, FAILED], "stopped"),
        ([COMPLETE, NOT_STARTED], "stopped"),
        ([COMPLETE, stopped(SECOND, STOPPED, [], None)], "stopped"),
    ],
)
def test_the_status_follows_from_those_of_the_organizations(
    organizations: list[OrganizationResult], status: str
) -> None:
    assert document(*organizations)["status"] == status


def test_paths_are_relative_to_the_folder_of_the_index_with_links_resolved(tmp_path: Path) -> None:
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("disk/deep")
    result = COMPLETE._replace(manifest_path=tmp_path / "data" / "c.manifest.json")
    found = json.loads(encode(index_report(result), tmp_path / "link" / INDEX.name))["organizations"][0]
    assert found["manifest"]["path"] == "../../data/c.manifest.json"
    assert found["files"][0]["path"] == f"../../data/{FIRST}.jsonl"


def test_a_stream_keeps_its_path_and_has_no_manifest_of_its_own() -> None:
    organizations = [stopped(id_, STOPPED, [FileEntry(STREAM_PATH, 1, 20, "f" * 64)], None) for id_ in (FIRST, SECOND)]
    content = encode(index_report(*organizations), INDEX)
    found = json.loads(content)["organizations"]
    assert [(each["manifest"], each["files"][0]["path"]) for each in found] == [(None, "-")] * 2
    assert all(each.account and each.account.is_of_stream for each in decode(content).organizations)


def test_the_entry_of_a_run_that_ended_before_it_had_a_file_counts_its_requests() -> None:
    found = Ledger()
    found.requests.sent = 7
    content = encode(index_report(stopped(FIRST, found, [], None)), INDEX)
    assert json.loads(content)["requests"]["sent"] == 9
    assert decode(content).organizations[0].status is OrganizationStatus.STOPPED


def test_a_message_with_a_file_name_that_is_not_utf_8_is_kept_with_escapes() -> None:
    found = document(FAILED._replace(error="key\udcff: cannot be read"))
    assert found["organizations"][0]["error"] == "key\\udcff: cannot be read"


counts = st.integers(0, 1000)
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@st.composite
def results(draw: st.DrawFn, number: int) -> OrganizationResult:
    """The result of an organization in any state."""
    id_ = draw(st.sampled_from([None, ids(99)[number]]))
    common: dict[str, Any] = {
        "id": id_,
        "label": draw(texts.map(lambda text: text and f"{number} {text}")) if id_ else f"label {number}",
        "name": draw(texts),
        "error": draw(texts),
    }
    if draw(st.booleans()):
        return OrganizationResult(
            **common, exit_code=draw(st.sampled_from([2, 4, 6, 7])), is_started=draw(st.booleans())
        )
    outcomes = draw(st.dictionaries(st.sampled_from(OutcomeKind), counts))
    found = ledger(outcomes, duplicates=draw(counts), invalid=draw(counts), blank=draw(counts))
    found.input.filtered = draw(st.none() | counts)
    found.requests.by_status.update(draw(st.dictionaries(st.integers(100, 599), counts)))
    table_status = draw(st.sampled_from(TableStatus))
    table = TableEntry(FileEntry(f"{number}.users.jsonl", 1, 2, "a" * 64), "users", "/users", table_status)
    found.unfinished_tables = int(table_status is TableStatus.PARTIAL)
    is_finished = draw(st.booleans())
    code = exit_code_of(found) if is_finished else 5
    run_report = report(found, finished=is_finished, exit_code=code, organization_id=id_)
    return OrganizationResult(
        **common,
        exit_code=code,
        manifest=manifest_of(run_report, files(str(number), found), [table]),
        manifest_path=Path(f"/data/{number}.manifest.json"),
        is_kept=draw(st.booleans()),
    )


@settings(max_examples=200)
@given(st.integers(0, 4).flatmap(lambda number: st.tuples(*map(results, range(number)))))
def test_any_index_is_decoded_to_its_organizations(organizations: tuple[OrganizationResult, ...]) -> None:
    content = encode(index_report(*organizations), INDEX)
    assert is_index(content)
    index, found = decode(content), json.loads(content)
    assert [each.as_json() for each in index.organizations] == found["organizations"]
    assert [each[:3] for each in index.organizations] == [each[:3] for each in organizations]
    assert (index.run_id, index.status, index.exit_code) == (found["run_id"], found["status"], found["exit_code"])


WHOLE = document(
    COMPLETE,
    PARTIAL,
    FAILED,
    NOT_STARTED,
    stopped(FOURTH, STOPPED, files("s", STOPPED), INDEX.parent / "s.manifest.json"),
)


@given(st.binary() | anything.map(json.dumps).map(str.encode))
def test_any_other_bytes_raise_only_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        decode(content)


@settings(max_examples=500)
@given(mutated_manifests(WHOLE))
def test_an_index_with_any_value_in_any_place_is_decoded_or_rejected_in_plain_words(changed: dict[str, Any]) -> None:
    try:
        decode(json.dumps(changed).encode())
    except Malformed as error:
        message = str(error)
    else:
        return
    assert not PYTHON_WORDING.search(message), message
