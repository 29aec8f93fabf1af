"""An output path with placeholders: `{date}` (UTC) and `{run_id}`; `{part}` stays, for numbered parts. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from collector.model.errors import UsageError
from collector.snapshot.layout import QUARANTINE_SUFFIX, RUN_ID
from collector.snapshot.parts import PLACEHOLDER

_PATTERNS: Final = {"{date}": r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "{run_id}": RUN_ID}
_OF_SEVERAL: Final = "{organization_id}"
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")


class OutputTemplate(NamedTuple):
    """An output path whose placeholders are not filled in yet. `option` names it in messages."""

    text: str
    option: str = "--output"

    @property
    def is_dated(self) -> bool:
        """Does the path depend on the day?"""
        return "{date}" in self.text

    @property
    def has_run_id(self) -> bool:
        """Does every run have a different path?"""
        return "{run_id}" in self.text

    def fill(self, *, run_id: str, now: float) -> str:
        """The path for a run that begins at `now`. Raises `UsageError` for an unknown placeholder."""
        known = {"{date}": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}", "{run_id}": run_id}
        if self.option == "--output":
            known[PLACEHOLDER] = PLACEHOLDER
        for unknown in set(_PLACEHOLDER.findall(self.text)) - known.keys():
            is_of_several = unknown == _OF_SEVERAL and self.option == "--output"
            problem = "needs --organizations or [[organizations]]" if is_of_several else "is not a placeholder"
            remedy = "add it, or use" if is_of_several else "use"
            raise UsageError(f"{self.option} {self.text}: {unknown} {problem}; {remedy} {{date}} or {{run_id}}")
        return _PLACEHOLDER.sub(lambda found: known[found[0]], self.text)

    def fill_from_match(self, found: re.Match[str]) -> str:
        """The path with the values that a match of `pattern_of` contains."""
        values = found.groupdict()
        return _PLACEHOLDER.sub(lambda match: values.get(match[0][1:-1], match[0]), self.text)


def pattern_of(path: str) -> re.Pattern[str]:
    """A pattern that matches `path` with any date and run id, and its quarantined names (group `suffix`)."""
    text = re.escape(path)
    for placeholder, pattern in _PATTERNS.items():
        name = placeholder[1:-1]
        escaped = re.escape(placeholder)
        text = text.replace(escaped, f"(?P<{name}>{pattern})", 1).replace(escaped, f"(?P={name})")
    return re.compile(text + QUARANTINE_SUFFIX)
