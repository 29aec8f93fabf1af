"""A disk that can lose power: the write-back file system, mounted by a separate process.

    with power_loss_disk(folder) as disk:
        disk.power_on(seed)
        ...  # programs write below disk.mount
        disk.power_off()
        ...  # disk.backing has the files as found after power returns

It is unmounted when the block ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.scripted_server import PATIENCE


@dataclass
class PowerLossDisk:
    """`mount` is the folder that programs use while the power is on; `backing` has the synced data."""

    backing: Path
    mount: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def is_on(self) -> bool:
        """Is the power on?"""
        return self.process is not None and self.process.poll() is None

    @property
    def is_mounted(self) -> bool:
        """Is it mounted, alive or dead?"""
        return f" {self.mount} " in Path("/proc/self/mounts").read_text()

    def power_on(self, seed: int = 0, fail_before: str = "") -> None:
        """Mount `backing`. The power fails before the given call, such as `rename:3`, the third rename."""
        assert self.process is None
        command = [sys.executable, "-m", "tests.support.write_back_fuse", str(self.backing), str(self.mount), str(seed)]
        self.process = subprocess.Popen(
            [*command, *filter(None, [fail_before])],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"mounted\n", "this system does not permit FUSE mounts"

    def power_off(self, *, partially: bool = False) -> None:
        """Lose the unsynced data, or, if `partially`, some of it. Open files become unusable."""
        if self.process is not None:
            if partially:
                self.process.communicate(b"off\n", timeout=PATIENCE)
            self.process.kill()
            self.process.communicate()
            self.process = None
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.mount)], check=True)
        assert not self.is_mounted

    async def wait_until_off(self) -> None:
        """Wait until the power fails."""
        while self.is_on:  # noqa: ASYNC110  # the process offers no event
            await asyncio.sleep(0.005)


@contextmanager
def power_loss_disk(folder: Path) -> Iterator[PowerLossDisk]:
    """An empty disk in a new folder, with the power off."""
    disk = PowerLossDisk(folder / "backing", folder / "disk")
    disk.backing.mkdir(parents=True)
    disk.mount.mkdir()
    try:
        yield disk
    finally:
        disk.power_off()


@cache
def unavailable_reason() -> str | None:
    """Why such a disk cannot be mounted here, or None."""
    if os.geteuid() != 0:
        return "only root may mount a disk"
    if find_spec("mfusepy") is None:
        return "mfusepy is not installed"
    if shutil.which("fusermount3") is None:
        return "fuse3 is not installed"
    if not Path("/dev/fuse").exists():
        return "/dev/fuse is missing"
    with TemporaryDirectory() as folder, power_loss_disk(Path(folder, "tried")) as disk:
        try:
            disk.power_on()
        except AssertionError as reason:
            return str(reason)
    return None


needs_fuse = pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason()))
