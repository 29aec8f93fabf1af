"""Drift: `collector collect` compares the fields of its records with the previous manifest."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.run.observers.drift_warnings import MAX_LISTED
from tests.cli.test_list import item, list_of, manifest_of
from tests.conftest import Calling, Finished, Forking
from tests.support.scripted_server import (
    PATIENCE,
    Exchange,
    Scenario,
    answer,
    connection,
    error,
    hang,
    ids,
    serving,
)

A, B, C = WANTED = ids(3)
PLAIN = {"host": "db.example", "port": 5432}
MORE = {**PLAIN, "ssl_mode": "require"}
Configurations = Mapping[str, Any]
OUT = "out/c.jsonl"


class Api:
    """A server with these configurations, which change from night to night; None stands for a failure."""

    def __init__(self, *configurations: Any) -> None:
        self.change(*configurations)

    def change(self, *configurations: Any) -> None:
        self.configurations = dict(zip(WANTED, configurations, strict=False))

    async def __call__(self, exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        if one in self.configurations:
            await self._reply(one)(exchange)
        else:
            await answer(list_of(*(item(each, configuration=one) for each, one in self.configurations.items())))(
                exchange
            )

    def _reply(self, one: str) -> Scenario:
        configuration = self.configurations[one]
        return error(404, "gone") if configuration is None else answer(connection(one, configuration=configuration))


async def collect(call: Calling, url: str, *more: str, output: str = OUT) -> Finished:
    return await call("collect", *WANTED, "--base-url", url, "--rate", "0", "-q", "-o", output, *more)


def drift_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = manifest_of(path)["drift"]
    return found


def paths(changes: list[dict[str, Any]]) -> list[str]:
    return [each["path"] for each in changes]


async def test_fields_that_changed_are_in_the_manifest_and_on_standard_error(call: Calling, tmp_path: Path) -> None:
    api = Api(MORE, PLAIN, PLAIN)
    async with serving(api) as server:
        first = await collect(call, server.url)
        api.change(PLAIN, {**PLAIN, "port": "5432"}, {**PLAIN, "region": "eu"})
        second = await collect(call, server.url)
        third = await collect(call, server.url)
    manifest = manifest_of(tmp_path / "out/c.manifest.json")
    assert (first.code, first.err, second.code, third.code, third.err) == (0, "", 0, 0, ""), second.err
    assert (manifest["drift"]["new"], manifest["drift"]["reason"]) == ([], "")
    lines = second.err.splitlines()
    assert lines[0].startswith("collector: drift since run 2")
    assert lines[0].endswith("fields 1 new, 1 gone, 1 retyped; the manifest lists them under drift")
    assert lines[1:] == [
        f"collector: drift: postgresql: configuration.ssl_mode is gone (was text in 1 record), such as {A}",
        f"collector: drift: postgresql: configuration.port is number or text, was number, in 1 record, such as {B}",
        f"collector: drift: postgresql: configuration.region is new (text) in 1 record, such as {C}",
    ]


async def test_drift_ends_a_run_with_exit_code_3_if_asked_and_its_snapshot_verifies(
    call: Calling, tmp_path: Path
) -> None:
    api, output = Api(PLAIN, PLAIN, PLAIN), ("--fail-on", "drift")
    async with serving(api) as server:
        first = await collect(call, server.url, *output)
        run_id = manifest_of(tmp_path / "out/c.manifest.json")["run_id"]
        api.change(PLAIN, MORE, PLAIN)
        second = await collect(call, server.url, *output)
        manifest = manifest_of(tmp_path / "out/c.manifest.json")
        verified = await call("verify", OUT)
        third = await collect(call, server.url, *output)
    assert (first.code, second.code, third.code) == (0, 3, 0), second.err
    assert (manifest["status"], manifest["exit_code"]) == ("complete", 3)
    assert manifest["drift"] == {
        "previous": run_id,
        "reason": "",
        "fails": True,
        "new": [
            {
                "type": "postgresql",
                "path": "configuration.ssl_mode",
                "before": [],
                "after": ["text"],
                "records": 1,
                "ids": [B],
            }
        ],
        "gone": [],
        "retyped": [],
    }
    assert verified.code == 0, verified.err


async def test_a_field_of_a_connection_that_failed_is_neither_gone_nor_later_new(call: Calling, tmp_path: Path) -> None:
    api = Api(PLAIN, MORE, PLAIN)
    async with serving(api) as server:
        await collect(call, server.url)
        for configuration in (None, MORE):
            api.change(PLAIN, configuration, PLAIN)
            done = await collect(call, server.url, "--fail-on", "drift")
            manifest = manifest_of(tmp_path / "out/c.manifest.json")
            assert "drift" not in done.err
            assert manifest["drift"] | {"previous": ""} == {
                **{"previous": "", "reason": "", "fails": False},
                **{"new": [], "gone": [], "retyped": []},
            }
            assert (await call("verify", OUT)).code == 0
        assert (done.code, manifest["earlier_shape"]["types"]) == (0, {})


@pytest.mark.parametrize(
    ("reason", "is_told"),
    [("has no shape", True), ("cannot be read", True), ("no earlier manifest", False)],
)
async def test_without_a_shape_to_compare_with_the_run_says_so(
    call: Calling, tmp_path: Path, reason: str, is_told: bool
) -> None:
    path = tmp_path / "out/c.manifest.json"
    async with serving(Api(PLAIN, PLAIN, PLAIN)) as server:
        await collect(call, server.url)
        if "shape" in reason:
            kept = {key: value for key, value in manifest_of(path).items() if "shape" not in key and key != "drift"}
            path.write_text(json.dumps(kept))
            assert (await call("verify", OUT)).code == 0
        elif "read" in reason:
            path.write_text("{")
        else:
            path.unlink()
        done = await collect(call, server.url, "--fail-on", "drift")
    assert done.code == 0, done.err
    assert reason in drift_of(path)["reason"]
    assert (reason in done.err) == is_told


async def test_outputs_of_other_dates_and_runs_are_compared_too(call: Calling, tmp_path: Path) -> None:
    api = Api(PLAIN, PLAIN, PLAIN)
    async with serving(api) as server:
        for _ in range(2):
            done = await collect(call, server.url, "--fail-on", "drift", output="out/{date}-{run_id}.jsonl")
            api.change(MORE, PLAIN, PLAIN)
            assert (done.code == 3) == ("ssl_mode" in done.err), done.err
        plan = await call("collect", A, "--base-url", server.url, "--plan", "-o", "out/{date}-{run_id}.jsonl")
    assert done.code == 3
    found = sorted((tmp_path / "out").glob("*.manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    assert len(found) == 2
    assert f"drift     compared with out/{found[1].name}\n" in plan.out.decode()


async def test_records_on_standard_output_are_compared_with_the_manifest_that_the_run_replaces(
    call: Calling, tmp_path: Path
) -> None:
    api, options = Api(PLAIN, PLAIN, PLAIN), ("--manifest", "m.json", "--fail-on", "drift")
    async with serving(api) as server:
        first = await collect(call, server.url, *options, output="-")
        api.change(PLAIN, PLAIN, MORE)
        second = await collect(call, server.url, *options, output="-")
    assert (first.code, second.code) == (0, 3), second.err
    assert paths(drift_of(tmp_path / "m.json")["new"]) == ["configuration.ssl_mode"]


async def test_records_of_the_list_and_configurations_as_text_have_the_same_shape(
    call: Calling, tmp_path: Path
) -> None:
    api = Api(PLAIN, MORE, {**PLAIN, "n": 10**30, "sinks": [{"id": 1, "at": [1.5, None]}]})
    async with serving(api) as server:
        await collect(call, server.url)
        shape = manifest_of(tmp_path / "out/c.manifest.json")["shape"]
        for more in (("--configuration-as", "string"), ("--order", "input"), ("--from-list",)):
            done = await collect(call, server.url, *more, "--fail-on", "drift")
            assert (done.code, done.err) == (0, ""), more
            assert manifest_of(tmp_path / "out/c.manifest.json")["shape"] == shape
            verified = await call("verify", OUT)
            assert verified.code == 0, verified.err


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
async def test_a_resumed_run_counts_the_records_on_the_disk(
    call: Calling, fork: Forking, tmp_path: Path, signum: signal.Signals
) -> None:
    api, stuck = Api(MORE, PLAIN, PLAIN), asyncio.Event()

    async def talk(exchange: Exchange) -> None:
        await (hang if stuck.is_set() and C in exchange.target else api)(exchange)

    async with serving(talk) as server:
        await collect(call, server.url)
        stuck.set()
        api.change({**PLAIN, "region": "eu"}, {**PLAIN, "port": "1"}, PLAIN)
        options = ("--base-url", server.url, "--rate", "0", "-o", OUT, "--fail-on", "drift")
        running = await fork("collect", *WANTED, *options)
        partial = tmp_path / "out/c.jsonl.partial"
        async with asyncio.timeout(PATIENCE):
            while not partial.exists() or partial.read_bytes().count(b"\n") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        stopped = await running.end(signum)
        assert "drift" not in stopped.err
        if signum is not signal.SIGKILL:
            found = manifest_of(tmp_path / "out/c.partial.manifest.json")
            assert (found["drift"]["reason"], found["drift"]["previous"]) == ("the run stopped", None)
            assert found["shape"]["types"]["postgresql"]["records"] == 2
            verified = await call("verify", "out/c.jsonl.partial")
            assert verified.code == 0, verified.err
        stuck.clear()
        done = await call("collect", *WANTED, *options)
    assert done.code == 3, done.err
    manifest = manifest_of(tmp_path / "out/c.manifest.json")
    assert (manifest["resumed"], manifest["shape"]["types"]["postgresql"]["records"]) == (2, 3)
    assert {kind: paths(manifest["drift"][kind]) for kind in ("new", "gone", "retyped")} == {
        "new": ["configuration.region"],
        "gone": ["configuration.ssl_mode"],
        "retyped": ["configuration.port"],
    }
    verified = await call("verify", OUT)
    assert verified.code == 0, verified.err


async def test_each_organization_is_compared_with_its_own_manifest(call: Calling, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    keys = ((label, f'[[organizations]]\nlabel = "{label}"\nkey_command = "echo key-{label}-0451"\n') for label in "ab")
    config.write_text("".join(text for _, text in keys))
    config.chmod(0o600)
    configurations = {"key-a-0451": PLAIN, "key-b-0451": PLAIN}

    async def talk(exchange: Exchange) -> None:
        key = (exchange.header("Authorization") or "").removeprefix("Bearer ")
        fields = {
            "configuration": configurations[key],
            "organization_id": f"1111111{key[4]}-1111-4111-8111-111111111111",
        }
        one = exchange.target.rpartition("/")[2]
        listed = list_of(*(item(each, **fields) for each in WANTED))
        await answer(connection(one, **fields) if one in WANTED else listed)(exchange)

    async with serving(talk) as server:
        options = (
            "--all",
            "--config",
            "config.toml",
            "--fail-on",
            "drift",
            "--base-url",
            server.url,
            "--rate",
            "0",
            "-q",
        )
        first = await call("collect", *options, "-o", "out/{organization_id}.jsonl")
        configurations["key-b-0451"] = MORE
        second = await call("collect", *options, "-o", "out/{organization_id}.jsonl")
    assert (first.code, second.code) == (0, 3), first.err + second.err
    assert "b: drift: postgresql: configuration.ssl_mode is new (text) in 3 records" in second.err
    assert "a: drift" not in second.err
    assert drift_of(tmp_path / "out/a.manifest.json")["new"] == []
    index = manifest_of(tmp_path / "out/organizations.manifest.json")
    ends = {each["label"]: (each["status"], each["exit_code"]) for each in index["organizations"]}
    assert ends == {"a": ("complete", 0), "b": ("complete", 3)}
    assert [each.get("fails_by_drift") for each in index["organizations"]] == [None, True]
    verified = await call("verify", "out/organizations.manifest.json")
    assert verified.code == 0, verified.err
    del index["organizations"][1]["fails_by_drift"]
    (tmp_path / "out/organizations.manifest.json").write_text(json.dumps(index))
    assert (await call("verify", "out/organizations.manifest.json")).code == 8


@pytest.mark.parametrize(("more", "rest"), [(1, "1 more field"), (5, "5 more fields")])
async def test_standard_error_lists_a_limited_number_of_changes(
    call: Calling, tmp_path: Path, more: int, rest: str
) -> None:
    api = Api(PLAIN, PLAIN, PLAIN)
    async with serving(api) as server:
        await collect(call, server.url)
        api.change({**PLAIN, **{f"key{at:02}": at for at in range(MAX_LISTED + more)}}, PLAIN, PLAIN)
        done = await collect(call, server.url)
    lines = done.err.splitlines()
    assert (len(lines), lines[-1]) == (MAX_LISTED + 2, f"collector: drift: {rest}")
    assert len(drift_of(tmp_path / "out/c.manifest.json")["new"]) == MAX_LISTED + more


def renamed(fields: dict[str, Any], old: str, new: str) -> None:
    fields[new] = fields.pop(old)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda shape, _: renamed(fields_in(shape), "configuration.port", "configuration.part"), "of type postgresql"),
        (lambda shape, _: fields_in(shape).update({"extra.x": {"text": 3}}), "of type postgresql"),
        (lambda shape, _: fields_in(shape)["configuration.host"].update(text=2), "not 2 ids of 2 records"),
        (lambda shape, _: renamed(shape["types"], "postgresql", "mysql"), "not the types of this field in shape"),
        (lambda shape, _: shape.update(left_out=1), "leaves out another number of records"),
        (lambda _, drift: drift.update(fails=False), "states complete with exit code 3"),
        (lambda _, drift: drift["new"][0].update(after=["number"]), "not the types of this field in shape"),
        (lambda _, drift: drift["new"][0].update(before=["number"]), "new[0].before: does not fit"),
        (lambda _, drift: drift["new"][0].update(records=1), "new[0].records: fewer than its ids"),
        (lambda _, drift: drift["new"][0].update(records=3), "new[0].records: not those of this field"),
        (lambda _, drift: drift["new"][0].update(ids=[A, C]), "new[0].records: not those of this field"),
        (lambda _, drift: drift["new"][0].update(ids=[B, B]), "new[0].ids: not 1 to 3 distinct ids"),
        (lambda _, drift: drift.update(new=drift["new"] * 2), "new: not distinct fields"),
        (lambda _, drift: drift.update(gone=drift["new"]), "gone[0].before: does not fit"),
        (lambda _, drift: drift.update(retyped=drift["new"]), "retyped[0].before: does not fit"),
    ],
)
async def test_verify_rejects_a_shape_or_drift_that_does_not_fit_the_records(
    call: Calling, tmp_path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None], problem: str
) -> None:
    path, api = tmp_path / "out/c.manifest.json", Api(PLAIN, PLAIN, PLAIN)
    async with serving(api) as server:
        await collect(call, server.url)
        api.change(PLAIN, MORE, MORE)
        assert (await collect(call, server.url, "--fail-on", "drift")).code == 3
    manifest = manifest_of(path)
    change(manifest["shape"], manifest["drift"])
    path.write_text(json.dumps(manifest))
    done = await call("verify", OUT)
    assert (done.code, problem in done.err) == (8, True), done.err


def fields_in(shape: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = shape["types"]["postgresql"]["fields"]
    return fields


async def test_no_value_and_no_masked_key_reaches_the_manifest(call: Calling, tmp_path: Path) -> None:
    secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
    api = Api({"password": "hunter2hunter2", "note": "a value of its own", secret: {"x": secret}}, PLAIN, PLAIN)
    async with serving(api) as server:
        assert (await collect(call, server.url)).code == 0
    path = tmp_path / "out/c.manifest.json"
    assert all(value not in path.read_text() for value in (secret, "hunter2", "a value of its own"))
    fields = fields_in(manifest_of(path)["shape"])
    assert (fields["configuration.password"], fields["configuration.note"]) == ({"text": 1}, {"text": 1})
