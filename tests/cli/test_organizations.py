"""`collector collect` for several organizations, which end side by side, each in its own way."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from collector.run.organizations.member_run import MemberRun
from collector.sandbox.deployment import Deployment
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import DEPLOYMENT_KEY, PARTNER_KEY, SANDBOX_KEY
from collector.sandbox.server import serve
from tests.conftest import Calling, Finished, Forking, Starting
from tests.support.canary import KEY, assert_nowhere, forms_of
from tests.support.output_oracle import Given, check_finished, check_index, check_stopped, check_unpublished
from tests.support.scripted_server import PATIENCE, Exchange, answer, connection, ids, response, serving

PARTNER = {"POLYTOMIC_PARTNER_KEY": PARTNER_KEY}
OUTPUT = "out/{organization_id}/c.jsonl"
INDEX = "out/organizations.manifest.json"
SMALL = Deployment.of_size(3, 30, seed=4)
FIRST, SECOND, THIRD = SMALL.organization_ids


def command(url: str, *more: str, organizations: str = "all", output: str = OUTPUT, rate: str = "0") -> list[str]:
    """The command that collects all connections of these organizations."""
    return [
        *("collect", "--all", "--organizations", organizations, "--base-url", url, "--rate", rate, "-o", output),
        *more,
    ]


def given(inventory: Inventory) -> Given:
    return Given(list(inventory.ids()))


def check_complete(folder: Path, inventories: Sequence[Inventory]) -> None:
    """Assert that these organizations have complete snapshots with their own records."""
    for each in inventories:
        result = check_finished(folder / "out" / each.organization_id / "c.jsonl", given(each), 0)
        assert {record["organization_id"] for record in result.records.values()} == {each.organization_id}


async def require_verifiable(call: Calling, *paths: str) -> None:
    for path in paths:
        verified = await call("verify", path)
        assert verified.code == 0, verified.err


def lines_of(err: str) -> list[str]:
    return [line.removeprefix("collector: ") for line in err.splitlines()]


async def test_all_organizations_are_collected_into_snapshots_of_their_own_and_an_index(
    call: Calling, tmp_path: Path
) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
        seen = sandbox.log.summary()
    assert (done.code, done.out) == (0, b""), done.err
    check_complete(tmp_path, SMALL.inventories)
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0), seen=seen.total)
    assert seen.per_id.ids == 90
    assert seen.per_id.max == 1
    assert [each["name"] for each in entries.values()] == [each["name"] for each in SMALL.organizations()]
    assert len({each["run_id"] for each in entries.values()}) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*SMALL.organization_ids, Path(INDEX).name}
    await require_verifiable(call, INDEX, *(f"out/{each}/c.jsonl" for each in SMALL.organization_ids))
    said = lines_of(done.err)
    name = SMALL.organizations()[1]["name"]
    assert f"{SECOND}: 30 of 30 connections of {name} in out/{SECOND}/c.jsonl" in said
    assert said[-1].startswith("3 of 3 organizations complete in ")
    assert said[-1].endswith(f"; index {INDEX}")


@pytest.mark.parametrize(
    "env",
    [
        {"POLYTOMIC_PARTNER_KEY": PARTNER_KEY},
        {"POLYTOMIC_DEPLOYMENT_KEY": DEPLOYMENT_KEY},
        {"POLYTOMIC_API_KEY": PARTNER_KEY},
        {"COLLECTOR_KEY_FILE": "key", "POLYTOMIC_PARTNER_KEY": "another-key"},
    ],
)
async def test_the_key_of_all_organizations_has_any_source(call: Calling, tmp_path: Path, env: dict[str, str]) -> None:
    write_private(tmp_path / "key", DEPLOYMENT_KEY)
    async with serve(Deployment.of_size(2, 3, seed=4)) as sandbox:
        done = await call(*command(sandbox.url, output="-"), env=env)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 6


async def test_at_most_the_given_number_of_organizations_run_at_once(call: Calling) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, "--organizations-at-once", "1", output="-"), env=PARTNER)
        order = [each.target.organization for each in sandbox.log.entries()]
    assert done.code == 0, done.err
    assert order == sorted(order)
    assert set(order) == {0, 1, 2}


async def test_the_rate_is_that_of_all_organizations_together(call: Calling) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, output="-", rate="40"), env=PARTNER)
        peak = sandbox.log.summary().peak_per_second
    assert done.code == 0, done.err
    assert peak < 60  # three ceilings of 40 would let 90 pass


async def test_a_refused_key_of_one_organization_costs_no_other_one(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL, faults=Faults.parse("401@organization-2=1")) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
        seen = sandbox.log.summary()
    assert done.code == 3, done.err
    first, second, third = SMALL.inventories
    check_complete(tmp_path, [first, third])
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 4, THIRD: 0}, seen=seen.total)
    assert entries[SECOND]["status"] == "failed"
    assert "rejected the key (HTTP 401, twice)" in entries[SECOND]["error"]
    assert seen.by_organization[2] == 2
    assert not (tmp_path / "out" / second.organization_id / "c.jsonl").exists()
    await require_verifiable(call, INDEX)
    said = lines_of(done.err)
    assert any(line.startswith(f"{SECOND}: stopped (exit code 4): the API rejected the key") for line in said)
    assert "2 of 3 organizations complete in" in said[-1]
    assert "; 1 not complete (exit code 4); " in said[-1]


async def test_if_all_end_with_the_same_code_it_is_that_of_the_command(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL, faults=Faults.parse("401@connections=1")) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
        seen = sandbox.log.summary().total
    assert done.code == 4, done.err
    check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 4), seen=seen)
    await require_verifiable(call, INDEX)


@pytest.mark.parametrize(
    ("faults", "code", "message"),
    [
        ("401@organizations=1", 4, "the API rejected the key"),
        ("403@organizations=1", 4, "the key may not list organizations"),
        ("404@organizations=1", 2, "the server does not list organizations (HTTP 404); check --base-url"),
    ],
)
async def test_without_the_list_of_organizations_a_run_ends_and_leaves_no_file(
    call: Calling, tmp_path: Path, faults: str, code: int, message: str
) -> None:
    async with serve(SMALL, faults=Faults.parse(faults)) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
    assert done.code == code, done.err
    assert message in done.err
    assert not list(tmp_path.glob("out/*"))


async def test_the_key_of_a_user_is_refused_with_the_remedy(call: Calling) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url), env={"POLYTOMIC_API_KEY": f"{SANDBOX_KEY}-2"})
        assert sandbox.log.summary().total == 1
    assert done.code == 4
    assert "use one, for example in POLYTOMIC_PARTNER_KEY, or name each organization and its key" in done.err


@pytest.mark.parametrize("reply", [b'{"data":[]}', b'{"data":null}'])
async def test_a_key_without_organizations_is_an_error(call: Calling, reply: bytes) -> None:
    async with serving(answer(reply)) as server:
        done = await call(*command(server.url), env=PARTNER)
    assert done.code == 2
    assert "the API lists no organization for this key; check the key and --base-url" in done.err


async def test_organizations_of_the_configuration_file_have_labels_and_keys_of_their_own(
    call: Calling, tmp_path: Path
) -> None:
    keys = {"emea": SANDBOX_KEY, "apac": f"{SANDBOX_KEY}-2", "amer": "a-wrong-key"}
    tables = "".join(f"[[organizations]]\nlabel = '{label}'\nkey_file = '{label}.key'\n" for label in keys)
    write_private(tmp_path / "c.toml", f"{tables}[[organizations]]\nid = '{THIRD}'\nlabel = 'third'\n")
    for label, key in keys.items():
        write_private(tmp_path / f"{label}.key", key)
    async with serve(SMALL) as sandbox:
        done = await call(
            *("collect", "--config", "c.toml", "--all", "--base-url", sandbox.url, "--rate", "0", "-o", OUTPUT),
            env=PARTNER,
        )
        seen = sandbox.log.summary()
    assert done.code == 3, done.err
    assert "/api/organizations" not in seen.by_endpoint
    first, second, third = SMALL.inventories
    check_finished(tmp_path / "out/emea/c.jsonl", given(first), 0)
    check_finished(tmp_path / "out/apac/c.jsonl", given(second), 0)
    check_finished(tmp_path / f"out/{THIRD}/c.jsonl", given(third), 0)
    entries = check_index(tmp_path / INDEX, {"emea": 0, "apac": 0, "amer": 4, "third": 0}, seen=seen.total)
    assert [each["id"] for each in entries.values()] == [None, None, None, THIRD]
    assert entries["apac"]["organization_id"] == SECOND
    await require_verifiable(call, INDEX)


async def test_a_missing_key_of_an_organization_names_its_table(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    write_private(tmp_path / "c.toml", "[[organizations]]\nlabel = 'apac'\nkey_file = 'keys/apac'\n")
    done = await call("collect", "--config", "c.toml", "--all", "-o", OUTPUT, env={})
    message = "[[organizations]] apac key_file keys/apac: No such file or directory"
    assert (done.code, message in done.err) == (2, True), done.err
    assert "[api]" not in done.err


def write_private(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)


async def test_a_key_of_another_organization_ends_only_the_run_of_its_own(call: Calling, tmp_path: Path) -> None:
    write_private(tmp_path / "c.toml", f"[[organizations]]\nid = '{SECOND}'\n[[organizations]]\nid = '{THIRD}'\n")

    async def reply(exchange: Exchange) -> None:
        if exchange.target == "/api/connections":
            await answer(b'{"data":[{"id":"%s"}]}' % ids(1)[0].encode())(exchange)
        else:
            await exchange.write(response(connection(ids(1)[0], organization_id=THIRD.upper())))

    async with serving(reply) as server:
        done = await call("collect", "--config", "c.toml", "--all", "--base-url", server.url, "-o", OUTPUT, env=PARTNER)
    assert done.code == 3, done.err
    assert f"the key reads organization {THIRD}, but the records of {SECOND} were requested" in done.err
    entries = check_index(tmp_path / INDEX, {SECOND: 2, THIRD: 0}, seen=server.requests)
    assert entries[SECOND]["outcomes"]["ok"] == 0
    await require_verifiable(call, INDEX)


async def test_named_organizations_are_collected_in_their_order_and_no_other_one(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, organizations=f"{THIRD.upper()},{FIRST},{THIRD}"), env=PARTNER)
        assert 2 not in sandbox.log.summary().by_organization
    assert done.code == 0, done.err
    first, _, third = SMALL.inventories
    check_complete(tmp_path, [first, third])
    check_index(tmp_path / INDEX, {THIRD: 0, FIRST: 0})


async def test_an_unknown_organization_is_an_error_before_any_file(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, organizations=f"{FIRST},{ids(1)[0]}"), env=PARTNER)
        assert sandbox.log.summary().total == 1
    assert done.code == 2
    assert (
        f"--organizations {ids(1)[0]}: not in the API's list for this key, which has {FIRST}, {SECOND}, {THIRD}"
        in done.err
    )
    assert not list(tmp_path.glob("out/*"))


async def test_ids_may_be_those_of_one_organization_but_not_of_several(call: Calling, tmp_path: Path) -> None:
    wanted = list(SMALL.inventories[1].ids())[:5]
    async with serve(SMALL) as sandbox:
        options = ("--base-url", sandbox.url, "-o", OUTPUT)
        several = await call("collect", *wanted, "--organizations", "all", *options, env=PARTNER)
        one = await call("collect", *wanted, "--organizations", SECOND, *options, env=PARTNER)
    assert several.code == 2
    assert "connection ids belong to one organization, and 3 organizations are selected; use --all" in several.err
    assert one.code == 0, one.err
    check_finished(tmp_path / f"out/{SECOND}/c.jsonl", Given(wanted), 0)
    check_index(tmp_path / INDEX, {SECOND: 0})


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (("-o", "c.jsonl"), "as in --output 'c-{organization_id}.jsonl'"),
        (("-o", "-", "--errors", "e.jsonl"), "as in --errors 'e-{organization_id}.jsonl'"),
        (("-o", "{organization_id}/{day}.jsonl"), "{day} is not a placeholder"),
        (("-o", "{organization_id}.jsonl", "--errors", "{organization_id}.e"), "--errors is for standard output"),
    ],
)
async def test_output_paths_that_would_collide_or_are_invalid_are_errors(
    call: Calling, tmp_path: Path, output: tuple[str, ...], message: str
) -> None:
    async with serve(SMALL) as sandbox:
        done = await call("collect", "--all", "--organizations", "all", "--base-url", sandbox.url, *output, env=PARTNER)
        assert sandbox.log.summary().total <= 1
    assert done.code == 2
    assert message in done.err
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}


def test_labels_whose_files_would_collide_are_an_error(call_here: Callable[..., Finished], tmp_path: Path) -> None:
    tables = "".join(
        f"[[organizations]]\nlabel = '{label}'\nkey_file = 'k'\n" for label in ("a", "a.policies", "organizations")
    )
    write_private(tmp_path / "c.toml", tables)
    options = (
        "collect",
        "--config",
        "c.toml",
        "--all",
        "--base-url",
        "http://127.0.0.1:1",
        "-o",
        "{organization_id}.jsonl",
    )
    done = call_here(*options, "--organizations", "a,a.policies", "--with", "policies")
    assert done.code == 2
    assert "organization a.policies and a would both write a.policies.jsonl" in done.err
    done = call_here(*options, "--organizations", "organizations")
    assert done.code == 2
    assert "organization organizations and the index would both write organizations.manifest.json" in done.err
    assert not list(tmp_path.glob("*partial*"))


async def test_an_organization_without_a_record_keeps_its_older_snapshot(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        assert (await call(*command(sandbox.url), env=PARTNER)).code == 0
    older = (tmp_path / f"out/{SECOND}/c.jsonl").read_bytes()
    async with serve(SMALL, faults=Faults.parse("404@connection@organization-2=1")) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
        seen = sandbox.log.summary().total
    assert done.code == 3, done.err
    first, second, third = SMALL.inventories
    check_complete(tmp_path, [first, third])
    check_unpublished(tmp_path / f"out/{SECOND}/c.jsonl", given(second))
    assert (tmp_path / f"out/{SECOND}/c.jsonl").read_bytes() == older
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 3, THIRD: 0}, seen=seen)
    assert (entries[SECOND]["status"], entries[SECOND]["outcomes"]["not_found"]) == ("partial", 30)
    await require_verifiable(call, INDEX)


async def test_some_failed_ids_make_one_organization_partial(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL, faults=Faults.parse("404@connection@organization-2=0.5"), seed=3) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
    assert done.code == 3, done.err
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 3, THIRD: 0})
    result = check_finished(tmp_path / f"out/{SECOND}/c.jsonl", given(SMALL.inventories[1]), 3)
    assert 0 < len(result.errors) < 30
    assert [Path(each["path"]).name for each in entries[SECOND]["files"]] == ["c.jsonl", "c.errors.jsonl"]
    await require_verifiable(call, INDEX)


async def test_side_tables_and_filters_are_those_of_each_organization(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, "--with", "policies,users", "--status", "!healthy"), env=PARTNER)
        seen = sandbox.log.summary().total
    assert done.code == 0, done.err
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0), seen=seen)
    for name, entry in entries.items():
        assert entry["input"]["filtered"] > 0
        assert entry["input"]["unique"] + entry["input"]["filtered"] == 30
        assert [each.get("table") for each in entry["files"]] == [None, "policies", "users"]
        users = (tmp_path / f"out/{name}/c.users.jsonl").read_text().splitlines()
        assert users
        assert {json.loads(row)["organization_id"] for row in users} == {name}
    await require_verifiable(call, INDEX)


async def test_a_slow_organization_delays_no_other_one(call: Calling, tmp_path: Path) -> None:
    """The server replies to the slow one only after it has replied to every request of the others."""
    names, replied, others_ended = ["slow", "b", "c"], list[str](), asyncio.Event()

    async def reply(exchange: Exchange) -> None:
        credential = (exchange.header("Authorization") or "").removeprefix("Basic ")
        if exchange.target == "/api/organizations":
            await answer(json.dumps({"data": [{"id": name} for name in names]}).encode())(exchange)
        elif exchange.target == "/api/connections":
            await answer(json.dumps({"data": [{"id": one} for one in ids(40)]}).encode())(exchange)
        else:
            name = base64.b64decode(credential).decode().partition(":")[0]
            if name == "slow":
                await others_ended.wait()
            await exchange.write(response(connection(exchange.target.rpartition("/")[2], organization_id=None)))
            replied.append(name)
            if len(replied) == 80:
                others_ended.set()

    async with serving(reply) as server:
        done = await call(*command(server.url, "--concurrency", "4"), env=PARTNER)
    assert done.code == 0, done.err
    assert replied[80:] == ["slow"] * 40
    check_index(tmp_path / INDEX, dict.fromkeys(names, 0), seen=server.requests)


async def test_a_limit_of_one_organization_slows_no_other_one(call: Calling, tmp_path: Path) -> None:
    faults = Faults.parse("429@connection@organization-3=1:times=5:retry-after=0.05")
    async with serve(SMALL, faults=faults) as sandbox:
        done = await call(*command(sandbox.url), env=PARTNER)
    assert done.code == 0, done.err
    check_complete(tmp_path, SMALL.inventories)
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    manifests = [json.loads((tmp_path / f"out/{name}/c.manifest.json").read_bytes()) for name in entries]
    assert [each["requests"]["throttled"] for each in manifests] == [0, 0, 5]
    assert [each["requests"]["paused_s"] > 0 for each in manifests] == [False, False, True]


async def test_an_outage_of_one_organization_stops_only_that_one(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL, faults=Faults.parse("503@connection@organization-2=1")) as sandbox:
        done = await call(*command(sandbox.url, "--outage-limit", "1"), env=PARTNER)
    assert done.code == 3, done.err
    first, second, third = SMALL.inventories
    check_complete(tmp_path, [first, third])
    check_stopped(tmp_path / f"out/{SECOND}/c.jsonl", given(second), 5)
    check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 5, THIRD: 0})
    await require_verifiable(call, INDEX)


async def test_a_locked_output_of_one_organization_concerns_only_that_one(
    fork: Forking, call: Calling, tmp_path: Path
) -> None:
    async with serve(SMALL, faults=Faults.parse("hang@connection@organization-2=1:times=1")) as sandbox:
        options = ("--base-url", sandbox.url, "--rate", "0", "--concurrency", "1")
        path = f"out/{SECOND}/c.jsonl"
        holder = await fork(
            "collect",
            "--all",
            "--organization-id",
            SECOND,
            "-o",
            path,
            *options,
            env=PARTNER | {"POLYTOMIC_API_KEY": ""},
        )
        await holder.wait_for_stderr("30")
        done = await call(*command(sandbox.url), env=PARTNER)
        await holder.kill()
    assert done.code == 3, done.err
    first, _, third = SMALL.inventories
    check_complete(tmp_path, [first, third])
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 7, THIRD: 0})
    assert entries[SECOND]["status"] == "failed"


def snapshot_of(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """The content and the inode of each file below a folder."""
    return {path: (path.read_bytes(), path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}


async def test_a_second_process_gets_7_and_changes_no_file(fork: Forking, call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL, faults=Faults.parse("hang@connection=1")) as sandbox:
        holder = await fork(*command(sandbox.url, "--concurrency", "1"), env=PARTNER)
        async with asyncio.timeout(PATIENCE):
            while sandbox.log.summary().per_id.ids < 3:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.005)
        before = snapshot_of(tmp_path / "out")
        done = await call(*command(sandbox.url), env=PARTNER)
        assert snapshot_of(tmp_path / "out") == before
        await holder.kill()
    assert done.code == 7, done.err
    assert "organizations" in done.err


async def test_a_file_that_cannot_grow_concerns_only_its_organization(
    start: Starting, call: Calling, tmp_path: Path
) -> None:
    deployment = Deployment(*(Inventory(size, 4, organization=number) for number, size in ((1, 150), (2, 10))))
    first, second = deployment.inventories
    limited = ("bash", "-c", 'ulimit -f 40; exec "$@"', "--")  # 40 KiB
    async with serve(deployment) as sandbox:
        done = await (await start(*command(sandbox.url), env=PARTNER, under=limited)).finished()
        assert done.code == 3, done.err
        check_complete(tmp_path, [second])
        check_index(tmp_path / INDEX, {first.organization_id: 6, second.organization_id: 0})
        await require_verifiable(call, INDEX)
        done = await call(*command(sandbox.url), env=PARTNER)
    assert done.code == 0, done.err
    check_complete(tmp_path, deployment.inventories)


async def test_an_index_that_cannot_be_written_is_6_before_any_request(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, "--manifest", "file/index.json"), env=PARTNER)
        assert sandbox.log.summary().total == 0
    assert done.code == 6
    assert "file" in done.err
    assert not (tmp_path / "out").exists()


async def test_a_quiet_run_prints_only_failures(call: Calling) -> None:
    async with serve(SMALL) as sandbox:
        assert (await call(*command(sandbox.url, "-q"), env=PARTNER)).err == ""
    async with serve(SMALL, faults=Faults.parse("401@organization-2=1")) as sandbox:
        done = await call(*command(sandbox.url, "-q"), env=PARTNER)
    assert done.code == 3
    [line] = lines_of(done.err)
    assert line.startswith(f"{SECOND}: stopped (exit code 4): ")


async def test_a_key_that_the_server_repeats_is_in_no_file_and_no_message(call: Calling, tmp_path: Path) -> None:
    """One organization gets records, one an error for each id, one a refusal of its key."""
    echoed = list(forms_of(KEY).values())
    names = ["good", "failing", "refused"]

    async def reply(exchange: Exchange) -> None:
        sent = exchange.header("Authorization") or ""
        secrets = [sent, sent.partition(" ")[2], *echoed]
        credential = base64.b64decode(sent.partition(" ")[2]).decode() if sent.startswith("Basic") else ""
        texts = {"name": f"Acme {secrets}", "message": f"who is {secrets}?", "configuration": {"note": secrets}}
        if exchange.target == "/api/organizations":
            await answer(json.dumps({"data": [{**texts, "id": name} for name in names]}).encode())(exchange)
        elif credential.startswith("refused:"):
            await answer(json.dumps(texts).encode(), f"401 {sent}", X_Echo=sent)(exchange)
        elif exchange.target == "/api/connections":
            await answer(json.dumps({"data": [{**texts, "id": one} for one in ids(3)]}).encode())(exchange)
        elif credential.startswith("failing:"):
            await answer(json.dumps(texts).encode(), f"422 {sent}", X_Echo=sent)(exchange)
        else:
            body = connection(exchange.target.rpartition("/")[2], **texts, organization_id=None)
            await exchange.write(response(body))

    async with serving(reply) as server:
        env = {"POLYTOMIC_PARTNER_KEY": KEY, "POLYTOMIC_API_KEY": ""}
        done = await call(*command(server.url, "-v", "--debug"), env=env)
    assert done.code == 3, done.err
    check_index(tmp_path / INDEX, {"good": 0, "failing": 3, "refused": 4})
    assert_nowhere(KEY, tmp_path, done.err, done.out.decode())


def test_a_bug_in_the_runs_is_70_after_the_index_is_written(
    call_here: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_run: MemberRun) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(MemberRun, "execute", fail)
    write_private(tmp_path / "c.toml", "[[organizations]]\nlabel = 'a'\nkey_file = 'k'\n")
    done = call_here("collect", "--config", "c.toml", "--all", "--base-url", "http://127.0.0.1:1", "-o", OUTPUT)
    assert done.code == 70
    assert "a: stopped (exit code 70): a bug in collector ended the run" in lines_of(done.err)
    entries = check_index(tmp_path / INDEX, {"a": 70})
    assert entries["a"]["error"] == "a bug in collector ended the run"
