"""The parts that the runs of all organizations have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from collector.governor.common_ceiling import CommonCeiling
from collector.run.assembly import Access
from collector.run.identity import Identity
from collector.run.ids.id_input import IdInput
from collector.run.organizations.organization import Organization
from collector.run.output import RunOutput
from collector.run.output_template import OutputTemplate
from collector.snapshot.checked_manifest import read_published
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import Manifest
from collector.snapshot.sinks.conversion import Converter
from collector.snapshot.sinks.resume import RunHeader
from collector.storage.journal import Turns


@dataclass(frozen=True, slots=True)
class RunContext:
    """The parts that the runs have in common. `now`, in seconds since the epoch, dates their paths.

    With `turns` they write to one stream. Only a plan lacks the `converter`. `continues` an interrupted run: the
    organizations that it has completed are kept.
    """

    identity: Identity
    now: float
    environ: Mapping[str, str]
    ceiling: CommonCeiling
    id_input: IdInput
    turns: Turns | None = None
    continues: bool = False
    converter: Converter | None = None

    @property
    def is_to_stream(self) -> bool:
        """Do all organizations write to one stream?"""
        return self.turns is not None

    def access_of(self, organization: Organization) -> Access:
        """The access of the run of one organization."""
        return Access(organization.header, self.ceiling.member, organization.id, organization.key_source)

    @property
    def own_input(self) -> IdInput:
        """The input of one run: the ids that the user names for the only organization, or an own list for each."""
        return self.id_input if self.id_input.count.lines else IdInput(host=self.id_input.host)

    def continuing(self, header: RunHeader) -> RunContext:
        """The context of runs that continue the interrupted one with this header, under its identity and date."""
        began = datetime.fromisoformat(header.started_at).timestamp()
        return replace(self, identity=Identity(header.run_id, header.started_at), now=began, continues=True)

    def fill(self, path: str) -> str:
        """The path with its placeholders filled in. Raises `UsageError` for an unknown one."""
        return OutputTemplate(path).fill(run_id=self.identity.run_id, now=self.now)

    def output_of(self, organization: Organization, warn: Callable[[str], None]) -> RunOutput:
        """The output of one organization. Raises the errors of `RunOutput`."""
        settings = organization.settings
        return RunOutput(
            settings.output,
            run_id=self.identity.run_id,
            now=self.now,
            backlog=settings.limits.concurrency,
            warn=warn,
            tables=settings.tables.include,
            converter=self.converter,
            turns=self.turns,
            may_be_finished=self.continues,
        )

    def completed_before(self, output: RunOutput) -> tuple[SnapshotPaths, bytes, Manifest] | None:
        """The snapshot at this output, with its manifest, if the interrupted run has published it. Blocks."""
        if not (self.continues and output.sink.is_resumable):
            return None
        paths = SnapshotPaths(Path(output.sink.place(finished=True)))
        found = read_published(paths)
        return (paths, *found) if found and found[1].run_id == self.identity.run_id else None
