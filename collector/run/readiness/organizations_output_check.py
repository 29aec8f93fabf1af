"""The output part of a check of several organizations: their paths, folders, locks and space. Leaves no file.

Each folder is checked once, however many organizations write to it, and the space of each disk once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import CollectorError
from collector.run.identity import new_identity
from collector.run.organizations.file_names import require_disjoint, require_placeholder
from collector.run.organizations.index_file import IndexFile, index_of
from collector.run.organizations.organization import Organization
from collector.run.output_template import OutputTemplate
from collector.run.readiness.checks import folder
from collector.run.readiness.checks.finding import Finding, failure_from, ok, skipped
from collector.run.readiness.checks.folder import Space
from collector.run.readiness.checks.organizations import MAX_ASKED, named
from collector.run.readiness.output_check import limited, output_of
from collector.run.readiness.probes.folder import is_locked, nearest_existing, rehearse, space_for
from collector.run.readiness.report import Report
from collector.run.settings import Settings
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.target import is_stream


class _Snapshot(NamedTuple):
    """The path of an organization's snapshot, and its template."""

    path: Path
    template: OutputTemplate


@dataclass(frozen=True)
class _Outputs:
    """The files of a run: a snapshot for each organization, or errors files beside a stream; and the index.

    `refused` are the failures of organizations whose path cannot be written.
    """

    snapshots: Sequence[_Snapshot]
    errors: Sequence[Path]
    index: IndexFile | None
    refused: Sequence[Finding] = ()

    @property
    def folders(self) -> list[Path]:
        """The folders of all files, each once."""
        index = [self.index.path] if self.index else []
        return list(
            dict.fromkeys(path.parent for path in (*(one.path for one in self.snapshots), *self.errors, *index))
        )

    @property
    def locks(self) -> dict[Path, Path]:
        """The index and each snapshot, by its lock file."""
        index = {self.index.lock: self.index.path} if self.index else {}
        return index | {SnapshotPaths(one.path).lock: one.path for one in self.snapshots}


async def check_organizations_output(settings: Settings, organizations: Sequence[Organization], report: Report) -> None:
    """Check the place of every output file; without `organizations`, which are unknown, that of the index."""
    found = await limited(partial(_outputs_of, settings, organizations))
    if isinstance(found, Finding):
        report.add(found)
        report.skip((folder.LOCK, folder.SPACE), "there is no usable output path")
        return
    for each in found.refused[:MAX_ASKED]:
        report.add(each)
    if found.folders:
        await _check_folders(found.folders, report)
    elif organizations:
        report.add(ok(folder.OUTPUT, "standard output or a pipe: not opened, no other file is written"))
    else:
        report.skip([folder.OUTPUT], "the organizations are unknown")
    await _check_locks(found, report)
    await _check_space(found.snapshots, report)


def _outputs_of(settings: Settings, organizations: Sequence[Organization]) -> _Outputs | Finding:
    """The files as a run would open them, which checks their paths."""
    now = time.time()
    run_id = new_identity(now).run_id
    is_to_stream = is_stream(settings.output.path)
    try:
        require_placeholder(settings.output, is_stream=is_to_stream)
        index = index_of(settings.output, lambda _: None, run_id=run_id, now=now, is_stream=is_to_stream)
        fill = partial(_filled, run_id, now)
        require_disjoint(organizations, index.paths if index else (), fill, is_stream=is_to_stream)
    except CollectorError as error:
        return failure_from(folder.OUTPUT, error, "correct --output")
    if is_to_stream:
        return _Outputs([], [Path(each) for one in organizations if (each := one.settings.output.errors)], index)
    snapshots, refused = [], []
    for one in organizations:
        found = output_of(one.settings)
        if isinstance(found, Finding):
            refused.append(named(found, one.name))
        else:
            snapshots.append(_Snapshot(Path(found.sink.place(finished=True)), found.template))
    return _Outputs(snapshots, [], index, refused)


def _filled(run_id: str, now: float, path: str) -> str:
    return OutputTemplate(path).fill(run_id=run_id, now=now)


async def _check_folders(folders: Sequence[Path], report: Report) -> None:
    """Rehearse once in each existing folder, and once for all folders that a run creates in it."""
    groups = await limited(partial(_by_existing, folders))
    if isinstance(groups, Finding):
        report.add(groups)
        return
    for first, *others in groups[:MAX_ASKED]:
        found = await limited(partial(rehearse, first))
        report.add(found if isinstance(found, Finding) else folder.check_rehearsal(found, others=len(others)))
    if len(groups) > MAX_ASKED:
        report.add(skipped(folder.OUTPUT, f"{len(groups) - MAX_ASKED:,} of {len(groups):,} folders are not checked"))


def _by_existing(folders: Iterable[Path]) -> list[list[Path]]:
    """Group folders by the folder that exists: themselves, as the first of the group, or the nearest one above."""
    groups: dict[Path, list[Path]] = {}
    for each in folders:
        existing = nearest_existing(each)
        group = groups.setdefault(existing.absolute(), [])
        group.insert(0 if existing == each else len(group), each)
    return list(groups.values())


async def _check_locks(outputs: _Outputs, report: Report) -> None:
    if not outputs.locks:
        report.skip([folder.LOCK], "the output is standard output or a pipe")
        return
    held = await limited(partial(_held, outputs.locks))
    report.add(held if isinstance(held, Finding) else folder.check_lock(held))


def _held(locks: Mapping[Path, Path]) -> Path | None:
    """The first output that another process writes."""
    return next((path for lock, path in locks.items() if is_locked(lock)), None)


async def _check_space(snapshots: Sequence[_Snapshot], report: Report) -> None:
    """Compare the space of each disk with the last snapshots on it together."""
    if not snapshots:
        report.skip([folder.SPACE], "there is no output file of an organization")
        return
    spaces: dict[int, tuple[Path, Space]] = {}
    for one in snapshots:
        found = await limited(partial(_space_of, one))
        if isinstance(found, Finding):
            report.add(found)
            return
        disk, probed, space = found
        first, total = spaces.get(disk, (probed, space._replace(last=None, last_bytes=0, snapshots=0)))
        spaces[disk] = first, total.with_snapshot(space)
    for probed, total in spaces.values():
        report.add(folder.check_space(probed, total))


def _space_of(snapshot: _Snapshot) -> tuple[int, Path, Space]:
    """The disk of a snapshot, its folder, or the nearest one that exists, and the space there."""
    probed = nearest_existing(snapshot.path.parent)
    return os.stat(probed).st_dev, probed, space_for(snapshot.template, probed)
