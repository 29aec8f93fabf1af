"""The report of a check: receives the findings, and removes every secret from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from collector.redaction.scrubber import Scrubber
from collector.run.readiness.checks.finding import Finding, Level, skipped
from collector.run.readiness.checks.organizations import named


class Console(NamedTuple):
    """The caller's side of a check: receives findings, the request to type the key, and secrets before their use."""

    report: Callable[[Finding], None]
    prompt: Callable[[str], None]
    hide_secrets: Callable[[Iterable[str]], None]


class Report:
    """Passes findings to the console without secrets. With `name`, that of an organization, each one names it."""

    def __init__(self, console: Console, name: str | None = None, secrets: list[str] | None = None) -> None:
        self._console = console
        self._name = name
        self._secrets = [] if secrets is None else secrets

    def of(self, name: str) -> Report:
        """The report of one organization, which knows the same secrets."""
        return Report(self._console, name, self._secrets)

    def add(self, finding: Finding) -> bool:
        """Report a finding; is it no failure?"""
        shown = finding if self._name is None else named(finding, self._name)
        self._console.report(shown.scrubbed(Scrubber(self._secrets).scrub))
        return finding.level is not Level.FAIL

    def skip(self, checks: Iterable[str], reason: str) -> None:
        """Report that these checks were not made."""
        for each in checks:
            self.add(skipped(each, reason))

    def hide(self, secrets: Iterable[str]) -> None:
        """Remove these texts from all findings and messages from now on."""
        new = list(secrets)
        self._console.hide_secrets(new)
        self._secrets += new

    @property
    def prompt(self) -> Callable[[str], None]:
        """Receives the request to type the key."""
        return self._console.prompt
