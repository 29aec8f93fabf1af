"""Every pathology in a complete run: the outcome of its id, the attempts, the exit code, the counts, the memory.

The run also fetches healthy ids throughout, so that only a minority of its requests fails. If most requests failed, the
run would report an outage, which other tests cover.
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
    NETWORK_PATHS,
    ODD_REPLIES,
    REDIRECTS,
    STATUSES,
    NetworkPath,
    Redirect,
    Row,
    redirecting,
)
from tests.support.in_process import collect_in_process
from tests.support.output_oracle import Found, Given, Seen, check_finished, check_stopped
from tests.support.scripted_server import Exchange, Server, answer, by_id, connection, found, ids, serving
from tests.support.unreadable_bodies import STATUSES_WITHOUT_A_BODY, UNREADABLE, ErrorReply

WITHOUT_TIMEOUT: dict[str, Row] = {**GOOD_REPLIES, **ODD_REPLIES, **STATUSES, **BROKEN_ANSWERS}
"""The rows that need no timeout."""


class FaultyIds:
    """Assigns each row to one id, which always gets that reply, and adds healthy ids."""

    def __init__(self, rows: Mapping[str, Row], *, healthy: int) -> None:
        self.rows = rows
        self.id_of = dict(zip(rows, ids(len(rows), 1), strict=True))
        self.healthy = ids(healthy, 10_000)

    @property
    def requested(self) -> list[str]:
        """All ids, faulty ones early and never adjacent, so that healthy ones are requested during their retries."""
        spacing = len(self.healthy) // (3 * len(self.rows))
        requested = list(self.healthy)
        for place, one in enumerate(self.id_of.values()):
            requested.insert(place * (spacing + 1), one)
        return requested

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Server]:
        special = {one: self.rows[name].serve(connection(one)) for name, one in self.id_of.items()}
        async with serving(by_id(special, found)) as server:
            yield server

    def expected(self, max_attempts: int, *, passes: int = 1) -> dict[str, tuple[str, int | None, int]]:
        """The expected outcome, status and attempts of each row; each further pass adds an attempt to exhausted ids."""
        return {
            name: (
                row.outcome,
                row.http_status,
                min(row.attempts, max_attempts) + (passes - 1 if row.outcome is OutcomeKind.EXHAUSTED else 0),
            )
            for name, row in self.rows.items()
        }

    def observed(self, result: Found, server: Server) -> dict[str, tuple[str, int | None, int]]:
        """The observed outcome, status and attempts: from the files, or for an ok id from the server."""
        request_counts = Counter(target.rpartition("/")[2] for target in server.targets)
        return {
            name: (line["outcome"], line["http_status"], line["attempts"])
            if (line := result.errors.get(one))
            else ("ok" if one in result.records else "nothing", 200, request_counts[one])
            for name, one in self.id_of.items()
        }

    def request_counts(self, server: Server) -> dict[str, int]:
        """The number of requests the server received for each row."""
        request_counts = Counter(target.rpartition("/")[2] for target in server.targets)
        return {name: request_counts[one] for name, one in self.id_of.items()}


def settings_for(url: str, folder: Path, *, limits: Limits | None = None, retry: Retry | None = None) -> Settings:
    return Settings(
        api=Api(base_url=url),
        limits=limits or Limits(rate=0),
        retry=retry or Retry(),
        output=Output(path=str(folder / "out/c.jsonl")),
    )


async def collect_all_rows(
    folder: Path,
    capture: pytest.CaptureFixture[str],
    *,
    attempts: int,
    rate: int,
    passes: int | None = None,
    rows: Mapping[str, Row] = WITHOUT_TIMEOUT,
) -> None:
    """Collect every row, and healthy ids until the last row has used its attempts."""
    seconds = 0.5 * 2 ** (attempts - 1) + 0.5  # the longest backoff of one id, with a margin
    faulty = FaultyIds(rows, healthy=int(rate * seconds * 1.5))
    limits, retry = Limits(rate=rate, concurrency=100), Retry(max_attempts=attempts)
    async with faulty.serving() as server:
        code = await collect_in_process(faulty.requested, settings_for(server.url, folder, limits=limits, retry=retry))
    result = check_finished(folder / "out/c.jsonl", Given(faulty.requested), code, seen=Seen(server.requests))
    assert code == ExitCode.INCOMPLETE
    observed = faulty.observed(result, server)
    if passes is None:  # on a slow machine the retries take long enough for a second pass
        passes = 2 if any(made > attempts for _, _, made in observed.values()) else 1
    expected = faulty.expected(attempts, passes=passes)
    assert observed == expected
    assert faulty.request_counts(server) == {name: attempts for name, (*_, attempts) in expected.items()}
    assert set(result.records) >= set(faulty.healthy)
    printed = capture.readouterr()
    assert_nowhere(KEY, folder, printed.out, printed.err)


async def test_every_pathology_gives_its_id_the_tabulated_outcome_and_affects_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With at most three attempts, the outcome alone distinguishes a limit of five from limits of one or three."""
    await collect_all_rows(tmp_path, capsys, attempts=3, rate=600)


