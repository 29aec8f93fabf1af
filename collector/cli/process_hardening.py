"""The process's memory, and the key in it: not to be written to a core file, nor read by others of this user.

No core file is written, and nobody but root may attach to the process or read `/proc/PID/mem`, `/proc/PID/environ` and
the like (prctl(2), PR_SET_DUMPABLE; ptrace(2), access mode checking). It does not protect from root, from who runs
code in the process, from memory that was swapped out, and not what was in memory before it was called.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def harden() -> list[str]:
    """Let no core file be written and nobody attach; returns what the system does not offer, in words.

    A command that is started from here writes no core file either, but may be attached to.
    """
    missing = []
    try:
        _, ceiling = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, ceiling))
    except (OSError, ValueError) as error:
        missing.append(f"core files cannot be ruled out here: {error}")
    try:
        _be_undumpable()
    except (OSError, AttributeError, ImportError) as error:
        missing.append(f"other processes of this user may read this one's memory: {error}")
    return missing


def _be_undumpable() -> None:
    if sys.platform != "linux":
        raise OSError(f"not on {sys.platform}")
    import ctypes  # noqa: PLC0415  # 3 ms, which the other commands need not wait for

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
