"""The part of `collector check` that tries one key: the caller, and one connection."""

from __future__ import annotations

from collector.client.failures import AttemptFailed
from collector.polytomic.caller import ME, Caller, caller_in
from collector.polytomic.discovery import LIST
from collector.polytomic.envelope import read_data, require_json
from collector.run.organizations.organization import Organization
from collector.run.readiness.api_requests import ApiRequests
from collector.run.readiness.checks import replies
from collector.run.readiness.checks.caller import API, check_caller, unknown_caller
from collector.run.readiness.checks.finding import Finding
from collector.run.readiness.checks.organizations import check_member, check_owner
from collector.run.readiness.checks.replies import Answer
from collector.run.readiness.report import Report
from collector.run.readiness.server_check import NO_REPLY, ServerCheck
from collector.run.settings import Settings


class ApiCheck:
    """Tries the key of a run, or that of one `organization` among several.

    `id_` is the connection to read, else the first of the list.
    """

    def __init__(
        self,
        settings: Settings,
        server: ServerCheck,
        report: Report,
        id_: str | None,
        organization: Organization | None = None,
    ) -> None:
        self._settings = settings
        self._server = server
        self._report = report
        self._id = id_
        self._organization = organization
        self.caller: Caller | None = None  # once the API has described it

    async def run(self, api: ApiRequests) -> None:
        """Make the checks. Raises no error of a request."""
        answer = await api.get_confirmed(API, ME.target)
        self._report.add(self._judge_caller(answer) if isinstance(answer, Answer) else answer)
        self._server.judge(answer)
        if isinstance(answer, Finding):
            self._report.skip([replies.READ], NO_REPLY)
        elif replies.refusal(API, answer.reply, answer.received_at) is not None:
            self._report.skip([replies.READ], "the API refused the request before")
        else:
            self._report.add(await self._read(api))

    def _judge_caller(self, answer: Answer) -> Finding:
        reply = answer.reply
        if refused := replies.refusal(API, reply, answer.received_at):
            return refused
        if reply.status != 200:
            return unknown_caller(reply.status)
        try:
            self.caller = caller = caller_in(reply)
        except AttemptFailed as error:
            return replies.failed_attempt(API, error)
        if self._organization is not None:
            return check_member(caller, self._organization.id)
        return check_caller(caller, self._settings.api.organization_id)

    async def _read(self, api: ApiRequests) -> Finding:
        option = "--organization-id" if self._organization is None else "--organizations"
        id_ = self._id or await api.first_id(option)
        if isinstance(id_, Finding):
            return id_
        target = f"{LIST.target}/{id_}"
        answer = await api.get(replies.READ, target)
        return answer if isinstance(answer, Finding) else self._judge_connection(target, answer, option)

    def _judge_connection(self, target: str, answer: Answer, option: str) -> Finding:
        if refused := replies.refusal(replies.READ, answer.reply, answer.received_at):
            return refused
        if answer.reply.status != 200:
            return replies.unread(target, answer.reply.status, is_list=False, option=option)
        try:
            require_json(answer.reply)
            owner = read_data(answer.reply.body).get("organization_id")
        except AttemptFailed as error:
            return replies.failed_attempt(replies.READ, error)
        found = replies.check_read(target, answer)
        return found if self._organization is None else check_owner(found, owner, self._organization.id)
