"""`collector collect` on a disk that loses power: what was synced stays, the rest is asked for again, nothing twice."""

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
from tests.run.test_kill import SUFFIXES, asked, wait_for_a_moment
from tests.support.output_oracle import Given, check_finished, whole_ids
from tests.support.power_loss import PowerLossDisk, needs_fuse, power_loss_disk
from tests.support.scripted_server import PATIENCE, Exchange, Server, connection, error, ids, response, serving

pytestmark = needs_fuse

CREW = 16
UNSYNCED = 1000 + CREW
"Records in the file that are not safe: a sync comes after a thousand, and each of the crew may add one to them."
LOST = 2 * UNSYNCED
"Records answered and not safe: while so many are written and synced, as many can gather behind them."
IDS = 2500
OLDER = b'{"id":"older"}\n'


@dataclass
class Api:
    """A server, and what it has answered with a record. It says nothing any more after `silent_after` requests."""

    server: Server = field(init=False)
    missing: Collection[str] = ()
    silent_after: int | None = None
    chance: random.Random = field(default_factory=random.Random)
    answered: set[str] = field(default_factory=set)

    async def talk(self, exchange: Exchange) -> None:
        """Records of 0.6 to 6 kB, as fast as they go."""
        one = exchange.target.rpartition("/")[2]
        if self.silent_after is not None and exchange.number > self.silent_after:
            await asyncio.Event().wait()
        if one in self.missing:
            await error(404)(exchange)
        else:
            await exchange.write(response(connection(one, name="x" * int(5500 ** self.chance.random()))))
            self.answered.add(one)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Api]:
        async with serving(self.talk) as self.server:
            yield self

    def forget(self) -> None:
        self.server.heads.clear()
        self.answered.clear()


class Site:
    """A disk, an output on it beside an older snapshot, and the run that collects it."""

    def __init__(self, disk: PowerLossDisk, suffix: str, wanted: list[str], api: Api) -> None:
        self.disk = disk
        self.api = api
        self.wanted = wanted
        self.name = f"c.jsonl{suffix}"
        listed = disk.backing.parent / "ids.txt"
        listed.write_text("\n".join(wanted))
        self.command = [
            *("collect", "--ids", str(listed), "--base-url", api.server.url, "-o", str(disk.mount / self.name)),
            *("--rate", "0", "--concurrency", str(CREW)),
        ]
        facts = {"path": self.name, "sha256": hashlib.sha256(OLDER).hexdigest()}
        self.output.write_bytes(OLDER)
        (disk.backing / "c.manifest.json").write_text(json.dumps({"files": [facts]}))

    @property
    def here(self) -> Path:
        """The folder, as it is on the disk when that is off."""
        return self.disk.mount if self.disk.is_on else self.disk.backing

    @property
    def output(self) -> Path:
        return self.here / self.name

    @property
    def partial(self) -> Path:
        return self.here / f"{self.name}.partial"

    @property
    def collected(self) -> Path:
        """Where the records of the run are, finished or not."""
        return self.partial if self.partial.exists() or self.is_older else self.output

    @property
    def is_older(self) -> bool:
        """Is the data that of the day before?"""
        return self.output.read_bytes() == OLDER

    @property
    def is_over(self) -> bool:
        """Is the new set there, so that a start now is a new run?"""
        return not self.is_older and not (self.here / "c.partial.run.json").exists()

    def checkpoint(self) -> tuple[int, str]:
        """How much the run knows to be safe, and its digest, as it says itself."""
        path = self.here / "c.partial.checkpoint"
        for line in reversed(path.read_bytes().split(b"\n") if path.exists() else []):
            text, _, check_sum = line.rpartition(b" ")
            if text and check_sum == b"%08x" % zlib.crc32(text):  # a crash may have left half of the last one
                size, digest = text.split(b" ")[:2]
                if size.isdigit():  # else it is a note of what was repaired
                    return int(size), digest.decode()
        return 0, hashlib.sha256().hexdigest()

    async def synced(self, records: int) -> None:
        """Wait until so many records are there, and safe."""
        async with asyncio.timeout(PATIENCE):
            while len(whole_ids(self.partial)) < records or self.checkpoint()[0] < self.partial.stat().st_size:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def check_readable(self) -> None:
        """A reader finds the old data or all of the new, and a manifest that vouches for it or none."""
        manifest = self.here / "c.manifest.json"
        if manifest.exists():
            for facts in json.loads(manifest.read_bytes())["files"]:
                assert hashlib.sha256((self.here / facts["path"]).read_bytes()).hexdigest() == facts["sha256"]
        if not self.is_older:
            assert whole_ids(self.output) == set(self.wanted) - set(self.api.missing)

    def lose_power(self, *, in_part: bool) -> None:
        """What the run knew to be safe is there, and not much else is not."""
        size, digest = self.checkpoint()
        written = whole_ids(self.partial)
        self.disk.pull_plug(in_part=in_part)
        self.check_readable()
        start = self.collected.read_bytes()[:size] if self.collected.exists() else b""
        assert hashlib.sha256(start).hexdigest() == digest, "what was synced is gone"
        kept = whole_ids(self.collected)
        assert len(written - kept) <= UNSYNCED
        assert len(self.api.answered - kept) <= LOST


async def kill(running: Running) -> int:
    """End it, if it has not ended; returns its exit code."""
    if running.process.returncode is None:
        running.send(signal.SIGKILL)
    done = await running.finished()
    assert done.code in {0, -signal.SIGKILL}, done.err
    assert "set aside" not in done.err
    return done.code


def new_chance() -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown where a test fails
    return random.Random(seed)


