"""One rate ceiling for all processes of a user on a host that use the same API and organization.

Theory of operation. The shared state (`quota_state`) is a few numbers in a small file. A process that needs a permit
locks the file, reads, decides, writes and unlocks it, within microseconds. Sharing needs neither a server nor a lease:
a process that dies takes no further permits, and the kernel releases its lock, so its share becomes free. The times in
the file are of the system's monotonic clock, which all processes of a host share.

*Location.* The file is in `/tmp/collector-<uid>`, regardless of TMPDIR, XDG_RUNTIME_DIR and HOME. Those differ between
cron and a login, `/run/user/<uid>` is removed at logout, and a home may be on a network file system, whose hosts have
different clocks. Other users can write to /tmp, so the folder must be a real one that only its owner can use; otherwise
the quota is not shared. A file that was removed during the run is created again.

*Failures.* A process never blocks on the lock, because its event loop would block too. It retries after a millisecond.
A process that is stopped while it holds the lock delays the others until it continues or dies; they stop sharing after
`_MAX_LOCK_WAIT` seconds. A process also stops sharing when it cannot open, read or write the file. The run then warns
once and keeps its own ceiling.
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

from collector.governor.quota_state import SIZE, UNKNOWN, decode, encode, request_permit
from collector.governor.rate_ceiling import interval_of, next_arrival, seconds_until_free
from collector.model.secret import Secret
from collector.storage.ownership import NotOwned, require_owned

_LOCK_RETRY_INTERVAL = 0.001  # seconds; processes hold the lock for microseconds
_MAX_LOCK_WAIT = 10.0  # seconds


def identity_of(organization_id: str | None, authorization: Secret) -> str:
    """Return the owner of the quota: the organization if known, otherwise the key of the `Authorization` header.

    The key enters as a digest, and the file's name is a digest of that, so the name does not reveal the key.
    """
    if organization_id:
        return f"organization {organization_id.lower()}"
    return f"key {authorization.digest()}"


def quota_file(base_url: str, identity: str, parent: Path = Path("/tmp")) -> Path:  # noqa: S108  # see above
    """Return the file that all processes of this user with the same API and identity share."""
    digest = hashlib.sha256(f"{base_url.lower()}\0{identity}".encode()).hexdigest()
    return parent / f"collector-{os.geteuid()}" / f"quota-{digest[:16]}"


def has_unknown_state(path: Path, now: float) -> bool:
    """Does the file have content that no run can have written before `now` (monotonic seconds)? Raises no OSError.

    The next permit replaces such content.
    """
    try:
        with open(path, "rb", opener=_open_to_read) as file:
            block = file.read(SIZE)
    except OSError:
        return False
    return block != b"" and decode(block, now) == UNKNOWN


class SharedQuota:
    """A `RateCeiling` for all processes with the same file; `rate` must be above 0.

    The first `try_acquire` opens the file. System errors are never raised: `warn` receives one message with the reason,
    and from then on the ceiling limits this process alone.
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
        """Take a permit if one is free at `now` (monotonic seconds) and return 0.0; otherwise return the wait."""
        arrival = next_arrival(self._arrival, now, self._interval)
        if arrival is None:
            return seconds_until_free(self._arrival, now)
        self._waiting_since = min(self._waiting_since, now)
        wait = self._acquire_shared(now) if self.is_shared else 0.0
        if wait == 0:
            self._arrival, self._waiting_since = arrival, inf
        return wait

    def seconds_until_permit(self, now: float) -> float:
        """Wait for a permit as `try_acquire` does, but do not take it."""
        if next_arrival(self._arrival, now, self._interval) is None:
            return seconds_until_free(self._arrival, now)
        self._waiting_since = min(self._waiting_since, now)
        return self._acquire_shared(now, takes=False) if self.is_shared else 0.0

    def close(self) -> None:
        """Stop sharing and close the file."""
        self.is_shared = False
        self._close()

    def _acquire_shared(self, now: float, *, takes: bool = True) -> float:
        try:
            return self._acquire_under_lock(self._open_current(), now, takes=takes)
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

    def _acquire_under_lock(self, descriptor: int, now: float, *, takes: bool) -> float:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self._locked_since = inf
            state, wait = request_permit(
                decode(os.pread(descriptor, SIZE, 0), now), now, self._interval, self._waiting_since
            )
            if takes or wait:  # a wait is written too: the run that has waited longest has the next turn
                os.pwrite(descriptor, encode(state), 0)
            return wait
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _wait_for_lock(self, now: float) -> float:
        self._locked_since = min(self._locked_since, now)
        if now - self._locked_since < _MAX_LOCK_WAIT:
            return _LOCK_RETRY_INTERVAL
        return self._stop_sharing(
            f"a process has kept it locked for {_MAX_LOCK_WAIT:.0f} s; check for a stopped process"
        )

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
    """Open the file, creating it and its folder if they are missing. Raises OSError."""
    folder = _open_folder(path.parent)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path.name, flags, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
    _require_private(descriptor, path, stat.S_ISREG, "not a regular file")
    os.fchmod(descriptor, 0o600)  # whatever the umask
    return descriptor


def _open_to_read(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _open_folder(path: Path) -> int:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # whatever the umask
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    return _require_private(descriptor, path, stat.S_ISDIR, "not a folder")


def _require_private(descriptor: int, path: Path, is_expected_type: Callable[[int], bool], problem: str) -> int:
    """Return the descriptor of a private file of the expected type; otherwise close it and raise OSError."""
    status = os.fstat(descriptor)
    try:
        if not is_expected_type(status.st_mode):
            raise NotOwned(problem)
        require_owned(path, status, is_private=True)
    except NotOwned as reason:
        os.close(descriptor)
        raise OSError(errno.EPERM, f"{path}: {reason}") from None
    return descriptor
