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

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from collector import run_head
from collector.account import Tally
from collector.files import Files, translated
from collector.model import Json, OutcomeKind
from collector.names import SnapshotNames, draft_of
from collector.stretches import chunks

_FACTS: Final = (("path", str), ("bytes", int), ("sha256", str))


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
    drafted = _Vouching.read(files, draft_of(names.manifest))
    if drafted and (owner := drafted.owner(names)):
        data = owner.partial if files.exists(owner.partial) else owner.snapshot
        if drafted.is_true_of(files, data):
            _take_names(files, owner, has_errors=drafted.has_errors)
            return drafted.published if owner is names else None
    files.remove(draft_of(names.manifest))
    vouched = _Vouching.read(files, names.manifest)
    owner = vouched.owner(names) if vouched else None
    if vouched and owner and not files.exists(owner.partial) and vouched.published.run_id == _run_id(files, names):
        files.remove(*names.drafts, *owner.unfinished)
        return vouched.published if owner is names else None
    return None


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


class _Vouching(NamedTuple):
    """What a manifest says, as far as it is needed to trust it."""

    published: Published
    name: str
    size: int
    sha256: str

    def owner(self, names: SnapshotNames) -> SnapshotNames | None:
        """Whose manifest it is: of `names`, or of the sibling that it names."""
        return next((each for each in (names, *names.siblings) if each.snapshot.name == self.name), None)

    @property
    def has_errors(self) -> bool:
        return self.published.tally.total > self.published.tally.outcomes[OutcomeKind.OK]

    @classmethod
    def read(cls, files: Files, path: Path) -> _Vouching | None:
        """What the manifest under `path` says; None when there is none that is whole."""
        content = files.read(path)
        try:
            found: Json = orjson.loads(content or b"")
            counted, facts = found["account"]["outcomes"], found["files"][0]
            tally = Tally(
                redactions=_typed(found["redactions"], int),
                unparsed_timestamps=_typed(found.get("unparsed_timestamps", 0), int),
            )
            tally.outcomes.update({kind: count for kind in OutcomeKind if (count := _typed(counted[kind], int))})
            organization_id = _typed(found["source"]["organization_id"], str, type(None))
            published = Published(_typed(found["run_id"], str), tally, organization_id)
            return cls(published, *(_typed(facts[key], kind) for key, kind in _FACTS))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return None

    def is_true_of(self, files: Files, path: Path) -> bool:
        """Is the file there what the manifest says it is?"""
        with translated(path):
            if not files.exists(path):
                return False
            descriptor = files.system.open(path, os.O_RDONLY)
            try:
                if files.system.size(descriptor) != self.size:
                    return False
                digest = hashlib.sha256()
                for chunk in chunks(partial(files.system.pread, descriptor)):
                    digest.update(chunk)
            finally:
                files.system.close(descriptor)
        return digest.hexdigest() == self.sha256


def _typed(value: Json, *kinds: type) -> Json:
    """`value`, if it is of one of these types. Raises TypeError."""
    if type(value) not in kinds:
        raise TypeError
    return value


def _run_id(files: Files, names: SnapshotNames) -> str | None:
    head = run_head.decode(files.read(names.head) or b"")
    return head.run_id if head else None
