"""Every request waits for the governor and tells it how it ended: the async shell around its decisions.

Who may not start at once stands in a line, of which only the head sleeps, so that a late awakening never bunches up
those behind it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Final, NamedTuple, TypeVar

import anyio

from collector.client.classify import judge
from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    FailedAttempt,
    KeyDoubted,
    Throttled,
    TimedOut,
    Transient,
    failure_of,
)
from collector.client.messages import Reply, Request, Send
from collector.governor.events import Event, PauseTooLong, TooManyPauses
from collector.governor.governor import Governor, Start, Wait
from collector.governor.rate_limit_headers import Allowance, Quota, allowance, quota
from collector.model.clock import Clock
from collector.model.errors import CollectorError, RunStopped
from collector.model.ledger import RequestCount
from collector.model.throughput import Cause
from collector.model.timestamps import stamp

T = TypeVar("T")
_LOOK = 0.25  # seconds between two looks at how long an outage lasts


class Answer(NamedTuple):
    """What a final reply tells the governor: success, and the limits in its headers."""

    is_success: bool = True
    allowance: Allowance | None = None
    quota: Quota | None = None


_SUCCESS: Final = Answer()


def _success(_result: object) -> Answer:
    return _SUCCESS


class Pacer:
    """Lets requests start one at a time, when the governor says so, first come, first served.

    What `send` replies is judged: a reply that calls for another attempt is a failed attempt. Retries and requests to
    slow down are counted in `count`. `scrub` takes secrets out of the reason of a failure; `tell` hears what the
    governor decides.

    `waited` tells for how many seconds somebody waited to start, by what for.
    """

    def __init__(
        self,
        send: Send,
        governor: Governor,
        *,
        clock: Clock,
        count: RequestCount,
        scrub: Callable[[str], str],
        tell: Callable[[Event], None],
    ) -> None:
        self._send = send
        self._governor = governor
        self._now, self._wall, self._sleep = clock
        self._count = count
        self._scrub = scrub
        self._tell = tell
        self._line: deque[asyncio.Future[Start | None]] = deque()
        self._has_head = False
        self._is_stopped = False
        self._holds = 0
        self._arriving = 0
        self._changed: anyio.Event | None = None  # when somebody waits for something to change
        self.waited: defaultdict[Cause, float] = defaultdict(float)

    @property
    def in_flight(self) -> int:
        """Requests that started and have not ended."""
        return self._governor.in_flight

    def stop(self) -> None:
        """Nothing starts any more."""
        self._is_stopped = True

    async def send(self, request: Request) -> Reply | FailedAttempt:
        """The reply to `request`, sent when its turn comes, or how it failed; its time-outs do not count the wait.

        Raises `RunStopped` when the server asks for too long a pause, or its quota is used up for so long, and every
        `CollectorError` that sending raises.
        """
        # Lets every task that has a reply finish its record before the first of them sends again. Records in a row,
        # then requests in a row, keep the processor's caches warm: about a tenth less work in all, measured.
        await asyncio.sleep(0)
        start = self._start_at_once() or await self._start_in_turn()
        return await self._exchange(request, start, self._send, self._answer_in)

    async def send_alone(self, request: Request, *, after: float) -> Reply | FailedAttempt:
        """As `send`, with everybody else held back from now on, and after so many seconds."""
        self._holds += 1
        try:
            if after:
                await self._sleep(after)
            start = await self._start(is_alone=True)
            return await self._exchange(request, start, self._send, self._answer_in)
        finally:
            self._holds -= 1
            self._wake()

    async def send_by(self, exchange: Callable[[Request], Awaitable[T]], request: Request) -> T | FailedAttempt:
        """As `send`, but it is `exchange` that sends the request and makes something of the reply in its turn."""
        return await self._exchange(request, await self._start_in_turn(), exchange, _success)

    async def _exchange(
        self,
        request: Request,
        start: Start,
        exchange: Callable[[Request], Awaitable[T]],
        answer_in: Callable[[T], Answer],
    ) -> T | FailedAttempt:
        self._count.retried += request.is_retry
        try:
            result = await exchange(request)
            answer = answer_in(result)
        except CollectorError:
            self._dropped(start)
            raise
        except Exception as error:
            failure = failure_of(error, self._scrub)
        except BaseException:
            self._dropped(start)
            raise
        else:
            self._answered(start, answer)
            return result
        return self._failed(start, request, failure)

    def _answer_in(self, reply: Reply) -> Answer:
        """What a reply that is final means to the governor; raises `AttemptFailed` for any other."""
        now = self._wall()
        if reply.status != 200:
            judge(reply, now)
        said = allowance(reply.headers, now)
        if said is None and reply.status == 200:
            return _SUCCESS
        return Answer(reply.status == 200, said, quota(reply.headers) if said else None)

    def _start_at_once(self) -> Start | None:
        """A start, if nobody waits and nothing forbids it."""
        if self._has_head or self._holds or self._is_stopped:
            return None
        granted = self._take()
        return granted if isinstance(granted, Start) else None

    def _take(self) -> Start | Wait:
        try:
            return self._governor.take(self._now())
        except (PauseTooLong, TooManyPauses) as pause:
            raise self._stopped(pause) from None

    def _stopped(self, pause: PauseTooLong | TooManyPauses) -> RunStopped:
        if isinstance(pause, TooManyPauses):
            return RunStopped(
                f"the server asked for {pause.planned:.0f} s of pauses in sum, more than half of the run; "
                f"run again after {self._moment_in(pause.wait)}"
            )
        length, when = ("without end", "much later")
        if pause.wait < inf:
            length, when = f"of {pause.wait:g} s", f"after {self._moment_in(pause.wait)}"
        return RunStopped(
            f"the server asks for a pause {length}, more than --max-pause {pause.longest:g}; run again {when}"
        )

    def _moment_in(self, seconds: float) -> str:
        return stamp(self._wall() + seconds)

    def report(self) -> None:
        """Tell what the governor decided since the last time."""
        while self._governor.events:
            self._tell(self._governor.events.pop(0))

    async def _start_in_turn(self) -> Start:
        if self._has_head and (start := await self._stand_in_line()):
            return start
        self._has_head = True
        try:
            return await self._start()
        finally:
            self._advance()

    async def _stand_in_line(self) -> Start | None:
        """A start, or None for who is at the head of the line now."""
        mine: asyncio.Future[Start | None] = asyncio.get_running_loop().create_future()
        self._line.append(mine)
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it was given something at the very moment
                self._give_back(mine.result())
            raise

    def _advance(self) -> None:
        """The head of the line is gone: all behind who may start do so at once, and the first who may not is the head.

        One start for each turn of the loop would keep a line that has formed once for ever.
        """
        while self._line:
            behind = self._line.popleft()
            if behind.done():  # cancelled
                continue
            granted = None if self._holds or self._is_stopped else self._take()
            if not isinstance(granted, Start):
                behind.set_result(None)
                return
            behind.set_result(granted)
        self._has_head = False

    def _give_back(self, given: Start | None) -> None:
        if given is None:
            self._advance()
        else:
            self._governor.dropped(given, self._now())
            self._wake()

    async def _start(self, *, is_alone: bool = False) -> Start:
        while True:
            if self._is_stopped or (self._holds and not is_alone):
                await self._change()
                continue
            granted = self._take()
            if isinstance(granted, Start):
                return granted
            with self.waiting(granted.cause):
                await (self._change() if granted.seconds == inf else self._sleep(granted.seconds))

    @contextmanager
    def waiting(self, cause: Cause) -> Iterator[None]:
        """What passes inside is counted as waited for that."""
        began = self._now()
        try:
            yield
        finally:
            self.waited[cause] += self._now() - began

    async def _change(self) -> None:
        """Wait until a request has ended, or a hold."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _answered(self, start: Start, answer: Answer) -> None:
        try:
            self._governor.answered(
                start, self._now(), is_success=answer.is_success, allowance=answer.allowance, quota=answer.quota
            )
        except (PauseTooLong, TooManyPauses) as pause:
            raise self._stopped(pause) from None
        finally:
            self._after()

    def _dropped(self, start: Start) -> None:
        self._governor.dropped(start, self._now())
        self._after()

    def _failed(self, start: Start, request: Request, failure: AttemptFailed) -> FailedAttempt:
        try:
            return self._judged(start, request, failure, self._now())
        except (PauseTooLong, TooManyPauses) as pause:
            raise self._stopped(pause) from None
        finally:
            self._after()

    def _after(self) -> None:
        self._wake()
        if self._governor.events:
            self.report()

    def _judged(self, start: Start, request: Request, failure: AttemptFailed, now: float) -> FailedAttempt:
        """Report the failure to the governor and add its decision."""
        failed = FailedAttempt(failure, now - start.at, was_probe=start.is_probe)
        match failure:
            case Throttled():
                self._count.throttled += 1
                failed = failed._replace(
                    refused_at=self._governor.accepted, is_own=self._governor.is_own(start, request.refused_at)
                )
                if failed.is_own:
                    self._governor.refused_alone(start, now)
                else:
                    is_outage = failure.status == 503 or request.is_sole
                    self._governor.refused(start, now, failure.wait, failure.reason, is_outage=is_outage)
            case Transient():
                halts = self._governor.failed(
                    start, now, failure.reason, is_timeout=isinstance(failure, TimedOut), is_sole=request.is_sole
                )
                failed = failed._replace(halts=halts)
            case BadPayload() | KeyDoubted():
                self._governor.answered(start, now, is_success=False)
            case _:
                self._governor.dropped(start, now)
        return failed

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """A body arrives inside. `watch` does not stop the run meanwhile; only the whole body ends an outage."""
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1
            self._governor.arrived(self._now())

    async def watch(self, outage_limit: float) -> None:
        """Raise `RunStopped` when the server has not answered for so many seconds, and no answer is arriving."""
        while True:
            await self._sleep(_LOOK)
            if not self._arriving and (seconds := self._governor.outage(self._now())) > outage_limit:
                raise RunStopped(
                    f"nothing but failures for {seconds:.0f} s, --outage-limit is {outage_limit:g}: "
                    f"{self._governor.last_failure}"
                )
