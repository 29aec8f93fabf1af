"""The requests of `collector check` with one key, each sent once. A request without a reply is a finding."""

from __future__ import annotations

from typing import Final

from collector.client.classify import raise_if_not_final
from collector.client.failures import AttemptFailed
from collector.model.clock import Clock
from collector.model.errors import CollectorError
from collector.polytomic.discovery import LIST, first_id
from collector.run.readiness.checks import replies
from collector.run.readiness.checks.finding import Finding, failure_from
from collector.run.readiness.checks.replies import Answer
from collector.run.readiness.probes.api import ApiProbe

_CONFIRMATION_DELAY: Final = 1.0  # seconds between a 401 and the request that confirms it


class ApiRequests:
    """Sends requests by `probe`; `is_plain`: over plain http."""

    def __init__(self, probe: ApiProbe, clock: Clock, *, is_plain: bool) -> None:
        self._probe = probe
        self._clock = clock
        self._is_plain = is_plain

    async def get(self, check: str, target: str) -> Answer | Finding:
        """The answer to one request, or the finding of `check` if there is none."""
        try:
            return await self._probe.get(target)
        except AttemptFailed as error:
            return replies.failed_attempt(check, error, is_plain=self._is_plain)
        except CollectorError as error:
            return failure_from(check, error)

    async def get_confirmed(self, check: str, target: str) -> Answer | Finding:
        """The same; a 401 is confirmed by a second request, as in a run."""
        answer = await self.get(check, target)
        if isinstance(answer, Answer) and answer.reply.status == 401:
            await self._clock.sleep(_CONFIRMATION_DELAY)
            return await self.get(check, target)
        return answer

    async def first_id(self, option: str) -> str | Finding:
        """The first id of the list of connections, or the finding if there is none. `option` names organizations."""
        try:
            reply, id_ = await self._probe.read_beginning(LIST.target, first_id)
            raise_if_not_final(reply, self._clock.wall_time())
        except AttemptFailed as error:
            return replies.failed_attempt(replies.READ, error)
        except CollectorError as error:
            return failure_from(replies.READ, error)
        if id_ is not None:
            return id_
        if reply.status == 200:
            return replies.empty_list(LIST.target, option)
        return replies.unread(LIST.target, reply.status, is_list=True)
