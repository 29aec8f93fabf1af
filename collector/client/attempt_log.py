"""Debug log: one line for each attempt, never headers or bodies."""

from __future__ import annotations

from collections.abc import Callable

from collector.client.failures import AttemptFailed
from collector.client.messages import Reply, Request, Send
from collector.model.clock import Clock
from collector.model.errors import CollectorError


def log_attempts(send: Send, log: Callable[[str], None], clock: Clock) -> Send:
    """Wrap `send` to log each request: its target, the status or the failure, bytes, seconds."""

    async def send_logged(request: Request) -> Reply:
        started_at = clock.monotonic()
        try:
            reply = await send(request)
        except (AttemptFailed, CollectorError) as error:
            log(f"{request.target}: {type(error).__name__}: {error}, {clock.monotonic() - started_at:.3f} s")
            raise
        log(f"{request.target}: HTTP {reply.status}, {len(reply.body)} bytes, {clock.monotonic() - started_at:.3f} s")
        return reply

    return send_logged
