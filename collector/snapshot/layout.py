"""The file names of a snapshot and of an unfinished run. Pure."""

from __future__ import annotations

import os
import re
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from collector.model.side_tables import SIDE_TABLES
from collector.snapshot.file_format import FileFormat, format_of, strip_format
from collector.snapshot.parts import SUCCESS, is_partitioned, templates_of, without_part
from collector.storage.compression import Compression, compression_of
from collector.storage.durable_files import staged_path

_RESERVED: Final = (
    *(".partial", ".errors", ".manifest.json", ".draft"),
    *(".partial.run.json", ".partial.checkpoint", ".partial.lock", ".partial.tables.json"),
    *(f".partial{older}.{table}" for older in ("", ".older") for table in SIDE_TABLES),
)
_MAX_NAME_BYTES: Final = 255  # on every file system in common use
_LONGEST_SUFFIX: Final = ".20260102T030405Z-01234567.99.draft"  # that quarantine and staging append
RUN_ID: Final = r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"
UNKNOWN_RUN: Final = "unknown-run"
"""Replaces the run id when an unfinished run has no readable header."""

QUARANTINE_SUFFIX: Final = rf"(?:\.(?P<suffix>(?:{RUN_ID}|{UNKNOWN_RUN})(?:\.[0-9]+)?))?"
"""A pattern for the suffix that `quarantined_path` may append to a name."""

_QUARANTINED_END: Final = re.compile(rf"(?<=.){QUARANTINE_SUFFIX}\Z", re.DOTALL)
_UNFINISHED: Final = re.compile(rf"(?P<output>.+)\.partial{QUARANTINE_SUFFIX}", re.DOTALL)


class SnapshotPaths:
    """The paths that belong to an output path. `stem` is its name without `.gz`, `.zst` and that of its format.

    The name of an output in parts contains `{part}`, which the names of the other files lack. `snapshot` is then the
    path with `{part}`, which is not that of a file.
    """

    def __init__(self, path: Path) -> None:
        name = without_part(path.name)
        stem = strip_format(compression_of(name).strip(name))
        self.stem = stem
        self.format = format_of(path.name) or FileFormat.JSONL
        self.snapshot = path
        self.errors = path.with_name(f"{stem}.errors.jsonl")
        self.manifest = path.with_name(f"{stem}.manifest.json")
        self.is_partitioned = is_partitioned(path.name)
        self.partial = path.with_name(f"{name}.partial")
        self.header = path.with_name(f"{stem}.partial.run.json")
        self.partial_errors = path.with_name(f"{stem}.partial.errors.jsonl")
        self.partial_manifest = path.with_name(f"{stem}.partial.manifest.json")
        self.partial_tables = path.with_name(f"{stem}.partial.tables.json")
        self.checkpoint = path.with_name(f"{stem}.partial.checkpoint")
        self.lock = path.with_name(f"{stem}.partial.lock")
        self.is_converted = self.format.is_converted or self.is_partitioned
        "Is the snapshot made from the journal? Else the journal becomes the snapshot."
        self.converted = staged_path(path) if self.is_converted and not self.is_partitioned else None
        "The one file made from the journal, before its publication."
        self.success = path.with_name(SUCCESS)
        "The file that marks the folder of a finished partition."
        self.unpublished = self.converted or self.partial
        "The file that a publication renames to the snapshot."
        self.staged = (
            *map(staged_path, (self.partial_manifest, self.partial_tables, self.checkpoint, self.header)),
            *([self.converted] if self.converted else []),
        )

    def table(self, name: str) -> Path:
        """The path of a side table."""
        return self.snapshot.with_name(f"{self.stem}.{name}.jsonl")

    def partial_table(self, name: str) -> Path:
        """The path of a side table of an unfinished run."""
        return self.snapshot.with_name(f"{self.stem}.partial.{name}.jsonl")

    @property
    def held_paths(self) -> dict[Path, Path]:
        """The temporary paths of an older snapshot's manifest, errors file and side tables during a publication."""
        older = f"{self.stem}.partial.older"
        return {
            self.manifest: self.manifest.with_name(f"{older}.manifest.json"),
            self.errors: self.errors.with_name(f"{older}.errors.jsonl"),
            **{self.table(name): self.snapshot.with_name(f"{older}.{name}.jsonl") for name in SIDE_TABLES},
        }

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """The files of an unfinished run. The run header is last: the run is unfinished while it exists."""
        return (
            *(self.partial, self.partial_errors, self.partial_manifest),
            *map(self.partial_table, SIDE_TABLES),
            *(self.partial_tables, self.checkpoint, self.header),
        )

    @property
    def other_encodings(self) -> tuple[SnapshotPaths, ...]:
        """This output in each other format and compression: all paths but that of the data are the same."""
        endings = ("", *(f".{each}" for each in FileFormat if each is not FileFormat.PARQUET))
        names = {f"{self.stem}{ending}{each.value}" for ending in endings for each in Compression}
        names |= {f"{self.stem}.{FileFormat.PARQUET}"}
        return tuple(
            SnapshotPaths(self.snapshot.with_name(name))
            for name in sorted(names - {"", without_part(self.snapshot.name)})
        )

    @property
    def is_reserved(self) -> bool:
        """Is this name reserved for a file beside another output, or for a quarantined one?"""
        unquarantined = self.snapshot.with_name(_QUARANTINED_END.sub("", self.snapshot.name))
        return self.stem.endswith(_RESERVED) or (
            unquarantined.name not in {"", self.snapshot.name} and SnapshotPaths(unquarantined).is_reserved
        )

    @property
    def name_overflow(self) -> int:
        """The bytes by which the longest of the names exceeds the limit."""
        longest = max((path.name for path in self.unfinished), key=len)
        return max(0, len(os.fsencode(longest + _LONGEST_SUFFIX)) - _MAX_NAME_BYTES)


