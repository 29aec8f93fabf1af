"""Whole runs over TLS: a server that does not prove to be the API gets no request."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
import trustme

from collector.model.errors import ConfigError
from collector.run.settings import Settings
from tests.conftest import KEY, Calling
from tests.support.http_pathologies import NETWORK_PATHS, NetworkPath, Target, context_of, new_authority
from tests.support.scripted_server import Server, answer, found, ids, serving

CERTIFIED = {
    name: network_path
    for name, network_path in NETWORK_PATHS.items()
    if network_path.failure is ConfigError and "proxy" not in name
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return new_authority()


def bundle_of(authority: trustme.CA, folder: Path) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def arguments(target: Target | Server) -> list[str]:
    ca_file = getattr(target, "ca_file", None)
    return ["collect", *ids(3), "--base-url", target.url, *(["--ca-file", ca_file] if ca_file else [])]


@pytest.mark.parametrize("network_path", CERTIFIED.values(), ids=CERTIFIED.keys())
async def test_a_certificate_that_does_not_verify_is_2_and_the_server_reads_no_request(
    call: Calling, tmp_path: Path, network_path: NetworkPath
) -> None:
    async with network_path.open_target(tmp_path) as target:
        done = await call(*arguments(target), "-o", "out/c.jsonl", "--concurrency", "1")
    assert done.code == 2, done.err
    assert [name for name in network_path.names if name not in done.err] == []
    assert [(server.opened, server.heads) for server in target.servers] == [(1, [])]
    assert KEY not in done.err
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_the_list_is_not_requested_either(call: Calling, tmp_path: Path) -> None:
    async with NETWORK_PATHS["an expired certificate"].open_target(tmp_path) as target:
        done = await call("collect", "--all", "--base-url", target.url, "--ca-file", target.ca_file or "")
    assert (done.code, target.requests) == (2, 0), done.err
    assert "expired" in done.err


async def test_the_authority_of_the_ca_file_is_trusted_and_no_session_key_is_logged(
    call: Calling, authority: trustme.CA, tmp_path: Path
) -> None:
    async with serving(found, tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        done = await call(
            *arguments(server),
            *("--ca-file", bundle_of(authority, tmp_path)),
            env={"SSLKEYLOGFILE": str(tmp_path / "session-keys")},
        )
    assert done.code == 0, done.err
    assert sorted(json.loads(line)["id"] for line in done.out.splitlines()) == ids(3)
    assert not (tmp_path / "session-keys").exists()


@pytest.mark.parametrize("off", [{"FROM_LIST"}, {"CROSS_CHECK", "LIVE_SCHEMAS"}])
async def test_no_switch_and_no_variable_turns_the_check_off(
    call: Calling, authority: trustme.CA, tmp_path: Path, off: set[str]
) -> None:
    """Tries all options, also those of other programs, and new ones automatically; `off` exclude some of the others."""
    settings = Settings()
    switches = {
        f"COLLECTOR_{key.name.upper()}": "true"
        for section in fields(settings)
        for key in fields(getattr(settings, section.name))
        if type(getattr(getattr(settings, section.name), key.name)) is bool and key.name.upper() not in off
    }
    assert {"COLLECTOR_ALLOW_HTTP", "COLLECTOR_VERBOSE"} <= switches.keys()
    others = {"PYTHONHTTPSVERIFY": "0", "REQUESTS_CA_BUNDLE": bundle_of(authority, tmp_path), "CURL_CA_BUNDLE": ""}
    others["NODE_TLS_REJECT_UNAUTHORIZED"] = others["GIT_SSL_NO_VERIFY"] = "0"
    async with serving(found, tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        done = await call(*arguments(server), env={**switches, "COLLECTOR_ALL": "false", **others})
    assert (done.code, server.requests) == (2, 0), done.err
    assert "does not verify" in done.err


@pytest.mark.parametrize("word", ["insecure", "verify", "no-check", "ssl", "tls", "trust"])
async def test_no_option_has_a_name_for_it(call: Calling, word: str) -> None:
    done = await call("collect", "--help")
    flags = {text for text in done.out.decode().split() if text.startswith("--")}
    assert "--ca-file" in flags
    assert not {flag for flag in flags if word in flag}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"", "no certificate in PEM form"),
        (b"not a certificate", "no certificate in PEM form"),
        (b"\x30\x82\xff\x00", "no certificate in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate in PEM form"),
    ],
    ids=["missing", "empty", "garbage", "binary", "garbage in PEM"],
)
async def test_an_invalid_ca_file_is_2_and_named_before_the_first_request(
    call: Calling, authority: trustme.CA, tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "own.pem").write_bytes(content)
    async with serving(found, tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        done = await call(*arguments(server), "--ca-file", "own.pem")
    assert (done.code, server.opened) == (2, 0), done.err
    assert "[api] ca_file own.pem: " in done.err
    assert told in done.err


async def test_a_ca_file_that_other_users_can_modify_is_2_with_the_command_to_run(
    call: Calling, authority: trustme.CA, tmp_path: Path
) -> None:
    path = bundle_of(authority, tmp_path)
    Path(path).chmod(0o666)
    async with serving(found, tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        done = await call(*arguments(server), "--ca-file", path)
    assert (done.code, server.opened) == (2, 0)
    assert f"chmod go-w {path}" in done.err


async def test_a_server_without_tls_gets_no_request_and_the_run_stops_resumable(call: Calling, tmp_path: Path) -> None:
    """A load balancer may be down, so this is an outage, but the message names the reason."""
    async with NETWORK_PATHS["a plaintext reply to a TLS handshake"].open_target(tmp_path) as target:
        done = await call(*arguments(target), "-o", "c.jsonl", "--outage-limit", "1", "-v")
    assert done.code in {3, 5}, done.err
    assert "check whether it expects plain http" in done.err
    assert not (tmp_path / "c.jsonl").exists() or not (tmp_path / "c.jsonl").read_bytes()


async def test_a_key_that_goes_to_the_wrong_port_of_this_host_goes_nowhere_else(
    call: Calling, authority: trustme.CA
) -> None:
    async with serving(answer(b"{}"), tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        done = await call(
            *("collect", *ids(1), "--base-url", server.url.replace("https", "http"), "--max-attempts", "1")
        )
    assert done.code in {3, 5}, done.err
    assert server.requests == 0
