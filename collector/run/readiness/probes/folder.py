"""Rehearses in the output's folder the calls of a run, with files of its own, and removes them. Blocks.

It never creates or opens a file of a run, except a lock file that exists: a run removes its lock file at its end, so an
existing one is held, or is of a run that died.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from collector.run.leftovers import files_of
from collector.run.output_template import OutputTemplate
from collector.run.readiness.checks.folder import Rehearsal, Space
from collector.snapshot.layout import SnapshotPaths
from collector.storage.durable_files import Files
from collector.storage.filesystem import FileSystem, PosixFileSystem

_BLOCK: Final = bytes(65_536)  # more than a file system stores in an inode


class _Refused(Exception):
    """The system refused a call; the message names it."""


def rehearse(folder: Path, make_system: Callable[[Callable[[str], None]], FileSystem] = PosixFileSystem) -> Rehearsal:
    """Create, write, sync, lock, rename and remove a file in `folder`, or in the nearest existing folder above it."""
    missing: list[str] = []
    probed = nearest_existing(folder)
    problem = ""
    try:
        _rehearse(make_system(missing.append), probed)
    except _Refused as refused:
        problem = str(refused)
    return Rehearsal(folder, probed, problem, missing)


def nearest_existing(folder: Path) -> Path:
    """`folder`, or else the nearest existing folder above it."""
    probed = next(each for each in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(each))
    return folder if probed == folder.absolute() else probed


def _rehearse(system: FileSystem, folder: Path) -> None:
    first = folder / f".collector-check-{os.getpid()}-{secrets.token_hex(4)}"
    second = first.with_name(f"{first.name}.renamed")
    try:
        with _step("cannot create a file"):
            descriptor = system.open(first, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            with _step("cannot write a file"):
                _write(system, descriptor)
            with _step("cannot sync a file to disk"):
                system.fdatasync(descriptor)
            with _step("cannot lock a file"):
                system.lock(descriptor)
        finally:
            system.close(descriptor)
        with _step("cannot rename a file"):
            system.rename(first, second)
        with _step("cannot sync the folder to disk"):
            system.fsync_dir(folder)
    finally:
        for each in (first, second):
            with contextlib.suppress(OSError):
                system.remove(each)


def _write(system: FileSystem, descriptor: int) -> None:
    left = memoryview(_BLOCK)
    while left:
        left = left[system.write(descriptor, left) :]


@contextmanager
def _step(meaning: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _Refused(f"{meaning}: {error.strerror or error}") from None


def is_held(path: Path) -> bool:
    """Does another process hold the lock of this output?"""
    return is_locked(SnapshotPaths(path).lock)


def is_locked(lock: Path) -> bool:
    """Does another process hold this lock file?"""
    return Files(PosixFileSystem()).is_locked(lock)


def space_for(template: OutputTemplate, probed: Path) -> Space:
    """The free space in an existing folder, and the newest snapshot of the outputs of `template`."""
    disk = os.statvfs(probed)
    free, has_inodes = disk.f_bavail * disk.f_frsize, disk.f_favail > 0 or disk.f_files == 0
    is_fixed = not (template.is_dated or template.has_run_id)
    for newest in [Path(template.text)] if is_fixed else files_of(template.text):
        with contextlib.suppress(OSError):  # removed since it was listed
            return Space(free, has_inodes, newest, newest.stat().st_size)
    return Space(free, has_inodes)
