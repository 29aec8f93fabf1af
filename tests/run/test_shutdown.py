"""How a run ends before its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from collector.client.messages import Reply, Request
from collector.model.errors import CollectorError, Interrupted, RunStopped
from collector.run.shutdown import Shutdown
from collector.run.watchdog import Watchdog
from tests.support.clock import Clock, settled
from tests.support.governor_harness import governor, pacer

SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)  # of no meaning to the test runner


class Reluctant(Watchdog):
    """Remembers what it was set to."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, leave=lambda _: None)
        self.orders: list[tuple[float, int]] = []

    def set(self, seconds: float, exit_code: int) -> None:
        self.orders.append((seconds, exit_code))


class Site:
    """A run that waits for ever, as far as it may."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.watchdog = Reluctant()
        self.shutdown = Shutdown(self.warnings.append, SIGNALS, self.watchdog)
        self.sent = 0
        self.land = anyio.Event()
        self.pacer = pacer(self._send, governor(), Clock())

    async def _send(self, _request: Request) -> Reply:
        self.sent += 1
        await self.land.wait()
        return Reply(200, {}, b"")

    async def fly(self) -> None:
        """A request that lands when it is told to."""
        await self.pacer.send(Request("/x"))

    async def workers(self) -> str:
        """Work until it is cancelled; returns by whom."""
        with self.shutdown.run_scope:
            async with anyio.create_task_group() as watchers:
                with anyio.CancelScope() as workers:
                    watchers.start_soon(self.shutdown.drain, self.pacer, workers)
                    self.shutdown.can_drain = True
                    await anyio.sleep_forever()
                watchers.cancel_scope.cancel()
                return "wound down"
        return "cancelled"


@contextmanager
def heard(site: Site) -> Iterator[None]:
    before = [signal.getsignal(signum) for signum in SIGNALS]
    with site.shutdown.signals_heard():
        yield
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


async def check_nothing_starts(site: Site) -> None:
    before = site.sent
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(site.fly)
        await settled()
        assert site.sent == before
        tasks.cancel_scope.cancel()


def reason(site: Site) -> tuple[type[CollectorError], int]:
    found = site.shutdown.reason
    assert found is not None
    return type(found), found.exit_code


async def test_the_first_signal_lets_the_crew_wind_down_and_sets_the_watchdog() -> None:
    site = Site()
    with heard(site):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_later, signal.SIGUSR1)
            assert await site.workers() == "wound down"
    assert reason(site) == (Interrupted, 128 + signal.SIGUSR1)
    assert site.warnings == ["SIGUSR1: stopping; once more to stop at once"]
    assert site.watchdog.orders == [(9.0, 128 + signal.SIGUSR1)]
    await check_nothing_starts(site)


async def test_the_second_signal_cancels_all_though_requests_are_in_flight() -> None:
    site = Site()
    with heard(site):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(site.fly)
            tasks.start_soon(_later, signal.SIGUSR1, signal.SIGUSR2)
            assert await site.workers() == "cancelled"
            assert site.pacer.in_flight == 1
            site.land.set()
    assert reason(site) == (Interrupted, 128 + signal.SIGUSR1)
    assert len(site.warnings) == 1


@pytest.mark.parametrize("by", ["a signal", "the clock"])
async def test_before_there_is_a_crew_the_first_word_cancels_all(by: str) -> None:
    site = Site()
    with heard(site), anyio.fail_after(10), site.shutdown.run_scope:
        if by == "a signal":
            os.kill(os.getpid(), signal.SIGUSR1)
        else:
            await site.shutdown.watch_clock(0)
        await anyio.sleep_forever()
    assert site.shutdown.run_scope.cancelled_caught


async def test_the_clock_lets_the_crew_wind_down_and_a_signal_after_it_is_the_first() -> None:
    site = Site()
    with heard(site):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(site.fly)
            tasks.start_soon(site.shutdown.watch_clock, 0)
            tasks.start_soon(_later, signal.SIGUSR1)

            async def land() -> None:
                while not site.warnings:  # noqa: ASYNC110  # has no event
                    await anyio.sleep(0.001)
                assert site.pacer.in_flight == 1
                site.land.set()

            tasks.start_soon(land)
            assert await site.workers() == "wound down"
    assert reason(site) == (RunStopped, RunStopped.exit_code)
    assert len(site.warnings) == 1


async def test_without_a_limit_the_clock_says_nothing() -> None:
    site = Site()
    await site.shutdown.watch_clock(None)
    assert site.shutdown.reason is None


async def _later(*signums: signal.Signals) -> None:
    for signum in signums:
        await anyio.sleep(0.05)
        os.kill(os.getpid(), signum)
