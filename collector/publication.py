"""Several files take their names as one: at every step a reader finds the old set, or new data without a manifest.

    unfinished names durable
    draft of the manifest, on the disk     from here on the next start completes what a crash cuts short
    old manifest removed                   old data, nothing vouches for it
    .partial ─▸ snapshot                   new data, nothing vouches for it
    errors renamed, or an old one removed
    draft ─▸ manifest                      the new set
    unfinished names removed, the head last

Each step is durable before the next, and each is skipped when it was done before.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from collector import run_head
from collector.account import Tally
from collector.files import Files, translated
from collector.manifest import BadManifest, Manifest, decode
from collector.model import OutcomeKind
from collector.names import SnapshotNames, draft_of


class Published(NamedTuple):
    """A run that is published: its name, what its manifest accounts for, and whose records they are."""

    run_id: str
    tally: Tally
    organization_id: str | None


def publish(files: Files, names: SnapshotNames, manifest: bytes) -> None:
    """Give the finished files their names, and `manifest` beside them."""
    with translated(names.snapshot):  # the draft must not outlive a crash that the names it vouches for do not
        files.system.fsync_dir(names.snapshot.parent)
    files.draft(names.manifest, manifest)  # what may fail for lack of space comes before anything is touched
    _take_names(files, names, has_errors=files.exists(names.partial_errors))


def complete(files: Files, names: SnapshotNames) -> Published | None:
    """Complete what a crash left half published, be it of `names` or of a sibling; what was published of `names`.

    A draft that does not vouch for the data it stands beside was never published from, and goes.
    """
    drafted = _read(files, draft_of(names.manifest))
    if drafted and (owner := _owner(drafted, names)):
        data = owner.partial if files.exists(owner.partial) else owner.snapshot
        if _vouches_for(files, drafted, data):
            _take_names(files, owner, has_errors=drafted.tally.total > drafted.tally.outcomes[OutcomeKind.OK])
            return _published(drafted) if owner is names else None
    files.remove(draft_of(names.manifest))
    vouched = _read(files, names.manifest)
    if vouched is None or vouched.run_id != _run_id(files, names):
        return None
    owner = _owner(vouched, names)
    if owner is None or files.exists(owner.partial):
        return None
    files.remove(*names.drafts, *owner.unfinished)
    return _published(vouched) if owner is names else None


def _take_names(files: Files, names: SnapshotNames, *, has_errors: bool) -> None:
    files.remove(names.manifest)
    if files.exists(names.partial):
        files.rename(names.partial, names.snapshot)
    if not has_errors:
        files.remove(names.errors)
    elif files.exists(names.partial_errors):
        files.rename(names.partial_errors, names.errors)
    files.rename(draft_of(names.manifest), names.manifest)
    files.remove(*names.drafts, *names.unfinished)


def _read(files: Files, path: Path) -> Manifest | None:
    """The manifest under `path`; None when there is none that is whole."""
    try:
        return decode(files.read(path) or b"")
    except BadManifest:
        return None


def _owner(found: Manifest, names: SnapshotNames) -> SnapshotNames | None:
    """Whose manifest it is: of `names`, or of the sibling that it names."""
    return next((each for each in (names, *names.siblings) if each.snapshot.name == found.facts.path), None)


def _vouches_for(files: Files, found: Manifest, path: Path) -> bool:
    """Is the file there what the manifest says it is?"""
    return files.exists(path) and files.size(path) == found.facts.bytes and files.digest(path) == found.facts.sha256


def _published(found: Manifest) -> Published:
    return Published(found.run_id, found.tally, found.organization_id)


def _run_id(files: Files, names: SnapshotNames) -> str | None:
    head = run_head.decode(files.read(names.head) or b"")
    return head.run_id if head else None
