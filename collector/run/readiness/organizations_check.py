"""The checks of a run of several organizations, in the order in which it would meet the failures.

selection ─▸ shared key ─▸ ids ─▸ network ─▸ quota ─▸ list of organizations ─▸ each organization ─▸ output

It sends at most three requests for all organizations (the health page, and the list, whose 401 is confirmed) and four
for each, one after another and under one rate, for at most ten. The failure of one organization does not prevent the
checks of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.client.auth.authorization import SharedKey
from collector.client.auth.header import secrets_of
from collector.client.failures import AttemptFailed
from collector.governor.common_ceiling import CommonCeiling
from collector.model.errors import CollectorError
from collector.model.secret import Environment
from collector.polytomic.caller import Caller
from collector.polytomic.organizations import ORGANIZATIONS, page_of
from collector.redaction.scrubber import Scrubber
from collector.run.ids.id_input import IdInput
from collector.run.organizations.organization import Organization
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.organizations.selection import Selection, require_collectable
from collector.run.readiness import server_check
from collector.run.readiness.api_check import ApiCheck
from collector.run.readiness.api_requests import ApiRequests
from collector.run.readiness.checks import organizations as checks
from collector.run.readiness.checks import replies
from collector.run.readiness.checks.caller import API
from collector.run.readiness.checks.finding import Finding, failure_from
from collector.run.readiness.checks.replies import Answer
from collector.run.readiness.input_check import check_fingerprint_key, check_ids
from collector.run.readiness.key_check import check_own_key, check_shared_key
from collector.run.readiness.network_check import check_network
from collector.run.readiness.organizations_output_check import check_organizations_output
from collector.run.readiness.report import Report
from collector.run.readiness.server_check import ServerCheck
from collector.run.settings import Settings

_OF_A_KEY: Final = (API, replies.READ)


class OrganizationsCheck:
    """Checks a run with these settings and the `configured` organizations. Call `run` once."""

    def __init__(
        self,
        settings: Settings,
        configured: Sequence[OrganizationSettings],
        ids: Sequence[str],
        report: Report,
        environ: Environment,
    ) -> None:
        self._settings = settings
        self._configured = tuple(configured)
        self._ids = ids
        self._report = report
        self._environ = environ
        self._owners: dict[str, str] = {}  # the name of the first organization whose key reads this id
        self._server = ServerCheck(settings, report, CommonCeiling(settings.limits.rate).member)

    async def run(self) -> None:
        """Make all checks."""
        selection = self._check_selection()
        key = None
        if selection is not None and selection.needs_shared_key:
            is_for_list = selection.needs_list
            key = await check_shared_key(self._settings, self._report, self._environ, is_for_list=is_for_list)
        check_fingerprint_key(self._settings, self._report)
        id_input = await check_ids(self._settings, self._ids, self._report)
        is_reachable = await check_network(self._settings, self._report.add)
        organizations = await self._check_api(selection, key, id_input, is_reachable=is_reachable)
        await check_organizations_output(self._settings, organizations, self._report)

    def _check_selection(self) -> Selection | None:
        """The selection; None if it is invalid."""
        try:
            selection = Selection(self._settings, self._configured)
            if not selection.needs_list:
                self._report.add(checks.check_configured(selection.organizations(None), len(self._configured)))
        except CollectorError as error:
            self._report.add(failure_from(checks.CHECK, error))
            return None
        return selection

    async def _check_api(
        self, selection: Selection | None, key: SharedKey | None, id_input: IdInput | None, *, is_reachable: bool
    ) -> list[Organization]:
        """Check the API and every key; returns the selected organizations, as far as they are known."""
        obstacle = _obstacle(selection, key, is_reachable=is_reachable)
        if selection is None or obstacle:
            self._report.skip((*server_check.CHECKS, replies.READ), obstacle)
            return [] if selection is None or selection.needs_list else selection.organizations(None)
        found = await self._list(selection, key) if selection.needs_list else selection.organizations(key)
        if not found:
            self._report.skip([replies.READ] if self._server.obstacle else _OF_A_KEY, "the organizations are unknown")
            return []
        id_ = next(iter(id_input.ids), None) if id_input else None
        if problem := _problem(found, id_input):
            self._report.add(problem)
        for organization in found[: checks.MAX_ASKED]:
            await self._check_organization(organization, id_ if len(found) == 1 else None)
        if len(found) > checks.MAX_ASKED:
            self._report.add(checks.not_asked(len(found)))
        self._server.skip_rest("no key could be read")
        return found

    async def _list(self, selection: Selection, key: SharedKey | None) -> list[Organization]:
        """The selected organizations of the API's list; empty if they are unknown."""
        if key is None:  # a list needs the shared key
            return []
        async with self._server.open(self._settings, key.header) as api:
            if api is None:
                self._report.skip([checks.CHECK], self._server.obstacle)
                return []
            found = await self._request_list(selection, key, api)
        if isinstance(found, Finding):
            self._report.add(found)
            return []
        return found

    async def _request_list(
        self, selection: Selection, key: SharedKey, api: ApiRequests
    ) -> list[Organization] | Finding:
        answer = await api.get_confirmed(checks.CHECK, ORGANIZATIONS.target)
        self._server.judge(answer)
        if isinstance(answer, Finding):
            return answer
        if refused := replies.refusal(checks.CHECK, answer.reply, answer.received_at):
            return refused
        return self._select(selection, key, answer)

    def _select(self, selection: Selection, key: SharedKey, answer: Answer) -> list[Organization] | Finding:
        try:
            listed = page_of(answer.reply, Scrubber(secrets_of(key.header))).organizations
            found = selection.organizations(key, listed)
            require_collectable(found, has_ids=False)
        except AttemptFailed as error:
            return replies.failed_attempt(checks.CHECK, error)
        except CollectorError as error:
            return failure_from(checks.CHECK, error)
        self._report.add(checks.check_listed(found, len(listed)))
        return found

    async def _check_organization(self, organization: Organization, id_: str | None) -> None:
        """Try the key of one organization."""
        report = self._report.of(organization.name)
        if self._server.obstacle:
            report.skip(_OF_A_KEY, self._server.obstacle)
            return
        header = organization.header or await check_own_key(organization, report, self._environ)
        if header is None:
            report.skip(_OF_A_KEY, "its key is missing")
            return
        settings = organization.settings
        async with self._server.open(settings, header) as api:
            if api is None:
                report.skip(_OF_A_KEY, self._server.obstacle)
            else:
                check = ApiCheck(settings, self._server, report, id_, organization)
                await check.run(api)
                self._check_twins(organization.name, check.caller)

    def _check_twins(self, name: str, caller: Caller | None) -> None:
        """Warn about the second of two organizations whose keys read the same one."""
        if caller is not None and caller.organization_id is not None:
            first = self._owners.setdefault(caller.organization_id.lower(), name)
            if first != name:
                self._report.add(checks.twins(first, name, caller.organization_id))


def _obstacle(selection: Selection | None, key: SharedKey | None, *, is_reachable: bool) -> str:
    """The reason why no request can be sent; empty if there is none."""
    if selection is None:
        return "the organizations are unknown"
    if selection.needs_shared_key and key is None:
        return "the key is missing"
    return "" if is_reachable else "the host cannot be reached"


def _problem(organizations: Sequence[Organization], id_input: IdInput | None) -> Finding | None:
    """The failure of a run that has ids for several organizations."""
    try:
        require_collectable(organizations, has_ids=bool(id_input and id_input.count.lines))
    except CollectorError as error:
        return failure_from(checks.CHECK, error)
    return None
