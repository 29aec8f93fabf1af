"""The result of one check: OK, WARN, FAIL or SKIP, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import cast

from collector.model.errors import CollectorError, ExitCode
from collector.model.record import Json


class Level(StrEnum):
    """OK: as it should be. WARN: a run works, with a drawback or later. FAIL: a run fails. SKIP: not checked."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of the check named `check`: a statement (`text`), and `advice` on what to do next.

    `exit_code` is that of a run which fails for this reason. `facts` are the details, for programs.
    """

    check: str
    level: Level
    text: str
    advice: str = ""
    exit_code: int = ExitCode.OK
    facts: Mapping[str, Json] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The text and the advice."""
        return "; ".join(filter(None, (self.text, self.advice)))

    def scrubbed(self, scrub: Callable[[str], str]) -> Finding:
        """The same finding with `scrub` applied to every text in it."""
        facts = cast("Mapping[str, Json]", _scrubbed(self.facts, scrub))
        return replace(self, text=scrub(self.text), advice=scrub(self.advice), facts=facts)


def ok(check: str, text: str, **facts: Json) -> Finding:
    """Everything is as it should be."""
    return Finding(check, Level.OK, text, facts=facts)


def warning(check: str, text: str, advice: str, **facts: Json) -> Finding:
    """A run works, with a drawback or later."""
    return Finding(check, Level.WARN, text, advice, facts=facts)


def failure(check: str, text: str, advice: str, code: ExitCode = ExitCode.USAGE, **facts: Json) -> Finding:
    """A run fails, with this exit code."""
    return Finding(check, Level.FAIL, text, advice, code, facts)


def skipped(check: str, text: str) -> Finding:
    """The check was not made, for this reason."""
    return Finding(check, Level.SKIP, text)


def failure_from(check: str, error: CollectorError, advice: str = "") -> Finding:
    """The failure that an error of a run means. Its message ends with its advice; else `advice` is given."""
    text, separator, last = str(error).rpartition("; ")
    code = ExitCode(error.exit_code)
    return failure(check, text, last, code) if separator else failure(check, last, advice, code)


def exit_code_of(findings: Iterable[Finding]) -> int:
    """The exit code of the first failure; 0 without one."""
    return next((finding.exit_code for finding in findings if finding.level is Level.FAIL), ExitCode.OK)


def _scrubbed(value: object, scrub: Callable[[str], str]) -> object:
    match value:
        case str():
            return scrub(value)
        case Mapping():
            return {key: _scrubbed(member, scrub) for key, member in value.items()}
        case list():
            return [_scrubbed(member, scrub) for member in value]
    return value
