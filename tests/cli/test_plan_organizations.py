"""`collector collect --plan` for several organizations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox.deployment import Deployment
from collector.sandbox.faults import Faults
from collector.sandbox.keys import PARTNER_KEY
from collector.sandbox.server import Sandbox, serve
from tests.conftest import Calling, Finished

DEPLOYMENT = Deployment.of_size(3, 20, seed=5)
IDS = DEPLOYMENT.organization_ids
OUTPUT = ("--all", "--organizations", "all", "-o", "out/{organization_id}.jsonl")


async def collected(call: Calling, sandbox: Sandbox, *options: str) -> Finished:
    environ = {"POLYTOMIC_API_KEY": "", "POLYTOMIC_PARTNER_KEY": PARTNER_KEY}
    return await call("collect", "--base-url", sandbox.url, *options, env=environ)


async def planned(call: Calling, sandbox: Sandbox, *options: str, code: int = 0) -> dict[str, Any]:
    done = await collected(call, sandbox, *options, "--plan", "--json")
    assert done.code == code, done.err
    assert done.out.count(b"\n") == 1
    plan: dict[str, Any] = json.loads(done.out)
    return plan


async def test_a_plan_has_the_plan_of_each_organization_and_sends_only_requests_for_lists(
    call: Calling, tmp_path: Path
) -> None:
    async with serve(DEPLOYMENT) as sandbox:
        plan = await planned(call, sandbox, *OUTPUT, "--with", "policies", "--rate", "10")
        assert sandbox.log.summary().total == 4
    assert [each["id"] for each in plan["organizations"]] == IDS
    assert all(each["plan"]["requests"]["total"] == 22 for each in plan["organizations"])
    assert plan["organizations"][1]["plan"]["files"]["policies"] == f"out/{IDS[1]}.policies.jsonl"
    assert plan["requests"] == {"organizations": 1, "total": 67}
    assert plan["at_ceiling"] == {"rate": 10.0, "seconds": 6.7}
    assert (plan["index"], plan["continues"]) == ("out/organizations.manifest.json", None)
    assert not (tmp_path / "out").exists()


async def test_the_text_of_a_plan_has_a_block_for_each_organization(call: Calling) -> None:
    async with serve(DEPLOYMENT) as sandbox:
        done = await collected(call, sandbox, *OUTPUT, "--plan")
    text = done.out.decode()
    blocks = text.split("\n\n")
    assert len(blocks) == 4
    assert "3, at most 4 at a time" in blocks[0]
    assert "1 for the list of organizations; 64 in total, plus retries" in blocks[0]
    for id, block in zip(IDS, blocks[1:], strict=True):
        assert block.startswith(f"{id} (")
        assert f"out/{id}.manifest.json" in block
    assert max(map(len, text.splitlines())) <= 100


async def test_an_organization_that_would_fail_is_named_and_the_others_are_planned(call: Calling) -> None:
    async with serve(DEPLOYMENT, faults=Faults.parse("401@organization-2=1")) as sandbox:
        plan = await planned(call, sandbox, *OUTPUT, code=3)
        done = await collected(call, sandbox, *OUTPUT, "--plan")
    first, second, third = plan["organizations"]
    assert first["plan"]
    assert third["plan"]
    assert second["plan"] is None
    assert "the API rejected the key" in second["error"]
    assert "fails     the API rejected the key (HTTP 401, twice)" in done.out.decode()
    assert "(exit code 4)" in done.out.decode()


async def test_organizations_that_the_interrupted_run_has_completed_are_kept_in_the_plan_as_in_the_run(
    call: Calling,
) -> None:
    async with serve(DEPLOYMENT, faults=Faults.parse("latency=30ms")) as sandbox:
        one_by_one = (*OUTPUT, "--organizations-at-once", "1", "--concurrency", "1")
        stopped = await collected(call, sandbox, *one_by_one, "--max-duration", "1.2")
        assert stopped.code in {3, 5}, stopped.err
        plan = await planned(call, sandbox, *one_by_one)
        before = sandbox.log.summary().total
        done = await collected(call, sandbox, *one_by_one)
        assert done.code == 0, done.err
        assert sandbox.log.summary().total - before == plan["requests"]["total"]
    assert f"continuing the interrupted run {plan['continues']}" in done.err
    kept = [each["id"] for each in plan["organizations"] if each["kept"]]
    assert [id for id in IDS if f"{id}: complete before the interruption" in done.err] == kept
    assert kept == IDS[: len(kept)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "c.jsonl"), "write {organization_id} into its path"),
        (("--organizations", "00000000-0000-4000-8000-000000000000"), "not in the API's list for this key, which has"),
        (("--organization-id", IDS[0]), "organization_id must be unset"),
    ],
)
async def test_a_plan_raises_the_errors_of_the_run(call: Calling, options: tuple[str, ...], message: str) -> None:
    given = {"--organizations": ("--all", "-o", "out/{organization_id}.jsonl"), "-o": OUTPUT[:3]}
    async with serve(DEPLOYMENT) as sandbox:
        done = await collected(call, sandbox, *given.get(options[0], OUTPUT), *options, "--plan")
    assert (done.code, done.out) == (2, b"")
    assert message in done.err
