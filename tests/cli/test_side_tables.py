"""`collector collect --with`: side tables beside the snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector.model.side_tables import SIDE_TABLES
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from tests.cli.test_collect import SANDBOX
from tests.conftest import Calling
from tests.support.scripted_server import Exchange, Scenario, answer, connection, error, found, ids, in_turn_of, serving

ALL_TABLES = ",".join(SIDE_TABLES)
LATER: Scenario = error(429, "later", Retry_After="1000000")
POLICIES: Scenario = answer(b'{"data":[{"id":"p-1","name":"Admins"},{"id":"p-2","name":"All"}]}')


def routed(routes: dict[str, Scenario]) -> Scenario:
    """Scenarios by path, without the query; every other path is a connection."""

    async def scenario(exchange: Exchange) -> None:
        await routes.get(exchange.target.partition("?")[0], found)(exchange)

    return scenario


def manifest_of(folder: Path, name: str = "c.manifest.json") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / name).read_bytes())
    return loaded


def tables_of(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["table"]: each for each in manifest["files"] if "table" in each}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_every_table_is_written_listed_and_verified(call: Calling, tmp_path: Path) -> None:
    inventory = Inventory(300, seed=4)
    async with serve(inventory) as sandbox:
        done = await call(
            *("collect", "--all", "--with", ALL_TABLES, "--base-url", sandbox.url, "-o", "out/c.jsonl", "--rate", "0"),
            env=SANDBOX,
        )
        seen = sandbox.log.summary()
    assert done.code == 0, done.err
    manifest = manifest_of(tmp_path / "out")
    listed = tables_of(manifest)
    assert set(listed) == set(SIDE_TABLES)
    assert {each["status"] for each in listed.values()} == {"complete"}
    keys = {name: tuple(field.name for field in table.fields) for name, table in SIDE_TABLES.items()}
    for name, entry in listed.items():
        rows = rows_of(tmp_path / "out" / f"c.{name}.jsonl")
        assert entry["path"] == f"c.{name}.jsonl"
        assert entry["records"] == len(rows) > 0
        assert {tuple(row) for row in rows} <= {keys[name]}
        assert {row["_run_id"] for row in rows} <= {manifest["run_id"]}
    assert listed["usage"]["records"] == 300
    assert max(each["pages"] for name, each in listed.items() if not SIDE_TABLES[name].is_per_connection) > 1
    assert sum(manifest["requests"]["by_endpoint"].values()) == manifest["requests"]["sent"] == seen.total
    assert manifest["requests"]["by_endpoint"]["/api/connections/{id}"] == 300
    verified = await call("verify", "out/c.jsonl")
    assert verified.code == 0, verified.err
    assert not list((tmp_path / "out").glob("*partial*"))


@pytest.mark.parametrize("refusal", [error(403), error(404)])
async def test_a_table_that_the_server_refuses_is_empty_and_costs_no_connection(
    call: Calling, tmp_path: Path, refusal: Scenario
) -> None:
    routes = {"/api/permissions/policies": POLICIES, "/api/organization/users": refusal}
    async with serving(routed(routes)) as server:
        done = await call(
            *("collect", *ids(2), "--with", "users,policies", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 0, done.err
    listed = tables_of(manifest_of(tmp_path / "out"))
    assert (listed["users"]["status"], listed["users"]["records"]) == ("unavailable", 0)
    assert (listed["policies"]["status"], listed["policies"]["records"]) == ("complete", 2)
    assert (tmp_path / "out/c.users.jsonl").read_bytes() == b""
    assert done.err.count("side table users: unavailable: GET /api/organization/users") == 1
    verified = await call("verify", "out/c.jsonl")
    assert verified.code == 0
    assert "unavailable" in verified.err


async def test_a_table_that_breaks_off_makes_the_snapshot_partial(call: Calling, tmp_path: Path) -> None:
    page = answer(b'{"data":[{"id":"s-1"}],"pagination":{"next_page_token":"next"}}')
    routes = {"/api/bulk/syncs": in_turn_of(page, error(500))}
    async with serving(routed(routes)) as server:
        command = ("collect", *ids(2), "--with", "bulk_syncs", "--base-url", server.url, "--max-attempts", "2")
        done = await call(*command, "-o", "out/c.jsonl")
    assert done.code == 3, done.err
    manifest = manifest_of(tmp_path / "out")
    assert (manifest["status"], manifest["exit_code"]) == ("partial", 3)
    assert manifest["account"]["outcomes"]["ok"] == 2
    assert tables_of(manifest)["bulk_syncs"]["status"] == "partial"
    assert len(rows_of(tmp_path / "out/c.bulk_syncs.jsonl")) == 1
    verified = await call("verify", "out/c.jsonl")
    assert verified.code == 0, verified.err


async def test_a_resumed_run_keeps_its_records_and_its_finished_tables(call: Calling, tmp_path: Path) -> None:
    users = in_turn_of(LATER, answer(b'{"data":[{"id":"u-1","email":"ada@sandbox.example"}]}'))
    routes = {"/api/permissions/policies": POLICIES, "/api/organization/users": users}
    async with serving(routed(routes)) as server:
        command = ("collect", *ids(3), "--with", "policies,users", "--base-url", server.url, "-o", "out/c.jsonl")
        stopped = await call(*command)
        assert stopped.code == 5, stopped.err
        partial = manifest_of(tmp_path / "out", "c.partial.manifest.json")
        assert (partial["status"], list(tables_of(partial))) == ("stopped", ["policies"])
        assert (await call("verify", "out/c.jsonl.partial")).code == 0
        asked = len(server.targets)
        resumed = await call(*command)
        assert resumed.code == 0, resumed.err
        first, *others = [target.partition("?")[0] for target in server.targets[asked:]]
        assert first.startswith("/api/connections/")  # which organization does the key read?
        assert others == ["/api/organization/users"]
    manifest = manifest_of(tmp_path / "out")
    assert manifest["resumed"] == 3
    assert {name: each["records"] for name, each in tables_of(manifest).items()} == {"policies": 2, "users": 1}
    assert (await call("verify", "out/c.jsonl")).code == 0
    assert not list((tmp_path / "out").glob("*partial*"))


async def test_a_table_per_connection_is_read_again_for_connections_that_a_resumed_run_adds(
    call: Calling, tmp_path: Path
) -> None:
    one, two = ids(2)
    usage = {f"/api/connections/{each}/usage": answer(b'{"data":{}}') for each in (one, two)}
    routes = {
        **usage,
        **{f"/api/connections/{each}/shared": answer(b'{"data":[]}') for each in (one, two)},
        f"/api/connections/{one}/shared": in_turn_of(LATER, answer(b'{"data":[]}')),
        f"/api/connections/{two}": in_turn_of(error(404), answer(connection(two))),
    }
    async with serving(routed(routes)) as server:
        command = ("collect", one, two, "--with", "usage,shared", "--base-url", server.url, "-o", "out/c.jsonl")
        assert (await call(*command)).code == 5
        assert len(rows_of(tmp_path / "out/c.partial.usage.jsonl")) == 1
        done = await call(*command)
    assert done.code == 0, done.err
    assert {row["connection_id"] for row in rows_of(tmp_path / "out/c.usage.jsonl")} == {one, two}


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(connection(ids(1)[0], organization_id="22222222-2222-4222-8222-222222222222")), 8),
        (error(404), 8),
        (error(403), 8),
        (error(400), 5),
    ],
)
async def test_a_key_of_another_organization_does_not_add_its_tables_to_a_resumed_run(
    call: Calling, tmp_path: Path, reply: Scenario, code: int
) -> None:
    [one] = ids(1)
    users = in_turn_of(LATER, answer(b'{"data":[]}'))
    routes = {f"/api/connections/{one}": in_turn_of(found, reply), "/api/organization/users": users}
    async with serving(routed(routes)) as server:
        command = ("collect", one, "--with", "users", "--base-url", server.url, "-o", "out/c.jsonl")
        assert (await call(*command)).code == 5
        done = await call(*command)
    assert done.code == code, done.err
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_tables_that_are_unavailable_or_no_longer_wanted_are_not_kept(call: Calling, tmp_path: Path) -> None:
    routes = {
        "/api/permissions/policies": POLICIES,
        "/api/permissions/roles": in_turn_of(error(403), answer(b'{"data":[{"id":"r-1"}]}')),
        "/api/bulk/syncs": in_turn_of(LATER, answer(b'{"data":[]}')),
    }
    async with serving(routed(routes)) as server:
        command = ("collect", *ids(1), "--base-url", server.url, "-o", "out/c.jsonl", "--with")
        assert (await call(*command, "policies,roles,bulk_syncs")).code == 5
        done = await call(*command, "roles,bulk_syncs")
    assert done.code == 0, done.err
    assert {name: each["records"] for name, each in tables_of(manifest_of(tmp_path / "out")).items()} == {
        **{"roles": 1, "bulk_syncs": 0}
    }
    assert not list((tmp_path / "out").glob("*policies*"))


@pytest.mark.parametrize("refusal", [error(401), answer(b"", "302 Found", Location="/login"), error(511)])
async def test_an_endpoint_that_refuses_the_key_or_redirects_costs_only_its_table(
    call: Calling, tmp_path: Path, refusal: Scenario
) -> None:
    routes = {"/api/permissions/policies": POLICIES, "/api/organization/users": refusal}
    async with serving(routed(routes)) as server:
        done = await call(
            *("collect", *ids(2), "--with", "users,policies", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 0, done.err
    listed = tables_of(manifest_of(tmp_path / "out"))
    assert (listed["users"]["status"], listed["policies"]["status"]) == ("unavailable", "complete")


async def test_a_key_that_is_revoked_during_the_tables_ends_the_run_with_4(call: Calling, tmp_path: Path) -> None:
    [one] = ids(1)
    routes = {f"/api/connections/{one}": in_turn_of(found, error(401)), "/api/organization/users": error(401)}
    async with serving(routed(routes)) as server:
        done = await call("collect", one, "--with", "users", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 4, done.err
    assert len(rows_of(tmp_path / "out/c.jsonl.partial")) == 1


async def test_an_output_never_replaces_a_side_table(call: Calling, tmp_path: Path) -> None:
    async with serving(routed({"/api/permissions/policies": POLICIES})) as server:
        command = ("collect", *ids(1), "--base-url", server.url)
        assert (await call(*command, "-o", "c.jsonl", "--with", "policies")).code == 0
        done = await call(*command, "-o", "c.policies.jsonl")
        assert (await call(*command, "-o", "c.users.jsonl")).code == 0  # not a table of that snapshot
    assert done.code == 2
    assert "this is a side table of the snapshot" in done.err
    assert (await call("verify", "c.jsonl")).code == 0


async def test_a_folder_in_place_of_an_older_table_is_told_before_the_first_request(
    call: Calling, tmp_path: Path
) -> None:
    async with serving(routed({"/api/permissions/policies": POLICIES})) as server:
        command = ("collect", *ids(1), "--base-url", server.url, "-o", "c.jsonl")
        assert (await call(*command, "--with", "policies")).code == 0
        (tmp_path / "c.policies.jsonl").unlink()
        (tmp_path / "c.policies.jsonl").mkdir()
        sent = server.requests
        done = await call(*command)
        assert server.requests == sent
    assert done.code == 2
    assert "c.policies.jsonl is a folder; remove it" in done.err


async def test_a_plan_counts_the_requests_of_tables_and_names_those_that_are_finished(
    call: Calling, tmp_path: Path
) -> None:
    routes = {"/api/permissions/policies": POLICIES, "/api/organization/users": LATER}
    async with serving(routed(routes)) as server:
        command = ("collect", *ids(3), "--with", "policies,users,usage", "--base-url", server.url, "-o", "out/c.jsonl")
        before = json.loads((await call(*command, "--plan", "--json")).out)
        assert (await call(*command)).code == 5
        after = json.loads((await call(*command, "--plan", "--json")).out)
        text = (await call(*command, "--plan")).out.decode()
    assert before["requests"] == {"list": 0, "connections": 3, "tables": 5, "total": 8}
    assert before["files"]["policies"] == "out/c.policies.jsonl"
    assert after["requests"] == {"list": 0, "connections": 0, "tables": 4, "total": 4}
    assert after["output"]["tables"] == ["policies"]
    assert "at least 4 for side tables" in text
    assert "has 3 records and the side tables policies" in text


async def test_a_finished_table_that_was_changed_is_read_again(call: Calling, tmp_path: Path) -> None:
    users = in_turn_of(LATER, answer(b'{"data":[]}'))
    routes = {"/api/permissions/policies": POLICIES, "/api/organization/users": users}
    async with serving(routed(routes)) as server:
        command = ("collect", *ids(1), "--with", "policies,users", "--base-url", server.url, "-o", "out/c.jsonl")
        assert (await call(*command)).code == 5
        (tmp_path / "out/c.partial.policies.jsonl").write_bytes(b"{}\n")
        done = await call(*command)
    assert done.code == 0, done.err
    assert len(rows_of(tmp_path / "out/c.policies.jsonl")) == 2


async def test_a_run_without_tables_removes_those_of_the_older_snapshot(call: Calling, tmp_path: Path) -> None:
    async with serving(routed({"/api/permissions/policies": POLICIES})) as server:
        command = ("collect", *ids(1), "--base-url", server.url, "-o", "out/c.jsonl")
        assert (await call(*command, "--with", "policies")).code == 0
        (tmp_path / "out/c.users.jsonl").write_bytes(b"not ours\n")
        done = await call(*command)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("c.jsonl", "c.manifest.json", "c.users.jsonl")
    ]
    assert (await call("verify", "out/c.jsonl")).code == 0


@pytest.mark.parametrize("change", [b"", b'{"id":"x"}\n', b"{\n"], ids=["empty", "another row", "invalid"])
async def test_verify_rejects_a_table_that_was_changed(call: Calling, tmp_path: Path, change: bytes) -> None:
    async with serving(routed({"/api/permissions/policies": POLICIES})) as server:
        command = ("collect", *ids(1), "--with", "policies", "--base-url", server.url, "-o", "out/c.jsonl")
        assert (await call(*command)).code == 0
    (tmp_path / "out/c.policies.jsonl").write_bytes(change)
    verified = await call("verify", "out/c.jsonl")
    assert verified.code == 8
    assert "c.policies.jsonl" in verified.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--with", "policies"), "side tables (--with) are files beside a snapshot; name a file with --output"),
        (("--with", "polices", "-o", "c.jsonl"), "[tables] include must be a list of side tables; there are policies"),
    ],
)
async def test_a_wrong_use_is_2_and_sends_nothing(call: Calling, options: tuple[str, ...], message: str) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(1), *options, "--base-url", server.url)
    assert (done.code, server.requests) == (2, 0)
    assert message in done.err


async def test_a_table_never_replaces_a_snapshot_of_its_name(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call("collect", *ids(1), "--base-url", server.url, "-o", "c.users.jsonl")).code == 0
        before = (tmp_path / "c.users.jsonl").read_bytes()
        done = await call("collect", *ids(1), "--base-url", server.url, "-o", "c.jsonl", "--with", "users")
    assert done.code == 2
    assert "would replace a snapshot of that name" in done.err
    assert (tmp_path / "c.users.jsonl").read_bytes() == before


async def test_the_tables_of_a_connection_are_not_read_for_one_that_failed(call: Calling, tmp_path: Path) -> None:
    good, missing, copy = ids(3)
    routes: dict[str, Scenario] = {
        f"/api/connections/{missing}": error(404),
        f"/api/connections/{copy}": answer(connection(copy, parent_connection_id=good)),
        **{f"/api/connections/{one}/usage": answer(b'{"data":{}}') for one in (good, copy)},
        f"/api/connections/{good}/shared": answer(b'{"data":[' + connection(copy)[9:-1] + b"]}"),
    }
    async with serving(routed(routes)) as server:
        done = await call(
            *("collect", good, missing, copy, "--with", "usage,shared", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 3, done.err
    assert sorted(target for target in server.targets if target.count("/") == 4) == sorted(
        [f"/api/connections/{good}/usage", f"/api/connections/{copy}/usage", f"/api/connections/{good}/shared"]
    )
    assert len(rows_of(tmp_path / "out/c.shared.jsonl")) == 1
