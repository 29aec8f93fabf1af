"""A page that is made from the code: written, or compared with what it should be."""

from pathlib import Path


def write_or_check(page: Path, text: str, arguments: list[str]) -> int:
    """The exit code: with `--check` 1 when the page does not hold the text, else 0."""
    if arguments == ["--check"]:
        return 0 if page.read_text() == text else 1
    page.write_text(text)
    return 0
