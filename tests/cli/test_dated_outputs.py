"""Outputs with a date or a run id in their name, and the files that earlier runs of them left."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Calling, Finished
from tests.support.output_oracle import Given, check_finished
from tests.support.scripted_server import Exchange, Server, found, hang, ids, serving

WANTED = ids(9)
ANSWERED, STUCK = WANTED[:4], WANTED[4:]


class Night:
    """A folder of dated outputs, and a server that does not reply for the last ids until it is repaired."""

    def __init__(self, call: Calling, folder: Path) -> None:
        self._call = call
        self.out = folder / "out"
        self.server: Server
        self.stuck = set(STUCK)

    async def talk(self, exchange: Exchange) -> None:
        await (hang if exchange.target.rpartition("/")[2] in self.stuck else found)(exchange)

    async def collect(self, *arguments: str, output: str = "out/{date}.jsonl", wanted: list[str] = WANTED) -> Finished:
        self.server.heads.clear()
        given = ("--base-url", self.server.url, "-o", output, "--rate", "0", "--concurrency", "9")
        return await self._call("collect", *wanted, *given, *arguments)

    async def stopped(self, *arguments: str, output: str = "out/{date}.jsonl") -> Finished:
        """Stop a run after some replies, then repair the server."""
        done = await self.collect("--max-duration", "1", "--read-timeout", "1.2", *arguments, output=output)
        assert done.code == 5, done.err
        self.stuck = set()
        return done

    def move(self, *, days: int, hours: float) -> str:
        """Rename today's files to those of `days` ago, and let their run have begun `hours` ago."""
        day = self.day(days)
        for path in list(self.out.iterdir()):
            if path.name.startswith(self.day(0)):
                path.rename(path.with_name(path.name.replace(self.day(0), day)))
        self.begin(self.out / f"{day}.partial.run.json", hours)
        return day

    def begin(self, header: Path, hours: float) -> None:
        begun = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        header.write_text(json.dumps({**json.loads(header.read_bytes()), "started_at": begun}))

    def day(self, ago: int) -> str:
        return f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}"

    @property
    def asked(self) -> list[str]:
        return sorted(target.rpartition("/")[2] for target in self.server.targets)

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.iterdir()}


@pytest.fixture
async def night(call: Calling, tmp_path: Path) -> AsyncIterator[Night]:
    night = Night(call, tmp_path)
    async with serving(night.talk) as night.server:
        yield night


@pytest.mark.parametrize("resume", ["auto", "always"])
async def test_the_next_night_resumes_and_publishes_under_the_date_of_the_start(night: Night, resume: str) -> None:
    stopped = await night.stopped("--resume", resume)
    assert "rerun the same command" in stopped.err
    day = night.move(days=1, hours=23.9)
    run_id = json.loads(night.contents()[f"{day}.partial.run.json"])["run_id"]
    done = await night.collect("--resume", resume)
    assert done.code == 0, done.err
    assert f"its records will be published as out/{day}.jsonl, not as out/{night.day(0)}.jsonl" in done.err
    assert "earlier runs" not in done.err
    assert night.asked == STUCK
    result = check_finished(night.out / f"{day}.jsonl", Given(WANTED), 0)
    assert result.manifest["run_id"] == run_id
    assert result.manifest["resumed"] == len(ANSWERED)
    assert night.contents().keys() == {f"{day}.jsonl", f"{day}.manifest.json"}
    after = await night.collect()
    assert after.code == 0, after.err
    assert night.asked == WANTED
    check_finished(night.out / f"{night.day(0)}.jsonl", Given(WANTED), 0)


async def test_a_date_in_the_folder_is_resumed_too(night: Night) -> None:
    await night.stopped(output="{date}/c.jsonl")
    folder = night.out.parent
    (folder / night.day(0)).rename(folder / night.day(1))
    done = await night.collect(output="{date}/c.jsonl")
    assert done.code == 0, done.err
    assert night.asked == STUCK
    check_finished(folder / night.day(1) / "c.jsonl", Given(WANTED), 0)


async def test_an_unfinished_run_of_today_comes_before_one_of_yesterday(night: Night) -> None:
    await night.stopped()
    day = night.move(days=1, hours=23)
    kept = night.contents()
    night.stuck = set(STUCK)
    await night.collect("--max-duration", "1", "--resume", "never")
    night.stuck = set()
    done = await night.collect()
    assert done.code == 0, done.err
    assert night.asked == STUCK
    assert (night.out / f"{night.day(0)}.jsonl").exists()
    assert night.contents().items() >= kept.items()
    assert f"{day}.jsonl.partial" in done.err


@pytest.mark.parametrize("why", ["never", "other ids", "older than a day", "damaged"])
async def test_an_unfinished_run_is_named_by_every_run_until_it_is_resumed(night: Night, why: str) -> None:
    await night.stopped()
    day = night.move(days=2, hours=47 if why == "older than a day" else 23)
    partial = night.out / f"{day}.jsonl.partial"
    if why == "damaged":
        partial.write_bytes(partial.read_bytes().replace(b"Warehouse", b"Warehous3", 1))
    kept = night.contents()
    wanted = WANTED[1:] if why == "other ids" else WANTED
    for _ in range(2):
        done = await night.collect(*(["--resume", "never"] if why == "never" else []), wanted=wanted)
        assert done.code == 0, done.err
        assert night.asked == wanted
        [named] = [line for line in done.err.splitlines() if "earlier runs of this output left files" in line]
        assert f"out/{day}.jsonl.partial (started " in named
        assert f"--output out/{day}.jsonl and --resume always" in named
        assert night.contents().items() >= kept.items()
        check_finished_beside(night, wanted)
    if why == "damaged":
        assert (await night.collect("--resume", "always", output=f"out/{day}.jsonl")).code == 8
    else:
        done = await night.collect("--resume", "always", output=f"out/{day}.jsonl")  # as the warning advises
        assert (done.code, night.asked) == (0, STUCK), done.err
        assert "earlier runs" not in (await night.collect(wanted=wanted)).err


