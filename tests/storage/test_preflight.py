"""An obstacle to the final rename is reported before the first request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector.storage.preflight import is_mount_point, rename_obstacle

REPOSITORY = Path(__file__).parents[2]


def in_namespace(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a separate mount namespace, in which `print_obstacle PATH` prints the obstacle."""
    snippet = (
        "import sys, pathlib, collector.storage.preflight as p; print(p.rename_obstacle(pathlib.Path(sys.argv[1])))"
    )
    return subprocess.run(
        ["unshare", "-rm", "bash", "-ec", f'print_obstacle() {{ "{sys.executable}" -c "{snippet}" "$1"; }}\n{script}'],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


def can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0


def test_an_ordinary_path_has_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text("{}\n")
    assert rename_obstacle(tmp_path / "old.jsonl") is None
    assert rename_obstacle(tmp_path / "new.jsonl") is None
    assert rename_obstacle(tmp_path / "no folder yet" / "new.jsonl") is None


@pytest.mark.skipif(not can_unshare(), reason="this system cannot create a mount namespace (unshare)")
@pytest.mark.parametrize("name", ["out.jsonl", "with a blank.jsonl", "back\\slash.jsonl"])
def test_a_file_that_is_a_mount_point_cannot_be_replaced(tmp_path: Path, name: str) -> None:
    for each in ("host.jsonl", name):
        (tmp_path / each).touch()
    done = in_namespace(
        f"mount --bind host.jsonl '{name}'; print_obstacle '{name}'; print_obstacle host.jsonl", tmp_path
    )
    assert done.stdout.splitlines() == [
        "is a mount point, which cannot be replaced; mount the folder around it instead",
        "None",
    ], done.stderr


def test_without_a_list_of_mounts_no_file_is_a_mount_point(tmp_path: Path) -> None:
    assert not is_mount_point(tmp_path / "c.jsonl", tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_file_of_another_user_in_a_sticky_folder_cannot_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "c.jsonl").touch()
    snippet = "print(p.rename_obstacle(pathlib.Path('c.jsonl')))"
    script = (
        f"import os, pathlib, collector.storage.preflight as p; os.chdir({str(folder)!r}); os.seteuid(65534); {snippet}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "belongs to another user" in done.stdout
