"""The output of one run: its path filled in, its sink, and what earlier runs of the same output left.

A run begins with the path of its own date. If that has no unfinished run, the newest one of another date that may be
resumed takes its place, and is published under its own date. An interrupted publication of another date is completed on
the way. Nothing of another date is set aside or removed: it is named, in one warning, by every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
from anyio import to_thread

from collector.model.errors import Damaged, OutputError, OutputLocked
from collector.model.ids import IdSet
from collector.run.leftovers import Leftover, leftovers, warning_of
from collector.run.output_template import OutputTemplate
from collector.run.resume_hint import resume_hint
from collector.run.settings import Output
from collector.snapshot.sinks.resume import ResumedRun, RunHeader
from collector.snapshot.sinks.sink import Sink
from collector.snapshot.sinks.target import sink_for


class RunOutput:
    """Where a run writes. `sink` is the one to use; `begin` may replace it."""

    def __init__(self, settings: Output, *, run_id: str, now: float, backlog: int, warn: Callable[[str], None]) -> None:
        """Raises `UsageError` and `OutputError` for a path that no run could write to."""
        self._settings = settings
        self._template = OutputTemplate(settings.path)
        self._now = now
        self._backlog = backlog
        self._warn = warn
        self.sink = self._sink_of(self._template.fill(run_id=run_id, now=now))

    def _sink_of(self, path: str) -> Sink:
        settings = self._settings
        return sink_for(
            path,
            errors=settings.errors,
            manifest=settings.manifest,
            warn=self._warn,
            backlog=self._backlog,
            resume=settings.resume,
            allow_empty=settings.allow_empty,
        )

    @property
    def resume_hint(self) -> str | None:
        """What to do to resume this run once it stopped; None if it left nothing to resume."""
        return resume_hint(
            self._template,
            self._settings.resume,
            snapshot=self.sink.place(finished=True),
            is_resumable=self.sink.is_resumable,
            has_left=self.sink.has_left,
        )

    async def begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        """Begin the sink, or replace it by that of an earlier run and resume that one. Raises what the sink raises."""
        if not self.sink.is_resumable:
            return await self.sink.begin(header, ids)
        own = Path(self.sink.place(finished=True))
        found = await to_thread.run_sync(leftovers, self._family(own), own)
        taken = await self._resume_earlier(found, own, header, ids) or await self.sink.begin(header, ids)
        used = Path(self.sink.place(finished=True))
        if left := await to_thread.run_sync(warning_of, found, self._now, used):
            self._warn(left)
        return taken

    def _family(self, own: Path) -> OutputTemplate:
        """The paths of this output on any date; `own` is where a link leads."""
        has_family = self._template.is_dated or self._template.has_run_id
        return self._template if has_family else OutputTemplate(str(own))

    async def _resume_earlier(
        self, found: Sequence[Leftover], own: Path, header: RunHeader, ids: IdSet
    ) -> ResumedRun | None:
        """Replace the sink by that of an unfinished run of another date, open and resumed; None if there is none."""
        is_own_unfinished = any(one.snapshot == own and not one.suffix for one in found)
        if is_own_unfinished or not self._template.is_dated or self._template.has_run_id:
            return None
        for one in found:
            if one.may_become(header, self._settings.resume) or one.is_half_published:
                taken = await self._resume(one, own, header, ids)
                if taken is not None:
                    return taken
        return None

    async def _resume(self, one: Leftover, own: Path, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        async with AsyncExitStack() as stack:
            sink = self._sink_of(str(one.snapshot))
            stack.push_async_callback(_close, sink)
            taken = await self._try_to_resume(sink, one, header, ids)
            if taken is None:
                return None
            stack.pop_all()
        await _close(self.sink)
        self.sink = sink
        self._warn(
            f"{one}: is resumed; its records are published as {one.snapshot}, not as {own}; --resume never begins a "
            "new run instead"
        )
        return taken

    async def _try_to_resume(self, sink: Sink, one: Leftover, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        try:
            await sink.open()
            return await sink.resume(header, ids)
        except OutputLocked:  # it runs
            return None
        except (Damaged, OutputError) as reason:
            self._warn(f"{one}: cannot be resumed: {reason}; it is left as it is")
            return None


async def _close(sink: Sink) -> None:
    with anyio.CancelScope(shield=True):
        await sink.close()
