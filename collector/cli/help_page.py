"""Help pages: plain text of at most 80 columns, with the options of a group in two columns.

cyclopts prints a page in this order: prologue, usage, description, panels, epilogue. Here the prologue holds what the
command does and its examples. The description, one line for the list of commands, would repeat it and is omitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Final, get_origin

if TYPE_CHECKING:  # rich is imported only where a page is printed
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

_WIDTH: Final = 80
_GAP: Final = 2  # before a label, and at least this between a label and its description
_LAST_COLUMN: Final = 26
_OMITTED_DEFAULTS: Final = frozenset({None, "", '""', "False", "()"})


class HelpPage:
    """A formatter for `cyclopts.App`."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print a blank line and one group of commands or options."""
        if panel.entries:
            width = min(_WIDTH, console.width)
            column = _column_of(panel.entries)
            lines = [line for entry in panel.entries for line in _lines_of(entry, column, width)]
            _print(console, "\n".join(["", f"{panel.title}:", *lines]))

    def render_usage(self, console: Console, options: ConsoleOptions, usage: object) -> None:
        """Print `Usage: collector …`."""
        _print(console, f"Usage: {str(usage).removeprefix('Usage: ').strip()}")

    def render_description(self, console: Console, options: ConsoleOptions, description: object) -> None:
        """Omit the description."""


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _column_of(entries: list[HelpEntry]) -> int:
    """The column where descriptions begin; longer labels have a line of their own."""
    widths = [2 * _GAP + len(_label_of(entry)) for entry in entries]
    return max([width for width in widths if width <= _LAST_COLUMN], default=_LAST_COLUMN)


def _lines_of(entry: HelpEntry, column: int, width: int) -> Iterator[str]:
    label = " " * _GAP + _label_of(entry)
    described = wrap(_description_of(entry), max(width - column, _GAP), break_on_hyphens=False) or [""]
    if len(label) + _GAP > column:
        yield label
    else:
        yield label.ljust(column) + described.pop(0)
    for line in described:
        yield " " * column + line


def _label_of(entry: HelpEntry) -> str:
    """`-o, --output PATH`, or the name of a command or of an argument."""
    if entry.positional_label:
        is_list = get_origin(entry.type) is tuple
        return f"{entry.positional_label}..." if is_list else entry.positional_label
    names = ", ".join((*entry.positive_shorts, *entry.positive_names, *entry.negative_names))
    return f"{names} {entry.metavar}" if entry.metavar else names


def _description_of(entry: HelpEntry) -> str:
    described = getattr(entry.description, "primary_renderable", entry.description)
    if entry.default in _OMITTED_DEFAULTS:
        return str(described)
    default = "on" if entry.default == "True" else str(entry.default).removesuffix(".0")
    return f"{described} [{default}]"
