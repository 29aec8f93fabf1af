"""Writes a generated page, or compares it with its expected text."""

from pathlib import Path


def write_or_check(page: Path, text: str, arguments: list[str]) -> int:
    """Write the page, or with `--check` compare it. Returns the exit code: 1 when the page differs from the text."""
    if arguments == ["--check"]:
        return 0 if page.read_text() == text else 1
    page.write_text(text)
    return 0
