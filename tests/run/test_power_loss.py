"""`collector collect` on a disk that loses power: synced records stay, and only the others are requested again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import zlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import Forking, Running, Starting
from tests.run.test_kill import SUFFIXES, requested_ids, wait_for_random_time
from tests.support.output_oracle import Given, check_finished, whole_ids
from tests.support.power_loss import PowerLossDisk, needs_fuse, power_loss_disk
from tests.support.scripted_server import PATIENCE, Exchange, Server, connection, error, ids, response, serving

pytestmark = needs_fuse

WORKERS = 16
UNSYNCED = 1000 + WORKERS
"Records in the file that may be unsynced: a sync follows 1,000 records, and each worker may add one."
LOST = 2 * UNSYNCED
"Records received that may be unsynced: while one batch is written and synced, the next one accumulates."
IDS = 2500
OLDER = b'{"id":"older"}\n'


@dataclass
class Api:
    """A server, and the ids it has answered with a record. It stops replying after `silent_after` requests."""

    server: Server = field(init=False)
    missing: Collection[str] = ()
    silent_after: int | None = None
    rng: random.Random = field(default_factory=random.Random)
    answered: set[str] = field(default_factory=set)

    async def talk(self, exchange: Exchange) -> None:
        """Reply with a record of 0.6 to 6 kB, without delay."""
        one = exchange.target.rpartition("/")[2]
        if self.silent_after is not None and exchange.number > self.silent_after:
            await asyncio.Event().wait()
        if one in self.missing:
            await error(404)(exchange)
        else:
            await exchange.write(response(connection(one, name="x" * int(5500 ** self.rng.random()))))
            self.answered.add(one)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Api]:
        async with serving(self.talk) as self.server:
            yield self

    def forget(self) -> None:
        self.server.heads.clear()
        self.answered.clear()


class DiskWithOutput:
    """A disk with an older snapshot, and the command that collects to the same output."""

    def __init__(self, disk: PowerLossDisk, suffix: str, requested: list[str], api: Api) -> None:
        self.disk = disk
        self.api = api
        self.requested = requested
        self.name = f"c.jsonl{suffix}"
        listed = disk.backing.parent / "ids.txt"
        listed.write_text("\n".join(requested))
        self.command = [
            *("collect", "--ids", str(listed), "--base-url", api.server.url, "-o", str(disk.mount / self.name)),
            *("--rate", "0", "--concurrency", str(WORKERS)),
        ]
        facts = {"path": self.name, "sha256": hashlib.sha256(OLDER).hexdigest()}
        self.output.write_bytes(OLDER)
        (disk.backing / "c.manifest.json").write_text(json.dumps({"files": [facts]}))

    @property
    def folder(self) -> Path:
        """The output's folder: the mount point, or the backing folder while the disk is off."""
        return self.disk.mount if self.disk.is_on else self.disk.backing

    @property
    def output(self) -> Path:
        return self.folder / self.name

    @property
    def partial(self) -> Path:
        return self.folder / f"{self.name}.partial"

    @property
    def collected(self) -> Path:
        """The file that contains the run's records, finished or not."""
        return self.partial if self.partial.exists() or self.is_older else self.output

    @property
    def is_older(self) -> bool:
        """Is the snapshot still the older one?"""
        return self.output.read_bytes() == OLDER

    @property
    def is_over(self) -> bool:
        """Is the new set published, so that the next start begins a new run?"""
        return not self.is_older and not (self.folder / "c.partial.run.json").exists()

    def checkpoint(self) -> tuple[int, str]:
        """The size and the digest of the synced records, as the run's checkpoint states them."""
        path = self.folder / "c.partial.checkpoint"
        for line in reversed(path.read_bytes().split(b"\n") if path.exists() else []):
            text, _, check_sum = line.rpartition(b" ")
            if text and check_sum == b"%08x" % zlib.crc32(text):  # a crash may have torn the last line
                size, digest = text.split(b" ")[:2]
                if size.isdigit():  # other lines record repaired values
                    return int(size), digest.decode()
        return 0, hashlib.sha256().hexdigest()

    async def synced(self, records: int) -> None:
        """Wait until the file contains `records` records and all are synced."""
        async with asyncio.timeout(PATIENCE):
            while len(whole_ids(self.partial)) < records or self.checkpoint()[0] < self.partial.stat().st_size:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def check_readable(self) -> None:
        """Check that a reader finds either set complete, and that a manifest, if present, matches it."""
        manifest = self.folder / "c.manifest.json"
        if manifest.exists():
            for facts in json.loads(manifest.read_bytes())["files"]:
                assert hashlib.sha256((self.folder / facts["path"]).read_bytes()).hexdigest() == facts["sha256"]
        if not self.is_older:
            assert whole_ids(self.output) == set(self.requested) - set(self.api.missing)

    def lose_power(self, *, partially: bool) -> None:
        """Cut the power; check that synced records survive and that few others are lost."""
        size, digest = self.checkpoint()
        written = whole_ids(self.partial)
        self.disk.power_off(partially=partially)
        self.check_readable()
        start = self.collected.read_bytes()[:size] if self.collected.exists() else b""
        assert hashlib.sha256(start).hexdigest() == digest, "synced records are lost"
        kept = whole_ids(self.collected)
        assert len(written - kept) <= UNSYNCED
        assert len(self.api.answered - kept) <= LOST


