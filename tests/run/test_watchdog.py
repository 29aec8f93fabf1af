"""Ends the process when nothing else does any more."""

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
class Process:
    """What would end, and what was said before; `is_stuck` keeps the last words from ever getting out."""

    is_stuck: bool = False
    said: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def say(self, text: str) -> None:
        if self.is_stuck:
            self.released.wait(PATIENCE)
        self.said.append(text)

    def leave(self, code: int) -> None:
        self.codes.append(code)
        self.ended.set()

    def watchdog(self) -> Watchdog:
        return Watchdog(self.say, self.leave)


def test_it_ends_the_process_with_the_code_when_the_time_is_over_and_says_why() -> None:
    process = Process()
    with process.watchdog() as watchdog:
        watchdog.set(0.001, 143)
        assert process.ended.wait(PATIENCE)
    assert process.codes == [143]
    assert process.said == ["the system does not answer any more; what is not written yet is lost"]


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_time_that_is_over_already_ends_it_at_once(seconds: float) -> None:
    process = Process()
    with process.watchdog() as watchdog:
        watchdog.set(seconds, 5)
        assert process.ended.wait(PATIENCE)
    assert process.codes == [5]


@pytest.mark.parametrize("orders", [[], [(NEVER, 5)], [(NEVER, 5), (2 * NEVER, 6)]])
def test_the_end_of_the_context_clears_it(orders: list[tuple[float, int]]) -> None:
    process = Process()
    before = set(threading.enumerate())
    with process.watchdog() as watchdog:
        for seconds, code in orders:
            watchdog.set(seconds, code)
        assert len(set(threading.enumerate()) - before) == 1
    assert not set(threading.enumerate()) - before
    assert (process.codes, process.said) == ([], [])


def test_so_does_an_end_that_an_exception_makes() -> None:
    process = Process()
    before = set(threading.enumerate())
    with suppress(KeyboardInterrupt), process.watchdog() as watchdog:
        watchdog.set(NEVER, 5)
        raise KeyboardInterrupt
    assert not set(threading.enumerate()) - before
    assert process.codes == []


@pytest.mark.parametrize("first", ["in the context", "before it"])
@pytest.mark.parametrize("orders", [[(NEVER, 5), (0.01, 7)], [(0.01, 7), (NEVER, 5)], [(NEVER, 5), (0.0, 7), (9.9, 8)]])
def test_of_several_orders_the_earliest_end_counts_once(orders: list[tuple[float, int]], first: str) -> None:
    process = Process()
    watchdog = process.watchdog()
    if first == "before it":
        for order in orders:
            watchdog.set(*order)
    with watchdog:
        if first == "in the context":
            for order in orders:
                watchdog.set(*order)
        assert process.ended.wait(PATIENCE)
    assert process.codes == [7]


def test_last_words_that_get_stuck_do_not_keep_it() -> None:
    process = Process(is_stuck=True)
    with process.watchdog() as watchdog:
        watchdog.set(0.0, 5)
        assert process.ended.wait(PATIENCE)
    assert (process.codes, process.said) == ([5], [])
    process.released.set()


def test_it_may_be_set_from_a_signal_handler() -> None:
    process = Process()
    with process.watchdog() as watchdog:

        def handler(number: int, _frame: FrameType | None) -> None:
            watchdog.set(0.0, 128 + number)

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            signal.raise_signal(signal.SIGUSR1)
            assert process.ended.wait(PATIENCE)
        finally:
            signal.signal(signal.SIGUSR1, before)
    assert process.codes == [128 + signal.SIGUSR1]


STUCK = """
import threading
from collector.run.watchdog import Watchdog

threading.Thread(target=threading.Event().wait).start()
with Watchdog(print) as watchdog:
    watchdog.set(0.0, 143)
    threading.Event().wait()
"""


def test_a_process_whose_threads_are_all_stuck_is_really_gone() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], check=False, timeout=PATIENCE, capture_output=True)
    assert (done.returncode, done.stderr) == (143, b"")
