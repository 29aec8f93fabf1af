"""Processes that share one quota: real processes, files and clock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from collector.governor.quota_state import UNKNOWN, QuotaState, decode, encode
from collector.governor.rate_ceiling import RateCeiling
from collector.governor.shared_quota import SharedQuota, has_unknown_state, identity_of, quota_file
from collector.model.secret import Secret

RATE = 200
KEY = Secret("k")
TEST_TIMEOUT = 60  # seconds until a test fails; never the measured time

ACQUIRER = """
import sys, time
from pathlib import Path
from collector.governor.shared_quota import SharedQuota

quota = SharedQuota(Path(sys.argv[1]), float(sys.argv[2]), warn=sys.exit)
print("ready", flush=True)
seconds = float(sys.stdin.readline())
end = time.monotonic() + seconds
while (now := time.monotonic()) < end:
    if wait := quota.try_acquire(now):
        time.sleep(wait)
    else:
        print(time.monotonic(), flush=True)
"""

LOCK_HOLDER = """
import fcntl, sys, time
stream = open(sys.argv[1], "rb")
fcntl.flock(stream, fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return quota_file("https://app.polytomic.com", "organization o", parent=tmp_path)


@contextlib.contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a process, wait until it is ready, and kill it at the end."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            assert running.stdout.readline() == "ready\n"
            yield running
        finally:
            running.kill()


def begin(acquirer: subprocess.Popen[str], seconds: float) -> None:
    assert acquirer.stdin
    acquirer.stdin.write(f"{seconds}\n")
    acquirer.stdin.flush()


def starts_of(acquirer: subprocess.Popen[str]) -> list[float]:
    """Return the times of a process's permits after its end. A killed process may leave an incomplete last line."""
    printed, _ = acquirer.communicate(timeout=TEST_TIMEOUT)
    return [float(line) for line in printed.splitlines(keepends=True) if line.endswith("\n")]


def most_in_a_second(starts: Sequence[float]) -> int:
    ordered = sorted(starts)
    return max(bisect_left(ordered, start + 1.0) - index for index, start in enumerate(ordered))


class Warnings(list[str]):
    """Collects the warnings of a run."""

    def __call__(self, text: str) -> None:
        self.append(text)


def make_quota(path: Path, rate: float = 50) -> tuple[SharedQuota, Warnings]:
    warnings = Warnings()
    return SharedQuota(path, rate, warnings), warnings


def warning_without_sharing(path: Path) -> str:
    """Return the one warning of a run that cannot share the quota but still gets permits."""
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    assert quota.try_acquire(100.0) > 0
    assert quota.try_acquire(200.0) == 0.0
    assert not quota.is_shared
    (warning,) = warnings
    return warning


@pytest.mark.parametrize("count", [2, 4])
def test_sharing_processes_keep_the_rate_in_any_second_and_none_starves(path: Path, count: int) -> None:
    with contextlib.ExitStack() as stack:
        acquirers = [stack.enter_context(process(ACQUIRER, path, RATE)) for _ in range(count)]
        for acquirer in acquirers:
            begin(acquirer, seconds=2.5)
        starts = [starts_of(acquirer) for acquirer in acquirers]
    together = [start for each in starts for start in each]
    assert most_in_a_second(together) <= RATE
    assert min(map(len, starts)) >= 0.5 * len(together) / count


def test_a_killed_process_frees_its_share(path: Path) -> None:
    with process(ACQUIRER, path, RATE) as killed, process(ACQUIRER, path, RATE) as other:
        begin(killed, seconds=TEST_TIMEOUT)
        begin(other, seconds=3)
        assert killed.stdout
        for _ in range(50):
            killed.stdout.readline()
        killed.kill()
        time_of_death = time.monotonic()
        before, after = starts_of(killed), starts_of(other)
    assert most_in_a_second(before + after) <= RATE
    assert sum(start > time_of_death for start in after) > len(before)
    assert most_in_a_second([start for start in after if start > time_of_death]) > RATE / 2


def test_a_process_killed_while_it_is_stopped_with_the_lock_frees_it(path: Path) -> None:
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    with process(LOCK_HOLDER, path) as holder:
        holder.send_signal(signal.SIGSTOP)
        assert 0 < quota.try_acquire(101.0) < 0.1
        assert 0 < quota.try_acquire(102.0) < 0.1
        holder.kill()
        holder.wait(TEST_TIMEOUT)
        assert quota.try_acquire(103.0) == 0.0
    assert quota.is_shared
    assert warnings == []


def test_a_process_that_stays_stopped_with_the_lock_does_not_block_the_others_forever(path: Path) -> None:
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    with process(LOCK_HOLDER, path) as holder:
        holder.send_signal(signal.SIGSTOP)
        assert [quota.try_acquire(now) > 0 for now in (101.0, 105.0, 110.9)] == [True] * 3
        assert quota.try_acquire(111.0) == 0.0
        assert quota.try_acquire(112.0) == 0.0
    assert not quota.is_shared
    assert warnings == [
        f"{path}: not sharing the quota with other runs: a process has kept it locked for 10 s; "
        "check for a stopped process"
    ]


def test_the_lock_timeout_restarts_after_each_acquired_lock(path: Path) -> None:
    quota, _ = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    with path.open("rb") as held:
        for now in (101.0, 120.0, 140.0):
            fcntl.flock(held, fcntl.LOCK_EX)
            assert quota.try_acquire(now) > 0
            fcntl.flock(held, fcntl.LOCK_UN)
            assert quota.try_acquire(now + 1) == 0.0
    assert quota.is_shared


def test_two_quotas_with_one_file_share_it_until_one_is_closed(path: Path) -> None:
    (one, _), (other, _) = make_quota(path), make_quota(path)
    assert one.try_acquire(100.0) == 0.0
    assert 0 < other.try_acquire(100.0) < 0.03
    other.close()
    assert other.try_acquire(100.0) == 0.0


def test_waits_are_accurate_to_the_microsecond(path: Path) -> None:
    quota: RateCeiling = make_quota(path)[0]
    now = 100.0
    for _ in range(20):
        while wait := quota.try_acquire(now):
            now += wait
    assert now == pytest.approx(100.0 + 19 * 0.021 - 0.015)


def test_another_address_organization_or_key_is_another_quota(tmp_path: Path) -> None:
    names = {
        quota_file(address, identity, tmp_path)
        for address in ("https://app.polytomic.com", "https://eu.polytomic.com")
        for identity in (
            identity_of("o1", KEY),
            identity_of("o2", KEY),
            identity_of(None, KEY),
            identity_of(None, Secret("l")),
        )
    }
    assert len(names) == 8
    for name in names:
        assert make_quota(name)[0].try_acquire(100.0) == 0.0


def test_runs_of_one_organization_share_with_any_key() -> None:
    assert identity_of("ORG", Secret("Basic one")) == identity_of("org", Secret("Basic two"))


def test_the_file_name_does_not_contain_the_key(tmp_path: Path) -> None:
    name = quota_file("https://app.polytomic.com", identity_of(None, Secret("Bearer secret")), tmp_path).name
    assert "secret" not in identity_of(None, Secret("Bearer secret"))
    assert name.startswith("quota-")
    assert len(name) == len("quota-") + 16


def test_the_location_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = quota_file("https://app.polytomic.com", "o")
    for name in ("TMPDIR", "HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "/elsewhere")
    assert quota_file("https://app.polytomic.com", "o") == before
    assert before.parent == Path(f"/tmp/collector-{os.geteuid()}")


def test_only_the_owner_can_access_the_folder_and_the_file(path: Path) -> None:
    make_quota(path)[0].try_acquire(100.0)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 40, encode(UNKNOWN)[:-1]])
