"""The run of one organization among several. Its failure is a value, so it never ends the runs of the others."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from collector.model.errors import CollectorError, Damaged, ExitCode
from collector.model.ledger import Ledger, exit_code_of
from collector.model.outcome import OutcomeKind
from collector.run.observers.reporter import Reporter
from collector.run.organizations.organization import Organization
from collector.run.organizations.run_context import RunContext
from collector.run.output import RunOutput
from collector.run.output_template import OutputTemplate
from collector.run.resume_hint import resume_hint
from collector.run.run import Run
from collector.snapshot.organizations_index import OrganizationResult


class Ending(NamedTuple):
    """How the run of an organization ended, with a text for people, empty if it needs none.

    `organization_id` is that of its records.
    """

    result: OrganizationResult
    text: str
    organization_id: str | None = None


class MemberRun:
    """Collects one organization. Call `execute` once; `stop` ends it early."""

    def __init__(self, organization: Organization, context: RunContext, reporter: Reporter) -> None:
        self._organization = organization
        self._context = context
        self._reporter = reporter
        self._run: Run | None = None
        self._stop_reason: CollectorError | None = None

    def stop(self, reason: CollectorError, immediately: bool) -> None:
        """Request the end of the run: after the requests in flight, or immediately."""
        self._stop_reason = reason
        if self._run is not None:
            self._run.stop(reason, immediately)

    async def execute(self) -> Ending:
        """Collect the organization. Raises no `CollectorError`; a bug is raised as an exception group."""
        try:
            output = self._output()
            if kept := await to_thread.run_sync(self._kept, output):
                return kept
            return await self._collect(output)
        except CollectorError as failure:
            return Ending(self._result(failure.exit_code, str(failure)), _failed(failure, None))

    def _output(self) -> RunOutput:
        return self._context.output_of(self._organization, self._reporter.warn)

    def _kept(self, output: RunOutput) -> Ending | None:
        """The ending of this organization in the interrupted run that this one continues; None if it had not ended."""
        found = self._context.completed_before(output)
        if found is None:
            return None
        paths, content, manifest = found
        result = self._result(manifest.exit_code, None, manifest=content, manifest_path=paths.manifest, is_kept=True)
        text = f"{manifest.status} before the interruption: {paths.snapshot}"
        return Ending(result, text, manifest.organization_id)

    async def _collect(self, output: RunOutput) -> Ending:
        organization, context = self._organization, self._context
        self._run = run = Run(
            *(organization.settings, context.identity, context.own_input, output, self._reporter),
            environ=context.environ,
            access=context.access_of(organization),
        )
        if self._stop_reason is not None:  # since before the run existed
            run.stop(self._stop_reason, immediately=True)
        failure = await run.execute()
        manifest = (
            await to_thread.run_sync(_content_of, run.manifest_path) if output.sink.is_resumable else run.manifest
        )
        exit_code = exit_code_of(run.ledger) if failure is None else failure.exit_code
        result = self._result(
            exit_code,
            None if failure is None else str(failure),
            manifest=manifest,
            manifest_path=run.manifest_path,
            is_kept=manifest not in {None, run.manifest},  # an earlier process wrote it, and was killed soon after
        )
        if result.exit_code == ExitCode.BROKEN_PIPE:
            return Ending(result, "")  # the reader closed the pipe, because it had read enough
        if failure is not None:
            return Ending(result, _failed(failure, None if isinstance(failure, Damaged) else self._hint(run, output)))
        return Ending(result, _finished(run.ledger, organization, run.place(finished=True)), run.organization_id)

    def _hint(self, run: Run, output: RunOutput) -> str | None:
        """Advice on how to resume. Only organizations that were stopped together are continued under their run id."""
        settings = self._organization.settings
        template, sink = OutputTemplate(settings.output.path), output.sink
        if not template.has_run_id or settings.ids.from_list:
            return run.resume_hint
        if self._stop_reason is None:
            return None  # the next run has another path
        return resume_hint(
            OutputTemplate(sink.place(finished=True)),
            settings.output.resume,
            snapshot=sink.place(finished=True),
            is_resumable=sink.is_resumable,
            has_unfinished_files=sink.has_unfinished_files,
        )

    def broken(self) -> Ending:
        """The ending after a bug. The text of the bug may contain a secret, so only the masked output has it."""
        run, bug = self._run, "a bug in collector ended the run"
        manifest, path = (run.manifest or None, run.manifest_path) if run else (None, None)
        result = self._result(ExitCode.BUG, bug, manifest=manifest, manifest_path=path)
        return Ending(result, f"stopped (exit code {ExitCode.BUG:d}): {bug}")

    def _result(
        self,
        exit_code: int,
        error: str | None,
        *,
        manifest: bytes | None = None,
        manifest_path: Path | None = None,
        is_kept: bool = False,
    ) -> OrganizationResult:
        organization = self._organization
        return OrganizationResult(
            *(organization.id, organization.label, organization.title, exit_code, error, manifest, manifest_path),
            is_kept=is_kept,
            requests=self._run.ledger.requests if self._run else None,
        )


def not_started(organization: Organization, reason: CollectorError) -> OrganizationResult:
    """The result of an organization whose turn did not come before the end of the run."""
    return OrganizationResult(
        *(organization.id, organization.label, organization.title, reason.exit_code, str(reason)), is_started=False
    )


def _content_of(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError:
        return None


def _finished(ledger: Ledger, organization: Organization, place: str) -> str:
    counted, owner = ledger.input, f" of {organization.title}" if organization.title else ""
    failed = f", {ledger.failed} not ok" if ledger.failed else ""
    invalid = f", {counted.invalid} invalid lines" if counted.invalid else ""
    resumed = f", {ledger.resumed} taken over from an unfinished run" if ledger.resumed else ""
    return (
        f"{ledger.outcomes[OutcomeKind.OK]} of {counted.unique} connections{owner} in {place}{failed}{invalid}{resumed}"
    )


def _failed(failure: CollectorError, hint: str | None) -> str:
    return f"stopped (exit code {failure.exit_code:d}): {failure}{f'; {hint}' if hint else ''}"