async def kill(running: Running) -> int:
    """Kill the process if it still runs; return its exit code."""
    if running.process.returncode is None:
        running.send(signal.SIGKILL)
    done = await running.finished()
    assert done.code in {0, -signal.SIGKILL}, done.err
    assert "quarantined" not in done.err
    return done.code


def new_rng() -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown if the test fails
    return random.Random(seed)


async def collect_under_power_losses(start: Forking, folder: Path, suffix: str, min_losses: int) -> None:
    """Cut the power and restart runs until each is complete; begin new ones until there were `min_losses` losses."""
    rng, losses, rounds = new_rng(), 0, 0
    async with Api(rng=rng).serving() as api:
        while losses < min_losses:
            rounds += 1
            with power_loss_disk(folder / str(rounds)) as disk:
                output_disk = DiskWithOutput(disk, suffix, ids(IDS, first=10_000 * rounds), api)
                losses += await collect_to_the_end(start, output_disk, rng)
                check_finished(output_disk.output, Given(output_disk.requested), 0)


async def collect_to_the_end(start: Forking, output_disk: DiskWithOutput, rng: random.Random) -> int:
    """Run to completion; return the number of power losses. Sometimes only the process dies."""
    losses, safe, code = 0, set[str](), 0
    while not output_disk.is_over:
        kept = whole_ids(output_disk.collected)
        output_disk.api.forget()
        if not output_disk.disk.is_on:
            output_disk.disk.power_on(rng.randrange(1 << 32))
        running = await start(*output_disk.command)
        ended = asyncio.ensure_future(running.process.wait())
        await wait_for_random_time(rng, output_disk.api.server, ended, len(output_disk.requested) - len(kept))
        code = await kill(running)
        assert not kept & set(requested_ids(output_disk.api.server)), "requested again"
        if code == 0 or rng.random() < 0.7:
            losses += code != 0
            output_disk.lose_power(partially=rng.random() < 0.5)
            assert safe <= whole_ids(output_disk.collected), "a record was lost that had survived before"
            safe = whole_ids(output_disk.collected)
            assert code or output_disk.is_over, "the output of a finished run is lost"
    if code:  # killed when only the lock remained
        (output_disk.folder / "c.partial.lock").unlink(missing_ok=True)
    return losses


@pytest.mark.parametrize("suffix", ["", pytest.param(".gz", marks=pytest.mark.soak), ".zst"])
async def test_a_power_loss_at_any_time_loses_no_synced_record_and_repeats_no_request(
    fork: Forking, tmp_path: Path, suffix: str
) -> None:
    await collect_under_power_losses(fork, tmp_path, suffix, 1)


