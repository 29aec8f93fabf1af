"""The checks of the server, each made once with the first key that can be read: quota, health page, version, clock.

A server that never replied is not asked again, also not with another key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from collector.client.address import parse
from collector.client.failures import AttemptFailed
from collector.governor.rate_ceiling import RateCeiling
from collector.governor.shared_quota import has_unknown_state
from collector.model.secret import Secret
from collector.run.assembly import OWN_ACCESS, SYSTEM_CLOCK, open_wire, shared_file
from collector.run.readiness.api_requests import ApiRequests
from collector.run.readiness.checks import quota, replies
from collector.run.readiness.checks.caller import API
from collector.run.readiness.checks.finding import Finding
from collector.run.readiness.checks.replies import Answer
from collector.run.readiness.probes.api import ApiProbe
from collector.run.readiness.report import Report
from collector.run.settings import Settings

_CLOUD_HOST: Final = "app.polytomic.com"
_STATUS: Final = "/status.txt"
_OF_A_REPLY: Final = (replies.VERSION, replies.CLOCK, replies.LIMITS)
CHECKS: Final = (quota.QUOTA, replies.STATUS, API, *_OF_A_REPLY)
"""The checks that need a key and the server."""

NO_REPLY: Final = "the server did not reply"


class ServerCheck:
    """Opens the way to the API for each key. `obstacle` is the reason why no further request can be sent, or empty."""

    def __init__(
        self, settings: Settings, report: Report, share: Callable[[RateCeiling], RateCeiling] = OWN_ACCESS.share
    ) -> None:
        self._settings = settings
        self._report = report
        self._share = share
        self._is_begun = False
        self._is_judged = False
        self._has_replied = False
        self.obstacle = ""

    @asynccontextmanager
    async def open(self, settings: Settings, header: Secret) -> AsyncIterator[ApiRequests | None]:
        """Send requests with this key; None if an obstacle prevents it. The first call makes the first checks.

        Raises `ConfigError`.
        """
        file = shared_file(settings, header)
        was_unknown = file is not None and has_unknown_state(file, SYSTEM_CLOCK.monotonic())
        problems: list[str] = []
        async with open_wire(settings, header, problems.append, self._share) as (transport, ceiling):
            probe = ApiProbe(transport, ceiling, SYSTEM_CLOCK, settings.retry.total_timeout)
            api = ApiRequests(probe, SYSTEM_CLOCK, is_plain=settings.api.base_url.startswith("http:"))
            if not self._is_begun:
                self._is_begun = True
                if await self._check_quota(probe, file, problems, was_unknown=was_unknown):
                    await self._check_status(api)
                else:
                    self._stop(CHECKS[1:], "no permit was available")
            yield None if self.obstacle else api

    async def _check_quota(
        self, probe: ApiProbe, file: Path | None, problems: Sequence[str], *, was_unknown: bool
    ) -> bool:
        try:
            await probe.take_permit()
        except AttemptFailed as error:
            return self._report.add(replies.failed_attempt(quota.QUOTA, error))
        if file is None:
            return self._report.add(quota.unshared(self._settings.limits.rate))
        return self._report.add(quota.check_quota(file, problems[0] if problems else "", was_unknown=was_unknown))

    async def _check_status(self, api: ApiRequests) -> None:
        """Check the health page, except of the cloud. Without a reply, the API fails."""
        if parse(self._settings.api.base_url).host == _CLOUD_HOST:
            return
        answer = await api.get(API, _STATUS)
        if isinstance(answer, Answer):
            self._has_replied = True
            self._report.add(replies.check_status(answer.reply))
            return
        self._report.skip([replies.STATUS], f"no reply to GET {_STATUS}")
        self._report.add(answer)
        self.judge(answer)

    def judge(self, answer: Answer | Finding) -> None:
        """Report what the answer to the first request of the API shows; later answers are ignored."""
        if self._is_judged:
            return
        self._is_judged = True
        if isinstance(answer, Finding):
            self._stop(_OF_A_REPLY, NO_REPLY, is_final=not self._has_replied)
            return
        self._report.add(replies.check_version(answer.reply, self._settings.api.version))
        self._report.add(replies.check_clock(answer))
        self._report.add(replies.check_limits(answer.reply, answer.received_at, self._settings.limits.rate))

    def skip_rest(self, reason: str) -> None:
        """Report that no key was available, if no request was sent."""
        if not self._is_begun:
            self._stop([each for each in CHECKS if each != API], reason)

    def _stop(self, checks: Iterable[str], reason: str, *, is_final: bool = True) -> None:
        self.obstacle = reason if is_final else ""
        self._report.skip(checks, reason)
