"""What a whole run makes of every pathology: the outcome of its id, the attempts, the exit code, the count, the memory.

Good ids are asked for all the while, so that the pathologies are never most of what a run sees: a server that fails
most requests is an outage, which is another matter.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector.client.transport.body import MAX_BODY_BYTES, MAX_WIRE_BYTES
from collector.model.errors import ConfigError, ExitCode
from collector.model.outcome import OutcomeKind
from collector.run.settings import Api, Ids, Limits, Output, Retry, Settings
from tests.conftest import KEY
from tests.support.canary import assert_nowhere
from tests.support.http_pathologies import (
    BROKEN_ANSWERS,
    ENDLESS_ANSWERS,
    GOOD_REPLIES,
    ODD_REPLIES,
    REDIRECTS,
    ROADS,
    STATUSES,
    Redirect,
    Road,
    Row,
    redirecting,
)
from tests.support.in_process import collect_in_process
from tests.support.output_oracle import Found, Given, Seen, check_finished, check_stopped
from tests.support.scripted_server import Exchange, Server, answer, by_id, connection, found, ids, serving
from tests.support.unreadable_refusals import STATUSES_WITHOUT_A_BODY, UNREADABLE, Refusing

AT_ONCE: dict[str, Row] = {**GOOD_REPLIES, **ODD_REPLIES, **STATUSES, **BROKEN_ANSWERS}
"""All that needs no time-out."""


class Struck:
    """Rows, each of which strikes one id whenever it is asked for, among ids that are well."""

    def __init__(self, rows: Mapping[str, Row], *, well: int) -> None:
        self.rows = rows
        self.id_of = dict(zip(rows, ids(len(rows), 1), strict=True))
        self.well = ids(well, 10_000)

    @property
    def wanted(self) -> list[str]:
        """The struck early, so that others are still asked for while they are asked again, and never in a row."""
        every = len(self.well) // (3 * len(self.rows))
        wanted = list(self.well)
        for place, one in enumerate(self.id_of.values()):
            wanted.insert(place * (every + 1), one)
        return wanted

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Server]:
        special = {one: self.rows[name].serve(connection(one)) for name, one in self.id_of.items()}
        async with serving(by_id(special, found)) as server:
            yield server

    def due(self, max_attempts: int, *, passes: int = 1) -> dict[str, tuple[str, int | None, int]]:
        """Outcome, status and attempts of each; those that were given up get one more in a second pass."""
        return {
            name: (
                row.outcome,
                row.http_status,
                min(row.attempts, max_attempts) + (passes - 1 if row.outcome is OutcomeKind.EXHAUSTED else 0),
            )
            for name, row in self.rows.items()
        }

    def became(self, result: Found, server: Server) -> dict[str, tuple[str, int | None, int]]:
        """The same, as the files and, for the attempts of what went well, the server tell it."""
        asked = Counter(target.rpartition("/")[2] for target in server.targets)
        return {
            name: (line["outcome"], line["http_status"], line["attempts"])
            if (line := result.errors.get(one))
            else ("ok" if one in result.records else "nothing", 200, asked[one])
            for name, one in self.id_of.items()
        }

    def asked(self, server: Server) -> dict[str, int]:
        """How often the server was asked for each."""
        asked = Counter(target.rpartition("/")[2] for target in server.targets)
        return {name: asked[one] for name, one in self.id_of.items()}


def settings_for(url: str, folder: Path, *, limits: Limits | None = None, retry: Retry | None = None) -> Settings:
    return Settings(
        api=Api(base_url=url),
        limits=limits or Limits(rate=0),
        retry=retry or Retry(),
        output=Output(path=str(folder / "out/c.jsonl")),
    )


async def all_rows_at_once(
    folder: Path,
    said: pytest.CaptureFixture[str],
    *,
    attempts: int,
    rate: int,
    passes: int = 1,
    rows: Mapping[str, Row] = AT_ONCE,
) -> None:
    """Every row, while good ids are asked for until the last row has had its attempts."""
    seconds = 0.5 * 2 ** (attempts - 1) + 0.5  # the longest that the backing off of one can last, and some more
    struck = Struck(rows, well=int(rate * seconds * 1.5))
    limits, retry = Limits(rate=rate, concurrency=100), Retry(max_attempts=attempts)
    async with struck.serving() as server:
        code = await collect_in_process(struck.wanted, settings_for(server.url, folder, limits=limits, retry=retry))
    result = check_finished(folder / "out/c.jsonl", Given(struck.wanted), code, seen=Seen(server.requests))
    assert code == ExitCode.INCOMPLETE
    due = struck.due(attempts, passes=passes)
    assert struck.became(result, server) == due
    assert struck.asked(server) == {name: made for name, (*_, made) in due.items()}
    assert set(result.records) >= set(struck.well)
    told = said.readouterr()
    assert_nowhere(KEY, folder, told.out, told.err)


async def test_every_answer_there_can_be_ends_its_id_as_the_table_says_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three attempts at most tell what is worth five from what is worth one or three by its outcome alone."""
    await all_rows_at_once(tmp_path, capsys, attempts=3, rate=600)