def test_a_file_with_invalid_content_is_overwritten(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    assert quota.try_acquire(100.0) > 0
    assert decode(path.read_bytes()[:40], 100.0).arrival > 100.0
    assert warnings == []


def test_times_from_before_a_reboot_are_ignored(path: Path) -> None:
    before, _ = make_quota(path)
    assert before.try_acquire(1e6) == 0.0
    after, warnings = make_quota(path)
    assert after.try_acquire(10.0) == 0.0
    assert 0 < after.try_acquire(10.0) < 0.03
    assert warnings == []


def test_a_file_removed_during_a_run_is_created_and_shared_again(path: Path) -> None:
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    path.unlink()
    path.parent.rmdir()
    assert quota.try_acquire(101.0) == 0.0
    assert 0 < make_quota(path)[0].try_acquire(101.0) < 0.03
    assert warnings == []


def test_a_planted_link_in_place_of_the_folder_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    path.parent.symlink_to(target)
    assert f"{path}: not sharing the quota with other runs: " in warning_without_sharing(path)
    assert list(target.iterdir()) == []


def test_a_planted_link_in_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    path.parent.mkdir(mode=0o700)
    path.symlink_to(target)
    warning_without_sharing(path)
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("mode", [0o770, 0o701, 0o777])
def test_a_folder_that_other_users_can_access_is_rejected(path: Path, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    assert warning_without_sharing(path).endswith(
        f"{path.parent}: other users can use it; run: chmod 700 {path.parent}"
    )
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o277, 0o777])
def test_file_and_folder_are_private_and_usable_with_any_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        quota = SharedQuota(path, RATE, warn=pytest.fail)
        assert quota.try_acquire(time.monotonic()) == 0
        quota.close()
    finally:
        os.umask(before)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_rejected(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, 12345, -1)
    assert warning_without_sharing(path).endswith(f"other users can use it; run: chown root {path.parent}")


