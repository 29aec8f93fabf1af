"""The options that read the list: filters, --from-list and --cross-check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from tests.cli.test_collect import SANDBOX, seen_by
from tests.conftest import KEY, Calling
from tests.support.output_oracle import Given, Seen, check_finished, check_stopped
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    by_id,
    connection,
    found,
    ids,
    in_turn,
    in_turn_of,
    raw,
    response,
    serving,
)

OTHER_TIME = {"_collected_at", "_run_id"}


def list_of(*items: bytes) -> bytes:
    return b'{"data":[' + b",".join(items) + b"]}"


def item(one: str, **fields: Any) -> bytes:
    return connection(one, **fields)[9:-1]


def settled(path: Path) -> dict[str, dict[str, Any]]:
    """The records by id, without what differs from run to run."""
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    return {each["id"]: {key: each[key] for key in each.keys() - OTHER_TIME} for each in records}


def manifest_of(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_bytes())
    return loaded


async def test_from_list_writes_the_same_records_with_one_request(call: Calling, tmp_path: Path) -> None:
    inventory = Inventory(600, seed=4)
    given = Given(list(inventory.ids()))
    async with serve(inventory) as sandbox:
        options = ("--all", "--base-url", sandbox.url, "--rate", "0")
        fetched = await call("collect", *options, "-o", "out/a/c.jsonl", env=SANDBOX)
        sandbox.log.clear()
        listed = await call("collect", *options, "--from-list", "-o", "out/b/c.jsonl", env=SANDBOX)
        seen = seen_by(sandbox)
    assert (fetched.code, listed.code) == (0, 0), listed.err
    result = check_finished(tmp_path / "out/b/c.jsonl", given, 0, seen=seen, lists=1)
    assert seen.total == 1
    assert settled(tmp_path / "out/a/c.jsonl") == settled(tmp_path / "out/b/c.jsonl")
    assert result.manifest["source"]["from_list"] is True
    verified = await call("verify", "out/b/c.jsonl")
    assert verified.code == 0, verified.err


async def test_from_list_reports_ids_that_are_not_listed_and_ignores_all_others(call: Calling, tmp_path: Path) -> None:
    requested, missing, other = ids(3)
    async with serving(answer(list_of(item(requested), item(other)))) as server:
        done = await call("collect", requested, missing, "--from-list", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given([requested, missing]), 3, seen=Seen(1))
    assert result.errors[missing]["outcome"] == "not_found"
    assert server.targets == ["/api/connections"]


async def test_from_list_after_a_truncated_list_writes_each_connection_once(call: Calling, tmp_path: Path) -> None:
    one, two, three, gone = ids(4)
    first = list_of(item(one), item(one), b'{"no":"id"}', item(gone), item(two), item(three))
    second = list_of(item(three), item(one), item(two), item(two))
    cut = raw(response(first[:-200], length=len(first)), then=Exchange.close)
    async with serving(in_turn(cut, answer(second))) as server:
        done = await call("collect", "--all", "--from-list", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given([one, two, three, gone], duplicates=1), 0, seen=Seen(2), lists=1)
    assert "not a connection id" not in done.err


@pytest.mark.parametrize("source", [("--all",), ids(1)])
async def test_from_list_takes_an_item_that_passes_the_filter_if_another_one_of_its_id_does_not(
    call: Calling, tmp_path: Path, source: tuple[str, ...]
) -> None:
    [one] = ids(1)
    body = list_of(item(one, status="error"), item(one, status="healthy"))
    async with serving(answer(body)) as server:
        done = await call(
            *("collect", *source, "--from-list", "--status", "healthy", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 0, done.err
    given = Given([one], duplicates=int(source == ("--all",)), filtered=0)
    check_finished(tmp_path / "out/c.jsonl", given, 0, seen=Seen(1), lists=1)


async def test_from_list_keeps_what_it_has_written_when_the_list_changes_between_two_attempts(
    call: Calling, tmp_path: Path
) -> None:
    written, later, gone, other = ids(4)
    first = list_of(item(written), item(later, status="error"), item(gone, status="error"), item(other))
    second = list_of(item(written, status="error"), item(later), item(other, status="error"))
    cut = raw(response(first[:-100], length=len(first)), then=Exchange.close)
    async with serving(in_turn(cut, answer(second))) as server:
        done = await call(
            *("collect", "--all", "--from-list", "--status", "healthy"),
            *("--base-url", server.url, "-o", "out/c.jsonl"),
        )
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given([written, later], filtered=1), 0, seen=Seen(2), lists=1)


async def test_from_list_that_stops_keeps_its_records_and_starts_again(call: Calling, tmp_path: Path) -> None:
    one, two = ids(2)
    whole = list_of(item(one), item(two))
    cut = raw(response(whole[:-20], length=len(whole)), then=Exchange.close)
    options = ("collect", "--all", "--from-list", "-o", "out/c.jsonl", "--max-attempts", "1", "--outage-limit", "1")
    async with serving(cut) as server:
        done = await call(*options, "--base-url", server.url)
    assert done.code == 5, done.err
    assert "rerun the same command to read the list again" in done.err
    stopped = manifest_of(tmp_path / "out/c.partial.manifest.json")
    assert (stopped["status"], stopped["account"]["outcomes"]["ok"]) == ("stopped", 1)
    verified = await call("verify", "out/c.jsonl.partial")
    assert verified.code == 0
    assert "rerun its command to read the list again" in verified.err
    async with serving(answer(whole)) as server:
        done = await call(*options, "--base-url", server.url)
    assert done.code == 0, done.err
    assert "cannot be resumed" in done.err
    assert set(settled(tmp_path / "out/c.jsonl")) == {one, two}
    assert list(tmp_path.glob("out/c.jsonl.partial.*"))  # quarantined, never deleted


async def test_an_item_that_is_too_large_or_malformed_costs_only_its_own_record(call: Calling, tmp_path: Path) -> None:
    good, large, deep = ids(3)
    nested: Any = 1
    for _ in range(120):
        nested = [nested]
    items = (item(large, name="x" * 9_000_000), item(deep, configuration={"deep": nested}), item(good))
    async with serving(answer(list_of(*items))) as server:
        done = await call("collect", "--all", "--from-list", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 3, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given([good, large, deep]), 3, seen=Seen(1), lists=1)
    assert {one: line["outcome"] for one, line in result.errors.items()} == {large: "too_large", deep: "bad_payload"}


@pytest.mark.parametrize("from_list", [(), ("--from-list",)])
async def test_a_filter_counts_the_connections_that_it_leaves_out(
    call: Calling, tmp_path: Path, from_list: tuple[str, ...]
) -> None:
    inventory = Inventory(500, seed=4)
    connections = [inventory.connection(index) for index in range(500)]
    kept = [each["id"] for each in connections if each["status"] != "healthy" and each["type"]["id"] < "m"]
    types = ",".join(sorted({each["type"]["id"] for each in connections if each["type"]["id"] < "m"}))
    async with serve(inventory) as sandbox:
        done = await call(
            *("collect", "--all", "--status", "!healthy", "--type", types, "--base-url", sandbox.url, *from_list),
            *("-o", "out/c.jsonl", "--rate", "0"),
            env=SANDBOX,
        )
        seen = seen_by(sandbox)
    assert done.code == 0, done.err
    assert 0 < len(kept) < 200
    given = Given(kept, filtered=500 - len(kept))
    result = check_finished(tmp_path / "out/c.jsonl", given, 0, seen=seen, lists=1)
    assert seen.total == (1 if from_list else 1 + len(kept))
    assert result.manifest["source"]["filter"]["status"] == ["!healthy"]
    assert f"{500 - len(kept)} left out by filters" in done.err
    verified = await call("verify", "out/c.jsonl")
    assert verified.code == 0, verified.err


async def test_a_filter_on_given_ids_keeps_those_that_are_not_listed(call: Calling, tmp_path: Path) -> None:
    healthy, broken, unlisted = ids(3)
    body = list_of(item(healthy), item(broken, status="error"))
    async with serving(by_id({"connections": answer(body)}, found)) as server:
        done = await call(
            *("collect", healthy, broken, unlisted, broken, "--status", "error"),
            *("--base-url", server.url, "-o", "out/c.jsonl"),
        )
    assert done.code == 0, done.err
    given = Given([broken, unlisted], duplicates=1, filtered=1)
    check_finished(tmp_path / "out/c.jsonl", given, 0, seen=Seen(3), lists=1)
    assert server.targets[0] == "/api/connections"


async def test_a_filter_that_leaves_out_everything_publishes_an_empty_snapshot_but_replaces_none(
    call: Calling, tmp_path: Path
) -> None:
    [one] = ids(1)
    command = ("collect", "--all", "-o", "out/c.jsonl", "--base-url")
    async with serving(by_id({"connections": answer(list_of(item(one)))}, found)) as server:
        empty = await call(*command, server.url, "--name", "nothing*")
        given = Given([], filtered=1)
        check_finished(tmp_path / "out/c.jsonl", given, 0, seen=Seen(1), lists=1)
        full = await call(*command, server.url)
        refused = await call(*command, server.url, "--name", "nothing*")
        forced = await call(*command, server.url, "--name", "nothing*", "--allow-empty")
    assert (empty.code, full.code, refused.code, forced.code) == (0, 0, 3, 0), refused.err
    assert "no connection passed the filters" in refused.err
    assert "no connection passes the filters (--name nothing*)" in empty.err
    check_finished(tmp_path / "out/c.jsonl", given, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--updated-since", "yesterday"), "[filter] updated_since must be a date such as 2026-01-31"),
        (("--type", "postgresql,"), "[filter] type must be a list of patterns, none empty"),
        (("--from-list", "--cross-check"), "[ids] cross_check must be off with from_list"),
        (("--from-list", "--live-schemas"), "[redact] live_schemas must be off with from_list"),
        (("--from-list", ids(1)[0]), "--from-list takes its ids from --all or from the input, not from both"),
    ],
)
async def test_a_wrong_combination_is_2_and_sends_nothing(
    call: Calling, options: tuple[str, ...], message: str
) -> None:
    async with serving(found) as server:
        done = await call("collect", "--all", *options, "--base-url", server.url)
    assert (done.code, server.requests) == (2, 0)
    assert message in done.err


async def test_an_unknown_filter_field_is_2_with_a_suggestion(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[filter]\nstats = ["healthy"]\n')
    done = await call("collect", "--all", "--config", "c.toml")
    assert done.code == 2
    assert "[filter] stats is not a setting; did you mean status?" in done.err


async def test_an_unknown_type_is_a_warning(call: Calling, tmp_path: Path) -> None:
    [one] = ids(1)
    async with serving(answer(list_of(item(one)))) as server:
        done = await call("collect", "--all", "--type", "postgres,redsh*", "--base-url", server.url, "-o", "c.jsonl")
    assert done.code == 0, done.err
    assert "--type postgres: not a known connection type" in done.err
    assert "--type redsh*: not a known" not in done.err


async def test_the_cross_check_reports_what_changed_between_the_list_and_the_requests(
    call: Calling, tmp_path: Path
) -> None:
    same, changed, unlisted, other = ids(4)
    body = list_of(item(same), item(changed, status="error"), item(other))
    async with serving(by_id({"connections": answer(body)}, found)) as server:
        done = await call(
            *("collect", same, changed, unlisted, "--cross-check", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 0, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given([same, changed, unlisted]), 0, seen=Seen(4), lists=1)
    assert result.manifest["cross_check"] == {
        "listed": 3,
        "listed_not_requested": {"count": 1, "ids": [other]},
        "requested_not_listed": {"count": 1, "ids": [unlisted]},
        "compared": 2,
        "different": 1,
        "paths": {"status": 1},
    }
    assert f"1 ({other}) listed but not requested, 1 ({unlisted}) requested but not listed" in done.err
    assert "1 of 2 differ from their listed payload (status 1)" in done.err


async def test_the_cross_check_compares_the_payload_that_is_kept_with_the_last_list(
    call: Calling, tmp_path: Path
) -> None:
    """A reply with another id is not compared; a list that broke off, and malformed payloads, cause no difference."""
    one, gone, deep = ids(3)
    nested: Any = 1
    for _ in range(120):
        nested = [nested]
    first = list_of(item(gone), item(one))
    second = list_of(item(one), item(deep, configuration={"deep": nested}))
    lists = in_turn_of(raw(response(first[:-40], length=len(first)), then=Exchange.close), answer(second))
    replies = in_turn_of(answer(connection(gone, name="other")), found)
    async with serving(by_id({"connections": lists, one: replies}, found)) as server:
        done = await call(*("collect", one, deep, "--cross-check", "--base-url", server.url, "-o", "out/c.jsonl", "-q"))
    assert done.code == 0, done.err
    found_differences = manifest_of(tmp_path / "out/c.manifest.json")["cross_check"]
    assert found_differences["listed_not_requested"]["count"] == found_differences["requested_not_listed"]["count"] == 0
    assert (found_differences["compared"], found_differences["different"]) == (1, 0)
    assert done.err == ""  # without a difference, a quiet run is silent


async def test_an_id_that_the_filter_rejects_is_not_a_difference(call: Calling, tmp_path: Path) -> None:
    one, unhealthy = ids(2)
    body = list_of(item(one), item(unhealthy, status="error"))
    async with serving(by_id({"connections": answer(body)}, found)) as server:
        done = await call(
            *("collect", one, "--status", "healthy", "--cross-check", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 0, done.err
    assert manifest_of(tmp_path / "out/c.manifest.json")["cross_check"]["listed_not_requested"]["count"] == 0


async def test_a_variable_of_a_linked_container_is_not_a_filter(call: Calling, tmp_path: Path) -> None:
    [one] = ids(1)
    async with serving(by_id({"connections": answer(list_of(item(one)))}, found)) as server:
        done = await call(
            *("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl"),
            env={"COLLECTOR_NAME": "/web/collector", "POLYTOMIC_API_KEY": KEY},
        )
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given([one]), 0)


async def test_a_key_in_a_filter_is_rejected_and_not_shown(call: Calling) -> None:
    key = "a1B2c3D4e5F6g7H8i9J0k1L2"
    done = await call("collect", "--all", env={"COLLECTOR_NAME": key, "POLYTOMIC_API_KEY": KEY})
    assert done.code == 2
    assert key not in done.err


@pytest.mark.parametrize("value", ["{a=1}", '[["c*"]]', "[true]"])
async def test_a_filter_that_is_not_a_text_is_2(call: Calling, tmp_path: Path, value: str) -> None:
    (tmp_path / "c.toml").write_text(f"[filter]\nname = {value}\n")
    done = await call("collect", "--all", "--config", "c.toml")
    assert done.code == 2
    assert "[filter] name has an element that is not a text or a number" in done.err


async def test_a_second_list_in_a_reply_is_not_ignored(call: Calling) -> None:
    one, two = ids(2)
    body = b'{"data":[' + item(one) + b'],"data":[' + item(two) + b"]}"
    async with serving(answer(body)) as server:
        done = await call("collect", "--all", "--base-url", server.url, "--max-attempts", "1", "--outage-limit", "1")
    assert done.code == 5, done.err


async def test_a_run_that_stops_after_the_list_counts_what_the_filter_left_out(call: Calling, tmp_path: Path) -> None:
    one, two = ids(2)
    later: Scenario = answer(b"{}", "429 Too Many Requests", Retry_After="1000000")
    body = list_of(item(one), item(two, status="error"))
    async with serving(by_id({"connections": answer(body)}, later)) as server:
        done = await call("collect", "--all", "--status", "error", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 5, done.err
    check_stopped(tmp_path / "out/c.jsonl", Given([two], filtered=1), 5, seen=Seen(2))
