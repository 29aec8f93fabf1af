"""What the files of a snapshot are called, finished and unfinished. Pure."""

from __future__ import annotations

from pathlib import Path

from collector.codec import codec_of


class SnapshotNames:
    """The names beside an output path; `stem` is its name without `.gz`, `.zst` and `.jsonl`."""

    def __init__(self, path: Path) -> None:
        stem = codec_of(path.name).strip(path.name).removesuffix(".jsonl")
        self.snapshot = path
        self.errors = path.with_name(f"{stem}.errors.jsonl")
        self.manifest = path.with_name(f"{stem}.manifest.json")
        self.partial = path.with_name(f"{path.name}.partial")
        self.head = path.with_name(f"{stem}.partial.run.json")
        self.partial_errors = path.with_name(f"{stem}.partial.errors.jsonl")
        self.partial_manifest = path.with_name(f"{stem}.partial.manifest.json")
        self.checkpoint = path.with_name(f"{stem}.partial.checkpoint")
        self.lock = path.with_name(f"{stem}.partial.lock")
        self.drafts = tuple(map(draft_of, (self.partial_manifest, self.checkpoint, self.head)))

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """What a run that did not finish leaves, the head last: as long as it is there, the run is not over."""
        return self.partial, self.partial_errors, self.partial_manifest, self.checkpoint, self.head


def draft_of(path: Path) -> Path:
    """Where a file is made before it gets its name `path`."""
    return path.with_name(f"{path.name}.draft")
