"""A snapshot: records in a file that appears under its name whole or not at all, with its errors and its manifest.

open     the lock is held, from before the first request to the very end
begin    what a crash left half published is completed; an unfinished file is continued or set aside
put, flush …
settle   all that can be kept is on the disk, and counted
publish  the files take their names          └ or leave   they keep their unfinished ones
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from collector import checkpoint, run_head
from collector.account import Tally
from collector.aside import set_aside
from collector.batch import Batch, RecordsAndErrors
from collector.checkpoint import Checkpoint
from collector.codec import Codec, codec_of
from collector.errors import CollectorError, Damaged, OutputError
from collector.files import Files, make_folder, translated
from collector.filesystem import Disk, FileSystem
from collector.ids import IdSet
from collector.journal import Journal
from collector.manifest import WriteManifest
from collector.model import Outcome
from collector.names import SnapshotNames
from collector.publication import complete, publish
from collector.recovery import Recovered, recover
from collector.run_head import Resume, RunHead


class TakenOver(NamedTuple):
    """What an earlier process left: its name and start, and what it had counted.

    `organizations` are those of its records; `is_published` says that nothing is left to do.
    """

    run_id: str
    started_at: str
    tally: Tally
    organizations: tuple[str, ...]
    is_published: bool = False


class SnapshotSink:
    """Records to a file that appears under its name whole or not at all."""

    is_resumable = True

    def __init__(
        self, path: Path, warn: Callable[[str], None], *, resume: Resume = Resume.AUTO, system: FileSystem | None = None
    ) -> None:
        self._names = SnapshotNames(path)
        self._codec = codec_of(path.name)
        self._warn = warn
        self._resume = resume
        self._files = Files(system or Disk())
        self._lines: RecordsAndErrors | None = None
        self._published: Tally | None = None
        self._locks: list[int] = []

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    def _open(self) -> None:
        names = self._names
        make_folder(names.snapshot)
        self._locks.append(self._files.claim(names.lock))
        try:
            if self._files.exists(names.partial):  # held as well, for who knows nothing of the other
                self._locks.append(self._files.claim(names.partial))
        except CollectorError:
            self._release()
            raise

    async def begin(self, head: RunHead, ids: IdSet) -> TakenOver | None:
        return await to_thread.run_sync(self._begin, head, ids)

    def _begin(self, head: RunHead, ids: IdSet) -> TakenOver | None:
        names, files = self._names, self._files
        begun = run_head.decode(files.read(names.head) or b"")
        published = complete(files, names)
        if published and begun and self._may_end_with(head, begun):
            self._published = published.tally
            organizations = (published.organization_id,) if published.organization_id else ()
            return TakenOver(begun.run_id, begun.started_at, published.tally, organizations, is_published=True)
        for unfinished in filter(self._is_unfinished, (*names.siblings, names)):
            try:
                if unfinished is names:
                    return self._continue(head, begun, ids)
                raise Damaged(f"it is of the output {unfinished.snapshot.name}")
            except Damaged as reason:
                if self._resume is Resume.ALWAYS:
                    at = unfinished.partial
                    raise Damaged(f"{at}: {reason}; --resume auto sets it aside and begins anew") from None
                self._set_aside(unfinished, begun, str(reason))
                begun = None  # it was that one's
        self._start(head)
        return None

    def _may_end_with(self, head: RunHead, begun: RunHead) -> bool:
        try:
            head.require_kin(begun, fresh=self._resume is Resume.AUTO)
        except Damaged:
            return False
        return self._resume is not Resume.NEVER

    def _is_unfinished(self, names: SnapshotNames) -> bool:
        if not self._files.exists(names.partial):
            return False
        return self._files.size(names.partial) > 0 or self._files.exists(names.partial_errors)

    def _continue(self, head: RunHead, begun: RunHead | None, ids: IdSet) -> TakenOver:
        if self._resume is Resume.NEVER:
            raise Damaged("--resume never")
        begun = head.require_kin(begun, fresh=self._resume is Resume.AUTO)
        names, descriptor = self._names, self._locks[-1]
        noted = self._files.read(names.checkpoint)
        with translated(names.partial):
            found = recover(
                partial(self._files.system.pread, descriptor),
                self._codec,
                synced=checkpoint.decode(noted or b""),
                is_checkpointed=noted is not None,
                run_id=begun.run_id,
                ids=ids,
            )
            if found.torn:
                self._files.system.truncate(descriptor, found.end)
        if found.torn:
            self._warn(f"{names.partial}: its last {found.torn} bytes were torn and are cut off")
        self._files.remove(names.partial_errors, names.partial_manifest)  # what had failed is asked for again
        self._write_to(descriptor, found)
        return TakenOver(begun.run_id, begun.started_at, found.tally, tuple(found.organizations))

    def _set_aside(self, names: SnapshotNames, begun: RunHead | None, reason: str) -> None:
        place = set_aside(self._files, names, begun.run_id if begun else "unknown-run")
        self._warn(f"an unfinished run was found and set aside: {place} ({reason})")

    def _start(self, head: RunHead) -> None:
        names, files = self._names, self._files
        files.remove(*names.drafts, *names.unfinished)
        files.put(names.checkpoint, b"")
        files.put(names.head, head.encode())
        self._locks.append(files.claim(names.partial))
        with translated(names.partial):
            files.system.fsync_dir(names.partial.parent)
        self._write_to(self._locks[-1], Recovered())

    def _write_to(self, descriptor: int, found: Recovered) -> None:
        names, system = self._names, self._files.system
        records = Journal(
            system, descriptor, str(names.partial), path=names.partial, size=found.end, digest=found.sha256
        )
        self._errors = Journal(
            system,
            partial(self._files.create, names.partial_errors),
            str(names.partial_errors),
            path=names.partial_errors,
        )
        if found.end:  # what was not synced when its process was killed is from now on
            with translated(names.partial):
                system.fdatasync(descriptor)
        self._noted = self._files.create(names.checkpoint)
        self._lines = RecordsAndErrors(
            Batch(records, self._codec, settled=found.tally, on_sync=self._note), Batch(self._errors, Codec.PLAIN)
        )
        if found.end:
            self._note()

    def _note(self) -> None:
        """Write the checkpoint; one that cannot be written is as good as none."""
        system, journal = self._files.system, self._begun.records.journal
        with contextlib.suppress(OSError):
            system.truncate(self._noted, 0)
            system.write(self._noted, Checkpoint(journal.synced, journal.sha256).encode())

    @property
    def _begun(self) -> RecordsAndErrors:
        if self._lines is None:
            raise RuntimeError("begin comes first")
        return self._lines

    def put(self, outcome: Outcome) -> None:
        self._begun.put(outcome)

    @property
    def is_full(self) -> bool:
        return self._begun.is_full

    async def make_room(self) -> None:
        await self._begun.make_room()

    async def flush(self) -> None:
        if self._lines is not None:
            await self._lines.flush()

    async def settle(self, *, is_whole: bool) -> None:
        if self._lines is not None:
            await self._lines.settle(is_whole=is_whole)

    @property
    def settled(self) -> Tally:
        return self._lines.settled if self._lines else self._published or Tally()

    async def publish(self, write_manifest: WriteManifest) -> None:
        await to_thread.run_sync(self._publish, write_manifest)

    def _publish(self, write_manifest: WriteManifest) -> None:
        try:
            if self._published is None:
                for journal in (self._begun.records.journal, self._errors):
                    journal.require_in_place()
                content = write_manifest([self._begun.records.facts(self._names.snapshot.name)])
                publish(self._files, self._names, content)
        finally:
            self._release()

    async def leave(self, write_manifest: WriteManifest) -> None:
        await to_thread.run_sync(self._leave, write_manifest)

    def _leave(self, write_manifest: WriteManifest) -> None:
        try:
            if self._lines:
                content = write_manifest([self._lines.records.facts(self._names.partial.name)])
                self._files.put(self._names.partial_manifest, content)
        finally:
            self._release()

    def _release(self) -> None:
        """Close everything, the lock last. What is to be kept was synced, so that no close can lose it any more."""
        if self._lines:
            self._close(self._noted)
            with contextlib.suppress(OutputError):
                self._errors.close()
        try:
            self._files.remove(self._names.lock)
        finally:
            while self._locks:
                self._close(self._locks.pop())

    def _close(self, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            self._files.system.close(descriptor)

    def place(self, *, finished: bool) -> str:
        return str(self._names.snapshot if finished else self._names.partial)
