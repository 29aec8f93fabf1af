"""A system or file system that lacks a guarantee causes one warning and is used anyway."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector.storage.filesystem import PosixFileSystem

REPOSITORY = Path(__file__).parents[2]
PROLOGUE = """
import errno, fcntl, os, sys
from pathlib import Path

def refusing(number):
    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))
    return refuse
"""
# Locks, writes and syncs each of two files, syncs their folder after each, and prints the warnings.
STEPS = """
from collector.storage.filesystem import PosixFileSystem
disk = PosixFileSystem(print)
for name in ("a", "b"):
    path = Path(name)
    path.touch(0o644)
    descriptor = disk.open(path, os.O_RDWR | os.O_APPEND)
    disk.lock(descriptor)
    disk.write(descriptor, b"kept")
    disk.fdatasync(descriptor)
    disk.fsync_dir(Path("."))
    disk.close(descriptor)
    assert path.read_bytes() == b"kept"
"""


def warnings_of(patch: str, folder: Path, *, fails: bool = False) -> list[str]:
    """The warnings on a system that `patch` modifies; if the program `fails`, the last line of its traceback."""
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + patch + STEPS],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr.splitlines()[-1:] if fails else done.stdout.splitlines()


def test_a_system_with_every_guarantee_causes_no_warning(tmp_path: Path) -> None:
    assert warnings_of("", tmp_path) == []


@pytest.mark.parametrize(
    "patch",
    [
        "del os.fdatasync",
        "fcntl.F_FULLFSYNC = 51; fcntl.fcntl = lambda *_: 0; del os.fdatasync",  # macOS
        "fcntl.F_FULLFSYNC = 51; fcntl.fcntl = refusing(errno.ENOTTY); del os.fdatasync",  # macOS, a network's volume
        "os.fdatasync = refusing(errno.EINVAL)",
        "del os.O_CLOEXEC",
    ],
)
def test_an_equivalent_call_replaces_a_missing_one_without_a_warning(patch: str, tmp_path: Path) -> None:
    assert warnings_of(patch, tmp_path) == []


@pytest.mark.parametrize(
    ("patch", "lacks"),
    [
        ("os.fsync = refusing(errno.EINVAL)", "sync folders (Invalid argument)"),
        ("os.fsync = refusing(errno.ENOTSUP)", "sync folders (Operation not supported)"),
        ("os.fsync = os.fdatasync = refusing(errno.ENOSYS)", "sync files (Function not implemented)"),
        ("fcntl.flock = refusing(errno.ENOLCK)", "lock files (No locks available)"),
        ("fcntl.flock = refusing(errno.EOPNOTSUPP)", "lock files (Operation not supported)"),
        ("os.fchmod = refusing(errno.EPERM)", "keep permissions (Operation not permitted)"),
        ("del os.O_NOFOLLOW", "open files without following links"),
    ],
)
def test_a_missing_guarantee_without_a_replacement_causes_one_warning(patch: str, lacks: str, tmp_path: Path) -> None:
    lines = warnings_of(patch, tmp_path)
    assert len([line for line in lines if f"cannot {lacks}: " in line]) == 1, lines


@pytest.mark.parametrize("call", ["os.fsync", "fcntl.flock", "os.fchmod", "os.fsync = os.fdatasync"])
def test_a_disk_error_is_raised_and_not_taken_for_a_missing_guarantee(call: str, tmp_path: Path) -> None:
    assert warnings_of(f"{call} = refusing(errno.EIO)", tmp_path, fails=True) == [
        "OSError: [Errno 5] Input/output error"
    ]


def test_a_link_is_rejected_even_if_the_system_lacks_o_nofollow(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "a").symlink_to("target")
    [why] = warnings_of("del os.O_NOFOLLOW", tmp_path, fails=True)
    assert "is one of the symbolic links that are never followed" in why
    assert (tmp_path / "target").read_bytes() == b""


def test_the_file_system_works_without_a_warning_callback(tmp_path: Path) -> None:
    PosixFileSystem().fsync_dir(tmp_path)
