"""Live display of progress at the bottom of a terminal: a bar per run, and messages above the bars.

The loss of the terminal ends the display, not the runs. The first bar imports rich.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from collector.cli.console import message_line, print_message
from collector.cli.stderr import for_terminal
from collector.model.control_chars import printable
from collector.model.ledger import Ledger

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

_PERIOD: Final = 0.15  # seconds between two drawings; each run refreshes every 0.2 s
_NO_TEXTS: Final[dict[str, Any]] = dict.fromkeys(("count_or_table", "rate", "retries", "failed"), "")
_NAME_WIDTH: Final = 16
_NAME_END: Final = 5  # last characters of a longer name that are kept


class _Bar(NamedTuple):
    task: TaskID
    ledger: Ledger


class LiveDisplay:
    """Draws bars from the first one until `close`. If `has_names`, each bar follows a name."""

    def __init__(self, *, has_names: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._has_names = has_names
        self._clock = clock
        self._progress: Progress | None = None
        self._has_ended = False
        self._bars: dict[str, _Bar] = {}
        self._drawn_at = -inf

    def show(self, name: str, ledger: Ledger) -> None:
        self.hide(name)
        self._start()
        if self._progress is not None:
            with self._while_there_is_a_terminal():
                task = self._progress.add_task(shortened(name), **_values(ledger, 0.0))
                self._bars[name] = _Bar(task, ledger)

    def hide(self, name: str) -> None:
        bar = self._bars.pop(name, None)
        if self._progress is not None and bar is not None:
            with self._while_there_is_a_terminal():
                self._progress.remove_task(bar.task)

    def count(self, done: int, total: int) -> None:
        self._start()
        if self._progress is not None:
            with self._while_there_is_a_terminal():
                first = self._progress.task_ids[0]
                self._progress.update(first, completed=done, total=total, count_or_table=f"{done}/{total}")
                self._progress.update(first, visible=True, refresh=True)

    def refresh(self) -> None:
        now = self._clock()
        if self._progress is None or now - self._drawn_at < _PERIOD:
            return
        self._drawn_at = now
        with self._while_there_is_a_terminal():
            seconds = {task.id: task.elapsed or 0.0 for task in self._progress.tasks}
            for task, ledger in self._bars.values():
                self._progress.update(task, **_values(ledger, seconds[task]))
            self._progress.refresh()

    def print(self, text: str) -> None:
        if self._progress is None:
            print_message(text)
            return
        with self._while_there_is_a_terminal():
            self._progress.console.print(message_line(text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self._progress is not None:
            with self._while_there_is_a_terminal():
                for task in self._progress.task_ids:  # `stop` would leave bars that do not fit on the terminal
                    self._progress.remove_task(task)
                self._progress.stop()
        self._end()

    def _start(self) -> None:
        """Draw from now on, if not yet and still possible. The first task is the count of organizations."""
        if self._progress is None and not self._has_ended:
            self._progress = _progress(has_names=self._has_names)
            with self._while_there_is_a_terminal():
                self._progress.add_task("organizations", visible=False, **_NO_TEXTS)
                self._progress.start()

    def _end(self) -> None:
        self._progress = None
        self._has_ended = True

    @contextmanager
    def _while_there_is_a_terminal(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            self._end()


def _progress(*, has_names: bool) -> Progress:
    from rich.console import Console  # noqa: PLC0415  # only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    def text(field: str, column: Column | None = None) -> TextColumn:
        return TextColumn(f"{{task.{field}}}", markup=False, table_column=column)

    bar, left = BarColumn(bar_width=None), TimeRemainingColumn(table_column=Column(no_wrap=True))
    rate, retries, failed, table = map(text, ("fields[rate]", "fields[retries]", "fields[failed]", "fields[table]"))
    columns: tuple[ProgressColumn, ...] = (bar, MofNCompleteColumn(), rate, retries, failed, table, left)
    if has_names:  # leaves no space in 80 columns for a side table beside the count of ids
        name = text("description", Column(no_wrap=True, max_width=_NAME_WIDTH))
        columns = (name, bar, text("fields[count_or_table]"), rate, retries, failed, left)
    return Progress(
        *columns,
        console=Console(file=for_terminal(), emoji=False),  # messages contain text such as :100:
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,  # redirection would draw control characters of other writers
    )


def _values(ledger: Ledger, seconds: float) -> dict[str, Any]:
    """The values of a task of rich. `total` is None while ids are still found."""
    rate = (ledger.done - ledger.resumed) / seconds if seconds else 0.0
    table = f"{ledger.current_table}: {ledger.table_rows} rows" if ledger.current_table else ""
    total = ledger.input.unique if ledger.has_all_ids else None
    return {
        "total": total,
        "completed": ledger.done,
        "count_or_table": table or f"{ledger.done}/{'?' if total is None else total}",
        "rate": f"{rate:.0f}/s",
        "retries": f"{ledger.requests.retried} retries",
        "failed": f"{ledger.failed} failed",
        "table": table,
    }


def shortened(name: str) -> str:
    """`name` in at most 16 characters. A longer one keeps both ends, because either may distinguish it from others."""
    text = printable(name)
    if len(text) <= _NAME_WIDTH:
        return text
    return f"{text[: _NAME_WIDTH - _NAME_END - 3]}...{text[-_NAME_END:]}"
