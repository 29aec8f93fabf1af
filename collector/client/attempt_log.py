"""A line for every attempt on the wire, for who looks for what goes wrong: never a header, never a body."""

from __future__ import annotations

from collections.abc import Callable

from collector.client.failures import AttemptFailed
from collector.client.messages import Reply, Request, Send
from collector.model.clock import Clock
from collector.model.errors import CollectorError


def log_attempts(send: Send, log: Callable[[str], None], clock: Clock) -> Send:
    """As `send`, and what became of each request is told: the target, the status or the failure, bytes, seconds."""

    async def send_logged(request: Request) -> Reply:
        began = clock.monotonic()
        try:
            reply = await send(request)
        except (AttemptFailed, CollectorError) as error:
            log(f"{request.target}: {type(error).__name__}: {error}, {clock.monotonic() - began:.3f} s")
            raise
        log(f"{request.target}: HTTP {reply.status}, {len(reply.body)} bytes, {clock.monotonic() - began:.3f} s")
        return reply

    return send_logged
