"""Compares the shape of a run's records with the newest earlier manifest of its output, at the end of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from collector.model.ids import IdSet
from collector.model.ledger import Ledger
from collector.model.shape import Seen, Shape
from collector.run.observers.drift_warnings import drift_warnings
from collector.run.observers.reporter import Reporter
from collector.run.settings import FailOn
from collector.snapshot.baseline import NO_MANIFEST, Baseline, read_baseline
from collector.snapshot.drift import DriftReport, compare, remember


class DriftCheck:
    """The drift of one run. Call `load` before the run replaces the manifest, and `conclude` at its end.

    `report` and `earlier_shape` are for the manifest of the run.
    """

    def __init__(self, fail_on: FailOn | None, reporter: Reporter) -> None:
        self._is_failure = fail_on is FailOn.DRIFT
        self._reporter = reporter
        self._baseline = Baseline(None, None, NO_MANIFEST)
        self._known = Shape()
        self._sample_ids: frozenset[str] = frozenset()
        self._failed: set[str] = set()
        self.is_loaded = False
        self.report = DriftReport(reason="the run stopped")
        self.earlier_shape = Shape()

    def load(self, manifests: Sequence[Path]) -> None:
        """Read the baseline; `manifests` are those of the output, the newest first. Blocks."""
        self._baseline = read_baseline(manifests)
        self._known = self._baseline.known_shape()
        self._sample_ids = frozenset(_sample_ids(self._known))
        self.is_loaded = True

    def add_failure(self, id_: str) -> None:
        """Note that the connection with this id was not collected."""
        if id_ in self._sample_ids:
            self._failed.add(id_)

    def conclude(self, run_id: str, ids: IdSet, ledger: Ledger, *, finished: bool) -> None:
        """Compare the records of the run, which requested these `ids`, and warn. A run that stopped is not compared."""
        earlier, found = self._baseline.manifest, ledger.tally.shape
        if earlier and earlier.run_id == run_id and earlier.drift:  # an earlier process of this run published it
            self.report, self.earlier_shape = earlier.drift, earlier.earlier_shape or Shape()
        else:
            self.report = self._compare(found, ids) if finished else self.report
            self.earlier_shape = remember(self._known, found, self.report.drift)
        ledger.fails_by_drift = self.report.fails
        if finished:
            self._tell()

    def _compare(self, found: Shape, ids: IdSet) -> DriftReport:
        if self._baseline.manifest is None:
            return DriftReport(reason=self._baseline.reason)

        def is_collected(id_: str) -> bool | None:
            return id_ not in self._failed if id_ in ids else None

        drift = compare(self._known, found, is_collected)
        fails = self._is_failure and drift.total > 0
        return DriftReport(self._baseline.manifest.run_id, "", fails, drift)

    def _tell(self) -> None:
        for text in drift_warnings(self.report):
            self._reporter.warn(text)
        if self.report.reason and self._baseline.path is not None:
            text = f"drift was not compared with {self._baseline.path}: {self.report.reason}; the next run can compare"
            (self._reporter.warn if self._is_failure else self._reporter.tell)(text)


def _sample_ids(shape: Shape) -> Iterable[str]:
    for of_type in shape.types.values():
        seen: Iterable[Seen] = (each for types in of_type.fields.values() for each in types.values())
        yield from (id_ for each in seen for id_ in each.ids)
