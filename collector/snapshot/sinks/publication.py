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

A run in which no id was ok does not replace a snapshot that holds records: see `replaced_by_nothing`. Its files keep
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


class Published(NamedTuple):
    """A run that is published: its name, what its manifest accounts for, and whose records they are."""

    run_id: str
    tally: Tally
    organization_id: str | None


def publish(files: Files, names: SnapshotPaths, manifest: bytes) -> None:
    """Give the finished files their names, and `manifest` beside them."""
    with translated(names.snapshot):  # the draft must not outlive a crash that the names it vouches for do not
        files.system.fsync_dir(names.snapshot.parent)
    files.stage(names.manifest, manifest)  # what may fail for lack of space comes before anything is touched
    _take_names(files, names, has_errors=files.exists(names.partial_errors))


def complete(files: Files, names: SnapshotPaths) -> Published | None:
    """Complete what a crash left half published, be it of `names` or of a sibling; what was published of `names`.

    A draft that does not vouch for the data it stands beside was never published from, and goes.
    """
    drafted = _read(files, staged_path(names.manifest))
    if drafted and (owner := _owner(drafted, names)) and _vouches_for(files, drafted, owner):
        _take_names(files, owner, has_errors=drafted.tally.total > drafted.tally.outcomes[OutcomeKind.OK])
        return _published(drafted) if owner is names else None
    files.remove(staged_path(names.manifest))
    _restore(files, names)
    vouched = _read(files, names.manifest)
    if vouched is None or vouched.run_id != _run_id(files, names):
        return None
    owner = _owner(vouched, names)
    if owner is None or files.exists(owner.partial):
        return None
    files.remove(*names.staged, *owner.unfinished)
    return _published(vouched) if owner is names else None


def replaced_by_nothing(files: Files, names: SnapshotPaths) -> Path | None:
    """The snapshot with records that an empty one under `names` would replace, itself or by taking its manifest."""
    found = _read(files, names.manifest)
    owner = found and _owner(found, names)
    for path in dict.fromkeys((owner.snapshot if owner else names.snapshot, names.snapshot)):
        size = files.size(path) if files.exists(path) else 0
        is_known_empty = owner and owner.snapshot == path and found and found.facts[1:3] == (0, size)
        if size and not is_known_empty:
            return path
    return None


def _take_names(files: Files, names: SnapshotPaths, *, has_errors: bool) -> None:
    if files.exists(names.partial):
        _replace_data(files, names)
    if not has_errors:
        files.remove(names.errors)
    elif files.exists(names.partial_errors):
        files.rename(names.partial_errors, names.errors)
    files.rename(staged_path(names.manifest), names.manifest)
    files.remove(*names.held.values(), *names.staged, *names.unfinished)


def _replace_data(files: Files, names: SnapshotPaths) -> None:
    """Hold the old manifest and errors, then rename the data. Raises `OutputError`; the old set is whole again then."""
    try:
        for path, held in names.held.items():
            if files.exists(path):
                files.rename(path, held)
        files.rename(names.partial, names.snapshot)
    except OutputError:
        with contextlib.suppress(OutputError):  # the next start completes or restores what stays held
            if files.exists(names.partial):  # else the data was renamed, and only the sync failed
                _put_back(files, names)
        raise


def _put_back(files: Files, names: SnapshotPaths) -> None:
    """Give what is held its name again, the manifest last."""
    for path, held in reversed(names.held.items()):
        if files.exists(held):
            files.rename(held, path)


def _restore(files: Files, names: SnapshotPaths) -> None:
    """Put back what is held of a publication that cannot be completed, unless other data replaced its own."""
    if not any(map(files.exists, names.held.values())):
        return
    held = _read(files, names.held[names.manifest])
    owner = held and _owner(held, names)
    if held and owner and not files.exists(names.manifest) and _is(files, owner.snapshot, held.facts):
        _put_back(files, names)
    files.remove(*names.held.values())


def _read(files: Files, path: Path) -> Manifest | None:
    """The manifest under `path`; None when there is none that is whole."""
    try:
        return decode(files.read(path) or b"")
    except Malformed:
        return None


def _owner(found: Manifest, names: SnapshotPaths) -> SnapshotPaths | None:
    """Whose manifest it is: of `names`, or of the sibling that it names."""
    return next((each for each in (names, *names.other_encodings) if each.snapshot.name == found.facts.path), None)


def _vouches_for(files: Files, drafted: Manifest, owner: SnapshotPaths) -> bool:
    """Are the records and the errors, under the names they have so far, what the draft says they are?"""
    pairs = ((owner.partial, owner.snapshot, drafted.facts), (owner.partial_errors, owner.errors, drafted.errors))
    return all(
        _is(files, unfinished if files.exists(unfinished) else final, facts)
        for unfinished, final, facts in pairs
        if facts is not None
    )


def _is(files: Files, path: Path, facts: FileFacts) -> bool:
    """Is the file there what a manifest says it is?"""
    return files.exists(path) and files.size(path) == facts.bytes and files.digest(path) == facts.sha256


def _published(found: Manifest) -> Published:
    return Published(found.run_id, found.tally, found.organization_id)


def _run_id(files: Files, names: SnapshotPaths) -> str | None:
    header = resume.decode(files.read(names.header) or b"")
    return header.run_id if header else None
