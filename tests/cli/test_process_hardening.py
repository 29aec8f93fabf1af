"""A hardened process hides its memory and works as before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import clean_environment

LOOK = """
import ctypes, os, pathlib, resource, subprocess
from collector.cli.process_hardening import harden

PR_GET_DUMPABLE = 3
before = resource.getrlimit(resource.RLIMIT_CORE)[1]
assert ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
assert harden() == harden() == []
assert ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, before)
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)  # to whom nothing is permitted that others are not
assert os.listdir("/proc/self/fd")
assert pathlib.Path("/proc/self/status").read_text()
assert os.stat("/proc/self/environ").st_uid == 0
subprocess.run(["/bin/sh", "-c", "ulimit -c"], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_core_files_and_attaching_are_disabled_and_the_process_and_its_children_work(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=clean_environment(tmp_path), capture_output=True, check=False, text=True
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
