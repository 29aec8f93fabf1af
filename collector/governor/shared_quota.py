"""One ceiling for all processes of a user on a host that ask the same API for the same organization.

Theory of operation. What they know in common (`quota_state`) is a few numbers in a small file. Whoever wants a start
locks it, reads, decides, writes and unlocks: some microseconds. There is no server, no holder and no lease. A process
that dies takes no more starts, and the kernel releases its lock; that is how it frees its share. The times in the file
are of the system's monotonic clock, which all processes of a host have in common.

*Where it is.* In `/tmp/collector-<uid>`, whatever TMPDIR, XDG_RUNTIME_DIR and HOME say: those differ between cron and
a login, `/run/user/<uid>` goes at logout, and a home may be of the network, where the hosts' clocks differ. Others
can write to /tmp too, so the folder must be a real one that only its owner can use, else nothing is shared. A file
that was removed under us is made anew.

*What must not happen.* The lock is never waited for, since the event loop would wait with it: a locked file is a
start that may be free in a millisecond. A process that was stopped while it held the lock would hold up the others
until it goes on or dies; they give up sharing after `_MAX_LOCK_WAIT` seconds. So they do when the file cannot be had, or
read, or written: the run says so once and goes on at its own rate.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from math import inf
from pathlib import Path

from collector.governor.quota_state import SIZE, decode, encode, request_permit
from collector.governor.rate_ceiling import interval_of, next_arrival, seconds_until_free
from collector.model.secret import Secret
from collector.storage.ownership import NotOwned, require_owned

_LOCK_RETRY_INTERVAL = 0.001  # seconds; others hold the lock for microseconds
_MAX_LOCK_WAIT = 10.0  # seconds


def identity_of(organization_id: str | None, authorization: Secret) -> str:
    """Whose quota it is: the organization's where it is known, else that of the `Authorization` header's key.

    The key goes in as a digest, and the file's name is a digest of that: it cannot be read from the name.
    """
    if organization_id:
        return f"organization {organization_id.lower()}"
    return f"key {authorization.digest()}"


def quota_file(base_url: str, identity: str, parent: Path = Path("/tmp")) -> Path:  # noqa: S108  # see above
    """The file that all processes of this user with the same API and identity share."""
    digest = hashlib.sha256(f"{base_url.lower()}\0{identity}".encode()).hexdigest()
    return parent / f"collector-{os.geteuid()}" / f"quota-{digest[:16]}"


class SharedQuota:
    """A `RateCeiling` for all processes with the same file. `rate` is above 0: without a ceiling nothing is shared.

    Nothing is opened before the first `try_acquire`. Never raises for what the system refuses: `warn` is told, once,
    that and why the quota is not shared, and from then on it is the ceiling of this process alone.
    """

    def __init__(self, path: Path, rate: float, warn: Callable[[str], None]) -> None:
        self._path = path
        self._interval = interval_of(rate)
        self._warn = warn
        self._descriptor: int | None = None
        self._arrival = -inf
        self._waiting_since = inf
        self._locked_since = inf
        self.is_shared = True

    def try_acquire(self, now: float) -> float:
        """Take a start if one is free at `now` (monotonic seconds): 0.0; else the seconds until one may be free."""
        arrival = next_arrival(self._arrival, now, self._interval)
        if arrival is None:
            return seconds_until_free(self._arrival, now)
        self._waiting_since = min(self._waiting_since, now)
        wait = self._acquire_shared(now) if self.is_shared else 0.0
        if wait == 0:
            self._arrival, self._waiting_since = arrival, inf
        return wait

    def close(self) -> None:
        """Share no more."""
        self.is_shared = False
        self._close()

    def _acquire_shared(self, now: float) -> float:
        try:
            return self._acquire_under_lock(self._open_current(), now)
        except BlockingIOError:
            return self._wait_for_lock(now)
        except OSError as error:
            return self._stop_sharing(error.strerror or str(error))

    def _open_current(self) -> int:
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
            self._close()
        if self._descriptor is None:
            self._descriptor = _open(self._path)
        return self._descriptor

    def _acquire_under_lock(self, descriptor: int, now: float) -> float:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self._locked_since = inf
            state, wait = request_permit(
                decode(os.pread(descriptor, SIZE, 0), now), now, self._interval, self._waiting_since
            )
            os.pwrite(descriptor, encode(state), 0)
            return wait
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _wait_for_lock(self, now: float) -> float:
        self._locked_since = min(self._locked_since, now)
        if now - self._locked_since < _MAX_LOCK_WAIT:
            return _LOCK_RETRY_INTERVAL
        return self._stop_sharing(f"a process has kept it locked for {_MAX_LOCK_WAIT:.0f} s; is one stopped?")

    def _stop_sharing(self, reason: str) -> float:
        self.close()
        self._warn(f"{self._path}: not sharing the quota with other runs: {reason}")
        return 0.0

    def _close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def __repr__(self) -> str:
        return f"<SharedQuota {self._path.name} interval={self._interval:.4f}s shared={self.is_shared}>"


def _open(path: Path) -> int:
    """The file's descriptor; the file and its folder are made when they are missing. Raises OSError."""
    folder = _open_folder(path.parent)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path.name, flags, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
    _require_private(descriptor, path, stat.S_ISREG, "is no regular file")
    os.fchmod(descriptor, 0o600)  # whatever the umask
    return descriptor


def _open_folder(path: Path) -> int:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # whatever the umask
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    return _require_private(descriptor, path, stat.S_ISDIR, "is no folder")


def _require_private(descriptor: int, path: Path, is_expected_type: Callable[[int], bool], problem: str) -> int:
    """`descriptor` if it is of the right kind and nobody else can use it; else it is closed. Raises OSError."""
    status = os.fstat(descriptor)
    try:
        if not is_expected_type(status.st_mode):
            raise NotOwned(problem)
        require_owned(path, status, is_private=True)
    except NotOwned as reason:
        os.close(descriptor)
        raise OSError(errno.EPERM, f"{path}: {reason}") from None
    return descriptor
