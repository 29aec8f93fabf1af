"""Verification of a snapshot. Any manifest either matches or is rejected in plain words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from collector.model.errors import Damaged, InputError
from collector.model.ids import IdSet
from collector.model.ledger import InputCount, Ledger, tally_entry
from collector.model.outcome import OutcomeKind
from collector.model.record_form import RecordForm, Timestamps
from collector.snapshot.lines import encode, error_line
from collector.snapshot.manifest import FileEntry
from collector.snapshot.manifest import encode as manifest_of
from collector.snapshot.verify import verify
from tests.snapshot.test_crash_states import FAILING, outcome
from tests.snapshot.test_manifest import PYTHON_WORDING, mutated_manifests
from tests.support.reports import report
from tests.support.scripted_server import ids

RUN = report().run_id
OUTCOMES = [outcome(one, RUN) for one in (*ids(3), *sorted(FAILING)[:1])]
FILES = {
    "c.jsonl": b"".join(encode(each.record) for each in OUTCOMES if each.record),
    "c.errors.jsonl": b"".join(error_line(each) for each in OUTCOMES if not each.record),
}


def manifest() -> dict[str, Any]:
    ledger = Ledger(InputCount(unique=len(OUTCOMES)))
    digested = IdSet()
    for each in OUTCOMES:
        ledger.tally.add_written(tally_entry(each))
        digested.add(each.id)
    organization_id = next(each.record["organization_id"] for each in OUTCOMES if each.record)
    entries = [
        FileEntry(name, content.count(b"\n"), len(content), hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    ]
    run_report = report(
        ledger,
        exit_code=3,
        ids_digest=digested.digest(),
        organization_id=organization_id,
        output={"order": "input", **RecordForm(4_000_000, timestamps=Timestamps.STRICT).as_json()},
    )
    found: dict[str, Any] = json.loads(manifest_of(run_report, entries))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def test_an_unchanged_snapshot_matches_its_manifest(folder: Path) -> None:
    (folder / "c.manifest.json").write_text(json.dumps(manifest()))
    found = verify(folder / "c.jsonl")
    assert (found.records, found.errors, found.errors_file, found.notes) == (3, 1, folder / "c.errors.jsonl", ())


@pytest.mark.parametrize("code", [3, 5])
def test_a_published_snapshot_whose_manifest_states_a_stopped_run_is_corrupt(folder: Path, code: int) -> None:
    """A stopped run does not publish a snapshot."""
    (folder / "c.manifest.json").write_text(json.dumps({**manifest(), "status": "stopped", "exit_code": code}))
    with pytest.raises(Damaged, match="states stopped, but a stopped run does not publish a snapshot"):
        verify(folder / "c.jsonl")


def verified_values(found: dict[str, Any]) -> dict[str, str]:
    """The manifest's values that the files determine. An earlier version listed no errors file."""
    proven = {
        "run_id": found["run_id"],
        "ids": found["source"]["ids_digest"],
        "outcomes": [found["account"]["outcomes"][kind] for kind in OutcomeKind],
    }
    files = {
        f"file {number}": [each.get(key) for key in FileEntry._fields] for number, each in enumerate(found["files"])
    }
    return {key: json.dumps(value) for key, value in {**proven, **files}.items()}


@settings(max_examples=300)
@given(mutated_manifests(manifest()))
def test_any_manifest_matches_or_is_rejected_in_plain_words(folder: Path, mutated: dict[str, Any]) -> None:
    (folder / "c.manifest.json").write_text(json.dumps(mutated))
    try:
        verify(folder / "c.jsonl")
    except (Damaged, InputError) as error:
        message = str(error).removeprefix(f"{folder}/")
    else:
        assert not verified_values(mutated).items() - verified_values(manifest()).items()
        return
    assert not PYTHON_WORDING.search(message), message