async def test_a_status_ends_its_id_in_the_same_way_whether_its_body_can_be_read_or_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await all_rows_at_once(tmp_path, capsys, attempts=2, rate=600, rows=STATUSES_WITHOUT_A_BODY)


@pytest.mark.soak
async def test_by_default_every_answer_there_can_be_has_the_attempts_that_the_table_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await all_rows_at_once(tmp_path, capsys, attempts=Retry().max_attempts, rate=400, passes=2)


async def test_an_answer_that_never_ends_costs_its_id_its_attempts_and_nobody_else_anything(tmp_path: Path) -> None:
    struck = Struck(ENDLESS_ANSWERS, well=150)
    retry = Retry(max_attempts=2, read_timeout=0.4, total_timeout=0.8)
    async with struck.serving() as server:
        settings = settings_for(server.url, tmp_path, limits=Limits(rate=60), retry=retry)
        code = await collect_in_process(struck.wanted, settings)
    result = check_finished(tmp_path / "out/c.jsonl", Given(struck.wanted), code, seen=Seen(server.requests))
    assert code == ExitCode.INCOMPLETE
    assert struck.became(result, server) == struck.due(2)
    assert struck.asked(server) == dict.fromkeys(ENDLESS_ANSWERS, 2)


KEPT: dict[str, tuple[str, Any]] = {
    "more than 64 bits": ("extra", {"number": 123456789012345678901234567890}),
    "duplicate keys": ("type_id", "first"),
    "byte order mark": ("name", "Warehouse"),
}


async def test_what_is_odd_but_whole_is_kept_exactly(tmp_path: Path) -> None:
    struck = Struck({name: ODD_REPLIES[name] for name in KEPT}, well=10)
    async with struck.serving() as server:
        code = await collect_in_process(struck.wanted, settings_for(server.url, tmp_path))
    assert code == ExitCode.OK
    records = check_finished(tmp_path / "out/c.jsonl", Given(struck.wanted), 0, seen=Seen(server.requests)).records
    assert {name: (field, records[one][field]) for name, one in struck.id_of.items() for field, _ in [KEPT[name]]} == (
        KEPT
    )


BIG = ["gzip bomb", "endless chunks", "endless, until closed", "too long by its length"]