@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_run_survives_a_hundred_power_losses(start: Starting, tmp_path: Path, suffix: str) -> None:
    await collect_under_power_losses(start, tmp_path, suffix, 34)


async def lose_power_before(start: Forking, folder: Path, suffix: str, call: str, rng: random.Random) -> bool:
    """Run with a power loss before this call, then run again; return whether the first run reached the call."""
    requested = ids(40)
    async with Api(missing=(requested[3], requested[17])).serving() as api:
        with power_loss_disk(folder) as disk:
            output_disk = DiskWithOutput(disk, suffix, requested, api)
            if rng.random() < 0.3:  # the older snapshot has no manifest
                (disk.backing / "c.manifest.json").unlink()
            disk.power_on(rng.randrange(1 << 32), fail_before=call)
            running = await start(*output_disk.command)
            waiting = {asyncio.create_task(running.process.wait()), asyncio.create_task(disk.wait_until_off())}
            _, left = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            was_lost = not disk.is_on
            for task in left:
                task.cancel()
            await running.kill()
            disk.power_off()
            output_disk.check_readable()
            kept = set() if output_disk.is_over else whole_ids(output_disk.collected)
            api.forget()
            disk.power_on()
            done = await (await start(*output_disk.command)).finished()
            disk.power_off()  # the output of a finished run is synced
            assert done.code == 3, done.err
            assert "quarantined" not in done.err
            assert not kept & set(requested_ids(api.server)), "requested again"
            check_finished(output_disk.output, Given(requested), 3)
    return was_lost


@pytest.mark.parametrize("call", ["rename:3", "rename:5", "fsyncdir:9"])
async def test_a_power_loss_during_publication_leaves_the_old_set_or_the_new(
    fork: Forking, tmp_path: Path, call: str
) -> None:
    assert await lose_power_before(fork, tmp_path / "disk", "", call, new_rng())


@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("call", ["create", "fsync", "fsyncdir", "rename", "unlink"])
async def test_a_power_loss_before_any_file_system_call_leaves_the_old_set_or_the_new(
    start: Starting, tmp_path: Path, call: str, suffix: str
) -> None:
    number, rng, was_lost = 0, new_rng(), True
    while was_lost:
        number += 1
        was_lost = await lose_power_before(start, tmp_path / str(number), suffix, f"{call}:{number}", rng)
    assert number > 1


async def test_records_are_synced_in_time_even_if_no_more_arrive(fork: Forking, tmp_path: Path) -> None:
    """A sync follows 1,000 records or a time interval, whichever comes first."""
    async with Api(silent_after=300).serving() as api:
        with power_loss_disk(tmp_path / "disk") as disk:
            output_disk = DiskWithOutput(disk, "", ids(400), api)
            disk.power_on()
            running = await fork(*output_disk.command)
            await output_disk.synced(300)
            await kill(running)
            disk.power_off()
            kept = whole_ids(output_disk.collected)
            assert kept == api.answered
            api.forget()
            api.silent_after = None
            disk.power_on()
            done = await (await fork(*output_disk.command)).finished()
            disk.power_off()
    assert done.code == 0, done.err
    assert set(requested_ids(api.server)) == set(output_disk.requested) - kept
    check_finished(output_disk.output, Given(output_disk.requested), 0)


def test_the_power_loss_disk_loses_unsynced_data(tmp_path: Path) -> None:
    """Otherwise no test in this module could fail."""
    with power_loss_disk(tmp_path / "disk") as disk:
        disk.power_on()
        for name in ("named", "unnamed"):
            with (disk.mount / name).open("wb", buffering=0) as file:
                file.write(b"synced")
                os.fsync(file.fileno())
                file.write(b", not synced")
            if name == "named":
                folder = os.open(disk.mount, os.O_DIRECTORY)
                os.fsync(folder)
                os.close(folder)
        (disk.mount / "named").rename(disk.mount / "renamed")
        assert (disk.mount / "renamed").read_bytes() == b"synced, not synced"
        disk.power_off()
        assert {path.name: path.read_bytes() for path in disk.backing.iterdir()} == {"named": b"synced"}
