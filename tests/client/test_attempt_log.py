"""The debug log has one line per attempt, without headers or bodies."""

from __future__ import annotations

import pytest

from collector.client.attempt_log import log_attempts
from collector.client.failures import Transient
from collector.client.messages import Reply, Request, Send
from collector.model.errors import ConfigError
from tests.support.clock import Clock, as_clock

REQUEST = Request("/api/connections/1")


def logged_send(end: Reply | Exception, lines: list[str]) -> Send:
    """Return a logged `send` whose attempts end with `end` after 1.5 s."""
    clock = Clock(10.0)

    async def send(request: Request) -> Reply:
        assert request is REQUEST
        clock.time += 1.5
        if isinstance(end, Exception):
            raise end
        return end

    return log_attempts(send, lines.append, as_clock(clock))


async def test_a_reply_is_logged_with_status_bytes_and_seconds_and_returned() -> None:
    lines: list[str] = []
    reply = Reply(404, {"X-Secret": "header"}, b"a body")
    assert await logged_send(reply, lines)(REQUEST) is reply
    assert lines == ["/api/connections/1: HTTP 404, 6 bytes, 1.500 s"]


@pytest.mark.parametrize("error", [Transient("no answer"), ConfigError("no answer")], ids=["attempt", "run"])
async def test_a_failure_is_logged_with_its_type_and_reason_and_raised(error: Exception) -> None:
    lines: list[str] = []
    with pytest.raises(type(error)) as caught:
        await logged_send(error, lines)(REQUEST)
    assert caught.value is error
    assert lines == [f"/api/connections/1: {type(error).__name__}: no answer, 1.500 s"]