async def test_bodies_without_end_take_no_memory_beyond_their_caps(tmp_path: Path) -> None:
    rows = {f"{name} {number}": BROKEN_ANSWERS[name] for name in BIG for number in range(4)}
    struck = Struck(rows, well=60)
    async with struck.serving() as server:
        tracemalloc.start()
        try:
            code = await collect_in_process(struck.wanted, settings_for(server.url, tmp_path, limits=Limits(rate=0)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    result = check_finished(tmp_path / "out/c.jsonl", Given(struck.wanted), code, seen=Seen(server.requests))
    assert result.outcomes == {"ok": 60, "too_large": len(rows)}
    assert peak < len(rows) * (MAX_BODY_BYTES + 2 * MAX_WIRE_BYTES)


# What ends the run.


async def refused(wanted: Sequence[str], folder: Path, settings: Settings, said: pytest.CaptureFixture[str]) -> str:
    """What a run says that ends with 2; nothing of it may hold the key."""
    assert await collect_in_process(wanted, settings) == ExitCode.USAGE
    told = said.readouterr()
    assert_nowhere(KEY, folder, told.out, told.err)
    return told.err


@pytest.mark.parametrize("redirect", REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_a_redirect_ends_the_run_after_one_request_and_its_target_hears_nothing(
    redirect: Redirect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(found) as target:

        async def moved(exchange: Exchange) -> None:
            await redirecting(redirect, server.url, target.url)(exchange)

        async with serving(moved) as server:
            settings = settings_for(server.url, tmp_path, limits=Limits(concurrency=1))
            told = await refused(ids(5), tmp_path, settings, capsys)
        assert (server.requests, target.opened) == (1, 0)
    assert "redirect" in told
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 2, seen=Seen(1, {redirect.status: 1}))


@pytest.mark.parametrize("status", [407, 511])
async def test_a_status_that_only_the_configuration_can_mend_ends_the_run_after_one_request(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(answer(b"", f"{status} No")) as server:
        settings = settings_for(server.url, tmp_path, limits=Limits(concurrency=1))
        await refused(ids(5), tmp_path, settings, capsys)
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 2, seen=Seen(1, {status: 1}))


UNREADABLE_HERE = {name: UNREADABLE[name] for name in ("gzip that is none", "br", "cut", "chunk size garbled")}


@pytest.mark.parametrize("refuse", UNREADABLE_HERE.values(), ids=UNREADABLE_HERE.keys())
async def test_a_refused_key_ends_the_run_and_leaves_the_older_snapshot_though_no_body_can_be_read(
    refuse: Refusing, tmp_path: Path
) -> None:
    wanted = ids(30)
    async with serving(found) as server:
        assert await collect_in_process(wanted, settings_for(server.url, tmp_path)) == ExitCode.OK
    before = (tmp_path / "out/c.jsonl").read_bytes()
    async with serving(refuse("401 Unauthorized")) as server:
        settings = settings_for(server.url, tmp_path, limits=Limits(concurrency=4))
        assert await collect_in_process(wanted, settings) == ExitCode.KEY_REFUSED
    assert server.requests <= 4 + 1
    assert (tmp_path / "out/c.jsonl").read_bytes() == before
    check_stopped(tmp_path / "out/c.jsonl", Given(wanted), 4, seen=Seen(server.requests, {401: server.requests}))


@pytest.mark.parametrize("refuse", UNREADABLE_HERE.values(), ids=UNREADABLE_HERE.keys())
@pytest.mark.parametrize(("status", "code"), [(302, 2), (401, 4), (404, 2), (407, 2), (503, 5)])
async def test_the_list_is_judged_by_its_status_though_no_body_can_be_read(
    refuse: Refusing, status: int, code: int, tmp_path: Path
) -> None:
    said = {"Retry_After": "100000"} if status == 503 else {}  # a longer pause than the run waits for
    async with serving(refuse(f"{status} No", **said)) as server:
        settings = settings_for(server.url, tmp_path, retry=Retry(max_attempts=1))
        settings = replace(settings, ids=Ids(all=True))
        assert await collect_in_process([], settings) == code
    assert server.requests == (2 if status == 401 else 1)


@pytest.mark.parametrize("refuse", UNREADABLE_HERE.values(), ids=UNREADABLE_HERE.keys())
async def test_a_request_to_slow_down_is_heard_though_its_body_cannot_be_read(refuse: Refusing, tmp_path: Path) -> None:
    times: list[float] = []

    async def refused_once(exchange: Exchange) -> None:
        times.append(asyncio.get_running_loop().time())
        await (refuse("429 Slow down", Retry_After="1") if len(times) == 1 else found)(exchange)

    async with serving(refused_once) as server:
        assert await collect_in_process(ids(1), settings_for(server.url, tmp_path)) == ExitCode.OK
    assert times[1] - times[0] >= 1
    manifest = check_finished(tmp_path / "out/c.jsonl", Given(ids(1)), 0, seen=Seen(2)).manifest
    assert manifest["requests"]["throttled"] == 1
    assert manifest["requests"]["by_status"] == {"200": 1, "429": 1}


async def test_the_errors_file_says_that_the_body_could_not_be_read(tmp_path: Path) -> None:
    [one] = ids(1)
    async with serving(UNREADABLE["br"]("404 Not Found")) as server:
        assert await collect_in_process([one], settings_for(server.url, tmp_path)) == ExitCode.INCOMPLETE
    line = check_finished(tmp_path / "out/c.jsonl", Given([one]), 3, seen=Seen(1)).errors[one]
    assert line["error"] == "HTTP 404 (body unreadable: unknown Content-Encoding 'br')"


FATAL = {name: road for name, road in ROADS.items() if road.failure is ConfigError}
PASSING = {name: road for name, road in ROADS.items() if road.failure is not ConfigError}


@pytest.mark.parametrize("road", FATAL.values(), ids=FATAL.keys())
async def test_a_way_that_only_the_configuration_can_mend_ends_the_run_after_one_connection(
    road: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with road.place(tmp_path) as place:
        api = Api(base_url=place.url, ca_file=place.ca_file, proxy=place.proxy)
        output = Output(path=str(tmp_path / "out/c.jsonl"))
        settings = Settings(api=api, limits=Limits(concurrency=1), output=output)
        told = await refused(ids(5), tmp_path, settings, capsys)
    assert [server.opened for server in place.servers] == [1]
    assert [name for name in road.names if name not in told] == []
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 2, seen=Seen(0))


@pytest.mark.parametrize("road", PASSING.values(), ids=PASSING.keys())
async def test_a_way_that_may_open_again_is_tried_as_often_as_an_id_is_worth(
    road: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with road.place(tmp_path) as place:
        settings = Settings(
            api=Api(base_url=place.url, ca_file=place.ca_file, proxy=place.proxy),
            retry=Retry(max_attempts=2, read_timeout=0.3 if road.times_out else 30),
            output=Output(path=str(tmp_path / "out/c.jsonl")),
        )
        code = await collect_in_process(ids(1), settings)
    assert code == ExitCode.INCOMPLETE
    result = check_finished(tmp_path / "out/c.jsonl", Given(ids(1)), 3, seen=Seen(0))
    [line] = result.errors.values()
    assert (line["outcome"], line["http_status"], line["attempts"]) == ("exhausted", None, 2)
    assert result.manifest["requests"]["sent"] == 2 * road.sent
    told = capsys.readouterr()
    assert_nowhere(KEY, tmp_path, told.out, told.err)


def test_every_row_has_a_name_of_its_own() -> None:
    assert len(AT_ONCE) == sum(map(len, (GOOD_REPLIES, ODD_REPLIES, STATUSES, BROKEN_ANSWERS)))