async def test_a_status_decides_the_outcome_even_if_its_body_is_unreadable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await collect_all_rows(tmp_path, capsys, attempts=2, rate=600, rows=STATUSES_WITHOUT_A_BODY)


@pytest.mark.soak
async def test_by_default_every_pathology_takes_the_tabulated_attempts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await collect_all_rows(tmp_path, capsys, attempts=Retry().max_attempts, rate=400, passes=2)


async def test_an_endless_reply_uses_up_the_attempts_of_its_own_id_only(tmp_path: Path) -> None:
    faulty = FaultyIds(ENDLESS_ANSWERS, healthy=150)
    retry = Retry(max_attempts=2, read_timeout=0.4, total_timeout=0.8)
    async with faulty.serving() as server:
        settings = settings_for(server.url, tmp_path, limits=Limits(rate=60), retry=retry)
        code = await collect_in_process(faulty.requested, settings)
    result = check_finished(tmp_path / "out/c.jsonl", Given(faulty.requested), code, seen=Seen(server.requests))
    assert code == ExitCode.INCOMPLETE
    assert faulty.observed(result, server) == faulty.expected(2)
    assert faulty.request_counts(server) == dict.fromkeys(ENDLESS_ANSWERS, 2)


KEPT: dict[str, tuple[str, Any]] = {
    "more than 64 bits": ("extra", {"number": 123456789012345678901234567890}),
    "duplicate keys": ("type_id", "first"),
    "byte order mark": ("name", "Warehouse"),
}


async def test_unusual_but_valid_values_are_kept_exactly(tmp_path: Path) -> None:
    faulty = FaultyIds({name: ODD_REPLIES[name] for name in KEPT}, healthy=10)
    async with faulty.serving() as server:
        code = await collect_in_process(faulty.requested, settings_for(server.url, tmp_path))
    assert code == ExitCode.OK
    records = check_finished(tmp_path / "out/c.jsonl", Given(faulty.requested), 0, seen=Seen(server.requests)).records
    assert {name: (field, records[one][field]) for name, one in faulty.id_of.items() for field, _ in [KEPT[name]]} == (
        KEPT
    )


BIG = ["gzip bomb", "endless chunks", "endless, until closed", "too long by its length"]


