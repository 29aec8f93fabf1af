"""Prepares a run of several organizations, or its plan: which they are, and which interrupted run is continued."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from collector.model.ledger import Ledger
from collector.run.observers.organizations_reporter import OrganizationsReporter
from collector.run.organizations.discovery import find_organizations
from collector.run.organizations.file_names import require_disjoint
from collector.run.organizations.index_file import IndexFile
from collector.run.organizations.organization import Organization
from collector.run.organizations.run_context import RunContext
from collector.run.organizations.selection import Selection, require_collectable
from collector.run.run import header_of
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.partition import require_unfinished
from collector.snapshot.sinks.resume import RunHeader
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem


@dataclass(frozen=True, slots=True)
class Preparation:
    """The organizations, at least one, and the context of their runs. `header` is that of the whole run."""

    organizations: list[Organization]
    context: RunContext
    header: RunHeader


async def prepare(
    selection: Selection,
    context: RunContext,
    index: IndexFile | None,
    reporter: OrganizationsReporter,
    ledger: Ledger,
) -> Preparation:
    """Find the organizations, and the interrupted run that is continued. Changes no file.

    `ledger` counts the requests. Raises the errors of `find_organizations`, `UsageError` for files that collide, and
    `Damaged` if the user requires an interrupted run to be continued and it cannot be.
    """
    settings = selection.settings
    organizations = await find_organizations(selection, context, reporter, ledger)
    require_collectable(organizations, has_ids=context.id_input.count.lines > 0)
    digest = await to_thread.run_sync(lambda: selection.digest(context.id_input.ids.digest()))  # it hashes all ids
    header = header_of(settings, context.identity, digest)
    if index is not None and not context.is_to_stream:  # a stream cannot be continued
        interrupted = await to_thread.run_sync(index.find_interrupted, header, settings.output.resume)
        context = context.continuing(interrupted) if interrupted else context
    index_paths = index.paths if index else ()
    require_disjoint(organizations, index_paths, context.fill, is_stream=context.is_to_stream)
    if not (context.continues or context.is_to_stream):  # else finished partitions are kept
        await to_thread.run_sync(_require_unfinished, organizations, context)
    return Preparation(organizations, context, header)


def _require_unfinished(organizations: Sequence[Organization], context: RunContext) -> None:
    """Raise `UsageError` if the partition of an organization is finished, so that the index stays as it is."""
    for organization in organizations:
        paths = SnapshotPaths(Path(context.fill(organization.settings.output.path)))
        if not os.path.lexists(paths.header):  # else its run completes an interrupted publication
            require_unfinished(Files(PosixFileSystem()), paths)
