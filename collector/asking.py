"""Ask until there is an answer, and let everybody wait when the server says so.

Theory of operation. One id's failure is its own business: it backs off and is asked for again, a bounded number of
times (`retrying`). Two answers are everybody's. A request to slow down pauses the whole crew, for at least as long
as the server said. A 401 holds the crew back while the request is made once more, alone: if it is refused again the
run ends, having sent at most one request more than were in flight.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio

from collector.account import RequestCount
from collector.errors import AttemptFailed, CollectorError, KeyDoubted, KeyRefused, RunStopped, Throttled, Unforeseen
from collector.limiter import Limiter
from collector.model import Request, Send
from collector.pacing import Pacer
from collector.retrying import Attempts, RetryPolicy, retrying

T = TypeVar("T")

_BEFORE_ASKING_AGAIN = 1.0  # seconds between a 401 and the request that confirms it
_LONGEST_OWN_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Chance:
    """What is not determined: the clock, the waiting and the dice, all replaceable."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    dice: random.Random


class Asker:
    """Makes attempts until one succeeds. One instance a run: the pauses it knows of are everybody's."""

    def __init__(
        self,
        send_unpaced: Send,
        pacer: Pacer,
        limiter: Limiter,
        *,
        policy: RetryPolicy,
        max_pause: float,
        count: RequestCount,
        chance: Chance,
        scrub: Callable[[str], str],
        note: Callable[[str], None],
    ) -> None:
        self._send_unpaced = send_unpaced
        self._pacer = pacer
        self._limiter = limiter
        self._policy = policy
        self._max_pause = max_pause
        self._count = count
        self._chance = chance
        self._scrub = scrub
        self._note = note
        self._doubt = anyio.Lock()
        self._confirmations = 0
        self._episodes = 0

    async def ask(self, attempt: Callable[[int], Awaitable[T]], request: Request) -> T:
        """What `attempt`, which sends `request`, returns when it succeeds; it is told its number, from 1.

        Raises the last `AttemptFailed` when the attempts are spent, and a `CollectorError` that ends the run.
        """
        confirmations = self._confirmations
        try:
            result = await attempt(1)
        except CollectorError:
            raise
        except Exception as error:
            failure = _foreseen(error)
        else:
            self._episodes = 0
            return result
        return await self._ask_again(attempt, request, failure, confirmations)

    async def _ask_again(
        self, attempt: Callable[[int], Awaitable[T]], request: Request, first: AttemptFailed, confirmations: int
    ) -> T:
        attempts = Attempts()

        async def once() -> T:
            # tenacity, which costs more than all of a good reply's way, starts with the failure that called for it.
            nonlocal confirmations
            attempts.made += 1
            failure = first
            if attempts.made > 1:
                self._count.retried += 1
                confirmations = self._confirmations
                try:
                    return await attempt(attempts.made)
                except CollectorError:
                    raise
                except Exception as error:
                    failure = _foreseen(error)
            attempts.failed(failure)
            await self._react(failure, request, attempts.made, confirmations)
            raise failure

        return await retrying(once, attempts, self._policy, sleep=self._chance.sleep, dice=self._chance.dice)

    async def _react(self, failure: AttemptFailed, request: Request, made: int, confirmations: int) -> None:
        failure.attempts = made
        failure.reason = self._scrub(failure.reason)  # a server chose some of these words
        self._note(f"{request.target}: {failure.reason} (attempt {made})")
        if isinstance(failure, Throttled):
            self._pause(failure)
        elif isinstance(failure, KeyDoubted) and confirmations == self._confirmations:
            await self._confirm_key(request, confirmations)

    def _pause(self, throttled: Throttled) -> None:
        self._count.throttled += 1
        now = self._chance.now()
        if throttled.wait:
            if throttled.wait > self._max_pause:
                raise RunStopped(
                    f"the server asks for a pause of {throttled.wait:.0f} s, more than --max-pause "
                    f"{self._max_pause:g}; run again after it"
                )
            seconds = throttled.wait + self._chance.dice.uniform(0, min(5.0, throttled.wait / 10))
        elif self._limiter.is_paused(now):
            return  # asked for before the pause began: the same episode
        else:
            seconds = self._chance.dice.uniform(0.5, 1) * min(_LONGEST_OWN_PAUSE, 2.0**self._episodes)
            self._episodes += 1
        self._limiter.pause(now, seconds)
        self._note(f"all requests pause for {seconds:.1f} s: {throttled.reason}")

    async def _confirm_key(self, request: Request, confirmations: int) -> None:
        async with self._doubt:
            if confirmations != self._confirmations:  # somebody else has asked meanwhile, and the key held
                return
            self._count.retried += 1
            try:
                async with self._pacer.alone(_BEFORE_ASKING_AGAIN):
                    reply = await self._send_unpaced(request)
            except CollectorError:
                raise
            except Exception as error:  # no answer is no verdict: the id's next 401 is confirmed anew
                self._note(f"{request.target}: {_foreseen(error).reason} (to the question about the key)")
                return
            if reply.status == 401:
                raise KeyRefused("the API refuses the key (HTTP 401, twice); check the key, and --base-url")
            if reply.status < 500 and reply.status != 429:  # which would be no verdict either
                self._confirmations += 1


def _foreseen(error: Exception) -> AttemptFailed:
    """The failure as it is, or, when nobody foresaw it, as one that costs its id a record but not the run its end."""
    if isinstance(error, AttemptFailed):
        return error
    at = traceback.extract_tb(error.__traceback__)[-1]  # its own text could hold anything
    return Unforeseen(f"internal error: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}")
