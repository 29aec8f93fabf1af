"""Prints the findings of `collector check` on standard output: lines for people, or one JSON document.

In a pipe each finding is one line, so that `grep FAIL` shows it whole. A terminal gets at most 80 columns, and colours.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import Final

from collector.cli.stdout import write_lines, writing
from collector.model.control_chars import json_escaped, printable
from collector.model.errors import ExitCode, OutputError
from collector.run.readiness.checks.configuration import DEFAULT
from collector.run.readiness.checks.finding import Finding, Level, exit_code_of
from collector.version import VERSION

FORMAT: Final = "collector.check/1"
_WIDTH: Final = 80
_INDENT: Final = " " * 20  # the level and the name of a check
_OF_SETTINGS: Final = " " * 6
_COLOURS: Final = {Level.OK: "32", Level.WARN: "33", Level.FAIL: "31", Level.SKIP: "2"}


class CheckReport:
    """Prints each finding when it is added, or all of them at the end as JSON."""

    def __init__(self, *, is_json: bool, quiet: bool, verbose: bool) -> None:
        self._findings: list[Finding] = []
        self._is_json = is_json
        self._quiet = quiet
        self._verbose = verbose
        self._output: ExitCode | OutputError = ExitCode.OK

    def add(self, finding: Finding) -> None:
        """Print a finding. A failure to write is kept until the end, so that the checks remove their files."""
        self._findings.append(finding)
        if not self._is_json and (finding.level in {Level.WARN, Level.FAIL} or not self._quiet):
            self._print("\n".join(_lines_of(finding, verbose=self._verbose)))

    def end(self) -> int:
        """Print the result; return the exit code. Raises `OutputError` if standard output refused a write."""
        code = exit_code_of(self._findings)
        if self._is_json:
            self._write(lambda: write_lines([_document(self._findings, code)]))
        elif not self._quiet:
            self._print(_summary(self._findings, code))
        if isinstance(self._output, OutputError):
            raise self._output
        return self._output or code

    def _print(self, text: str) -> None:
        self._write(lambda: writing(lambda: sys.stdout.write(f"{text}\n")))

    def _write(self, write: Callable[[], ExitCode]) -> None:
        if self._output != ExitCode.OK:
            return
        try:
            self._output = write()
        except OutputError as error:
            self._output = error


def _lines_of(finding: Finding, *, verbose: bool) -> Iterator[str]:
    level = f"{finding.level:<5}"
    label = f"{_coloured(level, _COLOURS[finding.level])}{finding.check:<{len(_INDENT) - len(level)}}"
    message = printable(finding.message)
    first, *more = wrap(message, _columns() - len(_INDENT), break_on_hyphens=False) if _is_terminal() else [message]
    yield label + first
    yield from (_INDENT + line for line in more)
    for each in finding.facts.get("settings", ()):
        if verbose or each["origin"] != DEFAULT:
            yield from _detail_lines(f"{each['setting']} = {_value(each['value'])} ({each['origin']})")
    for each in finding.facts.get("organizations", ()) if verbose else ():
        names = [f"{name} = {_value(each[name])}" for name in ("id", "label") if each[name] is not None]
        yield from _detail_lines(f"[[organizations]] {', '.join(names)} (key: {each['key']})")


def _detail_lines(detail: str) -> list[str]:
    text = printable(detail)
    if not _is_terminal():
        return [_OF_SETTINGS + text]
    more = _OF_SETTINGS + "  "
    return wrap(text, _columns(), initial_indent=_OF_SETTINGS, subsequent_indent=more, break_on_hyphens=False)


def _value(value: object) -> str:
    """A value as the configuration file writes it."""
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _summary(findings: list[Finding], code: int) -> str:
    counted = Counter(finding.level for finding in findings)
    counts = ", ".join(f"{counted[level]} {level}" for level in Level if counted[level])
    return f"ready: {counts}" if code == ExitCode.OK else f"not ready (exit code {code:d}): {counts}"


def _document(findings: list[Finding], code: int) -> str:
    checks = [
        {
            "check": finding.check,
            "level": finding.level,
            "text": finding.text,
            "advice": finding.advice or None,
            "facts": finding.facts,
        }
        for finding in findings
    ]
    document = {"format": FORMAT, "version": VERSION, "exit_code": code, "checks": checks}
    return json_escaped(json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")).decode()


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _columns() -> int:
    return max(40, min(_WIDTH, shutil.get_terminal_size().columns))


def _coloured(text: str, colour: str) -> str:
    if not _is_terminal() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"