def check_finished_beside(night: Night, wanted: list[str]) -> None:
    """Check that today's run is complete and used no name of another day."""
    today = night.out.parent / "today"
    today.mkdir(exist_ok=True)
    for name, content in night.contents().items():
        if name.startswith(night.day(0)):
            (today / name).touch(0o600)
            (today / name).write_bytes(content)
    check_finished(today / f"{night.day(0)}.jsonl", Given(wanted), 0)


async def test_removing_the_files_ends_the_warning(night: Night) -> None:
    await night.stopped()
    day = night.move(days=9, hours=200)
    assert f"{day}.jsonl.partial" in (await night.collect()).err
    for path in night.out.glob(f"{day}*"):
        path.unlink()
    assert "earlier runs" not in (await night.collect()).err


async def test_a_run_that_holds_its_lock_is_neither_resumed_nor_named(night: Night) -> None:
    await night.stopped()
    day = night.move(days=1, hours=2)
    with (night.out / f"{day}.partial.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = await night.collect()
    assert (done.code, night.asked) == (0, WANTED), done.err
    assert day not in done.err


@pytest.mark.parametrize("renamed", [False, True], ids=["before the data", "after the data"])
@pytest.mark.parametrize("resume", ["auto", "never"])
async def test_an_interrupted_publication_of_yesterday_is_completed_and_today_collected(
    night: Night, renamed: bool, resume: str
) -> None:
    night.stuck = set()
    assert (await night.collect()).code == 0
    today = night.day(0)
    manifest = json.loads(night.contents()[f"{today}.manifest.json"])
    shared = {key: manifest["source"][key] for key in ("ids_digest", "base_url", "api_version")}
    header = {**shared, "schema": 1, "run_id": manifest["run_id"], "started_at": manifest["started_at"]}
    (night.out / f"{today}.partial.run.json").write_text(json.dumps(header))
    day = night.move(days=1, hours=2)
    text = (night.out / f"{day}.manifest.json").read_text().replace(today + ".jsonl", day + ".jsonl")
    (night.out / f"{day}.manifest.json.draft").write_text(text)
    (night.out / f"{day}.manifest.json").unlink()
    if not renamed:
        (night.out / f"{day}.jsonl").rename(night.out / f"{day}.jsonl.partial")
    done = await night.collect("--resume", resume)
    assert (done.code, night.asked) == (0, WANTED), done.err
    assert night.contents().keys() == {f"{each}.{end}" for each in (day, today) for end in ("jsonl", "manifest.json")}
    assert json.loads(night.contents()[f"{day}.manifest.json"])["run_id"] == manifest["run_id"]
    assert "earlier runs" not in done.err


async def test_files_quarantined_under_a_fixed_name_are_named_from_the_next_day_on(night: Night) -> None:
    await night.stopped(output="out/c.jsonl")
    night.begin(night.out / "c.partial.run.json", 25)
    first = await night.collect(output="out/c.jsonl")
    assert "quarantined" in first.err
    assert "earlier runs" not in first.err
    [aside] = night.out.glob("c.jsonl.partial.*")
    for _ in range(2):
        done = await night.collect(output="out/c.jsonl")
        assert done.code == 0
        assert f"{aside.name} (quarantined, started " in done.err
    for path in night.out.glob("c.*partial*"):
        path.unlink()
    assert "earlier runs" not in (await night.collect(output="out/c.jsonl")).err


# The message of a stopped run contains the command that resumes it.


@pytest.mark.parametrize("given", [("out/{run_id}.jsonl", "auto"), ("out/c.jsonl", "never"), ("{run_id}.gz", "never")])
async def test_the_command_in_the_message_resumes_the_run(night: Night, given: tuple[str, str]) -> None:
    output, resume = given
    said = (await night.stopped("--resume", resume, output=output)).err.splitlines()[-1]
    assert "the same command" not in said
    named = re.search(r"--output (\S+)", said)
    assert ("--resume auto" in said) == (resume == "never")
    done = await night.collect(output=named[1] if named else output)
    assert (done.code, night.asked) == (0, STUCK), done.err


async def test_a_stopped_stream_does_not_promise_to_resume(night: Night) -> None:
    said = (await night.stopped(output="-")).err.splitlines()[-1]
    assert "standard output cannot be resumed; rerun from the start, or name a file with --output" in said


async def test_a_run_with_a_run_id_in_its_path_never_resumes_another(night: Night) -> None:
    await night.stopped(output="out/{run_id}.jsonl")
    [partial] = night.out.glob("*.jsonl.partial")
    done = await night.collect(output="out/{run_id}.jsonl")
    assert (done.code, night.asked) == (0, WANTED), done.err
    assert partial.name in done.err
    assert partial.exists()
