"""The self-assessment in docs/explanation/scorecard.md matches the repository, and no page shows a badge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.supply import ROOT

CHECKS = [
    *("Binary-Artifacts", "Branch-Protection", "CI-Tests", "CII-Best-Practices", "Code-Review", "Contributors"),
    *("Dangerous-Workflow", "Dependency-Update-Tool", "Fuzzing", "License", "Maintained", "Packaging"),
    *("Pinned-Dependencies", "SAST", "SBOM", "Security-Policy", "Signed-Releases", "Token-Permissions"),
    *("Vulnerabilities", "Webhooks"),
]
"""All checks that Scorecard documents (docs/checks.md of ossf/scorecard, August 2026)."""

FOLDERS = ("collector", "tests", "bench", "docs", "examples", "requirements", ".ci", ".github")
ROWS = re.findall(
    r"^\| ([\w-]+) \| (holds|host|no) \| (.+) \|$", (ROOT / "docs/explanation/scorecard.md").read_text(), re.MULTILINE
)


def files() -> list[Path]:
    """All files of the repository, without generated ones."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts] + [*ROOT.glob("*.md"), ROOT / "Makefile"]


def test_every_check_has_one_answer() -> None:
    assert [name for name, _, _ in ROWS] == CHECKS


@pytest.mark.parametrize(("name", "by"), [(name, by) for name, state, by in ROWS if state == "holds"])
def test_files_named_by_a_passing_check_exist(name: str, by: str) -> None:
    named = [each for each in re.findall(r"`([^`]+)`", by) if "/" in each or each.isupper() or each.endswith(".md")]
    assert named or name == "Binary-Artifacts"
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_the_tree_contains_no_executable_archive_or_library() -> None:
    magic = (
        b"\x7fELF",
        b"MZ",
        b"PK\x03\x04",
        b"\xca\xfe\xba\xbe",
        b"\xcf\xfa\xed\xfe",
        b"\x00asm",
        b"!<arch>",
        b"\x1f\x8b",
    )
    assert len(files()) > 100
    assert [path for path in files() if path.read_bytes().startswith(magic)] == []


def test_every_download_is_verified_by_hash() -> None:
    """Each `pip install` requires hashes, or installs a local file without its dependencies."""
    commands = [
        line
        for path in (ROOT / "Makefile", ROOT / ".ci/run", *sorted((ROOT / ".github/workflows").glob("*.yml")))
        for line in path.read_text().splitlines()
        if re.search(r"\bpip install\b|\$\(PIP\) |npm |curl |wget ", line)
    ]
    assert len(commands) > 5
    verified = ("--require-hashes", "--no-deps", "$(PIP) -r requirements/")
    assert [line for line in commands if not any(each in line for each in verified)] == []


def test_the_license_file_matches_the_declared_license() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


def test_the_security_policy_covers_reporting_and_limits_of_protection() -> None:
    policy = (ROOT / "SECURITY.md").read_text()
    for title in ("What is not protected", "Supported versions", "How to report a vulnerability"):
        assert f"\n## {title}\n" in policy
    assert "private vulnerability reporting" in policy


def test_the_security_policy_fits_two_pages() -> None:
    assert len((ROOT / "SECURITY.md").read_text().split()) <= 1100


def test_each_best_practices_criterion_has_exactly_one_answer() -> None:
    page = (ROOT / "docs/explanation/best-practices.md").read_text()
    answered = [
        name for row in re.findall(r"^\| ([a-z0-9_, ]+) \| .+ \|$", page, re.MULTILINE) for name in row.split(", ")
    ]
    answered = [name for name in answered if name != "criterion"]
    assert len(answered) == len(set(answered)) == 67


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda path: path.name)
def test_no_page_shows_a_badge(path: Path) -> None:
    assert not re.search(r"!\[[^\]]*\]\(https?://|shields\.io|<img", path.read_text())
