"""The output of one run: its path, its sink, and the files that earlier runs of the same output left.

A run begins with the path of its own date. If that path has no unfinished run, the run resumes the newest resumable one
of another date instead, and publishes it under that date. It also completes interrupted publications of other dates. It
never quarantines or removes files of another date; every run names them in one warning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from collector.model.errors import Damaged, OutputError, OutputLocked
from collector.model.ids import IdSet
from collector.run.leftovers import Leftover, leftover_warning, leftovers, published_manifests
from collector.run.output_template import OutputTemplate
from collector.run.resume_hint import resume_hint
from collector.run.settings import Output
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.conversion import Converter
from collector.snapshot.sinks.framing import Framing
from collector.snapshot.sinks.prospect import Action, Prospect, prospect_of
from collector.snapshot.sinks.resume import ResumedRun, RunHeader
from collector.snapshot.sinks.sink import Sink
from collector.snapshot.sinks.target import sink_for
from collector.storage.filesystem import FileSystem
from collector.storage.journal import Turns
from collector.storage.overlay import OverlayFileSystem


class RunOutput:
    """The output of a run. Write to `sink`, which `begin` may replace."""

    def __init__(
        self,
        settings: Output,
        *,
        run_id: str,
        now: float,
        backlog: int,
        warn: Callable[[str], None],
        tables: Collection[str] = (),
        converter: Converter | None = None,
        system: FileSystem | None = None,
        turns: Turns | None = None,
        framing: Framing | None = None,
        may_be_finished: bool = False,
    ) -> None:
        """Runs that write to the same stream have the same `turns`. A `framing` turns lines into messages.

        Only a rehearsal may lack the `converter`. The output of a run that continues another one `may_be_finished`.

        Raises `UsageError` or `OutputError` for a path that no run could write to, also for one of side `tables`.
        """
        self._settings = settings
        self._tables = tables
        self._template = OutputTemplate(settings.path)
        self._now = now
        self._backlog = backlog
        self._warn = warn
        self._converter = converter
        self._system = system
        self._turns = turns
        self._framing = framing
        self._may_be_finished = may_be_finished
        self.sink = self._sink_of(self._template.fill(run_id=run_id, now=now), may_be_finished=may_be_finished)

    def _sink_of(self, path: str, *, may_be_finished: bool) -> Sink:
        settings = self._settings
        return sink_for(
            path,
            errors=settings.errors,
            manifest=settings.manifest,
            warn=self._warn,
            backlog=self._backlog,
            resume=settings.resume,
            allow_empty=settings.allow_empty,
            tables=self._tables,
            converter=self._converter,
            system=self._system,
            turns=self._turns,
            framing=self._framing,
            limits=settings.part_limits,
            may_be_finished=may_be_finished,
        )

    @property
    def resume_hint(self) -> str | None:
        """Advice on how to resume this run after it stopped; None if it left no files."""
        return resume_hint(
            self._template,
            self._settings.resume,
            snapshot=self.sink.place(finished=True),
            is_resumable=self.sink.is_resumable,
            has_unfinished_files=self.sink.has_unfinished_files,
        )

    async def begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        """Begin the sink, or replace it with the sink of an earlier run and resume that run.

        Raises the errors of `Sink.begin`.
        """
        if not self.sink.is_resumable:
            return await self.sink.begin(header, ids)
        path = Path(self.sink.place(finished=True))
        found = await to_thread.run_sync(leftovers, self.template, path)
        resumed = await self._resume_earlier(found, path, header, ids) or await self.sink.begin(header, ids)
        used_path = Path(self.sink.place(finished=True))
        if warning := await to_thread.run_sync(leftover_warning, found, self._now, used_path):
            self._warn(warning)
        return resumed

    async def prospect(self, header: RunHeader, ids: IdSet) -> tuple[Path | None, Prospect | None]:
        """The path of the records and what `begin` would do with the files there; None for a stream. Changes no file.

        Marks the ids that the run would not request as done. Raises `OutputError` where the run would.
        """
        if not self.sink.is_resumable:
            return None, None
        overlay = OverlayFileSystem()
        rehearsal = RunOutput(
            self._settings,
            run_id=header.run_id,
            now=self._now,
            backlog=self._backlog,
            warn=lambda _: None,
            tables=self._tables,
            system=overlay,
            may_be_finished=self._may_be_finished,
        )
        try:
            found = await rehearsal._rehearse(header, ids, overlay)
        finally:
            await _close(rehearsal.sink)
        return Path(rehearsal.sink.place(finished=True)), found

    async def _rehearse(self, header: RunHeader, ids: IdSet, overlay: FileSystem) -> Prospect:
        resumed, is_refused = None, False
        try:
            await self.sink.open()
            resumed = await self.begin(header, ids)
        except OutputLocked:
            return Prospect(Action.WAIT)
        except Damaged:
            is_refused = True
        found = await to_thread.run_sync(partial(prospect_of, self.sink, resumed, overlay, is_refused=is_refused))
        if found.action is not Action.PUBLISH:
            return found
        for each in tuple(ids):
            ids.mark_done(each)
        return found._replace(tables=frozenset(self._tables))

    def earlier_manifests(self) -> list[Path]:
        """The manifests of this output, of all dates and run ids, the newest first."""
        if not self.sink.is_resumable:
            return [Path(self._settings.manifest)] if self._settings.manifest else []
        return published_manifests(self.template)

    def manifests_to_compare(self) -> list[Path]:
        """The manifests that the run of this output compares its records with; the first one that exists.

        For a run that was published before, it is its own manifest.
        """
        is_published = self.sink.is_resumable and self.sink.tables is None
        if is_published:
            return [SnapshotPaths(Path(self.sink.place(finished=True))).manifest]
        return self.earlier_manifests()

    @property
    def template(self) -> OutputTemplate:
        """The template of all paths of this output. Without placeholders it is the path with its links resolved."""
        has_placeholders = self._template.is_dated or self._template.has_run_id
        return self._template if has_placeholders else OutputTemplate(self.sink.place(finished=True))

    async def _resume_earlier(
        self, found: Sequence[Leftover], path: Path, header: RunHeader, ids: IdSet
    ) -> ResumedRun | None:
        """Resume an unfinished run of another date and replace the sink; None if there is no resumable run."""
        for leftover in self._resumable_elsewhere(found, path):
            if leftover.is_resumable_by(header, self._settings.resume) or leftover.has_interrupted_publication:
                resumed = await self._resume(leftover, path, header, ids)
                if resumed is not None:
                    return resumed
        return None

    def _resumable_elsewhere(self, found: Sequence[Leftover], path: Path) -> Sequence[Leftover]:
        """The leftovers of other dates that this run may resume, if `path` itself has no unfinished run."""
        has_unfinished = any(leftover.snapshot == path and not leftover.suffix for leftover in found)
        return () if has_unfinished or not self._template.is_dated or self._template.has_run_id else found

    async def _resume(self, leftover: Leftover, path: Path, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        async with AsyncExitStack() as stack:
            sink = self._sink_of(str(leftover.snapshot), may_be_finished=True)
            stack.push_async_callback(_close, sink)
            resumed = await self._open_and_resume(sink, leftover, header, ids)
            if resumed is None:
                return None
            stack.pop_all()
        await _close(self.sink)
        self.sink = sink
        self._warn(
            f"resuming {leftover}: its records will be published as {leftover.snapshot}, not as {path}; "
            "to begin a new run instead, use --resume never"
        )
        return resumed

    async def _open_and_resume(
        self, sink: Sink, leftover: Leftover, header: RunHeader, ids: IdSet
    ) -> ResumedRun | None:
        try:
            await sink.open()
            return await sink.resume(header, ids)
        except OutputLocked:  # that run is still active
            return None
        except (Damaged, OutputError) as error:
            self._warn(f"cannot resume {leftover}: {error}; its files stay unchanged")
            return None


async def _close(sink: Sink) -> None:
    with anyio.CancelScope(shield=True):
        await sink.close()
