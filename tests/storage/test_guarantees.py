"""A system, or a file system, that lacks a guarantee is warned of once and used as it is."""

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
# Writes a file, syncs and locks it, syncs its folder, twice each, and prints what is warned of.
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


def told(taken_away: str, folder: Path, *, fails: bool = False) -> list[str]:
    """What is warned of where the system is as `taken_away` makes it; the last line of the failure if it `fails`."""
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + taken_away + STEPS],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr.splitlines()[-1:] if fails else done.stdout.splitlines()


def test_a_system_with_all_of_it_is_not_warned_of(tmp_path: Path) -> None:
    assert told("", tmp_path) == []


@pytest.mark.parametrize(
    "taken_away",
    [
        "del os.fdatasync",
        "fcntl.F_FULLFSYNC = 51; fcntl.fcntl = lambda *_: 0; del os.fdatasync",  # macOS
        "fcntl.F_FULLFSYNC = 51; fcntl.fcntl = refusing(errno.ENOTTY); del os.fdatasync",  # macOS, a network's volume
        "os.fdatasync = refusing(errno.EINVAL)",
        "del os.O_CLOEXEC",
    ],
)
def test_another_call_does_what_is_missing(taken_away: str, tmp_path: Path) -> None:
    assert told(taken_away, tmp_path) == []


@pytest.mark.parametrize(
    ("taken_away", "lacks"),
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
def test_what_nothing_replaces_is_told_once(taken_away: str, lacks: str, tmp_path: Path) -> None:
    lines = told(taken_away, tmp_path)
    assert len([line for line in lines if f"cannot {lacks}: " in line]) == 1, lines


@pytest.mark.parametrize("call", ["os.fsync", "fcntl.flock", "os.fchmod", "os.fsync = os.fdatasync"])
def test_an_error_of_the_disk_is_no_lack(call: str, tmp_path: Path) -> None:
    assert told(f"{call} = refusing(errno.EIO)", tmp_path, fails=True) == ["OSError: [Errno 5] Input/output error"]


def test_a_link_is_refused_also_where_the_system_would_follow_it(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "a").symlink_to("target")
    [why] = told("del os.O_NOFOLLOW", tmp_path, fails=True)
    assert "is one of the symbolic links that are never followed" in why
    assert (tmp_path / "target").read_bytes() == b""


def test_without_anybody_to_tell_it_goes_on_all_the_same(tmp_path: Path) -> None:
    PosixFileSystem().fsync_dir(tmp_path)
