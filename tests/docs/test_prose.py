"""No sentence of a docstring or of a page opens with What, Who, Whoever, Whatever or Whose, unless it is a question."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = [each for room in ("collector", "tests", "bench", ".ci") for each in sorted((ROOT / room).rglob("*.py"))]

OPENING = re.compile(
    r"""(?: \A\s* | \n\s*\n\s* | \n\s*(?=[-*>]\s|\d+\.\s) | [.!?][)\]"'”`*_]*\s+ )  # where a sentence begins
    (?: [-*>]\s+ | \d+\.\s+ )? [("'“*_]*
    (?P<sentence> (?:What|Who|Whoever|Whatever|Whose)\b (?: [^.!?\n] | [.!?](?!\s|\Z) | \n(?!\s*\n) )* )
    (?P<end> [.!?]? )""",
    re.VERBOSE,
)
NOT_PROSE = re.compile(r"^ *(`{3,}|~{3,}).*?^ *\1|^ *[#|][^\n]*", re.MULTILINE | re.DOTALL)
"""Fenced blocks, headings and rows of tables."""


def offences(text: str) -> Iterator[tuple[int, str]]:
    """Line, from 0, and text of each sentence that opens so and is not a question."""
    for found in OPENING.finditer(text):
        if found["end"] != "?":
            yield text.count("\n", 0, found.start("sentence")), " ".join(found["sentence"].split())[:80]


def of_page(page: Path) -> Iterator[str]:
    return (f"{page.relative_to(ROOT)}:{line + 1}: {sentence}" for line, sentence in offences(prose(page.read_text())))


def prose(text: str) -> str:
    """The sentences of a page; a blank line stands for each line that is left out."""
    return NOT_PROSE.sub(lambda found: "\n" * found[0].count("\n"), text)


def of_module(path: Path) -> Iterator[str]:
    """Offences in docstrings, including those of constants."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for line, sentence in offences(node.value.value):
                yield f"{path.relative_to(ROOT)}:{node.lineno + line}: {sentence}"


def test_no_sentence_of_a_page_opens_with_what_or_who() -> None:
    assert [each for page in PAGES for each in of_page(page)] == []


def test_no_sentence_of_a_docstring_opens_with_what_or_who() -> None:
    assert [each for path in MODULES for each in of_module(path)] == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("What does not fit is cut.", [0]),
        ("Fits.\n\nWhoever asks\nis told. Fine.", [2]),
        ("It fits (mostly). Who asks is told.", [0]),
        ("It fits\nin v1.2. What is\nleft goes.", [1]),
        ("- one\n- What is left\n- three", [1]),
        ("1. Whose key it is decides.", [0]),
        ('He said "no." Whatever comes, goes.', [0]),
        ("**What** matters stays.", [0]),
        ("What is a secret?\nA value that opens something.", []),
        ("Is it so? It says what it does. A man who knows. Whatsoever.", []),
        ("## What comes out\n\n| What | Who |\n|---|---|", []),
        ("What v1.2 does is what?", []),
    ],
)
def test_such_sentences_are_found_with_their_lines(text: str, lines: list[int]) -> None:
    assert [line for line, _ in offences(prose(text))] == lines
