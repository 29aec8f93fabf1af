"""Whole runs: masked values in the files, and the redaction settings in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Calling
from tests.support.scripted_server import Exchange, Scenario, answer, connection, ids, response, serving

SECRET = "hunter2-wq81zk"
CONFIGURATION = {
    "hostname": "db.example.com",
    "password": "********",
    "nickname": "orders",
    "client_id": "id-1",
    "note": f"postgres://etl:{SECRET}@db.example.com/x",
    "settings": json.dumps({"smtp_password": SECRET}),
    "surprise": SECRET,
}


def serve(schema: Scenario) -> Scenario:
    """Reply with connections of one type, and with `schema` for the type."""

    async def scenario(exchange: Exchange) -> None:
        if exchange.target.startswith("/api/connection_types/"):
            await schema(exchange)
            return
        one = exchange.target.rpartition("/")[2]
        await exchange.write(
            response(
                connection(one, type={"id": "postgresql"}, configuration=CONFIGURATION, status_error=f"pwd={SECRET}")
            )
        )

    return scenario


SCHEMA = answer(b'{"type":"object","properties":{"surprise":{"type":"string","sensitive":true}}}')


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_the_manifest_names_masked_paths_and_the_redaction_settings(call: Calling, tmp_path: Path) -> None:
    async with serving(serve(SCHEMA)) as server:
        done = await call(
            *("collect", *ids(3), "--base-url", server.url, "-o", "c.jsonl"),
            *("--redact-also", "nickname", "--redact-keep", "postgresql/client_id"),
        )
    assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "c.manifest.json").read_text())
    assert manifest["redactions"] == 15
    assert manifest["redaction"] == {
        "paths": {
            "configuration.password": 3,
            "configuration.nickname": 3,
            "configuration.note": 3,
            "configuration.settings": 3,
            "status_error": 3,
        },
        "by_rule": {"name": 6, "pair": 3, "also": 3, "url-credentials": 3},
        "also": ["nickname"],
        "keep": ["postgresql/client_id"],
        "fingerprints": False,
        "live_schemas": False,
    }
    for record in records(tmp_path / "c.jsonl"):
        assert record["configuration"]["client_id"] == "id-1"
        assert record["configuration"]["note"] == "postgres://[REDACTED]@db.example.com/x"
    assert server.requests == 3
    assert (await call("verify", "c.jsonl")).code == 0


async def test_live_schemas_requests_the_types_and_masks_their_sensitive_fields(call: Calling, tmp_path: Path) -> None:
    async with serving(serve(SCHEMA)) as server:
        done = await call("collect", *ids(5), "--base-url", server.url, "-o", "c.jsonl", "--live-schemas")
    assert done.code == 0, done.err
    assert server.requests == 6
    assert SECRET not in (tmp_path / "c.jsonl").read_text()
    manifest = json.loads((tmp_path / "c.manifest.json").read_text())
    assert manifest["requests"]["sent"] == 6
    assert manifest["redaction"]["paths"]["configuration.surprise"] == 5


async def test_an_unavailable_schema_is_reported_and_the_run_continues(call: Calling, tmp_path: Path) -> None:
    async with serving(serve(answer(b"{}", "404 Not Found"))) as server:
        done = await call("collect", *ids(5), "--base-url", server.url, "-o", "c.jsonl", "--live-schemas")
    assert done.code == 0, done.err
    assert "cannot fetch the schema for type postgresql (HTTP 404); using the packaged schema" in done.err
    assert all(record["configuration"]["password"] == "[REDACTED]" for record in records(tmp_path / "c.jsonl"))


async def test_a_changed_secret_shows_by_its_fingerprint_and_an_unchanged_one_does_not(
    call: Calling, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("a key of many characters\n")
    key.chmod(0o600)
    lines = []
    for secret in (SECRET, SECRET, "another-secret"):

        async def scenario(exchange: Exchange, secret: str = secret) -> None:
            one = exchange.target.rpartition("/")[2]
            await exchange.write(response(connection(one, configuration={"password": secret})))

        async with serving(scenario) as server:
            done = await call(
                *("collect", *ids(1), "--base-url", server.url, "-o", "c.jsonl", "--fingerprint-key-file", str(key))
            )
        assert done.code == 0, done.err
        assert (await call("verify", "c.jsonl")).code == 0
        lines.append(records(tmp_path / "c.jsonl")[0]["configuration"]["password"])
    assert lines[0] == lines[1] != lines[2]
    assert lines[0].startswith("[REDACTED:")


@pytest.mark.parametrize(("mode", "content"), [(0o644, "a key of many characters"), (0o600, "short")])
async def test_an_unfit_key_for_fingerprints_is_2_and_no_request_is_sent(
    call: Calling, tmp_path: Path, mode: int, content: str
) -> None:
    (tmp_path / "key").write_text(content)
    (tmp_path / "key").chmod(mode)
    async with serving(serve(SCHEMA)) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "--fingerprint-key-file", "key")
    assert (done.code, server.opened) == (2, 0)
    assert "fingerprint_key_file" in done.err
    assert content not in done.err


async def test_an_unfinished_file_with_other_redaction_settings_is_quarantined(call: Calling, tmp_path: Path) -> None:
    asked = 0

    async def few(exchange: Exchange) -> None:
        nonlocal asked
        asked += 1
        await (serve(SCHEMA) if asked <= 3 else answer(b"{}", "401 Unauthorized"))(exchange)

    async with serving(few) as server:
        url = server.url
        begun = await call("collect", *ids(6), "--base-url", url, "-o", "c.jsonl", "--concurrency", "1")
        assert begun.code == 4, begun.err
        asked = -100
        done = await call("collect", *ids(6), "--base-url", url, "-o", "c.jsonl", "--redact-also", "surprise")
    assert done.code == 0, done.err
    assert "other redaction settings" in done.err
    assert SECRET not in (tmp_path / "c.jsonl").read_text()


async def test_a_rule_that_does_not_name_a_field_is_2_with_a_message(call: Calling) -> None:
    done = await call("collect", *ids(1), "--redact-also", "a b/c")
    assert done.code == 2
    assert "[redact] also must be a list of field names or paths" in done.err