def test_a_file_that_other_users_can_access_is_rejected(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch()
    path.chmod(0o666)
    assert warning_without_sharing(path).endswith(f"{path}: other users can use it; run: chmod 600 {path}")


def test_a_wrong_file_type_in_place_of_the_file_or_the_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    warning_without_sharing(tmp_path / "file" / "quota")
    warning_without_sharing(tmp_path / "missing" / "folder" / "quota")
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "private" / "folder").mkdir()
    warning_without_sharing(tmp_path / "private" / "folder")
    os.mkfifo(tmp_path / "private" / "pipe", 0o600)
    warning_without_sharing(tmp_path / "private" / "pipe")


def test_a_run_keeps_its_local_ceiling_when_the_file_becomes_unwritable(path: Path, tmp_path: Path) -> None:
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()
    assert quota.try_acquire(101.0) == 0.0
    assert 0 < quota.try_acquire(101.0) < 0.03
    assert quota.try_acquire(102.0) == 0.0
    assert len(warnings) == 1


def test_a_run_keeps_its_local_ceiling_when_a_write_fails(path: Path) -> None:
    quota, warnings = make_quota(path)
    assert quota.try_acquire(100.0) == 0.0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}") == str(path):
                descriptor = os.open(path, os.O_RDONLY)
                os.dup2(descriptor, int(name), inheritable=False)
                os.close(descriptor)
    assert quota.try_acquire(101.0) == 0.0
    assert 0 < quota.try_acquire(101.0) < 0.03
    assert warnings == [f"{path}: not sharing the quota with other runs: Bad file descriptor"]


def test_no_descriptor_is_left_open(path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    quota, _ = make_quota(path)
    quota.try_acquire(100.0)
    quota.close()
    path.chmod(0o666)
    warning_without_sharing(path)
    path.parent.chmod(0o777)
    warning_without_sharing(path)
    assert len(os.listdir("/dev/fd")) == before


def test_the_repr_shows_the_interval_and_whether_the_quota_is_shared(path: Path) -> None:
    quota, _ = make_quota(path)
    assert repr(quota) == f"<SharedQuota {path.name} interval=0.0210s shared=True>"


def test_the_file_records_when_the_next_permit_is_due(path: Path) -> None:
    make_quota(path)[0].try_acquire(100.0)
    assert decode(path.read_bytes(), 100.0) == QuotaState(100.0 + 0.021, 0.021, 100.0, float("inf"))


def test_only_content_that_no_run_can_have_written_is_unknown(tmp_path: Path) -> None:
    path, now = tmp_path / "collector-0" / "quota-0", time.monotonic()
    assert not has_unknown_state(path, now)
    path.parent.mkdir(mode=0o700)
    for content, is_unknown in (
        (b"", False),
        (b"garbage", True),
        (encode(QuotaState(now, 0.1, now, float("inf"))), False),
        (encode(QuotaState(now + 1e6, 0.1, now, float("inf"))), True),
    ):
        path.write_bytes(content)
        assert has_unknown_state(path, now) == is_unknown
    (tmp_path / "link").symlink_to(path)
    assert not has_unknown_state(tmp_path / "link", now)
