"""Checks before the first request whether the system would refuse to replace the output. Changes no file.

A rename fails onto a mount point (EBUSY), onto an immutable file (EPERM), and, in a folder with the sticky bit, onto
another user's file (EPERM; rename(2), chattr(1)). If the system does not report these, the check passes.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import re
import stat
import sys
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_MOUNT_POINT: Final = 4  # the field, counted from 0: proc(5)
_GET_FLAGS: Final = 0x80086601  # FS_IOC_GETFLAGS, include/uapi/linux/fs.h
_IMMUTABLE: Final = 0x10
_APPEND_ONLY: Final = 0x20


def rename_obstacle(path: Path) -> str | None:
    """Why a file could not be renamed to `path`, and what to do; None if no obstacle is known."""
    if is_mount_point(path):
        return "is a mount point, which cannot be replaced; mount the folder around it instead"
    if (flags := _flags(path)) & (_IMMUTABLE | _APPEND_ONLY):
        return f"is {_named(flags)}, so it cannot be replaced; run chattr -{'i' if flags & _IMMUTABLE else 'a'} {path}"
    if (flags := _flags(path.parent)) & (_IMMUTABLE | _APPEND_ONLY):
        return f"its folder is {_named(flags)}, so its files cannot be renamed; choose another folder"
    if _is_of_another_user_in_sticky_folder(path):
        return "belongs to another user, and its folder lets only owners replace files; choose another name"
    return None


def is_mount_point(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Is this file a mount point? `os.path.ismount` misses a file of the same file system.

    `mounts` is the system's list of mounts (proc(5)). Without it, a mounted file is not recognized.
    """
    if os.path.ismount(path):
        return True
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return False
    place = os.fsencode(os.path.realpath(path))
    return any(_unescaped(line.split(b" ")[_MOUNT_POINT]) == place for line in lines)


def _unescaped(name: bytes) -> bytes:
    """A name from /proc/self/mountinfo, which writes spaces and backslashes in octal."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), name)


def _named(flags: int) -> str:
    return "immutable" if flags & _IMMUTABLE else "append-only"


def _flags(path: Path) -> int:
    """The attributes of a file or folder (chattr(1)); 0 if the system does not report them."""
    if not sys.platform.startswith("linux"):
        return 0
    flags = array.array("L", [0])
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _GET_FLAGS, flags, True)  # mutated by the call
        finally:
            os.close(descriptor)
    return flags[0]


def _is_of_another_user_in_sticky_folder(path: Path) -> bool:
    user = os.geteuid()
    try:
        folder, there = path.parent.stat(), path.lstat()
    except OSError:
        return False
    return bool(folder.st_mode & stat.S_ISVTX) and user not in (0, folder.st_uid, there.st_uid)
