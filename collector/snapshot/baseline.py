"""The baseline of a run: the newest earlier manifest of its output, whose shape the run is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from collector.model.errors import CollectorError
from collector.model.shape import Shape
from collector.snapshot.json_document import Malformed
from collector.snapshot.manifest import Manifest, decode
from collector.snapshot.snapshot_file import open_regular

NO_MANIFEST: Final = "no earlier manifest of this output"
NO_SHAPE: Final = "the earlier manifest has no shape, because an earlier version wrote it"
UNREADABLE: Final = "the earlier manifest cannot be read"


class Baseline(NamedTuple):
    """The manifest of the earlier run. Without one that has a shape, `reason` says why."""

    path: Path | None
    manifest: Manifest | None
    reason: str = ""

    def known_shape(self) -> Shape:
        """The fields that the earlier run knew: those of its records, and those of runs before it."""
        known = Shape()
        if self.manifest is not None and self.manifest.earlier_shape is not None:
            known += self.manifest.tally.shape
            known += self.manifest.earlier_shape
        return known


def newest_of(manifests: Sequence[Path]) -> Path | None:
    """The manifest to compare with; `manifests` are those of the output, the newest first."""
    return next((path for path in manifests if path.is_file()), None)


def read_baseline(manifests: Sequence[Path]) -> Baseline:
    """Read the manifest to compare with. Raises no error: a manifest that cannot be read is a reason."""
    path = newest_of(manifests)
    if path is None:
        return Baseline(None, None, NO_MANIFEST)
    try:
        with open_regular(path) as opened:
            manifest = decode(opened.file.read())
    except (CollectorError, Malformed, OSError):
        return Baseline(path, None, UNREADABLE)
    return Baseline(path, manifest) if manifest.has_shape else Baseline(path, None, NO_SHAPE)
