"""The comparison at the end of a run, with the manifest of another run or of an earlier process of the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.model.ids import IdSet
from collector.model.ledger import InputCount, Ledger
from collector.model.outcome import OutcomeKind
from collector.run.drift_check import DriftCheck
from collector.run.observers.reporter import NullReporter
from collector.run.settings import FailOn
from collector.snapshot.baseline import UNREADABLE
from collector.snapshot.drift import Change, Drift, DriftReport
from collector.snapshot.manifest import FileEntry, encode
from tests.snapshot.test_drift import A, B, night
from tests.support.reports import report

FILE = FileEntry("c.jsonl", 2, 20, "f" * 64)


class Heard(NullReporter):
    """A reporter that keeps warnings and results."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.told: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def tell(self, text: str) -> None:
        self.told.append(text)


def ledger_of(*configurations: Any) -> Ledger:
    ledger = Ledger(InputCount(unique=len(configurations)))
    ledger.tally.outcomes[OutcomeKind.OK] = len(configurations)
    ledger.tally.shape += night(*configurations)
    return ledger


def ids_of(*wanted: str) -> IdSet:
    found = IdSet()
    for one in wanted:
        found.add(one)
    return found


def manifest_in(folder: Path, ledger: Ledger, **facts: Any) -> Path:
    path = folder / "c.manifest.json"
    path.write_bytes(encode(report(ledger, **facts), [FILE]))
    return path


def concluded(
    manifest: Path, ledger: Ledger, run_id: str, *, fail_on: FailOn | None = None
) -> tuple[DriftCheck, Heard]:
    heard = Heard()
    check = DriftCheck(fail_on, heard)
    check.load([manifest])
    check.conclude(run_id, ids_of(A, B), ledger, finished=True)
    return check, heard


@pytest.mark.parametrize("fail_on", [None, FailOn.DRIFT])
def test_a_run_whose_earlier_process_published_it_keeps_its_drift_and_exit_code(
    tmp_path: Path, fail_on: FailOn | None
) -> None:
    """The manifest that it would be compared with is its own."""
    change = Change("postgresql", "configuration.port", (), ("number",), 1, (A,))
    written = DriftReport("earlier", "", True, Drift(new=(change,)))
    earlier_shape = night({"host": "x"})
    manifest = manifest_in(
        tmp_path, ledger_of({"port": 1}, {}), run_id="this", exit_code=3, drift=written, earlier_shape=earlier_shape
    )
    ledger = ledger_of({"port": 1}, {})
    check, heard = concluded(manifest, ledger, "this", fail_on=fail_on)
    assert (check.report, check.earlier_shape, ledger.fails_by_drift) == (written, earlier_shape, True)
    assert "drift since run earlier" in heard.warnings[0]


def test_the_ledger_fails_only_if_the_user_wants_it_and_a_field_changed(tmp_path: Path) -> None:
    manifest = manifest_in(tmp_path, ledger_of({"port": 1}, {}), run_id="earlier")
    for configuration, fail_on, fails in (
        ({"port": 1}, FailOn.DRIFT, False),
        ({"port": "1"}, None, False),
        ({"port": "1"}, FailOn.DRIFT, True),
    ):
        ledger = ledger_of(configuration, {})
        check, heard = concluded(manifest, ledger, "this", fail_on=fail_on)
        assert (ledger.fails_by_drift, check.report.fails) == (fails, fails)
        assert bool(heard.warnings) == (configuration["port"] == "1")


def test_a_run_that_stopped_is_not_compared_and_remembers_the_known_fields(tmp_path: Path) -> None:
    check = DriftCheck(FailOn.DRIFT, Heard())
    check.load([manifest_in(tmp_path, ledger_of({"port": 1}, {"host": "x"}), run_id="earlier")])
    ledger = ledger_of({"port": "1"})
    check.conclude("this", ids_of(A, B), ledger, finished=False)
    assert (check.report, ledger.fails_by_drift) == (DriftReport(reason="the run stopped"), False)
    kept = check.earlier_shape.types["postgresql"].fields
    assert {path: set(types) for path, types in kept.items()} == {
        "configuration.port": {"number"},
        "configuration.host": {"text"},
    }


def test_the_shape_of_a_stopped_run_is_a_baseline_with_what_it_remembers(tmp_path: Path) -> None:
    """As for records on standard output, whose manifest a stopped run replaces."""
    manifest = manifest_in(
        tmp_path, ledger_of({"port": 1}), run_id="earlier", finished=False, earlier_shape=night({"host": "x"})
    )
    check, heard = concluded(manifest, ledger_of({"port": 1}, {"host": "x", "ssl": True}), "this")
    assert [each.path for each in check.report.drift.new] == ["configuration.ssl"]
    assert len(heard.warnings) == 2


@pytest.mark.parametrize("fail_on", [None, FailOn.DRIFT])
def test_a_manifest_that_cannot_be_read_is_a_warning_if_drift_matters(tmp_path: Path, fail_on: FailOn | None) -> None:
    path = tmp_path / "c.manifest.json"
    path.write_bytes(b"{}")
    check, heard = concluded(path, ledger_of({}, {}), "this", fail_on=fail_on)
    assert check.report == DriftReport(reason=UNREADABLE)
    assert (len(heard.warnings), len(heard.told)) == ((1, 0) if fail_on else (0, 1))


def test_only_the_first_manifest_that_exists_is_read(tmp_path: Path) -> None:
    known = manifest_in(tmp_path, ledger_of({"port": 1}, {}), run_id="earlier")
    check = DriftCheck(None, Heard())
    check.load([tmp_path / "absent.json", tmp_path, known])
    check.conclude("this", ids_of(A, B), ledger_of({"port": 1}, {}), finished=True)
    assert check.report == DriftReport("earlier")
