"""Every attempt is told in a line, without what is in it."""

from __future__ import annotations

import pytest

from collector.client.attempt_log import log_attempts
from collector.client.failures import Transient
from collector.client.messages import Reply, Request, Send
from collector.model.errors import ConfigError
from tests.support.clock import Clock, as_clock

REQUEST = Request("/api/connections/1")


def sending(end: Reply | Exception, told: list[str]) -> Send:
    """What tells of attempts that end so after 1.5 s."""
    clock = Clock(10.0)

    async def send(request: Request) -> Reply:
        assert request is REQUEST
        clock.time += 1.5
        if isinstance(end, Exception):
            raise end
        return end

    return log_attempts(send, told.append, as_clock(clock))


async def test_of_a_reply_the_status_the_bytes_and_the_seconds_are_told_and_it_is_passed_on() -> None:
    told: list[str] = []
    reply = Reply(404, {"X-Secret": "header"}, b"a body")
    assert await sending(reply, told)(REQUEST) is reply
    assert told == ["/api/connections/1: HTTP 404, 6 bytes, 1.500 s"]


@pytest.mark.parametrize("error", [Transient("no answer"), ConfigError("no answer")], ids=["attempt", "run"])
async def test_of_a_failure_its_kind_and_its_reason_are_told_and_it_is_raised(error: Exception) -> None:
    told: list[str] = []
    with pytest.raises(type(error)) as caught:
        await sending(error, told)(REQUEST)
    assert caught.value is error
    assert told == [f"/api/connections/1: {type(error).__name__}: no answer, 1.500 s"]
