"""Whole runs: only the settings decide where the key goes, and no redirect, proxy, netrc or planted file."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from collector.model.secret import REDACTED
from tests.conftest import KEY, Calling, clean_environment
from tests.support.canary import assert_nowhere
from tests.support.connect_proxy import tunnelling
from tests.support.http_pathologies import context_of, new_authority
from tests.support.scripted_server import Exchange, Scenario, Server, answer, found, free_port, ids, serving

TOKEN = "location-token-99"
SECRET = "proxy-password-77"

# Redirects.

LOCATIONS = {
    "another port": "{other}/api/connections",
    "another host": "http://localhost:{port}/",
    "no scheme": "//127.0.0.1:{port}/evil",
    "to plain http": "http://example.invalid/",
    "a file": "file:///etc/passwd",
    "the same host": "{own}/api/connections/{one}",
    "a path": "/login?next={token}",
    "relative": "../../x",
    "garbage": "http://[::1",
    "controls": "http://\x01\x9b31m",
    "a token": "http://user:{token}@127.0.0.1:{port}/?t={token}#{token}",
    "empty": "",
}


def elsewhere(status: int, location: str, other: Server, server: Server) -> Scenario:
    port = other.url.rpartition(":")[2]
    filled = location.format(other=other.url, port=port, own=server.url, one=ids(1)[0], token=TOKEN)
    return answer(b"", f"{status} Elsewhere", Location=filled, Refresh=f"0; url={other.url}/")


@asynccontextmanager
async def redirecting(status: int, location: str) -> AsyncIterator[tuple[Server, Server]]:
    async def moved(exchange: Exchange) -> None:
        await elsewhere(status, location, other, server)(exchange)

    async with serving(found) as other, serving(moved) as server:
        yield server, other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["{other}/api", "/elsewhere"])
@pytest.mark.parametrize("wanted", [ids(1), ["--all"]], ids=["one", "all"])
async def test_no_redirect_is_followed(
    call: Calling, tmp_path: Path, status: int, location: str, wanted: list[str]
) -> None:
    async with redirecting(status, location) as (server, other):
        done = await call("collect", *wanted, "--base-url", server.url, "-o", "out/c.jsonl")
    assert (done.code, server.requests, other.opened) == (2, 1, 0), done.err
    assert f"HTTP {status}" in done.err
    assert "--base-url" in done.err
    assert_nowhere(KEY, tmp_path, done.err)


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS.keys())
async def test_a_message_about_a_redirect_names_only_the_host(call: Calling, tmp_path: Path, location: str) -> None:
    async with redirecting(302, location) as (server, other):
        done = await call("collect", *ids(1), "--base-url", server.url, "-o", "out/c.jsonl", "-v")
    assert (done.code, server.requests, other.opened) == (2, 1, 0), done.err
    assert TOKEN not in done.err
    assert not set(done.err) & {"\x01", "\x9b"}
    is_told = location in {LOCATIONS["another port"], LOCATIONS["a token"]}
    assert (f"redirects to {other.url}" in done.err) == is_told


async def test_a_key_in_the_host_of_a_redirect_is_masked(call: Calling, tmp_path: Path) -> None:
    async with serving(answer(b"", "302 Found", Location=f"https://{KEY.upper()}.evil.example/")) as server:
        done = await call("collect", *ids(1), "--base-url", server.url)
    assert done.code == 2
    assert KEY not in done.err.lower()


async def test_a_refresh_header_is_not_followed_either(call: Calling) -> None:
    async with serving(found) as other:
        async with serving(answer(b"{}", "404 Not Found", Refresh=f"0; url={other.url}/")) as server:
            done = await call("collect", *ids(1), "--base-url", server.url)
        assert (done.code, server.requests, other.opened) == (3, 1, 0), done.err


# Proxies and netrc.


async def test_neither_netrc_nor_the_proxies_of_the_environment_are_used(call: Calling, tmp_path: Path) -> None:
    netrc = "default login eve password stolen\nmachine 127.0.0.1 login eve password stolen\n"
    (tmp_path / "home").mkdir()
    for path in (tmp_path / "home/.netrc", tmp_path / "home/_netrc", tmp_path / ".netrc", tmp_path / "netrc"):
        path.write_text(netrc)
        path.chmod(0o600)
    async with serving(found) as thief, serving(found) as server:
        names = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy")
        env = {spelt: thief.url for name in names for spelt in (name, name.upper())}
        env |= {"NETRC": str(tmp_path / "netrc"), "no_proxy": "", "NO_PROXY": ""}
        done = await call("collect", *ids(3), "--base-url", server.url, env=env)
    assert (done.code, server.requests, thief.opened) == (0, 3, 0), done.err
    for head in server.heads:
        assert head.count(b"uthorization") == 1
        assert f"Authorization: Bearer {KEY}\r\n".encode() in head


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return new_authority()


async def test_a_proxy_on_the_way_to_https_sees_its_own_credentials_and_never_the_key(
    call: Calling, tmp_path: Path, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = context_of(authority.issue_cert("127.0.0.1"))
    async with tunnelling() as tunnel, serving(found, tls=tls) as server:
        proxy = tunnel.url.replace("://", f"://user:{SECRET}%40@")
        done = await call(
            *("collect", *ids(3), "--base-url", server.url, "--ca-file", "ca.pem", "-o", "c.jsonl", "-v"),
            env={"COLLECTOR_PROXY": proxy},
        )
    assert (done.code, server.requests) == (0, 3), done.err
    credentials = base64.b64encode(f"user:{SECRET}@".encode()).decode()
    for head in tunnel.heads:
        assert head.startswith(b"CONNECT 127.0.0.1:")
        assert f"Proxy-Authorization: Basic {credentials}\r\n".encode() in head
        assert KEY.encode() not in head
    assert tunnel.passed
    assert KEY.encode() not in tunnel.passed
    assert not [head for head in server.heads if b"proxy" in head.lower()]
    assert_passwordless(tmp_path, done.err)


async def test_a_proxy_password_that_is_a_common_word_is_not_masked_in_records(
    call: Calling, tmp_path: Path, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = context_of(authority.issue_cert("127.0.0.1"))
    one = {"id": ids(1)[0], "name": "Postgres", "organization_id": ids(2)[1], "configuration": {"hostname": "postgres"}}
    async with tunnelling() as tunnel, serving(answer(json.dumps({"data": one}).encode()), tls=tls) as server:
        for password in ("organization", "hostname", "postgres"):
            done = await call(
                *("collect", *ids(1), "--base-url", server.url, "--ca-file", "ca.pem"),
                env={"COLLECTOR_PROXY": tunnel.url.replace("://", f"://user:{password}@")},
            )
            record = json.loads(done.out)
            assert {key: record[key] for key in one} == one


async def test_a_proxy_user_name_without_a_password_is_not_a_secret(call: Calling) -> None:
    async with serving(found) as proxy:
        done = await call(
            *("collect", *ids(1), "--base-url", "http://127.0.0.1:9"),
            env={"COLLECTOR_PROXY": proxy.url.replace("://", "://collector@")},
        )
    assert (done.code, proxy.requests) == (0, 1), done.err
    assert done.err.startswith("collector: 1 of 1 connections")


def assert_passwordless(folder: Path, told: str) -> None:
    texts = [told, *(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())]
    encoded = base64.b64encode(f"user:{SECRET}".encode()).decode().rstrip("=")[:-2]
    assert not [text for text in texts if SECRET in text or encoded in text]


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway", "dead"])
@pytest.mark.parametrize("by", ["variable", "file"])
async def test_a_message_about_a_failing_proxy_omits_its_password(
    call: Calling, tmp_path: Path, status: str, by: str
) -> None:
    async with serving(answer(b"", status, Proxy_Authenticate="Basic")) as proxy:
        url = f"http://127.0.0.1:{free_port()}" if status == "dead" else proxy.url
        url = url.replace("://", f"://user:{SECRET}@")
        env = {"COLLECTOR_PROXY": url, "PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}
        if by == "file":
            del env["COLLECTOR_PROXY"]
            (tmp_path / "home").mkdir()
            (tmp_path / "home/s.toml").write_text(f'[api]\nproxy = "{url}"\n')
            (tmp_path / "home/s.toml").chmod(0o600)
            env["COLLECTOR_CONFIG"] = "home/s.toml"
        done = await call(
            *("collect", *ids(2), "--base-url", "https://api.example", "-o", "out/c.jsonl", "-v"),
            *("--max-attempts", "1"),
            env=env,
        )
    assert done.code == (2 if status.startswith("407") else 3), done.err
    assert "the proxy rejected the credentials" in done.err or not status.startswith("407")
    assert REDACTED not in done.err  # not even in the advice of the message
    assert not [head for head in proxy.heads if KEY.encode() in head]
    assert "Traceback" not in done.err
    assert_passwordless(tmp_path / "out", done.err)


async def test_a_password_of_a_proxy_in_a_flag_is_2_and_not_repeated(call: Calling) -> None:
    async with serving(found) as proxy:
        done = await call(
            *("collect", *ids(1), "--base-url", "https://api.example"),
            *("--proxy", proxy.url.replace("://", f"://user:{SECRET}@")),
        )
    assert (done.code, proxy.opened) == (2, 0)
    assert "COLLECTOR_PROXY" in done.err
    assert SECRET not in done.err


async def test_plain_http_through_a_proxy_of_another_host_would_give_it_the_key_and_is_2(call: Calling) -> None:
    base = ["collect", *ids(1), "--base-url", "http://127.0.0.1:9", "--proxy", "http://proxy.example:3128"]
    done = await call(*base)
    assert done.code == 2
    assert "proxy.example would receive the key" in done.err


async def test_a_proxy_of_this_host_may_have_plain_http(call: Calling) -> None:
    async with serving(found) as proxy:
        done = await call(
            *("collect", *ids(1), "--base-url", "http://127.0.0.1:9"),
            env={"COLLECTOR_PROXY": proxy.url.replace("://", f"://user:{SECRET}@")},
        )
    assert done.code == 0, done.err
    assert proxy.targets == [f"http://127.0.0.1:9/api/connections/{ids(1)[0]}"]
    assert b"Proxy-Authorization: Basic " in proxy.heads[0]


# Plain http.


async def test_every_run_over_plain_http_to_another_host_warns(call: Calling) -> None:
    """0.0.0.0 is not a loopback address, although a connection to it stays on this host."""
    async with serving(found) as server:
        arguments = ["collect", *ids(1), "--base-url", server.url.replace("127.0.0.1", "0.0.0.0")]  # noqa: S104
        refused = await call(*arguments)
        assert (refused.code, server.opened) == (2, 0)
        assert "unencrypted" in refused.err
        for quiet in ([], ["-q"]):
            done = await call(*arguments, "--allow-http", *quiet)
            assert done.code == 0, done.err
            assert "unencrypted to 0.0.0.0 (--allow-http)" in done.err


async def test_a_run_over_plain_http_to_this_host_does_not_warn(call: Calling) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, "-q")
    assert (done.code, done.err) == (0, "")


PREFIXES = ["/polytomic", "/a/b//c", "//x", "/a%20b/%C3%A9", "/a;v=1/b,c", "/%E2%80%AE"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_path_before_the_api_is_kept_byte_for_byte(call: Calling, prefix: str) -> None:
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", f"{server.url}{prefix}/")
    assert done.code == 0, done.err
    assert server.targets == [f"{prefix}/api/connections/{ids(1)[0]}"]


# Files in the current folder.

PLANTED = '[api]\nbase_url = "{url}"\nproxy = "{url}"\nkey_command = "touch stolen"\n'


async def test_no_file_of_the_current_folder_decides_where_the_key_goes(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as thief, serving(found) as server:
        names = ("config.toml", "collector.toml", ".collector.toml", "collector/config.toml", ".config/collector.toml")
        for name in (*names, ".config/collector/config.toml", "xdg/collector/config.toml", "config.example.toml"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(PLANTED.format(url=thief.url))
        (tmp_path / "pyproject.toml").write_text(f'[tool.collector.api]\nbase_url = "{thief.url}"\n')
        (tmp_path / ".env").write_text(f"COLLECTOR_BASE_URL={thief.url}\nPOLYTOMIC_DEPLOYMENT_URL={thief.url}\n")
        for env in ({}, {"XDG_CONFIG_HOME": "xdg"}, {"HOME": ""}, {"HOME": "."}, {"XDG_CONFIG_HOME": ".config"}):
            done = await call("collect", *ids(1), "--base-url", server.url, env=env)
            assert done.code == 0, done.err
        assert thief.opened == 0
    assert server.requests == 5
    assert not (tmp_path / "stolen").exists()


async def test_a_configuration_that_other_users_can_modify_is_2_however_it_is_named(
    call: Calling, tmp_path: Path
) -> None:
    path = tmp_path / "home/.config/collector/config.toml"
    path.parent.mkdir(parents=True)
    async with serving(found) as thief:
        path.write_text(PLANTED.format(url=thief.url))
        path.chmod(0o666)
        ways: list[tuple[list[str], dict[str, str]]] = [
            (["--config", str(path)], {}),
            ([], {"COLLECTOR_CONFIG": str(path)}),
            ([], {}),
            ([], {"XDG_CONFIG_HOME": str(path.parent.parent)}),
        ]
        for arguments, env in ways:
            done = await call("collect", *ids(1), *arguments, env=env)
            assert (done.code, thief.opened) == (2, 0), done.err
            assert (
                f"{path}: it says where the key goes, and other users can change it; run: chmod go-w {path}" in done.err
            )
    assert not (tmp_path / "stolen").exists()


SCRIPT = "import sys\nfrom collector.__main__ import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
MODULES = ("aiohttp", "collector", "sitecustomize", "usercustomize", "ssl", "json", "orjson", "yarl", "rich")


@pytest.mark.parametrize("way", ["console script", "python -P -m"])
async def test_no_module_of_the_current_folder_is_imported(tmp_path: Path, way: str) -> None:
    """Through the script that pip installs: `python -m collector` would import from the current folder first."""
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text("open('stolen', 'w').close()\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/collector").write_text(SCRIPT)
    command = [str(tmp_path / "bin/collector")] if way == "console script" else ["-P", "-m", "collector"]
    async with serving(found) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, "collect", *ids(1), "--base-url", server.url),
            cwd=tmp_path,
            env={**clean_environment(tmp_path), "POLYTOMIC_API_KEY": KEY},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
    assert (process.returncode, server.requests) == (0, 1), said.decode()
    assert not (tmp_path / "stolen").exists()
    assert "stolen" not in os.listdir(tmp_path)
