"""Facts about the content of records: the masked values, the timestamps, the organization. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from collector.model.ledger import OTHER_PATHS
from collector.snapshot.manifest import Manifest


class Contents(NamedTuple):
    """Facts about the content of the records."""

    redactions: Counter[str]
    unparsed_timestamps: int
    organization_id: str | None
    nuls: Counter[str]

    @classmethod
    def stated_by(cls, manifest: Manifest, nuls: Counter[str]) -> Contents:
        """The content that the manifest states. `nuls` replaces the counts that an earlier version did not write."""
        tally = manifest.tally
        expected_nuls = tally.nuls if manifest.counts_nuls else nuls
        return cls(tally.redactions, tally.unparsed_timestamps, manifest.organization_id, expected_nuls)

    def difference(self, expected: Contents) -> str | None:
        """The first difference from `expected`, or None. Paths are compared only where both list every path."""
        if str(self) != str(expected):
            return f"contains {self}, but its manifest states {expected}"
        masked = _first_difference("masked values", self.redactions, expected.redactions)
        return masked or _first_difference("texts with a NUL character", self.nuls, expected.nuls)

    def __str__(self) -> str:
        owner = f"records of organization {self.organization_id}" if self.organization_id else "no organization"
        masked = self.redactions.total()
        nuls = f", {self.nuls.total()} texts with a NUL character" if self.nuls else ""
        return f"{owner}, {masked} masked values and {self.unparsed_timestamps} invalid timestamps{nuls}"


def _first_difference(noun: str, contents: Counter[str], expected: Counter[str]) -> str | None:
    paths = contents.keys() | expected.keys()
    if OTHER_PATHS in paths:
        return None
    for path in sorted(paths):
        if contents[path] != expected[path]:
            return f"contains {contents[path]} {noun} at {path}, but its manifest states {expected[path]}"
    return None
