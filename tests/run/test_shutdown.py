"""How a run stops early."""

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
from tests.support.governor_harness import make_governor, make_pacer

SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)  # unused by the test runner


class RecordingWatchdog(Watchdog):
    """Records its deadlines and never ends the process."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, exit_process=lambda _: None)
        self.deadlines: list[tuple[float, int]] = []

    def arm(self, seconds: float, exit_code: int) -> None:
        self.deadlines.append((seconds, exit_code))


class EndlessRun:
    """A run that lasts until it is stopped."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.watchdog = RecordingWatchdog()
        self.shutdown = Shutdown(self.warnings.append, SIGNALS, self.watchdog)
        self.sent = 0
        self.may_reply = anyio.Event()
        self.pacer = make_pacer(self._send, make_governor(), Clock())

    async def _send(self, _request: Request) -> Reply:
        self.sent += 1
        await self.may_reply.wait()
        return Reply(200, {}, b"")

    async def send_request(self) -> None:
        """Send a request that is answered once `may_reply` is set."""
        await self.pacer.send(Request("/x"))

    async def work(self) -> str:
        """Work until stopped; return how the run ended."""
        with self.shutdown.run_scope:
            async with anyio.create_task_group() as watchers:
                with anyio.CancelScope() as workers:
                    watchers.start_soon(self.shutdown.drain, self.pacer, workers)
                    self.shutdown.can_drain = True
                    await anyio.sleep_forever()
                watchers.cancel_scope.cancel()
                return "drained"
        return "cancelled"


@contextmanager
def handling_signals(run: EndlessRun) -> Iterator[None]:
    before = [signal.getsignal(signum) for signum in SIGNALS]
    with run.shutdown.handle_signals():
        yield
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


async def check_no_request_is_sent(run: EndlessRun) -> None:
    before = run.sent
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.send_request)
        await settled()
        assert run.sent == before
        tasks.cancel_scope.cancel()


def reason(run: EndlessRun) -> tuple[type[CollectorError], int]:
    found = run.shutdown.reason
    assert found is not None
    return type(found), found.exit_code


async def test_the_first_signal_drains_the_workers_and_arms_the_watchdog() -> None:
    run = EndlessRun()
    with handling_signals(run):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_send_signals, signal.SIGUSR1)
            assert await run.work() == "drained"
    assert reason(run) == (Interrupted, 128 + signal.SIGUSR1)
    assert run.warnings == ["SIGUSR1: finishing requests in flight; repeat to stop immediately"]
    assert run.watchdog.deadlines == [(9.0, 128 + signal.SIGUSR1)]
    await check_no_request_is_sent(run)


async def test_the_second_signal_cancels_the_run_despite_requests_in_flight() -> None:
    run = EndlessRun()
    with handling_signals(run):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.send_request)
            tasks.start_soon(_send_signals, signal.SIGUSR1, signal.SIGUSR2)
            assert await run.work() == "cancelled"
            assert run.pacer.in_flight == 1
            run.may_reply.set()
    assert reason(run) == (Interrupted, 128 + signal.SIGUSR1)
    assert len(run.warnings) == 1


@pytest.mark.parametrize("by", ["a signal", "the duration limit"])
async def test_before_the_workers_start_the_first_request_to_stop_cancels_the_run(by: str) -> None:
    run = EndlessRun()
    with handling_signals(run), anyio.fail_after(10), run.shutdown.run_scope:
        if by == "a signal":
            os.kill(os.getpid(), signal.SIGUSR1)
        else:
            await run.shutdown.enforce_max_duration(0)
        await anyio.sleep_forever()
    assert run.shutdown.run_scope.cancelled_caught


async def test_the_duration_limit_drains_the_workers_and_a_later_signal_counts_as_the_first() -> None:
    run = EndlessRun()
    with handling_signals(run):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.send_request)
            tasks.start_soon(run.shutdown.enforce_max_duration, 0)
            tasks.start_soon(_send_signals, signal.SIGUSR1)

            async def reply_after_the_warning() -> None:
                while not run.warnings:  # noqa: ASYNC110  # no event to wait for
                    await anyio.sleep(0.001)
                assert run.pacer.in_flight == 1
                run.may_reply.set()

            tasks.start_soon(reply_after_the_warning)
            assert await run.work() == "drained"
    assert reason(run) == (RunStopped, RunStopped.exit_code)
    assert len(run.warnings) == 1


async def test_without_a_duration_limit_the_run_is_not_stopped() -> None:
    run = EndlessRun()
    await run.shutdown.enforce_max_duration(None)
    assert run.shutdown.reason is None


async def test_forwarded_requests_to_stop_reach_the_receiver_and_do_not_cancel_the_run() -> None:
    run, received, has_all = EndlessRun(), list[tuple[CollectorError, bool]](), anyio.Event()

    def receive(reason: CollectorError, immediately: bool) -> None:
        received.append((reason, immediately))
        if len(received) == 3:
            has_all.set()

    run.shutdown.forward = receive
    with handling_signals(run), anyio.fail_after(10), run.shutdown.run_scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_send_signals, signal.SIGUSR1, signal.SIGUSR2)
            await arrived(received, 1)
            await run.shutdown.enforce_max_duration(0)
            await has_all.wait()
    assert not run.shutdown.run_scope.cancelled_caught
    assert sorted(immediately for _, immediately in received) == [False, False, True]  # only the second signal
    assert {reason for reason, _ in received} == {run.shutdown.reason}
    assert reason(run) == (Interrupted, 128 + signal.SIGUSR1)
    assert len(run.warnings) == 1


async def test_the_duration_limit_is_forwarded_as_a_request_to_drain() -> None:
    run, received = EndlessRun(), list[tuple[CollectorError, bool]]()
    run.shutdown.forward = lambda *each: received.append(each)
    await run.shutdown.enforce_max_duration(0)
    [(found, immediately)] = received
    assert (str(found), immediately) == ("--max-duration 0 s is reached", False)
    assert not run.shutdown.run_scope.cancel_called


async def arrived(received: list[tuple[CollectorError, bool]], count: int) -> None:
    """Wait until this many requests to stop have arrived."""
    while len(received) < count:  # noqa: ASYNC110  # no event to wait for
        await anyio.sleep(0.001)


async def _send_signals(*signums: signal.Signals) -> None:
    for signum in signums:
        await anyio.sleep(0.05)
        os.kill(os.getpid(), signum)
