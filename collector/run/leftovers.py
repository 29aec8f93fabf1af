"""Files that earlier runs of the same output left: unfinished, or set aside. Finds and names them, changes nothing.

The same output is the same path, with any date and any run id in place of its placeholders. A run that holds its lock
is not a leftover. A folder that cannot be listed has none.
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

_A_DAY: Final = 24 * 3600.0
_MOST_NAMED: Final = 5


class Leftover(NamedTuple):
    """What one run left; `begun` is in seconds since 1970, `files` has its records first.

    `suffix` is what its names end in if it was set aside, else empty.
    """

    snapshot: Path
    suffix: str
    files: tuple[Path, ...]
    header: RunHeader | None
    begun: float

    @property
    def is_there(self) -> bool:
        """Is any of its files still there?"""
        return any(map(os.path.lexists, self.files))

    @property
    def is_half_published(self) -> bool:
        """Was it interrupted while its files took their names?"""
        return not self.suffix and os.path.lexists(staged_path(SnapshotPaths(self.snapshot).manifest))

    def may_become(self, header: RunHeader, resume: Resume) -> bool:
        """May a run with `header` resume it?"""
        if self.suffix or resume is Resume.NEVER or self.files[0] != SnapshotPaths(self.snapshot).partial:
            return False
        try:
            header.check_resumable(self.header, fresh=resume is Resume.AUTO)
        except Damaged:
            return False
        return True

    def __str__(self) -> str:
        how = "set aside, begun" if self.suffix else "begun"
        return f"{self.files[0]} ({how} {datetime.fromtimestamp(self.begun, UTC):%Y-%m-%d %H:%M} UTC)"


def leftovers(template: OutputTemplate, own: Path) -> list[Leftover]:
    """What earlier runs of this output left, the newest first; this process holds the lock of `own`. Blocks."""
    names = SnapshotPaths(Path(template.text))
    groups: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    paths = sorted(_listed(names.snapshot.parent))
    for kind in (names.partial, *(each.partial for each in names.other_encodings), *names.unfinished[1:]):
        pattern = pattern_of(str(kind))
        for found in filter(None, (pattern.fullmatch(str(path)) for path in paths)):
            groups[Path(template.fill_as(found)), found["suffix"] or ""].append(Path(found[0]))
    files = Files(PosixFileSystem())
    every = [_leftover(files, snapshot, suffix, tuple(left)) for (snapshot, suffix), left in groups.items()]
    return sorted(
        (one for one in every if one.snapshot == own or not _is_running(files, one)),
        key=lambda one: one.begun,
        reverse=True,
    )


def _listed(folder: Path) -> Iterator[Path]:
    """The files in `folder`, or in all folders that its placeholders stand for."""
    pattern = re.sub(r"\{(?:date|run_id)\}", "*", glob.escape(str(folder)))
    for each in glob.glob(pattern, include_hidden=True) if "*" in pattern else [str(folder)]:
        with suppress(OSError):
            yield from (Path(each, name) for name in os.listdir(each))


def _leftover(files: Files, snapshot: Path, suffix: str, left: tuple[Path, ...]) -> Leftover:
    head_path = SnapshotPaths(snapshot).header
    header = None
    with suppress(OutputError):  # not readable: nothing says which run it is of
        header = resume.decode(files.read(head_path.with_name(".".join(filter(None, (head_path.name, suffix))))) or b"")
    begun = datetime.fromisoformat(header.started_at).timestamp() if header else max(map(_modified, left))
    return Leftover(snapshot, suffix, left, header, begun)


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def _is_running(files: Files, one: Leftover) -> bool:
    if one.suffix:
        return False
    try:
        descriptor = files.system.open(SnapshotPaths(one.snapshot).lock, os.O_RDONLY)
    except OSError:  # a run that holds its lock has the file
        return False
    try:
        files.system.lock(descriptor)
    except OSError:
        return True
    finally:
        files.system.close(descriptor)
    return False


def warning_of(found: Sequence[Leftover], now: float, own: Path) -> str | None:
    """One message that names what is left; None when nothing is.

    A run that was set aside is named from the day after its start on: the run that set it aside named it. An unfinished
    run of `own` output is not named: it is resumed or set aside.
    """
    named = [
        one for one in found if one.is_there and (now - one.begun >= _A_DAY if one.suffix else one.snapshot != own)
    ]
    if not named:
        return None
    listed = ", ".join(map(str, named[:_MOST_NAMED]))
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    unfinished = next((one for one in named if not one.suffix), None)
    resume = (
        f"resume one with the same ids, --output {unfinished.snapshot} and --resume always, or " if unfinished else ""
    )
    return (
        f"earlier runs of this output left files: {listed}{more}; {resume}remove them if their records are not needed"
    )
