"""A snapshot: records in a file that appears under its name whole or not at all, with its errors and its manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path

import orjson
from anyio import to_thread

from collector import journal
from collector.codec import Codec, codec_of
from collector.journal import Journal
from collector.lines import Batch, encode, error_line
from collector.manifest import WriteManifest
from collector.model import Outcome


class SnapshotNames:
    """The names beside an output path; `stem` is its name without `.gz`, `.zst` and `.jsonl`."""

    def __init__(self, path: Path) -> None:
        stem = codec_of(path.name).strip(path.name).removesuffix(".jsonl")
        self.snapshot = path
        self.errors = path.with_name(f"{stem}.errors.jsonl")
        self.manifest = path.with_name(f"{stem}.manifest.json")
        self.partial = path.with_name(f"{path.name}.partial")
        self.partial_run = path.with_name(f"{stem}.partial.run.json")
        self.partial_errors = path.with_name(f"{stem}.partial.errors.jsonl")
        self.partial_manifest = path.with_name(f"{stem}.partial.manifest.json")

    @property
    def beside_partial(self) -> tuple[Path, Path, Path]:
        return self.partial_run, self.partial_errors, self.partial_manifest


class SnapshotSink:
    """Records to a file that appears under its name whole or not at all."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._names = SnapshotNames(path)
        self._warn = warn
        self._errors: Batch | None = None

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    def _open(self) -> None:
        names = self._names
        journal.make_folder(names.snapshot)
        descriptor = journal.claim(names.partial)
        if os.fstat(descriptor).st_size or names.partial_errors.exists():
            self._set_aside()
            fresh = journal.claim(names.partial)
            os.close(descriptor)
            descriptor = fresh
        for path in names.beside_partial:
            journal.remove(path)
        self._batch = Batch(Journal(descriptor, str(names.partial)), codec_of(names.snapshot.name))

    def _set_aside(self) -> None:
        names = self._names
        run_id = _unused(names.partial, _run_id_of(names.partial_run))
        for path in (names.partial, *names.beside_partial):
            if path.exists():
                journal.rename(path, path.with_name(f"{path.name}.{run_id}"))
        self._warn(f"an unfinished run was found and set aside: {names.partial}.{run_id}")

    async def begin(self, head: bytes) -> None:
        await to_thread.run_sync(journal.put, self._names.partial_run, head)

    def put(self, outcome: Outcome) -> None:
        if outcome.record is not None:
            self._batch.put(encode(outcome.record))
            return
        if self._errors is None:
            self._errors = Batch(journal.create(self._names.partial_errors), Codec.PLAIN)
        self._errors.put(error_line(outcome))

    async def flush(self) -> None:
        await self._batch.flush()
        if self._errors is not None:
            await self._errors.flush()

    async def publish(self, write_manifest: WriteManifest) -> None:
        await self._batch.fill()
        await self._settle()
        names = self._names
        content = write_manifest([self._batch.facts(names.snapshot.name)])
        await to_thread.run_sync(self._publish, content)

    def _publish(self, manifest: bytes) -> None:
        # A reader meets the old set, or new data that no manifest vouches for yet; never new data under an old one.
        names = self._names
        drafted = journal.draft(names.manifest, manifest)  # what may fail for lack of space comes first
        journal.remove(names.manifest)
        journal.rename(names.partial, names.snapshot)
        if self._errors is None:
            journal.remove(names.errors)
        else:
            journal.rename(names.partial_errors, names.errors)
        journal.rename(drafted, names.manifest)
        for path in names.beside_partial:
            journal.remove(path)
        # The lock went with the rename: a run that starts between that and here can claim the freed name.
        self._batch.journal.close()

    async def leave(self, write_manifest: WriteManifest) -> None:
        await self._settle()
        names = self._names
        content = write_manifest([self._batch.facts(names.partial.name)])
        await to_thread.run_sync(journal.put, names.partial_manifest, content)
        self._batch.journal.close()

    async def _settle(self) -> None:
        await self._batch.settle()
        if self._errors is not None:
            await self._errors.settle()
            self._errors.journal.close()

    @property
    def is_full(self) -> bool:
        return self._batch.is_full

    @property
    def records(self) -> int:
        return self._batch.records

    def place(self, *, finished: bool) -> str:
        return str(self._names.snapshot if finished else self._names.partial)


def _run_id_of(path: Path) -> str:
    try:
        found = orjson.loads(path.read_bytes()).get("run_id")
    except (OSError, ValueError, AttributeError):
        found = None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9A-Za-z-]+", found) else "unknown-run"


def _unused(path: Path, suffix: str) -> str:
    """`suffix`, or with a number, so that nothing set aside before is overwritten."""
    numbered = (f"{suffix}.{number}" for number in count(2))
    return next(each for each in chain([suffix], numbered) if not path.with_name(f"{path.name}.{each}").exists())
