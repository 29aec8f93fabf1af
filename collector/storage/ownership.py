"""Files that hold the key or decide where it is sent. Any that other users can modify (for keys: read) is rejected."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path


class NotOwned(Exception):
    """Other users can change or use the file. The message names the command that corrects it."""


def read_owned(path: Path) -> bytes:
    """The contents of a file that only this user or root can change; empty for a device such as /dev/null.

    Does not wait for a pipe without a writer. Raises `NotOwned` and OSError.
    """
    with open(path, "rb", opener=_open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISCHR(status.st_mode):
            return b""
        require_owned(path, status)
        os.set_blocking(file.fileno(), True)
        return file.read()


def is_owned(status: os.stat_result) -> bool:
    """Does the file belong to this user?"""
    return status.st_uid == os.geteuid()


def is_owned_by_other(status: os.stat_result) -> bool:
    """Does the file belong to a user other than this one and root?"""
    return status.st_uid != 0 and not is_owned(status)


def require_owned(path: Path | str, status: os.stat_result, *, is_private: bool = False) -> None:
    """Raise `NotOwned` unless the file or folder belongs to this user or root, and no other user can change it.

    If it `is_private`, no other user may read it either. For such a file of root the suggested command includes a
    chown, because chmod alone would lock this user out.
    """
    private = "700" if stat.S_ISDIR(status.st_mode) else "600"
    can, forbidden, mode = ("use", 0o077, private) if is_private else ("change", 0o022, "go-w")
    name, run = shlex.quote(str(path)), []
    is_open = bool(status.st_mode & forbidden)
    if is_owned_by_other(status) or (is_private and is_open and not is_owned(status)):
        run.append(f"chown {_user_name()} {name}")
    if is_open:
        run.append(f"chmod {mode} {name}")
    if run:
        raise NotOwned(f"other users can {can} it; run: {' && '.join(run)}")


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
