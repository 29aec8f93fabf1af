"""From every source, the key is in the authorization header and nowhere else. (More: `test_canary`.)"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import KEY, Calling, Finished, Starting
from tests.support.canary import ORGANIZATION, assert_nowhere
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    by_id,
    close,
    connection,
    found,
    hang,
    ids,
    raw,
    reset,
    response,
    serving,
)

CREDENTIALS = {
    "partner": {"POLYTOMIC_API_KEY": "", "POLYTOMIC_PARTNER_KEY": KEY, "COLLECTOR_ORGANIZATION_ID": ORGANIZATION},
    "deployment": {"POLYTOMIC_API_KEY": "", "POLYTOMIC_DEPLOYMENT_KEY": KEY},
}


def echo_as(status: str, media_type: str = "application/json") -> Scenario:
    """Reply with an error whose reason, header and body hold the credentials."""

    async def scenario(exchange: Exchange) -> None:
        sent = exchange.header("Authorization") or ""
        body = json.dumps({"message": f"who is {sent}?", "error": {"message": sent}, "key": sent}).encode()
        await exchange.write(
            response(body, f"{status} {sent}", media_type=media_type, X_Echo=sent, Location=f"/{sent}")
        )

    return scenario


async def echo_in_a_record(exchange: Exchange) -> None:
    """Reply with a connection that has the credentials in every text."""
    sent = (exchange.header("Authorization") or "").partition(" ")[2]
    fields = {
        "name": f"made with {sent}",
        "status_error": f"Authorization: {sent}",
        "surprise": {"header": sent, "list": [sent]},
        "configuration": {"note": sent, "nested": {"url": f"https://x.example/?k={sent}"}},
    }
    await exchange.write(response(connection(exchange.target.rpartition("/")[2], **fields)))


async def echo_as_garbage(exchange: Exchange) -> None:
    """Send the request header back in place of a status line."""
    await exchange.write(exchange.head)
    exchange.close()


TROUBLE: dict[str, Scenario] = {
    "404": echo_as("404"),
    "400": echo_as("400"),
    "403": echo_as("403"),
    "500": echo_as("500"),
    "html": echo_as("200", "text/html"),
    "media type": answer(b"{}", media_type=f"text/{KEY}"),
    "garbage": echo_as_garbage,
    "encoding": answer(b"x", Content_Encoding=KEY),
    "wrong id": answer(connection(KEY)),
    "close": close,
    "reset": reset,
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "hang": hang,
}


async def test_a_partner_key_is_sent_with_the_organization_and_a_deployment_key_without(call: Calling) -> None:
    for name, user in (("partner", f"{ORGANIZATION}:{KEY}"), ("deployment", f"{KEY}:")):
        async with serving(found) as server:
            done = await call("collect", *ids(1), "--base-url", server.url, env=CREDENTIALS[name])
        assert done.code == 0, done.err
        expected = f"Authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"
        assert expected.encode() in server.heads[0]


async def test_a_key_file_is_read_and_never_shown(call: Calling, tmp_path: Path) -> None:
    secret = tmp_path / "home" / "key"
    secret.parent.mkdir()
    secret.write_text(f"{KEY}\n")
    secret.chmod(0o600)
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "--key-file", str(secret), "-v")
    assert done.code == 0, done.err
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]
    secret.unlink()
    assert_nowhere(KEY, tmp_path, done.out.decode(), done.err)


async def test_a_key_file_that_other_users_can_read_is_2_and_no_request_is_sent(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o644)
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "--key-file", "key")
    assert (done.code, server.opened) == (2, 0)
    assert "chmod" in done.err


async def test_a_key_command_runs_without_a_shell_and_without_the_key_variables(call: Calling, tmp_path: Path) -> None:
    script = tmp_path / "give"
    script.write_text(f'#!/bin/sh\nprintf "%s|%s" "$1" "$POLYTOMIC_API_KEY" >seen\nprintf "%s\\n" {KEY}\n')
    script.chmod(0o700)
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(1), "--base-url", server.url, "--key-command", "./give '$(id)'", "-v"),
            env={"POLYTOMIC_API_KEY": "another-key"},
        )
    assert done.code == 0, done.err
    assert (tmp_path / "seen").read_text() == "$(id)|"
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]
    script.unlink()
    assert_nowhere(KEY, tmp_path, done.out.decode(), done.err)


@pytest.mark.parametrize("key", ["", " ", "two words", "clé", "tab\there", "line\nbreak"])
def test_an_invalid_key_is_2_and_not_shown(
    call_here: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("POLYTOMIC_API_KEY", key)
    done = call_here("collect", *ids(1), "--base-url", "http://127.0.0.1:9")
    assert done.code == 2
    assert not key.strip() or key not in done.err


async def test_the_key_is_in_no_argument_of_the_process_or_its_children_nor_in_their_environment(
    call: Calling, tmp_path: Path
) -> None:
    script = tmp_path / "give"
    seen = "cat /proc/$PPID/cmdline /proc/$$/cmdline /proc/$$/environ >seen; sh -c 'cat /proc/$$/environ' >>seen"
    script.write_text(f'#!/bin/sh\n{seen}\nprintf "%s\\n" {KEY}\n')
    script.chmod(0o700)
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(1), "--base-url", server.url, "--key-command", "./give"),
            env={"POLYTOMIC_PARTNER_KEY": "another-key-1", "POLYTOMIC_DEPLOYMENT_KEY": "another-key-2"},
            anew=True,
        )
    assert done.code == 0, done.err
    seen_there = (tmp_path / "seen").read_bytes()
    assert b"collect" in seen_there
    assert b"HOME=" in seen_there
    assert KEY.encode() not in seen_there
    assert b"another-key" not in seen_there


@pytest.mark.parametrize("organization", ["", ORGANIZATION], ids=["bearer", "basic"])
@pytest.mark.parametrize(
    "source",
    [
        ["--key-command", "cat home/key"],
        ["--key-file", "home/key"],
        ["--key-file", "-"],
        ["--key-fd", "3"],
    ],
    ids=" ".join,
)
async def test_a_key_that_the_server_repeats_is_masked_for_every_source(
    start: Starting, tmp_path: Path, source: list[str], organization: str
) -> None:
    secret = tmp_path / "home" / "key"
    secret.parent.mkdir()
    secret.write_text(f"{KEY}\n")
    secret.chmod(0o600)
    struck = dict(zip(TROUBLE, ids(len(TROUBLE)), strict=True))
    async with serving(by_id({struck[name]: TROUBLE[name] for name in TROUBLE}, echo_in_a_record)) as server:
        running = await start(
            *("collect", *ids(6, 500), *struck.values(), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0"),
            *("--max-attempts", "2", "--read-timeout", "0.3", "-v", *source),
            env={"POLYTOMIC_API_KEY": "", "COLLECTOR_ORGANIZATION_ID": organization, "PYTHONDEVMODE": "1"},
            under=["bash", "-c", 'exec "$0" "$@" <home/key 3<home/key'],
        )
        done = await running.finished()
    assert done.code == 3, done.err
    sent = base64.b64encode(f"{ORGANIZATION}:{KEY}".encode()).decode()
    expected = f"Authorization: {f'Basic {sent}' if organization else f'Bearer {KEY}'}\r\n"
    assert all(expected.encode() in head for head in server.heads)
    secret.unlink()
    assert_nowhere(KEY, tmp_path, done.out.decode(), done.err)
