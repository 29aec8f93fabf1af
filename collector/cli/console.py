"""Messages, tables and the summary of a run, for people, on stderr.

A message is always one line. `cli.stderr` masks secrets in all output, so this module does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from collector.cli.stderr import for_terminal
from collector.model.control_chars import printable
from collector.model.ledger import InputCount, Ledger
from collector.model.outcome import OutcomeKind
from collector.model.side_tables import TableStatus
from collector.model.throughput import Throughput
from collector.snapshot.manifest import TableEntry

if TYPE_CHECKING:
    from rich.table import Table

_TABLE_WIDTH = 80


def print_message(text: str) -> None:
    """Print one message on stderr, if stderr is open."""
    _print_line(message_line(text))


def message_line(text: str) -> str:
    """A message as one line, with control characters escaped."""
    return f"collector: {printable(text)}"


def print_command(text: str) -> None:
    """Print a command on stderr as a line to copy."""
    _print_line(f"  {printable(text)}")


def _print_line(line: str) -> None:
    if sys.stderr is None:  # closed before the process began
        return
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def print_table(table: Table) -> None:
    """A table of at most 80 columns on stderr, between blank lines; coloured only on a terminal that has colours."""
    from rich.console import Console  # noqa: PLC0415  # only where a table is printed

    if sys.stderr is None:
        return
    is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    console = Console(
        file=for_terminal() if is_coloured else sys.stderr,
        width=_TABLE_WIDTH,
        force_terminal=is_coloured,
        color_system="standard" if is_coloured else None,
    )
    with suppress(OSError, ValueError):
        console.print()
        console.print(table)
        console.print()


def summary(
    ledger: Ledger, pace: Throughput, *, seconds: float, where: str, tables: Sequence[TableEntry] = ()
) -> list[str]:
    """The summary of a run, one line per item."""
    counted, requests, outcomes = ledger.input, ledger.requests, ledger.outcomes
    failed = [f"{outcomes[kind]} {kind}" for kind in OutcomeKind if kind is not OutcomeKind.OK and outcomes[kind]]
    asked = ledger.done - outcomes[OutcomeKind.NOT_ATTEMPTED] - ledger.resumed
    rate = f" ({asked / seconds:.0f}/s)" if asked and seconds else ""
    done = (
        f"{outcomes[OutcomeKind.OK]} of {counted.unique} connections in {seconds:.1f} s{rate} in {where}",
        *([f"taken over from an unfinished run: {ledger.resumed}"] if ledger.resumed else []),
        f"not ok: {', '.join(failed) or 'none'}",
    )
    return [
        *(done if counted.unique else [f"nothing collected in {seconds:.1f} s"]),
        *([_input_line(counted)] if counted.lines else []),
        *([f"side tables: {', '.join(map(_table_text, tables))}"] if tables else []),
        f"requests: {requests.sent} sent, {requests.retried} retried, {requests.throttled} throttled, "
        f"{pace.paused_s:.1f} s paused",
        *_pace_lines(pace),
    ]


def _input_line(count: InputCount) -> str:
    filtered = "" if count.filtered is None else f", {count.filtered} left out by filters"
    parts = f"{count.duplicates} duplicate, {count.invalid} invalid, {count.blank} blank{filtered}"
    return f"input: {count.lines} lines, {parts}"


def _table_text(entry: TableEntry) -> str:
    """`policies 12`, or `users 0 (unavailable)`."""
    state = "" if entry.status is TableStatus.COMPLETE else f" ({entry.status})"
    return f"{entry.table} {entry.file.records}{state}"


def _pace_lines(pace: Throughput) -> list[str]:
    """`limited by: server 73 %, own rate 20 %, latency 7 %`, the pauses, and the rate that the server allows."""
    shares = [f"{cause} {100 * share:.0f} %" for cause, share in pace.limited_by.items() if round(100 * share)]
    pauses = [f"{count} for {reason}" for reason, count in pace.pauses.items()]
    return [
        *([f"limited by: {', '.join(shares)}"] if shares else []),
        *([f"pauses: {', '.join(pauses)}"] if pauses else []),
        *([f"the server was found to allow {pace.settled_rate:.1f} requests a second"] if pace.settled_rate else []),
    ]