async def test_endless_bodies_use_no_memory_beyond_their_caps(tmp_path: Path) -> None:
    rows = {f"{name} {number}": BROKEN_ANSWERS[name] for name in BIG for number in range(4)}
    faulty = FaultyIds(rows, healthy=60)
    async with faulty.serving() as server:
        tracemalloc.start()
        try:
            code = await collect_in_process(faulty.requested, settings_for(server.url, tmp_path, limits=Limits(rate=0)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    result = check_finished(tmp_path / "out/c.jsonl", Given(faulty.requested), code, seen=Seen(server.requests))
    assert result.outcomes == {"ok": 60, "too_large": len(rows)}
    assert peak < len(rows) * (MAX_BODY_BYTES + 2 * MAX_WIRE_BYTES)


# Replies that end the run.


async def run_that_ends_with_2(
    requested: Sequence[str], folder: Path, settings: Settings, capture: pytest.CaptureFixture[str]
) -> str:
    """Run, require exit code 2, and return stderr; neither the output nor the files may contain the key."""
    assert await collect_in_process(requested, settings) == ExitCode.USAGE
    printed = capture.readouterr()
    assert_nowhere(KEY, folder, printed.out, printed.err)
    return printed.err


@pytest.mark.parametrize("redirect", REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_a_redirect_ends_the_run_after_one_request_and_its_target_receives_nothing(
    redirect: Redirect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(found) as target:

        async def moved(exchange: Exchange) -> None:
            await redirecting(redirect, server.url, target.url)(exchange)

        async with serving(moved) as server:
            settings = settings_for(server.url, tmp_path, limits=Limits(concurrency=1))
            printed = await run_that_ends_with_2(ids(5), tmp_path, settings, capsys)
        assert (server.requests, target.opened) == (1, 0)
    assert "redirect" in printed
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 2, seen=Seen(1, {redirect.status: 1}))


@pytest.mark.parametrize("status", [407, 511])
async def test_a_status_that_requires_new_configuration_ends_the_run_after_one_request(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(answer(b"", f"{status} No")) as server:
        settings = settings_for(server.url, tmp_path, limits=Limits(concurrency=1))
        await run_that_ends_with_2(ids(5), tmp_path, settings, capsys)
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 2, seen=Seen(1, {status: 1}))


UNREADABLE_HERE = {name: UNREADABLE[name] for name in ("not gzip", "br", "truncated", "invalid chunk size")}


@pytest.mark.parametrize("error_reply", UNREADABLE_HERE.values(), ids=UNREADABLE_HERE.keys())
async def test_a_rejected_key_ends_the_run_and_keeps_the_older_snapshot_despite_an_unreadable_body(
    error_reply: ErrorReply, tmp_path: Path
) -> None:
    requested = ids(30)
    async with serving(found) as server:
        assert await collect_in_process(requested, settings_for(server.url, tmp_path)) == ExitCode.OK
    before = (tmp_path / "out/c.jsonl").read_bytes()
    async with serving(error_reply("401 Unauthorized")) as server:
        settings = settings_for(server.url, tmp_path, limits=Limits(concurrency=4))
        assert await collect_in_process(requested, settings) == ExitCode.KEY_REFUSED
    assert server.requests <= 4 + 1
    assert (tmp_path / "out/c.jsonl").read_bytes() == before
    check_stopped(tmp_path / "out/c.jsonl", Given(requested), 4, seen=Seen(server.requests, {401: server.requests}))


@pytest.mark.parametrize("error_reply", UNREADABLE_HERE.values(), ids=UNREADABLE_HERE.keys())
@pytest.mark.parametrize(("status", "code"), [(302, 2), (401, 4), (404, 2), (407, 2), (503, 5)])
async def test_the_status_of_the_list_counts_despite_an_unreadable_body(
    error_reply: ErrorReply, status: int, code: int, tmp_path: Path
) -> None:
    headers = {"Retry_After": "100000"} if status == 503 else {}  # exceeds --max-pause
    async with serving(error_reply(f"{status} No", **headers)) as server:
        settings = settings_for(server.url, tmp_path, retry=Retry(max_attempts=1))
        settings = replace(settings, ids=Ids(all=True))
        assert await collect_in_process([], settings) == code
    assert server.requests == (2 if status == 401 else 1)


@pytest.mark.parametrize("error_reply", UNREADABLE_HERE.values(), ids=UNREADABLE_HERE.keys())
async def test_a_throttled_reply_with_an_unreadable_body_still_causes_a_pause(
    error_reply: ErrorReply, tmp_path: Path
) -> None:
    times: list[float] = []

    async def throttle_once(exchange: Exchange) -> None:
        times.append(asyncio.get_running_loop().time())
        await (error_reply("429 Slow down", Retry_After="1") if len(times) == 1 else found)(exchange)

    async with serving(throttle_once) as server:
        assert await collect_in_process(ids(1), settings_for(server.url, tmp_path)) == ExitCode.OK
    assert times[1] - times[0] >= 1
    manifest = check_finished(tmp_path / "out/c.jsonl", Given(ids(1)), 0, seen=Seen(2)).manifest
    assert manifest["requests"]["throttled"] == 1
    assert manifest["requests"]["by_status"] == {"200": 1, "429": 1}


async def test_the_errors_file_reports_an_unreadable_body(tmp_path: Path) -> None:
    [one] = ids(1)
    async with serving(UNREADABLE["br"]("404 Not Found")) as server:
        assert await collect_in_process([one], settings_for(server.url, tmp_path)) == ExitCode.INCOMPLETE
    line = check_finished(tmp_path / "out/c.jsonl", Given([one]), 3, seen=Seen(1)).errors[one]
    assert line["error"] == "HTTP 404 (body unreadable: unknown Content-Encoding 'br')"


FATAL_PATHS = {
    name: network_path for name, network_path in NETWORK_PATHS.items() if network_path.failure is ConfigError
}
TRANSIENT_PATHS = {
    name: network_path for name, network_path in NETWORK_PATHS.items() if network_path.failure is not ConfigError
}


@pytest.mark.parametrize("network_path", FATAL_PATHS.values(), ids=FATAL_PATHS.keys())
async def test_a_network_path_that_requires_new_configuration_ends_the_run_after_one_connection(
    network_path: NetworkPath, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with network_path.open_target(tmp_path) as target:
        api = Api(base_url=target.url, ca_file=target.ca_file, proxy=target.proxy)
        output = Output(path=str(tmp_path / "out/c.jsonl"))
        settings = Settings(api=api, limits=Limits(concurrency=1), output=output)
        printed = await run_that_ends_with_2(ids(5), tmp_path, settings, capsys)
    assert [server.opened for server in target.servers] == [1]
    assert [name for name in network_path.names if name not in printed] == []
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 2, seen=Seen(0))


@pytest.mark.parametrize("network_path", TRANSIENT_PATHS.values(), ids=TRANSIENT_PATHS.keys())
async def test_a_network_path_that_may_recover_uses_all_attempts_of_an_id(
    network_path: NetworkPath, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with network_path.open_target(tmp_path) as target:
        settings = Settings(
            api=Api(base_url=target.url, ca_file=target.ca_file, proxy=target.proxy),
            retry=Retry(max_attempts=2, read_timeout=0.3 if network_path.times_out else 30),
            output=Output(path=str(tmp_path / "out/c.jsonl")),
        )
        code = await collect_in_process(ids(1), settings)
    assert code == ExitCode.INCOMPLETE
    result = check_finished(tmp_path / "out/c.jsonl", Given(ids(1)), 3, seen=Seen(0))
    [line] = result.errors.values()
    assert (line["outcome"], line["http_status"], line["attempts"]) == ("exhausted", None, 2)
    assert result.manifest["requests"]["sent"] == 2 * network_path.sent
    printed = capsys.readouterr()
    assert_nowhere(KEY, tmp_path, printed.out, printed.err)


def test_every_row_has_a_unique_name() -> None:
    assert len(WITHOUT_TIMEOUT) == sum(map(len, (GOOD_REPLIES, ODD_REPLIES, STATUSES, BROKEN_ANSWERS)))
