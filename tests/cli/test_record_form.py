"""The form of records: `--max-record-bytes`, `--configuration-as` and `--timestamps`, written, verified, resumed."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from tests.cli.test_collect import SANDBOX
from tests.cli.test_list import item, list_of, manifest_of, settled
from tests.conftest import Calling, Forking
from tests.support.output_oracle import Given, check_finished, whole_ids
from tests.support.scripted_server import (
    PATIENCE,
    Exchange,
    Scenario,
    answer,
    by_id,
    connection,
    found,
    gzipped,
    hang,
    ids,
    response,
    serving,
)

SMALL, LARGE = ids(2)
FOUR_MB = 4_000_000


def compressed(one: str, **fields: Any) -> Scenario:
    return answer(gzipped(connection(one, **fields)), Content_Encoding="gzip")


@pytest.mark.parametrize(
    ("options", "limit"), [((), FOUR_MB), (("--max-record-bytes", "30000", "--from-list"), 30_000)], ids=str
)
async def test_the_id_of_a_record_above_the_limit_is_too_large(
    call: Calling, tmp_path: Path, options: tuple[str, ...], limit: int
) -> None:
    """The body is below the limit: only the escapes of its line exceed it."""
    note = {"note": "\u2028" * (limit // 6 + 1)}  # three bytes in the body, six in the line
    scenario = by_id({LARGE: compressed(LARGE, extra=note)}, found)
    if options:
        scenario = answer(list_of(item(SMALL), item(LARGE, extra=note)))
    async with serving(scenario) as server:
        arguments = ("collect", SMALL, LARGE, "--base-url", server.url, "-o", "out/c.jsonl")
        done = await call(*arguments, *options)
        assert done.code == 3, done.err
        result = check_finished(tmp_path / "out/c.jsonl", Given([SMALL, LARGE]), 3)
        assert (result.errors[LARGE]["outcome"], result.errors[LARGE]["attempts"]) == ("too_large", 1)
        size, stated = [int(word) for word in result.errors[LARGE]["error"].split() if word.isdecimal()]
        assert limit < size < limit + 3000
        assert (stated, result.manifest["output"]["max_record_bytes"]) == (limit, limit)
        assert "--max-record-bytes" in result.errors[LARGE]["error"]
        verified = await call("verify", "out/c.jsonl")
        assert verified.code == 0, verified.err
        unlimited = await call(*arguments, "--max-record-bytes", "0", *options[2:])
        assert unlimited.code == 0, unlimited.err
    check_finished(tmp_path / "out/c.jsonl", Given([SMALL, LARGE]), 0)


async def test_configurations_as_text_are_those_of_the_objects(call: Calling, tmp_path: Path) -> None:
    """In records, and in rows that have them; also for what reads the snapshot: `verify` and `--ids`."""
    inventory = Inventory(150, seed=4)
    async with serve(inventory) as sandbox:
        for form in ("object", "string"):
            options = ("--all", "--with", "models,shared", "--cross-check", "--configuration-as", form)
            done = await call(
                *("collect", *options, "--base-url", sandbox.url, "--rate", "0", "-o", f"out/{form}/c.jsonl"),
                env=SANDBOX,
            )
            assert done.code == 0, done.err
            assert "0 of 150 differ" in done.err
            assert (await call("verify", f"out/{form}/c.jsonl")).code == 0
        again = await call(
            *("collect", "--ids", "out/string/c.jsonl", "--base-url", sandbox.url, "--rate", "0", "-o", "again.jsonl"),
            env=SANDBOX,
        )
        assert again.code == 0, again.err
    objects, strings = (manifest_of(tmp_path / f"out/{form}/c.manifest.json") for form in ("object", "string"))
    assert strings["output"]["configuration_as"] == "string"
    assert strings["redaction"] == objects["redaction"]
    assert strings["redactions"] == objects["redactions"] > 0
    for name in ("c.jsonl", "c.models.jsonl", "c.shared.jsonl"):
        expected, texts = settled(tmp_path / "out/object" / name), settled(tmp_path / "out/string" / name)
        assert name != "c.jsonl" or any(each["configuration"] for each in texts.values())
        for each in texts.values():
            assert type(each["configuration"]) in {str, type(None)}
            each["configuration"] = each["configuration"] and json.loads(each["configuration"])
        assert texts == expected
    assert set(settled(tmp_path / "again.jsonl")) == set(inventory.ids())


async def test_strict_timestamps_are_counted_and_verified(call: Calling, tmp_path: Path) -> None:
    odd = {"created_at": "2026-01-31", "updated_at": "yesterday", "rate_limit": {"expires_at": "soon"}}
    async with serving(by_id({LARGE: answer(connection(LARGE, **odd))}, found)) as server:
        options = ("--timestamps", "strict", "--base-url", server.url, "-o", "out/c.jsonl")
        done = await call("collect", SMALL, LARGE, *options)
    assert done.code == 0, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given([SMALL, LARGE]), 0)
    record = result.records[LARGE]
    assert (record["created_at"], record["updated_at"]) == (None, None)
    assert record["extra"] == {"created_at": "2026-01-31", "updated_at": "yesterday"}
    assert result.manifest["unparsed_timestamps"] == 3
    assert (await call("verify", "out/c.jsonl")).code == 0
    path = tmp_path / "out/c.manifest.json"
    path.write_text(json.dumps({**result.manifest, "unparsed_timestamps": 2}))
    assert (await call("verify", "out/c.jsonl")).code == 8


@pytest.mark.parametrize(
    ("key", "other", "reason"),
    [
        ("configuration_as", "string", "configuration is of type dict, but its manifest states string"),
        ("timestamps", "strict", "created_at is not RFC 3339, but its manifest states strict timestamps"),
        ("max_record_bytes", 500, "bytes, but its manifest states max_record_bytes 500"),
        ("order", "random", "output.order: not one of completion, input"),
    ],
)
async def test_verify_rejects_records_in_another_form_than_the_manifest_states(
    call: Calling, tmp_path: Path, key: str, other: object, reason: str
) -> None:
    async with serving(answer(connection(SMALL, created_at="soon"))) as server:
        assert (await call("collect", SMALL, "--base-url", server.url, "-o", "out/c.jsonl")).code == 0
    path = tmp_path / "out/c.manifest.json"
    manifest = manifest_of(path)
    path.write_text(json.dumps({**manifest, "output": {**manifest["output"], key: other}}))
    done = await call("verify", "out/c.jsonl")
    assert done.code == 8
    assert reason in done.err
    path.write_text(json.dumps({name: value for name, value in manifest.items() if name != "output"}))
    assert (await call("verify", "out/c.jsonl")).code == 0  # as of an earlier version


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_an_unfinished_run_is_resumed_only_in_its_own_form(
    fork: Forking, call: Calling, tmp_path: Path, end: signal.Signals
) -> None:
    """A masked value, an odd time and a repaired text in the records that it takes over are still counted."""
    form = ("--configuration-as", "string", "--timestamps", "strict")
    body = connection(SMALL, created_at="soon", configuration={"password": "p", "hosts": ["a\0"], "limit": 0})
    is_mended = False

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        if one == LARGE and not is_mended:
            await hang(exchange)
        await exchange.write(response(body.replace(b": 0", b": 1e999") if one == SMALL else connection(one)))

    async with serving(talk) as server:
        arguments = ("collect", SMALL, LARGE, "--base-url", server.url, "-o", "out/c.jsonl")
        running = await fork(*arguments, *form)
        async with asyncio.timeout(PATIENCE):
            while not whole_ids(tmp_path / "out/c.jsonl.partial"):  # noqa: ASYNC110  # has no event
                await asyncio.sleep(0.01)
        await running.end(end)
        is_mended = True
        refused = await call(*arguments, "--resume", "always")
        assert refused.code == 8
        assert "another form of records (--max-record-bytes, --configuration-as, --timestamps)" in refused.err
        done = await call(*arguments, *form, "--resume", "always")
    assert done.code == 0, done.err
    result = check_finished(tmp_path / "out/c.jsonl", Given([SMALL, LARGE]), 0)
    manifest = result.manifest
    assert (manifest["resumed"], manifest["unparsed_timestamps"], manifest["repaired"]) == (1, 1, 1)
    assert manifest["redaction"]["paths"] == {"configuration.password": 2}
    assert manifest["nul_characters"]["paths"] == {"configuration.hosts[]": 1}
    assert (await call("verify", "out/c.jsonl")).code == 0


async def test_a_run_of_a_version_without_a_limit_is_resumed_without_one(
    fork: Forking, call: Calling, tmp_path: Path
) -> None:
    """Its records may exceed the default limit, and its run header records no form."""
    note = {"note": "x" * FOUR_MB}
    is_mended = False

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        if one == SMALL and not is_mended:
            await hang(exchange)
        await (compressed(LARGE, extra=note) if one == LARGE else answer(connection(one)))(exchange)

    async with serving(talk) as server:
        arguments = ("collect", SMALL, LARGE, "--base-url", server.url, "-o", "out/c.jsonl")
        running = await fork(*arguments, "--max-record-bytes", "0")
        async with asyncio.timeout(PATIENCE):
            while not whole_ids(tmp_path / "out/c.jsonl.partial"):  # noqa: ASYNC110  # has no event
                await asyncio.sleep(0.01)
        await running.end(signal.SIGKILL)
        path = tmp_path / "out/c.partial.run.json"
        header = json.loads(path.read_bytes())
        del header["form"]
        path.write_text(json.dumps(header))
        is_mended = True
        done = await call(*arguments, "--resume", "always")
    assert done.code == 0, done.err
    manifest = manifest_of(tmp_path / "out/c.manifest.json")
    assert (manifest["resumed"], manifest["output"]["max_record_bytes"]) == (1, 0)
    assert (await call("verify", "out/c.jsonl")).code == 0
