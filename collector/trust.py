"""Files that decide where the key goes: settings, certificates. What others can change is not believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class Untrusted(Exception):
    """Others can change the file; the text says what to do about it."""


def read_trusted(path: Path) -> bytes:
    """All of a file that only its owner, who is this user or root, can change; nothing of a device such as /dev/null.

    A pipe that nobody writes to is not waited for. Raises `Untrusted`, and OSError for what the system refuses.
    """
    with open(path, "rb", opener=_at_once) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISCHR(status.st_mode):
            return b""
        if status.st_uid not in (0, os.geteuid()):
            raise Untrusted(f"belongs to another user ({status.st_uid}): run chown {os.geteuid()} {path}")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Untrusted(f"others can change it: run chmod go-w {path}")
        os.set_blocking(file.fileno(), True)
        return file.read()


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
