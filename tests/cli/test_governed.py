"""`collector collect` against failing and throttling servers: waits, follows the limits, and sends no bursts."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.conftest import Calling, Forking
from tests.support.output_oracle import Given, Seen, check_finished, check_stopped
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    by_id,
    close,
    connection,
    error,
    found,
    hang,
    ids,
    in_turn,
    reset,
    serving,
)

SANDBOX = {"POLYTOMIC_API_KEY": SANDBOX_KEY}


class Stamped:
    """A scenario that records arrival times and chooses a reply by the time since the first request."""

    def __init__(self, then: Callable[[float], Scenario]) -> None:
        self._then = then
        self.arrivals: list[float] = []

    async def __call__(self, exchange: Exchange) -> None:
        self.arrivals.append(monotonic())
        await self._then(self.arrivals[-1] - self.arrivals[0])(exchange)

    def busiest_second(self) -> int:
        """The highest number of arrivals in any second."""
        return max(sum(one <= other < one + 1 for other in self.arrivals) for one in self.arrivals)


def out_between(begin: float, end: float, outage: Scenario) -> Stamped:
    """A server with an outage, whose begin and end are in seconds after the first request."""
    return Stamped(lambda since: outage if begin <= since < end else found)


@pytest.mark.parametrize(
    ("outage", "seconds"),
    [
        (error(503), 3.0),
        pytest.param(error(503), 6.0, marks=pytest.mark.soak),
        pytest.param(reset, 6.0, marks=pytest.mark.soak),
        pytest.param(close, 6.0, marks=pytest.mark.soak),
    ],
    ids=["503", "503 for 6 s", "reset for 6 s", "close for 6 s"],
)
async def test_an_outage_in_the_middle_of_a_run_is_waited_out_and_no_id_fails(
    call: Calling, tmp_path: Path, outage: Scenario, seconds: float
) -> None:
    server_side = out_between(1, 1 + seconds, outage)
    asked = ids(400)
    async with serving(server_side) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "100", "--concurrency", "16")
        )
    assert done.code == 0, done.err
    check_finished(tmp_path / "c.jsonl", Given(asked), 0, seen=Seen(server.requests))
    assert server.requests <= len(asked) + 60
    assert "outage: too many failures" in done.err
    assert "the server is responding again; resuming with" in done.err


async def test_an_unavailable_server_costs_few_requests_and_ends_the_run_resumable(
    call: Calling, tmp_path: Path
) -> None:
    asked = ids(100_000)
    (tmp_path / "ids.txt").write_text("\n".join(asked))
    async with serving(error(503)) as server:
        done = await call(
            *("collect", "--ids", "ids.txt", "--base-url", server.url, "-o", "c.jsonl", "--rate", "0"),
            *("--concurrency", "16", "--outage-limit", "4"),
        )
    assert done.code == 5, done.err
    assert server.requests <= 60
    found_ = check_stopped(tmp_path / "c.jsonl", Given(asked), 5, seen=Seen(server.requests))
    assert found_.outcomes == {"not_attempted": 100_000}
    assert "all requests failed for 4 s, longer than --outage-limit 4: HTTP 503" in done.err
    assert "rerun the same command within 24 hours of its start to resume" in done.err


@pytest.mark.parametrize("scenario", [hang, reset], ids=["hangs", "resets"])
async def test_an_outage_of_any_kind_ends_at_its_limit(call: Calling, tmp_path: Path, scenario: Scenario) -> None:
    asked = ids(500)
    async with serving(scenario) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0", "--concurrency", "16"),
            *("--outage-limit", "4", "--read-timeout", "0.5"),
        )
    assert done.code == 5, done.err
    assert server.requests <= 60
    check_stopped(tmp_path / "c.jsonl", Given(asked), 5, seen=Seen(server.requests))


async def test_a_run_that_an_outage_ended_is_resumed(call: Calling, tmp_path: Path) -> None:
    asked = ids(200)
    async with serving(in_turn(*[found] * 50, *[error(502)] * 30, found)) as server:
        command = ("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0", "--concurrency", "16")
        first = await call(*command, "--outage-limit", "0.5")
        stopped = check_stopped(tmp_path / "c.jsonl", Given(asked), 5, seen=Seen(server.requests))
        server.heads.extend([b""] * 30)
        second = await call(*command)
    assert (first.code, second.code) == (5, 0), second.err
    result = check_finished(tmp_path / "c.jsonl", Given(asked), 0)
    assert result.manifest["resumed"] == stopped.outcomes["ok"] == 50


async def test_permanently_failing_ids_are_not_an_outage_even_if_only_they_are_left(
    call: Calling, tmp_path: Path
) -> None:
    asked = ids(200)
    broken = asked[2:180:3]
    async with serving(by_id(dict.fromkeys(broken, error(500)), found)) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0", "--max-attempts", "2"),
            *("--concurrency", "8"),
        )
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "c.jsonl", Given(asked), 3, seen=Seen(server.requests))
    assert result.outcomes == {"ok": 140, "exhausted": 60}


@pytest.mark.soak
async def test_an_exhausted_id_is_requested_again_in_the_second_pass(call: Calling, tmp_path: Path) -> None:
    asked = ids(30)
    late = asked[3:6]
    tries = dict.fromkeys(late, 0)

    async def slow(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        tries[one] += 1
        await (found if tries[one] > 4 else hang)(exchange)

    async with serving(by_id(dict.fromkeys(late, slow), found)) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0", "-v"),
            *("--max-attempts", "4", "--read-timeout", "2.6"),
        )
    assert done.code == 0, done.err
    assert "3 ids get one more attempt in" in done.err
    check_finished(tmp_path / "c.jsonl", Given(asked), 0, seen=Seen(server.requests))


async def test_a_failure_rate_of_5_percent_costs_little_more_than_the_failures(call: Calling, tmp_path: Path) -> None:
    await _survives(call, tmp_path, 2_000)


@pytest.mark.soak
async def test_no_id_of_20000_is_lost_at_a_failure_rate_of_5_percent(call: Calling, tmp_path: Path) -> None:
    await _survives(call, tmp_path, 20_000)


async def _survives(call: Calling, folder: Path, size: int) -> None:
    inventory = Inventory(size, seed=3)
    (folder / "ids.txt").write_text("".join(f"{one}\n" for one in inventory.ids()))
    faults = Faults.parse("503=0.0167,reset=0.0167,hang=0.0166")
    async with serve(inventory, faults=faults, seed=size) as sandbox:
        done = await call(
            *("collect", "--ids", "ids.txt", "--base-url", sandbox.url, "-o", "c.jsonl", "--rate", "0"),
            *("--read-timeout", "1"),
            env=SANDBOX,
        )
        total = sandbox.log.summary().total
    assert done.code == 0, done.err
    check_finished(folder / "c.jsonl", Given(list(inventory.ids())), 0, seen=Seen(total))
    assert total <= 1.07 * size + 50


async def test_a_stated_exhausted_quota_is_waited_for_even_after_an_ok_reply(call: Calling, tmp_path: Path) -> None:
    asked = ids(6)

    async def good(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        fields = {
            "RateLimit_Policy": '"default";q=3;w=2',
            "RateLimit": f'"default";r={2 - (exchange.number - 1) % 3};t=2',
        }
        await answer(connection(one), **fields)(exchange)

    server_side = Stamped(lambda _since: good)
    async with serving(server_side) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0", "--concurrency", "1")
        )
    assert done.code == 0, done.err
    assert server_side.arrivals[3] - server_side.arrivals[2] >= 2.0
    assert json.loads((tmp_path / "c.manifest.json").read_bytes())["pace"]["limited_by"]["server"] > 0.5


async def test_a_quota_that_is_exhausted_until_tomorrow_stops_the_run(call: Calling, tmp_path: Path) -> None:
    asked = ids(20)
    async with serving(error(429, "tomorrow", RateLimit='"daily";r=0;t=86400')) as server:
        done = await call("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--concurrency", "1")
    assert done.code == 5
    assert server.requests == 1
    assert "a pause of 86400 s, longer than --max-pause 900; run again after 2" in done.err
    check_stopped(tmp_path / "c.jsonl", Given(asked), 5)


async def test_a_server_that_blocks_the_client_ends_the_run(call: Calling, tmp_path: Path) -> None:
    problem = b'{"type":"https://iana.org/assignments/http-problem-types#abnormal-usage-detected","title":"Abnormal"}'
    asked = ids(20)
    scenario = answer(problem, "429 Too Many Requests", media_type="application/problem+json")
    async with serving(scenario) as server:
        done = await call("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--concurrency", "1")
    assert done.code == 5
    assert server.requests == 1
    assert "abnormal usage" in done.err
    check_stopped(tmp_path / "c.jsonl", Given(asked), 5)


async def test_an_id_ends_at_its_time_limit_even_with_attempts_left(call: Calling, tmp_path: Path) -> None:
    asked = ids(30)
    async with serving(by_id({asked[3]: hang}, found)) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0"),
            *("--max-attempts", "50", "--read-timeout", "1", "--id-timeout", "2.5"),
        )
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "c.jsonl", Given(asked), 3, seen=Seen(server.requests))
    assert result.errors[asked[3]]["outcome"] == "exhausted"
    assert result.errors[asked[3]]["attempts"] <= 3


async def test_two_runs_of_one_key_stay_below_the_rate_together(fork: Forking, tmp_path: Path) -> None:
    server_side = Stamped(lambda _since: found)
    async with serving(server_side) as server:
        runs = [
            await fork(
                *("collect", *ids(60, first), "--base-url", server.url, "-o", f"{first}/c.jsonl", "--rate", "20"),
                env={"COLLECTOR_SHARE_QUOTA": "true"},
            )
            for first in (1, 1001)
        ]
        ended = [await run.finished() for run in runs]
    assert [done.code for done in ended] == [0, 0]
    assert server.requests == 120
    assert server_side.busiest_second() <= 20
    for first in (1, 1001):
        check_finished(tmp_path / f"{first}/c.jsonl", Given(ids(60, first)), 0)


async def test_a_run_that_is_killed_frees_its_share(fork: Forking, tmp_path: Path) -> None:
    server_side = Stamped(lambda _since: found)
    async with serving(server_side) as server:
        command = ("--base-url", server.url, "--rate", "20")
        doomed = await fork("collect", *ids(500), *command, "-o", "a/c.jsonl", env={"COLLECTOR_SHARE_QUOTA": "true"})
        await server.saw(10)
        await doomed.kill()
        killed_at = len(server_side.arrivals)
        other = await fork(
            "collect", *ids(60, 1001), *command, "-o", "b/c.jsonl", env={"COLLECTOR_SHARE_QUOTA": "true"}
        )
        done = await other.finished()
    assert done.code == 0
    check_finished(tmp_path / "b/c.jsonl", Given(ids(60, 1001)), 0)
    own = [late - early for early, late in pairwise(server_side.arrivals[killed_at:])]
    assert sorted(own)[len(own) // 2] < 1.5 / 20  # half of the rate would double the interval


async def test_the_list_is_not_used_as_a_probe(call: Calling, tmp_path: Path) -> None:
    asked = ids(50)
    body = json.dumps({"data": [{"id": one} for one in asked]}).encode()

    async def only_the_list(exchange: Exchange) -> None:
        await (answer(body) if exchange.target == "/api/connections" else error(503))(exchange)

    async with serving(only_the_list) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "c.jsonl", "--outage-limit", "3")
    assert done.code == 5, done.err
    assert server.targets.count("/api/connections") == 1


async def test_failing_ids_at_the_end_are_distinguished_from_an_outage_by_an_id_that_succeeded(
    call: Calling, tmp_path: Path
) -> None:
    asked = ids(100)
    broken = asked[70:]
    async with serving(by_id(dict.fromkeys(broken, error(500)), found)) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0", "--max-attempts", "3"),
            *("--concurrency", "8"),
        )
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "c.jsonl", Given(asked), 3, seen=Seen(server.requests))
    assert result.outcomes == {"ok": 70, "exhausted": 30}
    assert {line["attempts"] for line in result.errors.values()} == {3}


async def test_the_summary_and_the_manifest_say_what_limited_the_run(call: Calling, tmp_path: Path) -> None:
    asked = ids(30)
    async with serving(in_turn(*[found] * 10, error(429, Retry_After="1"), found)) as server:
        done = await call("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "30", "-v")
    assert done.code == 0, done.err
    assert "limited by: server " in done.err
    assert "pauses: 1 for HTTP 429" in done.err
    assert "pausing all requests for 1." in done.err
    assert "the server is responding again; resuming with" in done.err
    pace = json.loads((tmp_path / "c.manifest.json").read_bytes())["pace"]
    assert sum(pace["limited_by"].values()) == pytest.approx(1, abs=0.01)
    assert pace["pauses"] == {"HTTP 429": 1}
    assert pace["settled_rate"] is None  # a single throttled reply does not prove a limit
    assert pace["limited_by"]["server"] > 0
    assert pace["limited_by"]["own rate"] > 0


async def test_a_run_that_its_rate_ceiling_limits_says_so(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(40), "--base-url", server.url, "-o", "c.jsonl", "--rate", "20")
    pace = json.loads((tmp_path / "c.manifest.json").read_bytes())["pace"]
    assert pace["limited_by"]["own rate"] > pace["limited_by"]["server"] == 0
    assert pace["settled_rate"] is None
    assert "limited by: own rate " in done.err


@pytest.mark.parametrize("bad", [1, 4])
async def test_an_id_that_is_always_throttled_waits_alone_and_ends_exhausted(
    call: Calling, tmp_path: Path, bad: int
) -> None:
    asked = ids(1_500)
    refused = asked[200 : 200 + 100 * bad : 100]
    server_side = Stamped(lambda _since: by_id(dict.fromkeys(refused, error(429, Retry_After="1")), found))
    async with serving(server_side) as server:
        done = await call(
            *("collect", *asked, "--base-url", server.url, "-o", "c.jsonl", "--rate", "300", "--max-attempts", "2"),
        )
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "c.jsonl", Given(asked), 3, seen=Seen(server.requests))
    assert result.outcomes == {"ok": 1_500 - bad, "exhausted": bad}
    late = [moment for moment in server_side.arrivals if moment > server_side.arrivals[-1] - 3]
    pauses = sum(after - before > 0.8 for before, after in pairwise(server_side.arrivals[: -len(late)]))
    assert pauses <= 3 * bad
