"""The picture of a demo: drawn from what a terminal received, self-contained, and the same text as its description."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / ".ci" / "draw_demo.py"
PICTURE = ROOT / "docs" / "demo.svg"
SVG = "{http://www.w3.org/2000/svg}"
TABLE = "type                        count  healthy  error  processing  unhealthy  other"


def check(path: Path) -> None:
    source = path.read_bytes()
    root = ET.fromstring(source)  # noqa: S314  # our own picture
    assert len(source) < 60_000
    assert root.findtext(f"{SVG}title") == "collector demo in a terminal"
    described = root.findtext(f"{SVG}desc") or ""
    assert described.startswith("$ collector demo\n")
    assert TABLE in described
    assert "\ntotal                       1,000" in described
    assert described.endswith("collector collect --all -o connections.jsonl")
    shown = "".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert "".join(shown.split()) == "".join(described.split())
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "circle", "text")
    }
    assert source.count(b"http") == 1  # the name space; no address of a font or an image
    assert str(ROOT).encode() not in source


def test_the_picture_in_the_docs_shows_the_end_of_a_demo() -> None:
    check(PICTURE)


def test_a_new_run_makes_such_a_picture(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "demo.svg")], check=True, timeout=120)
    check(tmp_path / "demo.svg")


@pytest.fixture(scope="module")
def draw() -> Callable[[bytes], ET.Element]:
    """Draws what a terminal shows that received these bytes."""
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    return lambda sent: ET.fromstring(script["drawn"](script["screen_after"](sent)))  # noqa: S314  # our own picture


def test_each_phrase_stands_in_its_column_with_its_colour(draw: Callable[[bytes], ET.Element]) -> None:
    phrases = [*draw(b"one two   \x1b[1;32mthree\x1b[0m\r\n<&>\r\n").iter(f"{SVG}text")]
    assert [each.text for each in phrases] == ["one two", "three", "<&>"]
    assert [float(each.get("x", 0)) for each in phrases] == [20, 20 + 8.4 * 10, 20]
    assert len({each.get("y") for each in phrases[:2]}) == 1
    assert (phrases[1].get("class"), phrases[1].get("style")) == ("bold", "fill: #7ee787")


def test_what_a_progress_bar_erases_is_not_drawn(draw: Callable[[bytes], ET.Element]) -> None:
    picture = draw(b"bar 10 %\r\x1b[2Kbar 20 %\r\x1b[2Kdone\r\n\r\n")
    assert [each.text for each in picture.iter(f"{SVG}text")] == ["done"]
