"""The plan of a run of several organizations: that of each, and what they have in common.

Sends the request for the list of organizations, if they come from it, and at most one for each organization's list of
connections. Changes no file except that of the shared quota.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anyio import to_thread

from collector.model.errors import CollectorError, ExitCode
from collector.model.ledger import Ledger
from collector.model.record import Json
from collector.model.secret import Environment
from collector.run.assembly import common_ceiling
from collector.run.identity import new_identity
from collector.run.ids.id_input import IdInput
from collector.run.observers.organizations_reporter import OrganizationsReporter
from collector.run.organizations.concurrent_map import map_concurrently
from collector.run.organizations.file_names import require_placeholder
from collector.run.organizations.index_file import index_of
from collector.run.organizations.organization import Organization
from collector.run.organizations.preparation import prepare
from collector.run.organizations.run_context import RunContext
from collector.run.organizations.selection import Selection
from collector.run.plan import Plan, make_plan
from collector.run.run import header_of
from collector.snapshot.organizations_index import common_exit_code
from collector.snapshot.sinks.target import is_stream
from collector.storage.journal import Turns


@dataclass(frozen=True, slots=True)
class OrganizationPlan:
    """The plan of one organization.

    `plan` is None if the organization would fail with `error`, or if an interrupted run that is continued has completed
    it (`is_kept`).
    """

    organization: Organization
    plan: Plan | None = None
    error: str | None = None
    exit_code: int = ExitCode.OK
    is_kept: bool = False

    def as_json(self) -> dict[str, Json]:
        """The plan as a part of a JSON document."""
        return {
            "id": self.organization.id,
            "label": self.organization.label,
            "name": self.organization.title,
            "kept": self.is_kept,
            "error": self.error,
            "exit_code": int(self.exit_code),
            "plan": self.plan.as_json() if self.plan else None,
        }


@dataclass(frozen=True, slots=True)
class OrganizationsPlan:
    """The plan of all organizations. `lists` counts requests for the list of organizations.

    `continued` is the id of the interrupted run that is continued, if any; `index` the file of the index, if any. If it
    `is_locked`, another run holds it.
    """

    organizations: Sequence[OrganizationPlan]
    lists: int
    ceiling: float
    at_once: int
    index: Path | None
    continued: str | None
    is_locked: bool

    @property
    def exit_code(self) -> int:
        """0 if every organization has a plan, the common exit code if all fail alike, else 3."""
        return common_exit_code([each.exit_code for each in self.organizations])

    @property
    def requests(self) -> int:
        """All requests, without retries."""
        return self.lists + sum(each.plan.requests for each in self.organizations if each.plan)

    @property
    def seconds(self) -> float | None:
        """The time of all requests at the ceiling, which they have in common; None without a ceiling."""
        return self.requests / self.ceiling if self.ceiling else None

    def as_json(self) -> dict[str, Json]:
        """The plan as a JSON document."""
        return {
            "format": "collector.organizations-plan/1",
            "requests": {"organizations": self.lists, "total": self.requests},
            "at_ceiling": {"rate": self.ceiling, "seconds": self.seconds},
            "organizations_at_once": self.at_once,
            "index": str(self.index) if self.index else None,
            "continues": self.continued,
            "locked": self.is_locked,
            "organizations": [each.as_json() for each in self.organizations],
        }


async def plan_organizations(
    selection: Selection, id_input: IdInput, reporter: OrganizationsReporter, *, environ: Mapping[str, str]
) -> OrganizationsPlan:
    """Plan a run of several organizations. Raises the errors that would prevent it."""
    now, is_to_stream = time.time(), is_stream(selection.settings.output.path)
    require_placeholder(selection.settings.output, is_stream=is_to_stream)
    with closing(common_ceiling(selection.settings, reporter.warn)) as ceiling:
        context = RunContext(
            *(new_identity(now), now, Environment(environ), ceiling, id_input),
            turns=Turns() if is_to_stream else None,
        )
        return await _plan_all(selection, context, reporter)


async def _plan_all(selection: Selection, context: RunContext, reporter: OrganizationsReporter) -> OrganizationsPlan:
    settings, run_id = selection.settings, context.identity.run_id
    index = index_of(settings.output, reporter.warn, run_id=run_id, now=context.now, is_stream=context.is_to_stream)
    prepared = await prepare(selection, context, index, reporter, Ledger())
    at_once = settings.limits.organizations_at_once
    plan = partial(_plan, prepared.context, reporter)
    return OrganizationsPlan(
        await map_concurrently(prepared.organizations, at_once, plan),
        lists=int(selection.needs_list),
        ceiling=settings.limits.rate,
        at_once=at_once,
        index=index.path if index else None,
        continued=prepared.context.identity.run_id if prepared.context.continues else None,
        is_locked=index is not None and await to_thread.run_sync(lambda: index.is_locked),
    )


async def _plan(context: RunContext, reporter: OrganizationsReporter, organization: Organization) -> OrganizationPlan:
    settings, run_reporter = organization.settings, reporter.of(organization.name)
    try:
        output = context.output_of(organization, run_reporter.warn)
        if await to_thread.run_sync(context.completed_before, output):
            return OrganizationPlan(organization, is_kept=True)
        plan = await make_plan(
            settings,
            context.own_input,
            output,
            header_of(settings, context.identity),
            reporter=run_reporter,
            environ=context.environ,
            access=context.access_of(organization),
        )
    except CollectorError as failure:
        return OrganizationPlan(organization, error=str(failure), exit_code=failure.exit_code)
    return OrganizationPlan(organization, plan)
