"""Locks contain exact pins with hashes, and every runtime distribution was reviewed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply import LOCKS, pins, toml

PIN = re.compile(r"[a-z0-9.-]+==[0-9][A-Za-z0-9.!+]*( ; [a-z_ '\"<>=.!*0-9A-Z]+)?( --hash=sha256:[0-9a-f]{64})+")


def logical_lines(text: str) -> list[str]:
    """The lines of a requirements file: continuation lines joined, whitespace collapsed."""
    joined = text.replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line).strip() for line in joined.splitlines() if line.strip()]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_line_is_one_exact_pin_with_hashes_and_without_a_url(lock: Path) -> None:
    lines = logical_lines(lock.read_text())
    assert lines
    assert [line[:60] for line in lines if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "aiohttp>=3.14.4 --hash=sha256:" + 64 * "a",
        "aiohttp==3.14.4",
        "aiohttp==3.14.* --hash=sha256:" + 64 * "a",
        "aiohttp==3.14.4 --hash=md5:" + 32 * "a",
        "aiohttp @ https://example.com/aiohttp.whl --hash=sha256:" + 64 * "a",
        "--index-url https://example.com/simple",
        "--extra-index-url=file:///simple",
        "-r other.txt",
    ],
)
def test_lines_that_are_not_exact_pins_are_detected(line: str) -> None:
    assert not PIN.fullmatch(line)


def test_there_is_a_lock_for_each_purpose() -> None:
    purposes = {lock.stem for lock in LOCKS if not lock.stem.startswith("engine-")}
    assert purposes == {"audit", "bench", "build", "docs", "engines", "run", "test"}


@pytest.mark.parametrize(("extra", "lock"), [(None, "run"), ("test", "test"), ("bench", "bench"), ("zstd", "test")])
def test_requirements_are_pinned_within_their_bounds(extra: str | None, lock: str) -> None:
    project = toml("pyproject.toml")["project"]
    pinned = pins(lock)
    for line in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line


def test_all_locks_pin_the_same_runtime_versions() -> None:
    assert pins("run").items() <= pins("test").items()
    assert pins("run").items() <= pins("bench").items()


def test_every_distribution_of_a_plain_install_has_been_reviewed() -> None:
    """Review a new distribution and list it in requirements/runtime.toml. Remove one that is no longer installed."""
    reviewed = toml("requirements/runtime.toml")
    assert pins("run").keys() == reviewed["direct"].keys() | reviewed["transitive"].keys()
    assert all(why for part in reviewed.values() for why in part.values())


def test_the_direct_dependencies_are_those_of_the_project() -> None:
    required = {canonicalize_name(Requirement(line).name) for line in toml("pyproject.toml")["project"]["dependencies"]}
    assert required == toml("requirements/runtime.toml")["direct"].keys()


def test_the_check_tools_are_not_in_the_runtime_test_or_build_locks() -> None:
    tools = {"bandit", "cyclonedx-bom", "pip-audit", "uv", "zizmor"}
    assert tools <= pins("audit").keys()
    assert not tools & (pins("run").keys() | pins("test").keys() | pins("build").keys())
