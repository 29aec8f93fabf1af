"""Finds and names the files that earlier runs of the same output left, unfinished or quarantined. Changes no file.

Two runs have the same output if their paths differ only in the values of the placeholders, date and run id. A run that
holds its lock is not a leftover. A folder that cannot be listed counts as empty.
"""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from collector.model.errors import Damaged, OutputError
from collector.run.output_template import OutputTemplate, pattern_of
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks import resume
from collector.snapshot.sinks.resume import Resume, RunHeader
from collector.storage.durable_files import Files, staged_path
from collector.storage.filesystem import PosixFileSystem

_DAY: Final = 24 * 3600.0
_MAX_LISTED: Final = 5


class Leftover(NamedTuple):
    """The files that one run left, its records first. `started` is in seconds since 1970.

    `suffix` is the end of their names if they were quarantined, else empty.
    """

    snapshot: Path
    suffix: str
    files: tuple[Path, ...]
    header: RunHeader | None
    started: float

    @property
    def exists(self) -> bool:
        """Does any of its files still exist?"""
        return any(map(os.path.lexists, self.files))

    @property
    def has_interrupted_publication(self) -> bool:
        """Was the run interrupted during the final renames?"""
        return not self.suffix and os.path.lexists(staged_path(SnapshotPaths(self.snapshot).manifest))

    def is_resumable_by(self, header: RunHeader, resume: Resume) -> bool:
        """May a run with `header` resume it?"""
        if self.suffix or resume is Resume.NEVER or self.files[0] != SnapshotPaths(self.snapshot).partial:
            return False
        try:
            header.check_resumable(self.header, fresh=resume is Resume.AUTO)
        except Damaged:
            return False
        return True

    def __str__(self) -> str:
        state = "quarantined, started" if self.suffix else "started"
        return f"{self.files[0]} ({state} {datetime.fromtimestamp(self.started, UTC):%Y-%m-%d %H:%M} UTC)"


def leftovers(template: OutputTemplate, output_path: Path) -> list[Leftover]:
    """The leftovers of this output, newest first. A run holds the lock of `output_path`; a plan does not. Blocks."""
    layout = SnapshotPaths(Path(template.text))
    groups: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    paths = sorted(_list_files(layout.snapshot.parent))
    for kind in (layout.partial, *(entry.partial for entry in layout.other_encodings), *layout.unfinished[1:]):
        pattern = pattern_of(str(kind))
        for match in filter(None, (pattern.fullmatch(str(path)) for path in paths)):
            groups[Path(template.fill_from_match(match)), match["suffix"] or ""].append(Path(match[0]))
    files = Files(PosixFileSystem())
    found = [_leftover(files, snapshot, suffix, tuple(paths)) for (snapshot, suffix), paths in groups.items()]
    return sorted(
        (leftover for leftover in found if leftover.snapshot == output_path or not _is_running(files, leftover)),
        key=lambda leftover: leftover.started,
        reverse=True,
    )


def published_manifests(template: OutputTemplate) -> list[Path]:
    """The manifests of the published snapshots of this output, newest first. Blocks."""
    return files_of(str(SnapshotPaths(Path(template.text)).manifest))


def files_of(path: str) -> list[Path]:
    """The files whose path is `path` with any date and run id, newest first. Quarantined ones are left out. Blocks."""
    pattern = pattern_of(path)
    matches = filter(None, (pattern.fullmatch(str(each)) for each in _list_files(Path(path).parent)))
    return sorted((Path(match[0]) for match in matches if not match["suffix"]), key=_modified, reverse=True)


def _list_files(folder: Path) -> Iterator[Path]:
    """The files in `folder`, or in every folder that matches it if it contains placeholders."""
    pattern = re.sub(r"\{(?:date|run_id)\}", "*", glob.escape(str(folder)))
    for entry in glob.glob(pattern, include_hidden=True) if "*" in pattern else [str(folder)]:
        with suppress(OSError):
            yield from (Path(entry, name) for name in os.listdir(entry))


def _leftover(files: Files, snapshot: Path, suffix: str, paths: tuple[Path, ...]) -> Leftover:
    header_path = SnapshotPaths(snapshot).header
    header = None
    with suppress(OutputError):  # unreadable: the run stays unknown
        header = resume.decode(
            files.read(header_path.with_name(".".join(filter(None, (header_path.name, suffix))))) or b""
        )
    started = datetime.fromisoformat(header.started_at).timestamp() if header else max(map(_modified, paths))
    return Leftover(snapshot, suffix, paths, header, started)


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:  # removed since it was listed
        return 0.0


def _is_running(files: Files, leftover: Leftover) -> bool:
    return not leftover.suffix and files.is_locked(SnapshotPaths(leftover.snapshot).lock)


def leftover_warning(found: Sequence[Leftover], now: float, output_path: Path) -> str | None:
    """One message that names the leftovers; None if nothing needs to be named.

    A quarantined run is named from 24 hours after its start, since the run that quarantined it has already named it. An
    unfinished run of `output_path` is never named, since the current run resumes or quarantines it.
    """
    listed = [
        leftover
        for leftover in found
        if leftover.exists and (now - leftover.started >= _DAY if leftover.suffix else leftover.snapshot != output_path)
    ]
    if not listed:
        return None
    names = ", ".join(map(str, listed[:_MAX_LISTED]))
    more = f" and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
    unfinished = next((leftover for leftover in listed if not leftover.suffix), None)
    resume = (
        f"resume one with the same ids, --output {unfinished.snapshot} and --resume always, or " if unfinished else ""
    )
    return f"earlier runs of this output left files: {names}{more}; {resume}remove them if their records are not needed"
