"""Files that decide where the key goes, or hold it: what others can change, or read, is not believed."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path


class NotOwned(Exception):
    """Others can change the file, or use it; the text says what to run."""


def read_owned(path: Path) -> bytes:
    """All of a file that only its owner, who is this user or root, can change; nothing of a device such as /dev/null.

    A pipe that nobody writes to is not waited for. Raises `NotOwned`, and OSError for what the system refuses.
    """
    with open(path, "rb", opener=_at_once) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISCHR(status.st_mode):
            return b""
        require_owned(path, status)
        os.set_blocking(file.fileno(), True)
        return file.read()


def is_owned(status: os.stat_result) -> bool:
    """Is it this user's?"""
    return status.st_uid == os.geteuid()


def is_owned_by_other(status: os.stat_result) -> bool:
    """Is it neither this user's nor root's?"""
    return status.st_uid != 0 and not is_owned(status)


def require_owned(path: Path | str, status: os.stat_result, *, is_private: bool = False) -> None:
    """Raise `NotOwned` unless the file, or folder, is this user's or root's, and others can change nothing in it.

    When it `is_private`, they may not read it either; the command makes it this user's then, whom it would lock out
    otherwise.
    """
    private = "700" if stat.S_ISDIR(status.st_mode) else "600"
    can, forbidden, mode = ("use", 0o077, private) if is_private else ("change", 0o022, "go-w")
    name, run = shlex.quote(str(path)), []
    is_open = bool(status.st_mode & forbidden)
    if is_owned_by_other(status) or (is_private and is_open and not is_owned(status)):
        run.append(f"chown {_own_name()} {name}")
    if is_open:
        run.append(f"chmod {mode} {name}")
    if run:
        raise NotOwned(f"others can {can} it; run: {' && '.join(run)}")


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
