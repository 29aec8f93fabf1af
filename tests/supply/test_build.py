"""The wheel and the sdist are reproducible and contain exactly the intended files."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from collector.version import VERSION
from tests.supply import ROOT

TOP = f"polytomic_collector-{VERSION}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with sdist and wheel. The script fails when a second build differs."""
    out = tmp_path_factory.mktemp("built") / "dist"
    command = [sys.executable, str(ROOT / ".ci/build_twice.py"), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    with zipfile.ZipFile(built / f"{TOP}-py3-none-any.whl") as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist(built: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(built / f"{TOP}.tar.gz") as archive:
        return archive.getmembers()


def test_the_output_folder_contains_one_sdist_and_one_wheel(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {f"{TOP}.tar.gz", f"{TOP}-py3-none-any.whl"}


def test_the_wheel_contains_only_the_package_and_its_metadata(wheel: set[str]) -> None:
    package = re.compile(r"collector/([a-z_]+/)*([A-Za-z_]+\.py|py\.typed|[a-z_]+(\.schema)?\.json|[a-z_]+\.html)")
    metadata = {
        f"{TOP}.dist-info/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD", "licenses/LICENSE")
    }
    assert {name for name in wheel if not package.fullmatch(name)} == metadata


def test_the_wheel_contains_every_file_of_the_package(wheel: set[str]) -> None:
    files = {path for path in (ROOT / "collector").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT)) for path in files} == {name for name in wheel if name.startswith("collector/")}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "LICENSE",
            "CONTRIBUTING.md",
            "CODE_OF_CONDUCT.md",
            "SECURITY.md",
            "README.md",
            "CHANGELOG.md",
            "Makefile",
            "pyproject.toml",
            "config.example.toml",
        ),
        *("tests/conftest.py", "tests/supply/test_build.py", "tests/data/polytomic-openapi.json", ".ci/run"),
        *("requirements/run.txt", "requirements/test.txt", "requirements/floors.toml", ".github/workflows/ci.yml"),
        *("docs/explanation/scorecard.md", "bench/__init__.py", "examples/collect_from_python.py"),
        *("examples/airflow_connections.py", "examples/dagster_connections.py"),
    ],
)
def test_the_sdist_contains_the_files_that_its_tests_need(sdist: list[tarfile.TarInfo], name: str) -> None:
    assert f"{TOP}/{name}" in {member.name for member in sdist}


def test_the_sdist_contains_no_generated_files_and_no_user_names(sdist: list[tarfile.TarInfo]) -> None:
    unwanted = re.compile(r"__pycache__|\.pyc$|\.egg-info|\.venv|/dist/|/\.git/|_cache/|\.hypothesis|~$|\.swp$")
    assert [member.name for member in sdist if unwanted.search(member.name)] == []
    assert {(member.uid, member.gid, member.uname, member.gname) for member in sdist} == {(0, 0, "", "")}


def test_the_sdist_contains_only_regular_files_in_one_folder(sdist: list[tarfile.TarInfo]) -> None:
    assert all(member.isfile() and member.name.startswith(f"{TOP}/") and ".." not in member.name for member in sdist)
