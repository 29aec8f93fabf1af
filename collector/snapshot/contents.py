"""Facts about the content of records: the masked values, the timestamps, the organization, the shape. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from collector.model.ledger import OTHER_PATHS
from collector.model.shape import Shape
from collector.snapshot.manifest import Manifest


class Contents(NamedTuple):
    """Facts about the content of the records."""

    redactions: Counter[str]
    unparsed_timestamps: int
    organization_id: str | None
    nuls: Counter[str]
    shape: Shape

    def stated_by(self, manifest: Manifest) -> Contents:
        """The content that the manifest states; these facts replace those that an earlier version did not write."""
        tally = manifest.tally
        return Contents(
            *(tally.redactions, tally.unparsed_timestamps, manifest.organization_id),
            nuls=tally.nuls if manifest.counts_nuls else self.nuls,
            shape=tally.shape if manifest.has_shape else self.shape,
        )

    def difference(self, expected: Contents) -> str | None:
        """The first difference from `expected`, or None. Paths are compared only where both list every path."""
        if str(self) != str(expected):
            return f"contains {self}, but its manifest states {expected}"
        masked = _first_difference("masked values", self.redactions, expected.redactions)
        nuls = _first_difference("texts with a NUL character", self.nuls, expected.nuls)
        return masked or nuls or _difference_in_shape(self.shape, expected.shape)

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


def _difference_in_shape(found: Shape, expected: Shape) -> str | None:
    """The first connection type whose fields differ from those that the manifest states."""
    for type_id in sorted(found.types.keys() | expected.types.keys()):
        if found.types.get(type_id) != expected.types.get(type_id):
            return f"the fields of its records of type {type_id or '(none)'} are not those in the shape of its manifest"
    return None if found == expected else "the shape in its manifest leaves out another number of records"