async def collect_under_power_losses(start: Forking, folder: Path, suffix: str, wanted_losses: int) -> None:
    """Pull the plug and start again until a run is done, over and over until the power was lost so many times."""
    chance, losses, rounds = new_chance(), 0, 0
    async with Api(chance=chance).serving() as api:
        while losses < wanted_losses:
            rounds += 1
            with power_loss_disk(folder / str(rounds)) as disk:
                site = Site(disk, suffix, ids(IDS, first=10_000 * rounds), api)
                losses += await collect_to_the_end(start, site, chance)
                check_finished(site.output, Given(site.wanted), 0)


async def collect_to_the_end(start: Forking, site: Site, chance: random.Random) -> int:
    """Returns how often the power was lost before. At times only the program dies, and leaves what is not synced."""
    losses, safe, code = 0, set[str](), 0
    while not site.is_over:
        kept = whole_ids(site.collected)
        site.api.forget()
        if not site.disk.is_on:
            site.disk.switch_on(chance.randrange(1 << 32))
        running = await start(*site.command)
        ended = asyncio.ensure_future(running.process.wait())
        await wait_for_a_moment(chance, site.api.server, ended, len(site.wanted) - len(kept))
        code = await kill(running)
        assert not kept & set(asked(site.api.server)), "asked for again"
        if code == 0 or chance.random() < 0.7:
            losses += code != 0
            site.lose_power(in_part=chance.random() < 0.5)
            assert safe <= whole_ids(site.collected), "was there before, and is gone"
            safe = whole_ids(site.collected)
            assert code or site.is_over, "what a run that ended left is gone"
    if code:  # killed when nothing but the lock was left to remove
        (site.here / "c.partial.lock").unlink(missing_ok=True)
    return losses


@pytest.mark.parametrize("suffix", ["", pytest.param(".gz", marks=pytest.mark.soak), ".zst"])
async def test_a_power_loss_at_any_moment_takes_nothing_that_was_synced_and_repeats_nothing(
    fork: Forking, tmp_path: Path, suffix: str
) -> None:
    await collect_under_power_losses(fork, tmp_path, suffix, 1)


@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_hundred_power_losses(start: Starting, tmp_path: Path, suffix: str) -> None:
    await collect_under_power_losses(start, tmp_path, suffix, 34)


async def lose_power_before(start: Forking, folder: Path, suffix: str, call: str, chance: random.Random) -> bool:
    """A run whose disk dies before this call, and the run after it; returns whether it came so far."""
    wanted = ids(40)
    async with Api(missing=(wanted[3], wanted[17])).serving() as api:
        with power_loss_disk(folder) as disk:
            site = Site(disk, suffix, wanted, api)
            if chance.random() < 0.3:  # nothing vouches for the older snapshot
                (disk.backing / "c.manifest.json").unlink()
            disk.switch_on(chance.randrange(1 << 32), off_before=call)
            running = await start(*site.command)
            waiting = {asyncio.create_task(running.process.wait()), asyncio.create_task(disk.went_off())}
            _, left = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            was_lost = not disk.is_on
            for task in left:
                task.cancel()
            await running.kill()
            disk.pull_plug()
            site.check_readable()
            kept = set() if site.is_over else whole_ids(site.collected)
            api.forget()
            disk.switch_on()
            done = await (await start(*site.command)).finished()
            disk.pull_plug()  # what a run that ended has written is safe
            assert done.code == 3, done.err
            assert "set aside" not in done.err
            assert not kept & set(asked(api.server)), "asked for again"
            check_finished(site.output, Given(wanted), 3)
    return was_lost


@pytest.mark.parametrize("call", ["rename:3", "rename:5", "fsyncdir:9"])
async def test_a_power_loss_while_the_files_take_their_names_leaves_the_old_set_or_the_new(
    fork: Forking, tmp_path: Path, call: str
) -> None:
    assert await lose_power_before(fork, tmp_path / "disk", "", call, new_chance())


@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("call", ["create", "fsync", "fsyncdir", "rename", "unlink"])
async def test_a_power_loss_before_any_call(start: Starting, tmp_path: Path, call: str, suffix: str) -> None:
    number, chance, was_lost = 0, new_chance(), True
    while was_lost:
        number += 1
        was_lost = await lose_power_before(start, tmp_path / str(number), suffix, f"{call}:{number}", chance)
    assert number > 1


async def test_what_was_answered_is_safe_before_long_though_nothing_more_comes(fork: Forking, tmp_path: Path) -> None:
    """Not only the thousandth record brings a sync, so does the time."""
    async with Api(silent_after=300).serving() as api:
        with power_loss_disk(tmp_path / "disk") as disk:
            site = Site(disk, "", ids(400), api)
            disk.switch_on()
            running = await fork(*site.command)
            await site.synced(300)
            await kill(running)
            disk.pull_plug()
            kept = whole_ids(site.collected)
            assert kept == api.answered
            api.forget()
            api.silent_after = None
            disk.switch_on()
            done = await (await fork(*site.command)).finished()
            disk.pull_plug()
    assert done.code == 0, done.err
    assert set(asked(api.server)) == set(site.wanted) - kept
    check_finished(site.output, Given(site.wanted), 0)


def test_what_was_not_synced_is_gone_with_the_power(tmp_path: Path) -> None:
    """Else no test here could fail."""
    with power_loss_disk(tmp_path / "disk") as disk:
        disk.switch_on()
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
        disk.pull_plug()
        assert {path.name: path.read_bytes() for path in disk.backing.iterdir()} == {"named": b"synced"}
