"""What the documents say is what the program does."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import collector
from collector.model.errors import ExitCode
from collector.model.outcome import OutcomeKind
from collector.model.record import FIELDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = "".join(page.read_text() for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])


def block(language: str, containing: str) -> str:
    """The first fenced block of a language that contains some text."""
    found: list[str] = [
        text for text in re.findall(rf"```{language}\n(.*?)```", PAGES, re.DOTALL) if containing in text
    ]
    assert found, f"no {language} block with {containing!r}"
    return found[0]


def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "collector", command, "--help"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_readme_lists_the_keys_of_a_record_in_order() -> None:
    assert tuple(block("text", "_schema").split()) == FIELDS


@pytest.mark.parametrize("script", [".ci/record_reference.py", ".ci/rooms.py"])
def test_a_page_that_is_made_from_the_code_says_what_the_code_says(script: str) -> None:
    done = subprocess.run([sys.executable, script, "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, f"run python {script}"


def test_the_readme_names_every_outcome() -> None:
    assert all(f"`{kind}`" in README for kind in OutcomeKind)


def test_the_readme_names_every_exit_code() -> None:
    named = {int(code) for row in re.findall(r"^\| ([0-9, ]+) \|", README, re.MULTILINE) for code in row.split(",")}
    assert named == {int(code) for code in ExitCode}


@pytest.mark.parametrize("command", ["collect", "sandbox"])
def test_every_flag_of_a_command_line_exists(command: str) -> None:
    """A flag that a page gives to a command stands in that command's --help."""
    blocks = re.findall(r"```(?:sh|cron)\n(.*?)```", PAGES, re.DOTALL)
    lines = [line for text in blocks for line in re.split(r"[\n|]", text)]
    flags = {flag for line in lines if f"collector {command}" in line for flag in re.findall(r"\s(--?[a-z-]+)", line)}
    assert flags
    help_text = help_of(command)
    assert not [flag for flag in flags if not re.search(rf"(?<![\w-]){flag}(?![\w-])", help_text)]


def test_every_flag_named_in_prose_exists() -> None:
    flags = set(re.findall(r"`(--[a-z-]+)", PAGES)) - {
        "--help",
        "--version",
        "--token",
    }  # the last in a secret that is masked
    help_text = "".join(help_of(command) for command in ("collect", "demo", "sandbox", "verify"))
    assert not [flag for flag in flags if flag not in help_text]


def test_the_python_example_compiles_and_uses_public_names() -> None:
    source = block("python", "collector.collect")
    compile(source, "python.md", "exec")
    assert set(re.findall(r"collector\.([A-Za-z_]+)", source)) <= set(collector.__all__)


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "collect_from_python.py"), run_name="__main__")
    assert "'healthy'" in capsys.readouterr().out


def test_public_names_exist_and_are_named_once() -> None:
    assert len(set(collector.__all__)) == len(collector.__all__)
    assert all(hasattr(collector, name) for name in collector.__all__)


def test_the_changelog_speaks_of_this_version_or_of_what_is_to_come() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in changelog or f"## {collector.__version__}" in changelog
