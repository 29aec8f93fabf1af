"""The watchdog that ends a blocked process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

import pytest

from collector.run.watchdog import Watchdog
from tests.support.scripted_server import PATIENCE

NEVER = 3600.0


@dataclass
class FakeProcess:
    """A process that would end, and its messages; with `is_stuck` reporting a message blocks."""

    is_stuck: bool = False
    messages: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    exited: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def report(self, text: str) -> None:
        if self.is_stuck:
            self.released.wait(PATIENCE)
        self.messages.append(text)

    def exit_process(self, code: int) -> None:
        self.codes.append(code)
        self.exited.set()

    def watchdog(self) -> Watchdog:
        return Watchdog(self.report, self.exit_process)


def test_at_the_deadline_the_process_ends_with_the_exit_code_and_a_message() -> None:
    process = FakeProcess()
    with process.watchdog() as watchdog:
        watchdog.arm(0.001, 143)
        assert process.exited.wait(PATIENCE)
    assert process.codes == [143]
    assert process.messages == ["the operating system does not respond; exiting now, and data not yet written is lost"]


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_deadline_in_the_past_ends_the_process_immediately(seconds: float) -> None:
    process = FakeProcess()
    with process.watchdog() as watchdog:
        watchdog.arm(seconds, 5)
        assert process.exited.wait(PATIENCE)
    assert process.codes == [5]


@pytest.mark.parametrize("deadlines", [[], [(NEVER, 5)], [(NEVER, 5), (2 * NEVER, 6)]])
def test_leaving_the_context_disarms_the_watchdog(deadlines: list[tuple[float, int]]) -> None:
    process = FakeProcess()
    before = set(threading.enumerate())
    with process.watchdog() as watchdog:
        for seconds, code in deadlines:
            watchdog.arm(seconds, code)
        assert len(set(threading.enumerate()) - before) == 1
    assert not set(threading.enumerate()) - before
    assert (process.codes, process.messages) == ([], [])


def test_an_exception_that_leaves_the_context_disarms_the_watchdog() -> None:
    process = FakeProcess()
    before = set(threading.enumerate())
    with suppress(KeyboardInterrupt), process.watchdog() as watchdog:
        watchdog.arm(NEVER, 5)
        raise KeyboardInterrupt
    assert not set(threading.enumerate()) - before
    assert process.codes == []


@pytest.mark.parametrize("first", ["in the context", "before it"])
@pytest.mark.parametrize(
    "deadlines", [[(NEVER, 5), (0.01, 7)], [(0.01, 7), (NEVER, 5)], [(NEVER, 5), (0.0, 7), (9.9, 8)]]
)
def test_the_earliest_of_several_deadlines_ends_the_process_once(
    deadlines: list[tuple[float, int]], first: str
) -> None:
    process = FakeProcess()
    watchdog = process.watchdog()
    if first == "before it":
        for deadline in deadlines:
            watchdog.arm(*deadline)
    with watchdog:
        if first == "in the context":
            for deadline in deadlines:
                watchdog.arm(*deadline)
        assert process.exited.wait(PATIENCE)
    assert process.codes == [7]


def test_a_message_that_blocks_does_not_delay_the_exit() -> None:
    process = FakeProcess(is_stuck=True)
    with process.watchdog() as watchdog:
        watchdog.arm(0.0, 5)
        assert process.exited.wait(PATIENCE)
    assert (process.codes, process.messages) == ([5], [])
    process.released.set()


def test_a_signal_handler_may_arm_the_watchdog() -> None:
    process = FakeProcess()
    with process.watchdog() as watchdog:

        def handler(number: int, _frame: FrameType | None) -> None:
            watchdog.arm(0.0, 128 + number)

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            signal.raise_signal(signal.SIGUSR1)
            assert process.exited.wait(PATIENCE)
        finally:
            signal.signal(signal.SIGUSR1, before)
    assert process.codes == [128 + signal.SIGUSR1]


STUCK = """
import threading
from collector.run.watchdog import Watchdog

threading.Thread(target=threading.Event().wait).start()
with Watchdog(print) as watchdog:
    watchdog.arm(0.0, 143)
    threading.Event().wait()
"""


def test_a_process_whose_threads_all_block_ends() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], check=False, timeout=PATIENCE, capture_output=True)
    assert (done.returncode, done.stderr) == (143, b"")
