"""Each lock names what it brings exactly, with hashes, and the runtime brings nothing that nobody looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply import LOCKS, pins, toml

PIN = re.compile(r"[a-z0-9.-]+==[0-9][A-Za-z0-9.!+]*( ; [a-z_ '\"<>=.!0-9A-Z]+)?( --hash=sha256:[0-9a-f]{64})+")


def logical_lines(text: str) -> list[str]:
    """The lines of a requirements file, continued ones joined, each run of spaces as one."""
    joined = text.replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line).strip() for line in joined.splitlines() if line.strip()]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_line_is_one_exact_pin_with_hashes_and_without_an_address(lock: Path) -> None:
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
def test_what_is_no_pin_would_be_seen(line: str) -> None:
    assert not PIN.fullmatch(line)


def test_there_is_a_lock_for_each_purpose() -> None:
    assert {lock.stem for lock in LOCKS} == {"audit", "bench", "build", "docs", "engines", "run", "test"}


@pytest.mark.parametrize(("extra", "lock"), [(None, "run"), ("test", "test"), ("bench", "bench"), ("zstd", "test")])
def test_what_the_project_asks_for_is_pinned_within_its_bounds(extra: str | None, lock: str) -> None:
    project = toml("pyproject.toml")["project"]
    pinned = pins(lock)
    for line in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line


def test_the_runtime_has_one_version_in_all_locks() -> None:
    assert pins("run").items() <= pins("test").items()
    assert pins("run").items() <= pins("bench").items()


def test_everything_a_plain_install_brings_has_been_reviewed() -> None:
    """A new distribution has to be looked at and listed in requirements/runtime.toml; one that went has to go there."""
    reviewed = toml("requirements/runtime.toml")
    assert pins("run").keys() == reviewed["direct"].keys() | reviewed["transitive"].keys()
    assert all(why for part in reviewed.values() for why in part.values())


def test_the_direct_ones_are_those_of_the_project() -> None:
    asked = {canonicalize_name(Requirement(line).name) for line in toml("pyproject.toml")["project"]["dependencies"]}
    assert asked == toml("requirements/runtime.toml")["direct"].keys()


def test_no_tool_of_the_checks_is_among_what_is_tested_and_shipped() -> None:
    tools = {"bandit", "cyclonedx-bom", "pip-audit", "uv", "zizmor"}
    assert tools <= pins("audit").keys()
    assert not tools & (pins("run").keys() | pins("test").keys() | pins("build").keys())
