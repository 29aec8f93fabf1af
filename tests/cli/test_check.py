"""`collector check` against real servers, disks and locks: one line per check, and each failure made real."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from collector.governor.shared_quota import identity_of, quota_file
from collector.model.secret import Secret
from tests.conftest import KEY, Calling, Forking, Starting
from tests.support.connect_proxy import tunnelling
from tests.support.http_pathologies import NETWORK_PATHS, context_of, new_authority
from tests.support.pty import on_a_terminal
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    answer,
    connection,
    error,
    free_port,
    hang,
    ids,
    response,
    serving,
)

FIRST = ids(1)[0]
ORGANIZATION = "11111111-1111-4111-8111-111111111111"
ME = {
    "email": "ada@example.com",
    "is_user": True,
    "organization_id": ORGANIZATION,
    "organization_name": "Example",
    "role": "admin",
}
CHECKS = [
    *("configuration", "key", "dns", "connection", "tls", "quota", "status", "api", "version", "clock", "limits"),
    *("read", "output", "lock", "space"),
]


def now() -> str:
    return format_datetime(datetime.now(UTC), usegmt=True)


def api(**special: Scenario) -> Scenario:
    """An API; the scenarios replace that of `me`, `list`, `connection` or `status`."""

    async def scenario(exchange: Exchange) -> None:
        name = {"/api/me": "me", "/api/connections": "list", "/status.txt": "status"}.get(exchange.target, "connection")
        if name in special:
            await special[name](exchange)
            return
        body = {
            "me": json.dumps({"data": ME}).encode(),
            "list": json.dumps({"data": [{"id": each} for each in ids(3)]}).encode(),
            "status": b"OK",
            "connection": connection(exchange.target.rpartition("/")[2]),
        }[name]
        version = exchange.header("X-Polytomic-Version") or ""
        await exchange.write(response(body, X_Polytomic_Version=version, Date=now()))

    return scenario


class Checked(NamedTuple):
    """The result of a check: its exit code, its lines by the name of the check, and all output."""

    code: int
    lines: dict[str, str]
    out: str
    err: str

    def level(self, check: str) -> str:
        return self.lines[check].split()[0]


@pytest.fixture
def check(call: Calling) -> Callable[..., Any]:
    """Run the check in a pipe. No output may contain the key."""

    async def checking(*arguments: str, env: dict[str, str] | None = None) -> Checked:
        done = await call("check", *arguments, env=env)
        out = done.out.decode()
        assert KEY not in out + done.err
        found = re.findall(r"^(?:OK|WARN|FAIL|SKIP) .*", out, re.MULTILINE)
        lines = {line.split()[1]: line for line in found}
        assert len(lines) == len(found), "each check reports once"
        return Checked(done.code, lines, out, done.err)

    return checking


Check = Callable[..., Any]


async def test_a_ready_host_is_0_and_each_check_has_one_line(check: Check, tmp_path: Path) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "out.jsonl")
    assert (done.code, done.err) == (0, "")
    assert list(done.lines) == CHECKS
    assert {done.level(name) for name in done.lines} == {"OK", "SKIP"}
    assert done.out.splitlines()[-1] == "ready: 14 OK, 1 SKIP"
    assert server.targets == ["/status.txt", "/api/me", "/api/connections", f"/api/connections/{FIRST}"]
    assert "key of the user ada@example.com, organization Example" in done.lines["api"]
    assert list(tmp_path.iterdir()) == []


async def test_json_is_one_document_with_the_same_checks(call: Calling) -> None:
    async with serving(api()) as server:
        done = await call("check", "--json", "--base-url", server.url, "--rate", "9", "-o", "out.jsonl")
    document = json.loads(done.out)
    assert (done.code, document["exit_code"], document["format"]) == (0, 0, "collector.check/1")
    assert [each["check"] for each in document["checks"]] == CHECKS
    facts = {each["check"]: each["facts"] for each in document["checks"]}
    assert facts["api"]["organization_id"] == ORGANIZATION
    assert facts["dns"]["addresses"] == ["127.0.0.1"]
    assert {"setting": "[limits] rate", "value": 9.0, "origin": "option --rate"} in facts["configuration"]["settings"]


async def test_a_terminal_of_80_columns_shows_colours_and_no_longer_line(fork: Forking) -> None:
    async with serving(api(me=error(403))) as server:
        code, shown = await on_a_terminal(
            fork, "check", "--base-url", server.url, "-o", "a/long/path/to/an/output.jsonl", env={"COLUMNS": "80"}
        )
    assert code == 0
    assert "\x1b[33mWARN" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 80


async def test_no_color_turns_colours_off(fork: Forking) -> None:
    async with serving(api()) as server:
        _, shown = await on_a_terminal(fork, "check", "--base-url", server.url, env={"NO_COLOR": "1"})
    assert "\x1b" not in shown


async def test_quiet_prints_warnings_and_failures_only(check: Check) -> None:
    async with serving(api(list=answer(b'{"data":[]}'))) as server:
        done = await check("-q", "--base-url", server.url)
    assert done.code == 0
    assert list(done.lines) == ["read"]
    assert done.out.count("\n") == 1


# The settings, and their origins.


async def test_each_setting_has_its_origin_and_no_secret_is_shown(check: Check, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[limits]\nrate = 7.0\nconcurrency = 3\n[api]\nkey_command = "printf canary-key-0451"\n')
    config.chmod(0o600)
    async with serving(api()) as server:
        done = await check(
            *("--config", "c.toml", "--rate", "8", "--base-url", f"{server.url}/prefix/hidden-path-token"),
            env={"COLLECTOR_MAX_ATTEMPTS": "2", "POLYTOMIC_API_KEY": ""},
        )
    assert done.code == 2  # the path is not that of the API
    for line in (
        "[limits] rate = 8.0 (option --rate)",
        "[limits] concurrency = 3 (c.toml: [limits] concurrency)",
        "[retry] max_attempts = 2 (variable COLLECTOR_MAX_ATTEMPTS)",
        f'[api] base_url = "{server.url}" (option --base-url)',
        '[api] key_command = "(set, not shown)" (c.toml: [api] key_command)',
    ):
        assert f"      {line}\n" in done.out
    assert "hidden-path-token" not in done.out
    assert "read from the command of [api] key_command" in done.lines["key"]
    assert "max_pause" not in done.out


async def test_verbose_lists_the_defaults_too(check: Check) -> None:
    done = await check("-v", "--base-url", f"http://127.0.0.1:{free_port()}")
    assert "      [limits] max_pause = 900.0 (default)\n" in done.out
    assert "      [api] ca_file = none (default)\n" in done.out


async def test_a_malformed_configuration_is_2_and_one_message(check: Check, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[limits]\nrat = 1\n")
    done = await check("--config", "c.toml")
    assert (done.code, done.out) == (2, "")
    assert "[limits] rat is not a setting; did you mean rate?" in done.err


# The key.


async def test_without_a_key_the_api_is_skipped_and_the_disk_is_checked(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "o.jsonl", env={"POLYTOMIC_API_KEY": ""})
    assert (done.code, server.requests) == (2, 0)
    assert done.level("key") == "FAIL"
    assert "set POLYTOMIC_API_KEY" in done.lines["key"]
    assert done.level("connection") == done.level("output") == "OK"
    assert done.level("api") == done.level("quota") == "SKIP"


async def test_the_key_of_fingerprints_is_read_as_by_a_run(check: Check, tmp_path: Path) -> None:
    async with serving(api()) as server:
        missing = await check("--base-url", server.url, "--fingerprint-key-file", "missing")
        (tmp_path / "secret").write_text("0123456789abcdef" * 4)
        (tmp_path / "secret").chmod(0o600)
        found = await check("--base-url", server.url, "--fingerprint-key-file", "secret")
    assert (missing.code, missing.level("fingerprints")) == (2, "FAIL")
    assert (found.code, found.level("fingerprints")) == (0, "OK")


async def test_a_key_with_quotes_is_a_warning(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, env={"POLYTOMIC_API_KEY": f'"{KEY}"'})
    assert done.code == 0
    assert done.level("key") == "WARN"
    assert "store the key alone" in done.lines["key"]


# Names, addresses, TLS.


async def test_a_name_that_does_not_resolve_is_2(check: Check) -> None:
    done = await check("--base-url", "https://no-such-host.invalid", "-o", "o.jsonl")
    assert done.code == 2
    assert done.level("dns") == "FAIL"
    assert "correct --base-url, or this host's name servers" in done.lines["dns"]
    assert {done.level(name) for name in ("connection", "tls", "quota", "api", "read")} == {"SKIP"}
    assert done.level("output") == "OK"


async def test_a_refused_port_is_2_and_names_the_port(check: Check) -> None:
    port = free_port()
    done = await check("--base-url", f"http://127.0.0.1:{port}")
    assert done.code == 2
    assert f"port {port}: 127.0.0.1 (Connection refused); start the server" in done.lines["connection"]


@pytest.fixture
def with_names(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """A command that runs another one with these lines as its /etc/hosts."""

    def under(lines: str) -> list[str]:
        hosts = tmp_path_factory.mktemp("names") / "hosts"
        hosts.write_text(lines)
        command = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
        if (
            not shutil.which("unshare")
            or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
        ):
            pytest.skip("no other /etc/hosts may be mounted here")
        return command

    return under


async def test_one_dead_address_of_several_is_a_warning(call: Calling, with_names: Callable[[str], list[str]]) -> None:
    under = with_names("127.0.0.2 api.localhost\n127.0.0.1 api.localhost\n")
    async with serving(api()) as server:
        port = server.url.rpartition(":")[2]
        done = await call("check", "--base-url", f"http://api.localhost:{port}", under=under)
    out = done.out.decode()
    assert done.code == 0, out
    assert "api.localhost resolves to 127.0.0.1, 127.0.0.2\n" in out
    assert re.search(r"^WARN connection +1 of 2 addresses of api\.localhost do not accept conn", out, re.MULTILINE)
    assert "127.0.0.2 (Connection refused)" in out
    assert re.search("^OK +read", out, re.MULTILINE)


async def test_a_name_of_this_host_that_resolves_elsewhere_gets_no_request_over_plain_http(
    call: Calling, with_names: Callable[[str], list[str]]
) -> None:
    under = with_names("192.0.2.1 api.localhost\n")
    done = await call("check", "--base-url", "http://api.localhost", under=under)
    assert done.code == 2
    assert b"192.0.2.1, which is not this host, so the key would be sent unencrypted" in done.out


@pytest.mark.parametrize("name", [name for name in NETWORK_PATHS if "certificate" in name or "authority" in name])
async def test_a_certificate_that_does_not_verify_is_2_and_no_request_is_sent(
    check: Check, tmp_path: Path, name: str
) -> None:
    async with NETWORK_PATHS[name].open_target(tmp_path) as target:
        ca_file = ["--ca-file", target.ca_file] if target.ca_file else []
        done = await check("--base-url", target.url, *ca_file)
    assert done.code == 2
    assert done.level("tls") == "FAIL"
    assert "the certificate does not verify (" in done.lines["tls"]
    assert re.search(r"; (renew it|set --base-url|set \[api\] ca_file)", done.lines["tls"])
    assert [server.heads for server in target.servers] == [[]]
    assert done.level("api") == "SKIP"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return new_authority()


@pytest.mark.parametrize("days", [90, 5])
async def test_a_private_authority_is_trusted_by_ca_file_and_the_days_left_are_shown(
    check: Check, authority: trustme.CA, tmp_path: Path, days: int
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days, hours=1))
    async with serving(api(), tls=context_of(leaf)) as server:
        done = await check("--base-url", server.url, "--ca-file", "ca.pem")
        untrusted = await check("--base-url", server.url)
    assert done.code == 0
    assert done.level("tls") == ("OK" if days > 21 else "WARN")
    assert f"{days} days" in done.lines["tls"]
    assert "TLSv1.3" in done.lines["tls"]
    assert done.level("read") == "OK"
    assert untrusted.code == 2
    assert "set [api] ca_file" in untrusted.lines["tls"]


async def test_an_invalid_ca_file_is_2(check: Check, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    async with serving(api(), tls=context_of(new_authority().issue_cert("127.0.0.1"))) as server:
        done = await check("--base-url", server.url, "--ca-file", "ca.pem")
    assert done.code == 2
    assert "contains no certificate" in done.lines["tls"]


async def test_a_server_without_tls_is_2(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url.replace("http:", "https:"), "--connect-timeout", "0.5")
    assert done.code == 2
    assert done.level("tls") == "FAIL"


# Replies.

REFUSALS: dict[str, tuple[dict[str, Scenario], int, str, str, str]] = {
    "401": ({"me": error(401)}, 4, "api", "FAIL", "rejected the key (HTTP 401)"),
    "403 on the caller": ({"me": error(403)}, 0, "api", "WARN", "HTTP 403, so the API does not say"),
    "403 on the list": ({"list": error(403)}, 4, "read", "FAIL", "may not list connections"),
    "a redirect": (
        {"me": answer(b"", "301 Moved", Location="https://other.example/secret?token=1")},
        *(2, "api", "FAIL", "redirects to https://other.example (HTTP 301)"),
    ),
    "a page": ({"me": answer(b"<html>", media_type="text/html")}, 2, "api", "FAIL", "'text/html', not JSON"),
    "not JSON": ({"me": answer(b"hello")}, 2, "api", "FAIL", "the reply is unusable"),
    "a broken server": ({"me": error(503)}, 2, "api", "FAIL", "out of order: HTTP 503"),
    "a throttled caller": (
        {"me": error(429, Retry_After="30")},
        0,
        "api",
        "WARN",
        "throttles requests now (HTTP 429, for 30 s)",
    ),
    "a login": ({"me": error(511)}, 2, "api", "FAIL", "HTTP 511"),
    "an empty list": ({"list": answer(b'{"data":null}')}, 0, "read", "WARN", "GET /api/connections is empty"),
    "a list that is a page": ({"list": answer(b"<p>", media_type="text/html")}, 2, "read", "FAIL", "not JSON"),
    "a vanished connection": ({"connection": error(404)}, 0, "read", "WARN", "HTTP 404"),
    "a sick deployment": ({"status": error(500)}, 0, "status", "WARN", "HTTP 500"),
    "a deployment with a login": ({"status": error(401)}, 0, "status", "OK", "is up"),
}


@pytest.mark.parametrize(("special", "code", "name", "level", "text"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_has_its_level_and_its_exit_code(
    check: Check, special: dict[str, Scenario], code: int, name: str, level: str, text: str
) -> None:
    async with serving(api(**special)) as server:
        done = await check("--base-url", server.url)
    assert (done.code, done.level(name)) == (code, level), done.out
    assert text in done.lines[name]
    assert "token=1" not in done.out
    assert list(done.lines)[-3:] == ["output", "lock", "space"]


async def test_a_401_is_confirmed_once(check: Check) -> None:
    async with serving(api(me=error(401))) as server:
        await check("--base-url", server.url)
    assert server.targets == ["/status.txt", "/api/me", "/api/me"]


@pytest.mark.parametrize(
    ("shift", "level", "code"),
    [(timedelta(minutes=-10), "WARN", 0), (timedelta(minutes=10), "WARN", 0), (timedelta(days=2), "FAIL", 2)],
)
async def test_a_wrong_clock_is_seen_by_the_date_of_a_reply(
    check: Check, shift: timedelta, level: str, code: int
) -> None:
    async def skewed(exchange: Exchange) -> None:
        date = format_datetime(datetime.now(UTC) + shift, usegmt=True)
        await exchange.write(response(json.dumps({"data": ME}).encode(), Date=date))

    async with serving(api(me=skewed)) as server:
        done = await check("--base-url", server.url)
    assert (done.code, done.level("clock")) == (code, level)
    assert ("behind" if shift > timedelta() else "ahead of") in done.lines["clock"]


async def test_another_version_and_the_limits_are_shown(check: Check) -> None:
    me = answer(
        json.dumps({"data": ME}).encode(),
        X_Polytomic_Version="2024-02-08",
        X_RateLimit_Limit="100",
        X_RateLimit_Remaining="42",
        X_RateLimit_Reset="30",
    )
    async with serving(api(me=me)) as server:
        done = await check("--base-url", server.url)
    assert done.level("version") == "WARN"
    assert "version 2024-02-08 answered, not 2025-09-18" in done.lines["version"]
    assert "42 of 100 requests left, for the next 30 s" in done.lines["limits"]


async def test_a_read_only_key_is_recognized(check: Check) -> None:
    me = json.dumps({"data": {**ME, "credential": {"mode": "read_only"}}}).encode()
    async with serving(api(me=answer(me))) as server:
        done = await check("--base-url", server.url)
    assert done.lines["api"].endswith("role admin, read-only")


async def test_a_named_id_is_read_instead_of_the_list(check: Check, tmp_path: Path) -> None:
    wanted = ids(2, 50)
    (tmp_path / "ids.txt").write_text("".join(f"{each}\n" for each in wanted))
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--ids", "ids.txt")
    assert done.code == 0
    assert "2 unique ids in 2 lines" in done.lines["ids"]
    assert server.targets[-1] == f"/api/connections/{wanted[0]}"
    assert "/api/connections" not in server.targets


@pytest.mark.parametrize(("text", "code", "level"), [("nothing\n", 2, "FAIL"), (f"{FIRST}\nx\n", 0, "WARN")])
async def test_invalid_ids_are_seen(check: Check, tmp_path: Path, text: str, code: int, level: str) -> None:
    (tmp_path / "ids.txt").write_text(text)
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--ids", "ids.txt")
    assert (done.code, done.level("ids")) == (code, level)


async def test_ids_are_read_in_the_form_that_the_options_describe(check: Check, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(json.dumps({"id": FIRST}))
    async with serving(api()) as server:
        done = await check(
            *("--base-url", server.url, "--ids", "ids.txt", "--ids-format", "jsonl"),
            f"{server.url}/api/connections/{ids(2)[1]}",
        )
    assert (done.code, done.level("ids")) == (0, "OK")
    assert "2 unique ids in 2 lines" in done.lines["ids"]


async def test_ids_beside_all_and_from_list_are_2_as_in_a_run(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--all", "--from-list", FIRST)
    assert (done.code, done.level("ids")) == (2, "FAIL")
    assert "not from both; remove one of them" in done.lines["ids"]


async def test_an_unknown_type_is_a_warning(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, FIRST, "--type", "postgres-typo")
    assert (done.code, done.level("ids")) == (0, "WARN")
    assert "--type postgres-typo: not a known connection type; compare it" in done.lines["ids"]


async def test_a_file_without_ids_is_accepted_beside_all_as_in_a_run(check: Check, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("# none yet\n")
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--all", "--ids", "ids.txt")
    assert (done.code, done.level("ids")) == (0, "OK")


async def test_a_server_that_does_not_reply_ends_the_requests_at_the_time_out(check: Check) -> None:
    async with serving(hang) as server:
        done = await check("--base-url", server.url, "--read-timeout", "0.5")
    assert done.code == 2
    assert "no reply: no complete reply in time; check whether it expects https" in done.lines["api"]
    assert (done.level("status"), done.level("read"), server.requests) == ("SKIP", "SKIP", 1)


async def test_the_ids_of_standard_input_are_left_to_the_run(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--ids", "-")
    assert (done.code, done.level("ids"), done.level("read")) == (0, "SKIP", "OK")


async def test_a_list_that_never_ends_is_not_read_to_its_end(check: Check) -> None:
    async def endless(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        await exchange.write(head + b'{"data":[{"id":"%s"},' % FIRST.encode())
        while True:
            await exchange.write(b" " * 65536)

    async with serving(api(list=endless)) as server:
        done = await check("--base-url", server.url)
    assert (done.code, done.level("read")) == (0, "OK")


# Proxies.


async def test_a_proxy_that_is_down_is_2_and_named(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--proxy", f"http://127.0.0.1:{free_port()}")
    assert (done.code, server.opened) == (2, 0)
    assert "no connection to the proxy 127.0.0.1" in done.lines["connection"]
    assert "correct [api] proxy" in done.lines["connection"]


async def test_a_proxy_that_rejects_the_password_is_2_and_the_password_is_not_shown(check: Check) -> None:
    async with NETWORK_PATHS["a proxy that requires credentials"].open_target(Path()) as target:
        done = await check(
            "--base-url", target.url, env={"COLLECTOR_PROXY": str(target.proxy).replace("//", "//u:pass-word-9@")}
        )
    assert done.code == 2
    assert "the proxy rejected the credentials (HTTP 407)" in done.lines["tls"]
    assert "pass-word-9" not in done.out + done.err


@pytest.mark.parametrize("name", ["a proxy without a route", "a proxy that is busy"])
async def test_a_proxy_that_opens_no_tunnel_is_2_and_named(check: Check, tmp_path: Path, name: str) -> None:
    async with NETWORK_PATHS[name].open_target(tmp_path) as target:
        done = await check("--base-url", target.url, "--proxy", str(target.proxy))
    assert done.code == 2
    assert re.search(r"the proxy opened no tunnel to api\.example:443 \(HTTP 50[23]\)", done.lines["tls"])


async def test_a_proxy_that_does_not_reply_is_2_at_the_time_out(check: Check) -> None:
    async with serving(hang) as proxy:
        done = await check("--base-url", "https://api.example", "--proxy", proxy.url, "--connect-timeout", "0.5")
    assert (done.code, done.err) == (2, "")
    assert "no TLS handshake within 0.5 s" in done.lines["tls"]


async def test_the_certificate_behind_a_proxy_is_checked_and_the_proxy_never_sees_the_key(
    check: Check, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with tunnelling() as tunnel, serving(api(), tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        env = {"COLLECTOR_PROXY": tunnel.url.replace("://", "://user:pass-word-9@")}
        done = await check("--base-url", server.url, "--ca-file", "ca.pem", env=env)
        untrusted = await check("--base-url", server.url, env=env)
    assert done.code == 0, done.out
    assert "the proxy 127.0.0.1 is an address" in done.lines["dns"]
    assert "TLSv1.3" in done.lines["tls"]
    assert done.level("read") == "OK"
    assert all(b"Proxy-Authorization: Basic " in head for head in tunnel.heads)
    assert KEY.encode() not in tunnel.passed + b"".join(tunnel.heads)
    assert "pass-word-9" not in done.out + done.err
    assert untrusted.code == 2
    assert "set [api] ca_file" in untrusted.lines["tls"]


# The output.


async def test_an_output_that_cannot_be_written_is_6(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "/proc/no-such-folder/o.jsonl")
    assert done.code == 6
    assert "/proc: cannot create a file" in done.lines["output"]
    assert done.level("read") == "OK"


async def test_a_missing_folder_is_not_created(check: Check, tmp_path: Path) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "new/folder/o.jsonl")
    assert done.code == 0
    assert "a run creates it" in done.lines["output"]
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_as_the_output_is_2(check: Check, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = await check("--base-url", f"http://127.0.0.1:{free_port()}", "-o", "folder")
    assert done.code == 2
    assert "is a folder; name a file in it" in done.lines["output"]


async def test_the_folder_of_an_errors_file_is_checked_if_the_output_is_a_stream(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--errors", "/proc/x/errors.jsonl")
    assert done.code == 6
    assert done.level("output") == "FAIL"


async def test_side_tables_with_a_stream_are_2_as_in_a_run(check: Check) -> None:
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "--with", "policies")
    assert (done.code, done.level("output")) == (2, "FAIL")
    assert "side tables" in done.lines["output"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs may be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_is_6_and_the_probe_file_is_removed(check: Check, small_disk: Path) -> None:
    with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "disk/o.jsonl")
    assert done.code == 6
    assert "No space left on device" in done.lines["output"]
    assert done.level("space") == "FAIL"
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


async def test_a_read_only_disk_is_6(check: Check, small_disk: Path) -> None:
    make_read_only(small_disk)
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "disk/o.jsonl")
    assert done.code == 6
    assert "Read-only file system" in done.lines["output"]


async def test_the_space_is_compared_with_the_last_snapshot_of_any_date(check: Check, small_disk: Path) -> None:
    (small_disk / "2026-01-02.jsonl").write_bytes(bytes(600_000))
    async with serving(api()) as server:
        done = await check("--base-url", server.url, "-o", "disk/{date}.jsonl")
    assert (done.code, done.level("space")) == (6, "FAIL")
    assert "disk/2026-01-02.jsonl, has 585.9 KiB" in done.lines["space"]


async def test_a_lock_that_another_run_holds_is_a_warning(check: Check, tmp_path: Path) -> None:
    lock = tmp_path / "o.partial.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        async with serving(api()) as server:
            done = await check("--base-url", server.url, "-o", "o.jsonl")
    assert (done.code, done.level("lock")) == (0, "WARN")
    assert "exit code 7" in done.lines["lock"]
    assert lock.exists()


async def test_a_running_collection_and_its_files_are_not_disturbed(
    check: Check, fork: Forking, tmp_path: Path
) -> None:
    release = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await release.wait()
        await exchange.write(response(connection(exchange.target.rpartition("/")[2])))

    async with serving(slow) as running_server, serving(api()) as server:
        run = await fork("collect", FIRST, "--base-url", running_server.url, "-o", "o.jsonl")
        await running_server.saw(1)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        done = await check("--base-url", server.url, "-o", "o.jsonl")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
        assert done.level("lock") == "WARN"
        release.set()
        assert (await run.finished()).code == 0


# The shared quota.


@pytest.fixture
def quota_of() -> Iterator[Callable[[str], Path]]:
    made: list[Path] = []

    def path_of(url: str) -> Path:
        made.append(quota_file(url, identity_of(None, Secret(f"Bearer {KEY}"))))
        made[0].parent.mkdir(mode=0o700, exist_ok=True)
        return made[0]

    yield path_of
    for path in made:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


async def test_a_corrupt_quota_file_is_replaced(check: Check, quota_of: Callable[[str], Path]) -> None:
    async with serving(api()) as server:
        path = quota_of(server.url)
        path.write_bytes(b"garbage")
        path.chmod(0o600)
        done = await check("--base-url", server.url, env={"COLLECTOR_SHARE_QUOTA": "true"})
    assert done.code == 0
    assert "whose invalid content was replaced" in done.lines["quota"]


async def test_a_quota_file_of_another_user_is_a_warning(check: Check, quota_of: Callable[[str], Path]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    async with serving(api()) as server:
        path = quota_of(server.url)
        path.touch(mode=0o600)
        os.chown(path, 65534, 65534)
        done = await check("--base-url", server.url, env={"COLLECTOR_SHARE_QUOTA": "true"})
    assert (done.code, done.level("quota")) == (0, "WARN")
    assert f"chown root {path}" in done.lines["quota"]
    assert "--no-share-quota" in done.lines["quota"]


# Interruptions and standard output.


async def test_an_interrupted_check_removes_its_files_and_is_130(start: Starting, tmp_path: Path) -> None:
    async with serving(hang) as server:
        running = await start("check", "--base-url", server.url, "-o", "o.jsonl")
        await server.saw(1)
        running.send(signal.SIGINT)
        done = await running.finished()
    assert done.code == 130
    assert done.err == "collector: stopped: interrupted by SIGINT\n"
    assert list(tmp_path.iterdir()) == []


async def test_a_closed_pipe_is_141(start: Starting) -> None:
    running = await start("check", "--base-url", f"http://127.0.0.1:{free_port()}", through="true")
    assert (await running.finished()).code == 141


async def test_a_full_disk_at_standard_output_is_6(start: Starting) -> None:
    with open("/dev/full", "wb") as full:  # noqa: ASYNC230
        running = await start("check", "--base-url", f"http://127.0.0.1:{free_port()}", stdout=full.fileno())
        done = await running.finished()
    assert done.code == 6
    assert "standard output: cannot be written" in done.err
