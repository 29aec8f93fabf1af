"""`collector tap`: a run as Singer or Airbyte messages, with the sandbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.model.side_tables import SIDE_TABLES
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.conftest import Calling, Finished, Starting
from tests.support.scripted_server import answer, connection, found, ids, serving
from tests.support.singer_oracle import check_singer

CANARY = "secret-canary-key-0123456789"


def config_file(folder: Path, *, mode: int = 0o600, **values: Any) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    path.chmod(mode)
    return str(path)


def airbyte(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def kinds_of(messages: list[dict[str, Any]]) -> list[str]:
    """The types of messages, those of traces by their status; equal neighbours once."""
    kinds = [
        each["trace"].get("stream_status", {"status": "ERROR"})["status"] if each["type"] == "TRACE" else each["type"]
        for each in messages
    ]
    return [kind for index, kind in enumerate(kinds) if kinds[index - 1 : index] != [kind]]


async def test_a_complete_run_emits_every_connection_and_side_table_and_activates_them(
    call: Calling, tmp_path: Path
) -> None:
    inventory = Inventory(300, seed=4)
    async with serve(inventory) as sandbox:
        path = config_file(tmp_path, api_key=SANDBOX_KEY, base_url=sandbox.url, rate=0, tables=list(SIDE_TABLES))
        done = await call("tap", "--config", path, env={"POLYTOMIC_API_KEY": CANARY})
    assert done.code == 0, done.err
    singer = check_singer(done.out)
    assert {record["id"] for record in singer.records["connections"]} == set(inventory.ids())
    assert singer.active == singer.records.keys() == {"connections", *SIDE_TABLES}
    assert all(singer.records.values())
    assert len(singer.records["usage"]) == 300
    assert singer.state is not None
    assert singer.state["bookmarks"].keys() == singer.active
    assert "300 of 300 connections" in done.err


@pytest.mark.parametrize("concurrency", [1, 32])
async def test_the_records_are_those_of_collect_with_strict_timestamps(
    call: Calling, tmp_path: Path, concurrency: int
) -> None:
    def key(record: dict[str, Any]) -> str:
        return json.dumps({name: value for name, value in record.items() if not name.startswith("_")}, sort_keys=True)

    async with serve(Inventory(247, seed=5)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, rate=0, concurrency=concurrency)
        env = {"POLYTOMIC_API_KEY": SANDBOX_KEY}
        tapped = await call("tap", "--config", path, env=env)
        plain = await call("collect", "--all", "--base-url", sandbox.url, "--timestamps", "strict", env=env)
    records = check_singer(tapped.out).records["connections"]
    assert sorted(map(key, records)) == sorted(map(key, map(json.loads, plain.out.splitlines())))


async def test_a_partial_run_emits_its_records_and_activates_nothing(call: Calling, tmp_path: Path) -> None:
    state = {"bookmarks": {"connections": {"run_id": "before", "version": 5}}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    async with serve(Inventory(200, seed=4), faults=Faults.parse("404=0.2")) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, rate=0, api_key=SANDBOX_KEY)
        done = await call("tap", "--config", path, "--state", "state.json")
        partial = await call("tap", "--output-format", "airbyte", "read", "--config", path)
    singer = check_singer(done.out)
    assert (done.code, singer.active, singer.state) == (3, set(), state), done.err
    assert 100 < len(singer.records["connections"]) < 200
    assert partial.code == 3
    assert kinds_of(airbyte(partial.out)) == ["STARTED", "RUNNING", "RECORD", "INCOMPLETE", "ERROR"]


async def test_a_run_of_given_ids_never_activates(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call("tap", "--config", config_file(tmp_path, base_url=server.url, ids=ids(3)))
    singer = check_singer(done.out)
    assert (done.code, singer.active, singer.state) == (0, set(), {}), done.err
    assert len(singer.records["connections"]) == 3


async def test_a_timestamp_that_is_not_rfc_3339_is_null_and_kept_in_extra(call: Calling, tmp_path: Path) -> None:
    [one] = ids(1)
    async with serving(answer(connection(one, created_at="last week", api_calls_last_24_hours=10**40))) as server:
        done = await call("tap", "--config", config_file(tmp_path, base_url=server.url, ids=[one]))
    [record] = check_singer(done.out).records["connections"]
    assert (record["created_at"], record["api_calls_last_24_hours"]) == (None, None)
    assert record["extra"].items() >= {"created_at": "last week", "api_calls_last_24_hours": 10**40}.items()


async def test_a_catalog_selects_streams_and_fields(call: Calling, tmp_path: Path) -> None:
    async with serve(Inventory(30, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, rate=0, api_key=SANDBOX_KEY)
        discovered = await call("tap", "--config", path, "--discover")
        catalog = json.loads(discovered.out)
        for stream in catalog["streams"]:
            stream["metadata"][0]["metadata"]["selected"] = stream["stream"] in {"connections", "roles"}
            for each in stream["metadata"]:
                each["metadata"]["selected"] = each["breadcrumb"] != ["properties", "configuration"]
            stream["metadata"][0]["metadata"]["selected"] = stream["stream"] in {"connections", "roles"}
        (tmp_path / "catalog.json").write_text(json.dumps(catalog))
        done = await call("tap", "--config", path, "--catalog", "catalog.json")
    singer = check_singer(done.out)
    assert done.code == 0, done.err
    assert singer.records.keys() == singer.active == {"connections", "roles"}
    assert not any("configuration" in record for record in singer.records["connections"])


@pytest.mark.parametrize(
    ("values", "mode", "message"),
    [
        ({"api_key": CANARY}, 0o644, "it holds api_key, and other users can use it; run: chmod 600"),
        ({"rate": 5}, 0o666, "it says where the key goes, and other users can change it; run: chmod go-w"),
        ({"bas_url": "x"}, 0o600, "did you mean base_url"),
        ({"base_url": "http://example.com"}, 0o600, "the key would travel to example.com unencrypted"),
        ({"tables": ["nothing"]}, 0o600, "there are policies"),
        ({"rate": -1}, 0o600, "rate"),
        ({"api_key": CANARY, "base_url": f"https://{CANARY}@x"}, 0o600, ""),
    ],
)
def test_a_wrong_configuration_ends_with_one_message(
    call_here: Callable[..., Finished], tmp_path: Path, values: dict[str, Any], mode: int, message: str
) -> None:
    path = config_file(tmp_path, mode=mode, **values)
    for options in ((), ("--output-format", "airbyte", "read")):
        done = call_here("tap", *options, "--config", path)
        assert done.code == 2
        assert message in done.err
        assert done.err.count("\n") == 1
        assert CANARY not in done.err + done.out.decode()
    assert kinds_of(airbyte(done.out)) == ["ERROR"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("read",), "add --output-format airbyte"),
        (("--output-format", "airbyte"), "add one of spec, check, discover, read"),
        (("--config", "missing.json"), "missing.json: cannot be read: No such file"),
        (("--catalog", "missing.json"), "--catalog missing.json: cannot be read"),
        (("--state", "missing.json"), "--state missing.json: cannot be read"),
    ],
)
def test_a_wrong_command_line_is_refused_with_advice(
    call_here: Callable[..., Finished], arguments: tuple[str, ...], message: str
) -> None:
    done = call_here("tap", *arguments)
    assert (done.code, done.out) == (2, b"")
    assert message in done.err


def test_about_lists_the_keys_of_the_configuration(call_here: Callable[..., Finished]) -> None:
    facts = json.loads(call_here("tap", "--about", "--format", "json").out)
    assert facts["capabilities"] == ["about", "activate-version", "catalog", "discover", "state"]
    text = call_here("tap", "--about").out.decode()
    assert all(f"  {name} (" in text for name in facts["settings"]["properties"])


async def test_airbyte_reads_whole_streams_and_checks_the_connection(call: Calling, tmp_path: Path) -> None:
    command = ("tap", "--output-format", "airbyte")
    async with serve(Inventory(60, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, rate=0, api_key=SANDBOX_KEY)
        [catalog] = airbyte((await call(*command, "discover")).out)
        chosen = [each for each in catalog["catalog"]["streams"] if each["name"] in {"connections", "users"}]
        configured = [
            {"stream": each, "sync_mode": "full_refresh", "destination_sync_mode": "append"} for each in chosen
        ]
        (tmp_path / "catalog.json").write_text(json.dumps({"streams": configured}))
        done = await call(*command, "read", "--config", path, "--catalog", "catalog.json")
        good = await call(*command, "check", "--config", path)
        bad = await call(*command, "check", "--config", config_file(tmp_path, base_url=sandbox.url, api_key=CANARY))
    assert done.code == 0, done.err
    messages = airbyte(done.out)
    order = ["STARTED", "RUNNING", "RECORD", "RUNNING", "RECORD", "STATE", "COMPLETE"]
    assert kinds_of(messages) == order
    counts = {
        each["state"]["stream"]["stream_descriptor"]["name"]: each["state"]["sourceStats"]["recordCount"]
        for each in messages
        if each["type"] == "STATE"
    }
    records = [each["record"]["stream"] for each in messages if each["type"] == "RECORD"]
    assert counts == {name: records.count(name) for name in ("connections", "users")}
    assert airbyte(good.out) == [{"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}}]
    [status] = airbyte(bad.out)
    assert (bad.code, status["connectionStatus"]["status"]) == (0, "FAILED")
    assert CANARY not in bad.out.decode() + bad.err


async def test_a_refused_key_is_a_configuration_error_for_airbyte(call: Calling, tmp_path: Path) -> None:
    async with serve(Inventory(5, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, api_key=CANARY)
        done = await call("tap", "--output-format", "airbyte", "read", "--config", path)
    [message] = airbyte(done.out)
    assert done.code == 4
    assert message["trace"]["error"]["failure_type"] == "config_error"
    assert CANARY not in done.out.decode() + done.err


async def test_an_organization_without_connections_marks_nothing_as_deleted(call: Calling, tmp_path: Path) -> None:
    async with serve(Inventory(0, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, api_key=SANDBOX_KEY, tables=["users"])
        done = await call("tap", "--config", path)
        read = await call("tap", "--output-format", "airbyte", "read", "--config", path)
    assert (done.code, done.out) == (2, b"")
    assert (read.code, kinds_of(airbyte(read.out))) == (2, ["ERROR"])


async def test_a_side_table_that_the_key_may_not_read_keeps_its_rows_in_the_target(
    call: Calling, tmp_path: Path
) -> None:
    async with serve(Inventory(20, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, api_key="sandbox-reader-key", tables=["users", "bulk_syncs"])
        done = await call("tap", "--config", path)
        read = await call("tap", "--output-format", "airbyte", "read", "--config", path)
    assert done.code == 0, done.err
    assert check_singer(done.out).active == {"connections", "bulk_syncs"}
    assert kinds_of(airbyte(read.out))[-5:] == ["STATE", "COMPLETE", "INCOMPLETE", "COMPLETE", "ERROR"]


@pytest.mark.parametrize("option", ["--catalog", "--state"])
async def test_airbyte_reports_a_wrong_file_in_a_message(call: Calling, tmp_path: Path, option: str) -> None:
    (tmp_path / "file.json").write_text("" if option == "--catalog" else "garbage")
    async with serve(Inventory(5, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, api_key=SANDBOX_KEY)
        done = await call("tap", "--output-format", "airbyte", "read", "--config", path, option, "file.json")
    assert (done.code, kinds_of(airbyte(done.out))) == (2, ["ERROR"])


async def test_the_reader_of_the_pipe_may_leave(start: Starting, tmp_path: Path) -> None:
    async with serve(Inventory(400, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, rate=0, api_key=SANDBOX_KEY)
        done = await (await start("tap", "--config", path, through="head -n 5")).finished()
    assert done.code == 141, done.err
    assert len(done.out.splitlines()) == 5


async def test_a_full_disk_ends_the_run_with_exit_code_6(start: Starting, tmp_path: Path) -> None:
    async with serve(Inventory(40, seed=4)) as sandbox:
        path = config_file(tmp_path, base_url=sandbox.url, rate=0, api_key=SANDBOX_KEY)
        done = await (await start("tap", "--config", path, closing="> /dev/full")).finished()
    assert done.code == 6
    assert "No space left on device" in done.err


async def test_a_plain_tap_imports_no_optional_library(start: Starting, tmp_path: Path) -> None:
    code = (
        "import sys; from collector.cli.main import run; run(['tap', '--discover']); "
        "print(sorted({'pyarrow', 'duckdb', 'dlt'} & sys.modules.keys()), file=sys.stderr)"
    )
    running = await start("tap", "--discover", under=(sys.executable, "-c", code))
    done = await running.finished()
    assert done.err.splitlines()[-1] == "[]"


async def test_the_console_script_is_the_same_command(start: Starting) -> None:
    code = "import sys; sys.argv[1:] = ['--about']; from collector.__main__ import tap; tap()"
    done = await (await start(under=(sys.executable, "-c", code))).finished()
    assert done.code == 0, done.err
    assert done.out.startswith(b"tap-polytomic-connections ")
