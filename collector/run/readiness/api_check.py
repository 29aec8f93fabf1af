"""The requests of `collector check`: the health page of a deployment, the caller, and one connection.

A server that does not reply is not asked again. A 401 is confirmed by a second request, as in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from collector.client.address import parse
from collector.client.classify import raise_if_not_final
from collector.client.failures import AttemptFailed
from collector.model.clock import Clock
from collector.model.errors import CollectorError
from collector.polytomic.caller import ME, caller_in
from collector.polytomic.discovery import LIST, first_id
from collector.polytomic.envelope import read_data, require_json
from collector.run.readiness.checks import replies
from collector.run.readiness.checks.caller import API, check_caller, unknown_caller
from collector.run.readiness.checks.finding import Finding, failure_from, skipped
from collector.run.readiness.checks.replies import Answer
from collector.run.readiness.probes.api import ApiProbe
from collector.run.settings import Settings

_CLOUD_HOST: Final = "app.polytomic.com"
_STATUS: Final = "/status.txt"
_CONFIRMATION_DELAY: Final = 1.0  # seconds between a 401 and the request that confirms it
_OF_A_REPLY: Final = (replies.VERSION, replies.CLOCK, replies.LIMITS)
CHECKS: Final = (replies.STATUS, API, *_OF_A_REPLY, replies.READ)
"""The checks that need the API."""


class ApiCheck:
    """Sends the requests and reports the findings. `id_` is the connection to read, else the first of the list."""

    def __init__(
        self, settings: Settings, probe: ApiProbe, report: Callable[[Finding], object], id_: str | None, clock: Clock
    ) -> None:
        self._settings = settings
        self._probe = probe
        self._report = report
        self._id = id_
        self._clock = clock

    async def run(self) -> None:
        """Make the checks. Raises no error of a request."""
        answer = await self._check_status() or await self._check_caller()
        if isinstance(answer, Finding):
            self._report(answer)
            self._skip((*_OF_A_REPLY, replies.READ), "the server did not reply")
            return
        self._report(self._judge_caller(answer))
        self._report(replies.check_version(answer.reply, self._settings.api.version))
        self._report(replies.check_clock(answer))
        self._report(replies.check_limits(answer.reply, answer.received_at, self._settings.limits.rate))
        if replies.refusal(API, answer.reply, answer.received_at) is None:
            await self._check_read()
        else:
            self._skip([replies.READ], "the API refused the request before")

    def _skip(self, checks: Iterable[str], reason: str) -> None:
        for each in checks:
            self._report(skipped(each, reason))

    async def _check_status(self) -> Finding | None:
        """Check the health page, except of the cloud. Returns the failure of the API if there is no reply."""
        if parse(self._settings.api.base_url).host == _CLOUD_HOST:
            return None
        answer = await self._get(API, _STATUS)
        if isinstance(answer, Finding):
            self._skip([replies.STATUS], f"no reply to GET {_STATUS}")
            return answer
        self._report(replies.check_status(answer.reply))
        return None

    async def _check_caller(self) -> Answer | Finding:
        answer = await self._get(API, ME.target)
        if isinstance(answer, Answer) and answer.reply.status == 401:
            await self._clock.sleep(_CONFIRMATION_DELAY)
            return await self._get(API, ME.target)
        return answer

    def _judge_caller(self, answer: Answer) -> Finding:
        reply = answer.reply
        if refused := replies.refusal(API, reply, answer.received_at):
            return refused
        if reply.status != 200:
            return unknown_caller(reply.status)
        try:
            return check_caller(caller_in(reply), self._settings.api.organization_id)
        except AttemptFailed as error:
            return replies.failed_attempt(API, error)

    async def _check_read(self) -> None:
        id_ = self._id or await self._first_id()
        if id_ is not None:
            target = f"{LIST.target}/{id_}"
            self._report(_judge_connection(target, await self._get(replies.READ, target)))

    async def _first_id(self) -> str | None:
        """The first id of the list. Reports the finding if there is none."""
        try:
            reply, id_ = await self._probe.read_beginning(LIST.target, first_id)
            raise_if_not_final(reply, self._clock.wall_time())
        except AttemptFailed as error:
            self._report(replies.failed_attempt(replies.READ, error))
            return None
        except CollectorError as error:
            self._report(failure_from(replies.READ, error))
            return None
        if id_ is None:
            self._report(
                replies.empty_list(LIST.target)
                if reply.status == 200
                else replies.unread(LIST.target, reply.status, is_list=True)
            )
        return id_

    async def _get(self, check: str, target: str) -> Answer | Finding:
        """The answer to one request, or the finding if there is none."""
        try:
            return await self._probe.get(target)
        except AttemptFailed as error:
            return replies.failed_attempt(check, error, is_plain=self._settings.api.base_url.startswith("http:"))
        except CollectorError as error:
            return failure_from(check, error)


def _judge_connection(target: str, answer: Answer | Finding) -> Finding:
    if isinstance(answer, Finding):
        return answer
    if refused := replies.refusal(replies.READ, answer.reply, answer.received_at):
        return refused
    if answer.reply.status != 200:
        return replies.unread(target, answer.reply.status, is_list=False)
    try:
        require_json(answer.reply)
        read_data(answer.reply.body)
    except AttemptFailed as error:
        return replies.failed_attempt(replies.READ, error)
    return replies.check_read(target, answer)