class Stage(Enum):
    """The stage that the files of a run have reached."""

    PUBLISHED = "published"
    UNFINISHED = "unfinished"
    QUARANTINED = "quarantined"


class FileSet(NamedTuple):
    """The records of one run, with their errors file, side tables and manifest.

    `listed_records` and `listed_errors` are the paths by which the manifest lists the first two. `compression` is that
    of the records.
    """

    stage: Stage
    records: Path
    errors: Path
    manifest: Path
    listed_records: str
    listed_errors: str
    compression: Compression

    @property
    def format(self) -> FileFormat:
        """The format of the records; that of an unfinished run is JSON Lines."""
        is_published = self.stage is Stage.PUBLISHED
        return (format_of(self.records.name) if is_published else None) or FileFormat.JSONL

    def table(self, name: str) -> tuple[Path, str]:
        """The path of a side table, and the path by which the manifest lists it."""
        if self.stage is Stage.PUBLISHED:
            path = SnapshotPaths(self.records).table(name)
            return path, path.name
        listed = self.records.with_name(self.listed_records.removesuffix(".partial"))
        path = SnapshotPaths(listed).partial_table(name)
        return path.with_name(path.name + self.records.name.removeprefix(self.listed_records)), path.name


def quarantined_path(path: Path, suffix: str | None) -> Path:
    """The path of an unfinished run's file once the run is quarantined; `path` itself without a suffix."""
    return path.with_name(f"{path.name}.{suffix}") if suffix else path


def file_sets(records: Path) -> list[FileSet]:
    """The possible file sets of records with this name: an unfinished run, if the name is that of one, then a snapshot.

    Then the partitions that may have a part of this name. The first set whose manifest exists is the right one: the
    first two may name the same manifest, and a snapshot never has the name of an unfinished run.
    """
    if unfinished := _unfinished(records):
        return [*unfinished, _published(records)]
    return [_published(records), *(_published(records.with_name(name)) for name in templates_of(records.name))]


def _published(records: Path) -> FileSet:
    paths = SnapshotPaths(records)
    return FileSet(
        Stage.PUBLISHED,
        records,
        errors=paths.errors,
        manifest=paths.manifest,
        listed_records=records.name,
        listed_errors=paths.errors.name,
        compression=compression_of(records.name),
    )


def _unfinished(records: Path) -> list[FileSet]:
    """The file set of an unfinished run, if `records` has the name of one."""
    found = _UNFINISHED.fullmatch(records.name)
    if found is None:
        return []
    paths, suffix = SnapshotPaths(records.with_name(found["output"])), found["suffix"]
    return [
        FileSet(
            Stage.QUARANTINED if suffix else Stage.UNFINISHED,
            records,
            errors=quarantined_path(paths.partial_errors, suffix),
            manifest=quarantined_path(paths.partial_manifest, suffix),
            listed_records=paths.partial.name,
            listed_errors=paths.partial_errors.name,
            compression=compression_of(paths.snapshot.name),
        )
    ]
