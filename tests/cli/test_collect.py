"""`collector collect` as a user runs it: success, failures, and the account of both."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from collector.sandbox.fake_values import CANARY
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import Sandbox, serve
from tests.conftest import KEY, Calling
from tests.support.output_oracle import Given, Seen, check_finished, check_stopped, check_stream
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    by_id,
    chunked,
    connection,
    error,
    forever,
    found,
    free_port,
    ids,
    in_turn,
    raw,
    response,
    serving,
)

SANDBOX = {"POLYTOMIC_API_KEY": SANDBOX_KEY}


def seen_by(sandbox: Sandbox) -> Seen:
    """The requests as the sandbox counted them."""
    summary = sandbox.log.summary()
    return Seen(summary.total, summary.by_status)


def listed(path: Path, inventory: Inventory) -> str:
    """Write the ids of an inventory to a file; returns its path."""
    path.write_text("".join(f"{one}\n" for one in inventory.ids()))
    return str(path)


async def test_with_some_500s_and_429s_every_id_is_collected_once_and_the_account_adds_up(
    call: Calling, tmp_path: Path
) -> None:
    inventory = Inventory(1000, seed=3)
    faults = Faults.parse("500=0.05,429=0.003:retry-after=0.05")
    async with serve(inventory, faults=faults, seed=5) as sandbox:
        done = await call(
            *("collect", "--ids", listed(tmp_path / "ids.txt", inventory), "--base-url", sandbox.url),
            *("-o", "out/connections.jsonl", "--rate", "0"),
            env=SANDBOX,
        )
        seen = seen_by(sandbox)
    assert done.code == 0, done.err
    assert done.out == b""
    result = check_finished(tmp_path / "out/connections.jsonl", Given(list(inventory.ids())), 0, seen=seen)
    assert result.manifest["requests"]["sent"] == seen.total == 1000 + result.manifest["requests"]["retried"]
    assert result.manifest["requests"]["throttled"] > 0
    assert seen.by_status[500] > 20
    assert "1000 of 1000 connections" in done.err
    assert f"{seen.total} sent" in done.err


async def test_every_kind_of_transient_fault_is_survived_and_counted(call: Calling, tmp_path: Path) -> None:
    inventory = Inventory(400, seed=3)
    faults = Faults.parse(
        "500=0.02,503=0.01,reset=0.01,close=0.01,truncate=0.02,garbage=0.01,html=0.01,wrong-id=0.01,empty=0.01,"
        "latency=uniform:0ms:5ms,close-after=9"
    )
    async with serve(inventory, faults=faults, seed=11) as sandbox:
        done = await call(
            *("collect", *inventory.ids(), "--base-url", sandbox.url, "-o", "out/c.jsonl", "--rate", "0"),
            *("--max-attempts", "8"),
            env=SANDBOX,
        )
        total = sandbox.log.summary().total
    assert done.code == 0, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given(list(inventory.ids())), 0, seen=Seen(total))
    assert result.manifest["requests"]["unanswered"] > 0


async def test_no_second_has_more_requests_than_the_rate_and_a_pipe_gets_plain_progress_lines(
    call: Calling, tmp_path: Path
) -> None:
    inventory = Inventory(560, seed=3)
    async with serve(inventory, faults=Faults.parse("500=0.03,429=0.002:retry-after=0.1"), seed=2) as sandbox:
        done = await call(
            *("collect", "--ids", listed(tmp_path / "ids.txt", inventory), "--base-url", sandbox.url),
            *("-o", "out/c.jsonl", "--rate", "100"),
            env=SANDBOX,
        )
        summary, seen = sandbox.log.summary(), seen_by(sandbox)
    assert done.code == 0, done.err
    assert summary.peak_per_second <= 100
    assert summary.peak_in_flight <= 32
    result = check_finished(tmp_path / "out/c.jsonl", Given(list(inventory.ids())), 0, seen=seen)
    assert result.manifest["requests"]["sent"] == summary.total
    assert re.search(r"^collector: \d+ of 560 \(\d+ %\), [\d.]+/s, \d+ retries, 0 failed, \d+ s left$", done.err, re.M)
    assert "\x1b" not in done.err


async def test_the_concurrency_is_never_exceeded(call: Calling) -> None:
    inventory = Inventory(60, seed=3)
    async with serve(inventory, faults=Faults.parse("latency=10ms,500=0.1")) as sandbox:
        done = await call(
            *("collect", *inventory.ids(), "--base-url", sandbox.url, "--rate", "0", "--concurrency", "3"), env=SANDBOX
        )
        assert sandbox.log.summary().peak_in_flight == 3
    assert done.code == 0


async def test_a_messy_list_ends_in_3_with_each_failure_listed_and_each_bad_line_named(
    call: Calling, tmp_path: Path
) -> None:
    good, missing, secret, odd = ids(30), ids(3, 100), ids(2, 200), ids(1, 300)
    lines = [
        f"\ufeff{good[0]}",
        "# a comment",
        "",
        f"{good[0].upper()}",
        f"  {good[1]}  # with a comment",
        *good[1:],
        "not an id",
        *missing,
        "{00000001-0000-4000-8000-00000000c0de}",
        *secret,
        "../../me",
        *odd,
        missing[0],
    ]
    (tmp_path / "ids.txt").write_bytes("\r\n".join(lines).encode())
    special: dict[str, Scenario] = {
        **dict.fromkeys(missing, error(404, "connection not found")),
        **dict.fromkeys(secret, error(403, "not yours")),
        **dict.fromkeys(odd, error(422, "unprocessable")),
    }
    async with serving(by_id(special, found)) as server:
        done = await call("collect", "--ids", "ids.txt", "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0")
    assert done.code == 3, done.err
    given = Given([*good, *missing, *secret, *odd], duplicates=4, invalid=2, blank=2)
    result = check_finished(
        tmp_path / "out/c.jsonl", given, 3, seen=Seen(server.requests, {200: 30, 404: 3, 403: 2, 422: 1})
    )
    assert set(result.records) == set(good)
    assert result.outcomes == {"ok": 30, "not_found": 3, "forbidden": 2, "rejected": 1}
    assert {(line["outcome"], line["http_status"]) for line in result.errors.values()} == {
        *(("not_found", 404), ("forbidden", 403), ("rejected", 422)),
    }
    assert all(line["attempts"] == 1 for line in result.errors.values())
    assert "connection not found" in result.errors[missing[0]]["error"]
    for number in (lines.index("not an id"), lines.index("../../me")):
        assert f"ids.txt:{number + 1}:" in done.err
    assert all(re.fullmatch(r"/api/connections/[0-9a-f-]{36}", target) for target in server.targets)


async def test_a_redirect_ends_the_run_with_2_after_one_request_and_its_target_gets_none(
    call: Calling, tmp_path: Path
) -> None:
    async with serving(found) as target:
        moved = answer(b"", "302 Found", Location=f"{target.url}/login")
        async with serving(moved) as server:
            done = await call(
                *("collect", *ids(10), "--base-url", server.url, "-o", "out/c.jsonl", "--concurrency", "1")
            )
        assert target.opened == 0
    assert (done.code, server.requests) == (2, 1)
    assert "redirect" in done.err
    assert "--base-url" in done.err
    check_stopped(tmp_path / "out/c.jsonl", Given(ids(10)), 2, seen=Seen(1))


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "511 Network Authentication Required"])
async def test_a_fault_that_only_the_configuration_can_fix_ends_the_run_with_2(call: Calling, status: str) -> None:
    async with serving(answer(b"", status)) as server:
        done = await call("collect", *ids(10), "--base-url", server.url, "--concurrency", "1")
    assert (done.code, server.requests) == (2, 1)


async def test_403_as_the_first_replies_is_reported_as_a_refused_key(call: Calling) -> None:
    async with serving(error(403, "forbidden")) as server:
        done = await call("collect", *ids(50), "--base-url", server.url, "--concurrency", "2", "--rate", "0")
    assert done.code == 4, done.err
    assert server.requests <= 7


async def test_a_single_401_is_retried_and_does_not_end_the_run(call: Calling, tmp_path: Path) -> None:
    async with serving(in_turn(found, error(401, "blip"), found)) as server:
        done = await call("collect", *ids(8), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0")
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(8)), 0, seen=Seen(server.requests))


async def test_without_a_server_each_id_ends_after_its_attempts_and_no_request_is_sent(
    call: Calling, tmp_path: Path
) -> None:
    done = await call(
        *("collect", *ids(3), "--base-url", f"http://127.0.0.1:{free_port()}", "-o", "out/c.jsonl"),
        *("--max-attempts", "2"),
    )
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given(ids(3)), 3, seen=Seen(0))
    assert result.outcomes == {"exhausted": 3}
    assert result.manifest["requests"]["sent"] == 0


# Discovery.


async def test_all_collects_the_connections_of_the_list(call: Calling, tmp_path: Path) -> None:
    inventory = Inventory(300, seed=4)
    async with serve(inventory) as sandbox:
        done = await call(
            *("collect", "--all", "--base-url", sandbox.url, "-o", "out/c.jsonl", "--rate", "0"), env=SANDBOX
        )
        seen = seen_by(sandbox)
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(list(inventory.ids())), 0, seen=seen, lists=1)
    assert seen.total == 301


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":[]}', b'{ "data" : null }'])
async def test_all_with_an_empty_list_is_2_with_a_message(call: Calling, body: bytes, tmp_path: Path) -> None:
    async with serving(answer(body)) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl")
    assert (done.code, server.targets) == (2, ["/api/connections"])
    assert "no connection ids in the list of --all" in done.err
    assert "or --all" not in done.err
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_a_list_of_20000_connections_is_read_completely(call: Calling, tmp_path: Path) -> None:
    """The first connection request gets a pause that is too long, so the test need not fetch all connections."""
    inventory = Inventory(20_000, seed=4)
    async with serving(_listing(inventory)) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 5, done.err
    check_stopped(tmp_path / "out/c.jsonl", Given(list(inventory.ids())), 5, seen=Seen(server.requests))


def _listing(inventory: Inventory) -> Scenario:
    async def scenario(exchange: Exchange) -> None:
        if exchange.target != "/api/connections":
            await error(429, "later", Retry_After="1000000")(exchange)
            return
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        await exchange.write(chunked(b'{"data":[', end=False))
        for index in range(len(inventory)):
            item = json.dumps(inventory.connection(index)).encode()
            await exchange.write(chunked((b"," if index else b"") + item, end=False))
        await exchange.write(chunked(b"]}"))

    return scenario


async def test_a_truncated_list_is_requested_again_and_no_item_counts_twice(call: Calling, tmp_path: Path) -> None:
    body = b'{"data":[' + b",".join(connection(one)[8:-1] for one in ids(5)) + b"]}"
    cut = raw(response(body[:-400], length=len(body)), then=Exchange.close)
    whole: dict[str, Scenario] = {"connections": answer(body)}
    async with serving(in_turn(cut, by_id(whole, found))) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(5)), 0, seen=Seen(server.requests), lists=1)


@pytest.mark.parametrize(
    "scenario", [error(500), error(503), error(429), Exchange.reset], ids=["500", "503", "429", "reset"]
)
async def test_a_server_without_a_list_is_retried_until_the_outage_limit_and_then_5(
    call: Calling, scenario: Scenario, tmp_path: Path
) -> None:
    async with serving(scenario) as server:
        done = await call(
            *("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl", "--outage-limit", "2"),
            *("--max-attempts", "1"),
        )
    assert done.code == 5, done.err
    assert "all requests failed for" in done.err
    assert "nothing collected" in done.err
    assert "0 of 0" not in done.err
    assert len(server.targets) > 1  # more attempts than a single id has
    assert set(server.targets) == {"/api/connections"}
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_a_list_whose_header_never_ends_times_out(call: Calling) -> None:
    async with serving(forever(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", every=0.05)) as server:
        done = await call(
            *("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl", "--outage-limit", "0.5"),
            *("--read-timeout", "0.4"),
        )
    assert done.code == 5, done.err
    assert "all requests failed for" in done.err
    assert "no reply in time" in done.err


async def test_a_late_list_is_collected(call: Calling, tmp_path: Path) -> None:
    body = b'{"data":[' + b",".join(connection(one)[8:-1] for one in ids(5)) + b"]}"
    whole: dict[str, Scenario] = {"connections": answer(body)}
    async with serving(in_turn(*[error(500)] * 3, by_id(whole, found))) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl", "--max-attempts", "1")
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(5)), 0, seen=Seen(server.requests), lists=1)


@pytest.mark.parametrize("broken", [b'{"data":[{"id":', b'{"data":7}', b"<html>", b'{"data":[]', b""])
async def test_a_list_that_is_always_incomplete_collects_no_connection(
    call: Calling, broken: bytes, tmp_path: Path
) -> None:
    async with serving(answer(broken)) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl", "--max-attempts", "2")
    assert done.code == 5, done.err
    assert server.targets == ["/api/connections"] * 2
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_items_of_the_list_without_an_id_are_invalid_lines(call: Calling, tmp_path: Path) -> None:
    [one] = ids(1)
    body = json.dumps({"data": [{"id": one}, {"name": "x"}, None, {"id": "../me"}, {"id": one.upper()}]}).encode()
    listing: dict[str, Scenario] = {"connections": answer(body)}
    async with serving(by_id(listing, found)) as server:
        done = await call("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 3, done.err
    check_finished(tmp_path / "out/c.jsonl", Given([one], duplicates=1, invalid=3), 3)
    assert server.targets == ["/api/connections", f"/api/connections/{one}"]


# The sandbox's fake secrets.


async def test_no_unmasked_secret_of_the_sandbox_is_in_any_file(call: Calling, tmp_path: Path) -> None:
    inventory = Inventory(741, seed=9)
    async with serve(inventory) as sandbox:
        done = await call(
            *("collect", "--all", "--base-url", sandbox.url, "-o", "out/c.jsonl", "--rate", "0", "-v"), env=SANDBOX
        )
    assert done.code == 0, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given(list(inventory.ids())), 0)
    leaks = sorted({path for record in result.records.values() for path in _places(record, record["type_id"] or "")})
    assert leaks == []
    assert CANARY not in done.err


def _places(value: object, at: str) -> list[str]:
    """Where the sandbox's fake secrets stand in a record: type and path."""
    if isinstance(value, dict):
        return [place for key, inner in value.items() for place in _places(inner, f"{at}.{key}")]
    if isinstance(value, list):
        return [place for inner in value for place in _places(inner, f"{at}[]")]
    return [at] if isinstance(value, str) and CANARY in value else []


async def test_a_stream_has_an_account_too(call: Calling, tmp_path: Path) -> None:
    special: dict[str, Scenario] = {ids(9)[8]: error(404)}
    async with serving(by_id(special, found)) as server:
        done = await call(
            *("collect", *ids(9), "--base-url", server.url, "-o", "-", "--rate", "0"),
            *("--errors", "made/errors.jsonl", "--manifest", "made/manifest.json"),
        )
    assert done.code == 3, done.err
    result = check_stream(
        *(done.out, Given(ids(9)), 3),
        errors=tmp_path / "made/errors.jsonl",
        manifest=tmp_path / "made/manifest.json",
        seen=Seen(server.requests, {200: 8, 404: 1}),
    )
    assert result.outcomes == {"ok": 8, "not_found": 1}
    assert KEY not in done.err
