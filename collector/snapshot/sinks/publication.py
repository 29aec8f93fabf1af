"""Publish several files as one: at every step a reader finds the old set, or data without a manifest, or the new set.

    unfinished names durable
    draft of the manifest durable          from here on the next start completes an interrupted publication
    old manifest ─▸ held name              old data, no manifest beside it
    old errors ─▸ held name
    .partial ─▸ snapshot                   new data, no manifest beside it
    errors ─▸ their name
    draft ─▸ manifest                      the new set
    held and unfinished names removed, the head last

Each step is durable before the next. Each step is skipped if it was done before.

The system may refuse a step: a bind mount (EBUSY), an immutable file (EPERM), no space. Every name that a step would
replace is first renamed away, so a refusal comes before the data is replaced. The held names then go back, and the
older snapshot verifies again. The draft stays: the next start retries the publication and sends no requests for it.

A run in which no id was ok does not replace a snapshot that holds records: see `replaced_snapshot`. Its files keep
their unfinished names, as those of a stopped run do; their manifest has the status `partial`. The next start resumes
that run within 24 hours and asks for all its ids again. Later it sets those files aside with a warning. Without an
older snapshot the empty one is published: an auditor needs its errors file and manifest.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import OutputError
from collector.model.ledger import Tally
from collector.model.outcome import OutcomeKind
from collector.snapshot.document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import FileFacts, Manifest, decode
from collector.snapshot.sinks import resume
from collector.storage.durable_files import Files, staged_path, translated


class PublishedRun(NamedTuple):
    """A run that is published: its name, what its manifest accounts for, and whose records they are."""

    run_id: str
    tally: Tally
    organization_id: str | None


def publish(files: Files, paths: SnapshotPaths, manifest: bytes) -> None:
    """Give the finished files their names, and `manifest` beside them."""
    with translated(paths.snapshot):  # the draft must not outlive a crash that the names it vouches for do not
        files.system.fsync_dir(paths.snapshot.parent)
    files.stage(paths.manifest, manifest)  # what may fail for lack of space comes before anything is touched
    _rename_all(files, paths, has_errors=files.exists(paths.partial_errors))


def complete(files: Files, paths: SnapshotPaths) -> PublishedRun | None:
    """Complete what a crash left half published, be it of `paths` or of a sibling; what was published of `paths`.

    A draft that does not vouch for the data it stands beside was never published from, and goes.
    """
    staged = _read(files, staged_path(paths.manifest))
    if staged and (described := _described_paths(staged, paths)) and _matches_files(files, staged, described):
        _rename_all(files, described, has_errors=staged.tally.total > staged.tally.outcomes[OutcomeKind.OK])
        return _published(staged) if described is paths else None
    files.remove(staged_path(paths.manifest))
    _roll_back(files, paths)
    published = _read(files, paths.manifest)
    if published is None or published.run_id != _run_id(files, paths):
        return None
    described = _described_paths(published, paths)
    if described is None or files.exists(described.partial):
        return None
    files.remove(*paths.staged, *described.unfinished)
    return _published(published) if described is paths else None


def replaced_snapshot(files: Files, paths: SnapshotPaths) -> Path | None:
    """The snapshot with records that an empty one under `paths` would replace, itself or by taking its manifest."""
    manifest = _read(files, paths.manifest)
    described = manifest and _described_paths(manifest, paths)
    for path in dict.fromkeys((described.snapshot if described else paths.snapshot, paths.snapshot)):
        size = files.size(path) if files.exists(path) else 0
        is_known_empty = described and described.snapshot == path and manifest and manifest.facts[1:3] == (0, size)
        if size and not is_known_empty:
            return path
    return None


def _rename_all(files: Files, paths: SnapshotPaths, *, has_errors: bool) -> None:
    if files.exists(paths.partial):
        _replace_records(files, paths)
    if not has_errors:
        files.remove(paths.errors)
    elif files.exists(paths.partial_errors):
        files.rename(paths.partial_errors, paths.errors)
    files.rename(staged_path(paths.manifest), paths.manifest)
    files.remove(*paths.held_paths.values(), *paths.staged, *paths.unfinished)


def _replace_records(files: Files, paths: SnapshotPaths) -> None:
    """Hold the old manifest and errors, then rename the data. Raises `OutputError`; the old set is whole again then."""
    try:
        for path, held in paths.held_paths.items():
            if files.exists(path):
                files.rename(path, held)
        files.rename(paths.partial, paths.snapshot)
    except OutputError:
        with contextlib.suppress(OutputError):  # the next start completes or restores what stays held
            if files.exists(paths.partial):  # else the data was renamed, and only the sync failed
                _restore_held(files, paths)
        raise


def _restore_held(files: Files, paths: SnapshotPaths) -> None:
    """Give what is held its name again, the manifest last."""
    for path, held in reversed(paths.held_paths.items()):
        if files.exists(held):
            files.rename(held, path)


def _roll_back(files: Files, paths: SnapshotPaths) -> None:
    """Put back what is held of a publication that cannot be completed, unless other data replaced its own."""
    if not any(map(files.exists, paths.held_paths.values())):
        return
    held = _read(files, paths.held_paths[paths.manifest])
    described = held and _described_paths(held, paths)
    if held and described and not files.exists(paths.manifest) and _matches(files, described.snapshot, held.facts):
        _restore_held(files, paths)
    files.remove(*paths.held_paths.values())


def _read(files: Files, path: Path) -> Manifest | None:
    """The manifest under `path`; None when there is none that is whole."""
    try:
        return decode(files.read(path) or b"")
    except Malformed:
        return None


def _described_paths(manifest: Manifest, paths: SnapshotPaths) -> SnapshotPaths | None:
    """Whose manifest it is: of `paths`, or of the sibling that it names."""
    return next((each for each in (paths, *paths.other_encodings) if each.snapshot.name == manifest.facts.path), None)


def _matches_files(files: Files, staged: Manifest, described: SnapshotPaths) -> bool:
    """Are the records and the errors, under the names they have so far, what the draft says they are?"""
    pairs = (
        (described.partial, described.snapshot, staged.facts),
        (described.partial_errors, described.errors, staged.errors),
    )
    return all(
        _matches(files, unfinished if files.exists(unfinished) else final, facts)
        for unfinished, final, facts in pairs
        if facts is not None
    )


def _matches(files: Files, path: Path, facts: FileFacts) -> bool:
    """Is the file there what a manifest says it is?"""
    return files.exists(path) and files.size(path) == facts.bytes and files.digest(path) == facts.sha256


def _published(manifest: Manifest) -> PublishedRun:
    return PublishedRun(manifest.run_id, manifest.tally, manifest.organization_id)


def _run_id(files: Files, paths: SnapshotPaths) -> str | None:
    header = resume.decode(files.read(paths.header) or b"")
    return header.run_id if header else None
