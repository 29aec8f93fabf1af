"""Protects the process's memory, which holds the key, from core files and from other processes of this user.

Disables core files. Only root may then attach to the process or read `/proc/PID/mem`, `/proc/PID/environ` and similar
files (prctl(2), PR_SET_DUMPABLE; ptrace(2), access mode checking). Does not protect against root, against code in the
process, swapped-out memory, or access before the call.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def harden() -> list[str]:
    """Disable core files and attaching; returns a message for each protection that the system does not offer.

    A child process inherits the first protection, but not the second.
    """
    missing = []
    try:
        _, ceiling = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, ceiling))
    except (OSError, ValueError) as error:
        missing.append(f"core files cannot be disabled: {error}")
    try:
        _be_undumpable()
    except (OSError, AttributeError, ImportError) as error:
        missing.append(f"other processes of this user can read the memory of this one: {error}")
    return missing


def _be_undumpable() -> None:
    if sys.platform != "linux":
        raise OSError(f"not on {sys.platform}")
    import ctypes  # noqa: PLC0415  # takes 3 ms, which other commands save

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
