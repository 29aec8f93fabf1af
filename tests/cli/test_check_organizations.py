"""`collector check` for several organizations, against a sandbox that serves them: each failure made real."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.sandbox.deployment import Deployment
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.faults import Faults
from collector.sandbox.server import Sandbox, serve
from tests.conftest import Calling, Forking
from tests.support.pty import on_a_terminal
from tests.support.scripted_server import (
    Exchange,
    answer,
    error,
    free_port,
    hang,
    ids,
    response,
    serving,
)

DEPLOYMENT = Deployment.of_size(3, 5, seed=3)
FIRST, SECOND, THIRD = DEPLOYMENT.organization_ids
OUTPUT = "out/{organization_id}.jsonl"
SERVER = ["quota", "status", "version", "clock", "limits"]
PARTNER = {"POLYTOMIC_API_KEY": "", "POLYTOMIC_PARTNER_KEY": "sandbox-partner-key"}
Table = dict[str, str]


class Line(NamedTuple):
    """One line of the check."""

    level: str
    check: str
    text: str


class Checked(NamedTuple):
    """The result of a check: its exit code, its lines, and all output."""

    code: int
    lines: list[Line]
    out: str

    def of(self, check: str, start: str = "") -> list[Line]:
        """The lines of a check whose text starts so, such as with the name of an organization."""
        return [line for line in self.lines if line.check == check and line.text.startswith(start)]

    def levels(self, check: str) -> list[str]:
        return [line.level for line in self.of(check)]

    @property
    def failures(self) -> list[Line]:
        return [line for line in self.lines if line.level == "FAIL"]


class Check:
    """Runs the check with the options of a run for all connections."""

    def __init__(self, call: Calling, folder: Path) -> None:
        self._call = call
        self.folder = folder

    async def __call__(self, url: str, *arguments: str, output: str = OUTPUT, env: Table | None = None) -> Checked:
        options = ("--base-url", url, "-o", output, *arguments)
        done = await self._call("check", "--all", *options, env=env or PARTNER)
        out = done.out.decode()
        assert done.err == ""
        for key in ("sandbox-partner-key", "sandbox-key", "wrong-key-9"):
            assert key not in out
        found = re.findall(r"^(OK|WARN|FAIL|SKIP) +(\S+) +(.*)", out, re.MULTILINE)
        return Checked(done.code, [Line(*each) for each in found], out)

    def configure(self, *tables: Table) -> Sequence[str]:
        """Write `[[organizations]]` tables; returns the options that name their file."""
        texts = ["\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) for table in tables]
        config = self.folder / "c.toml"
        config.write_text("".join(f"[[organizations]]\n{text}\n" for text in texts))
        config.chmod(0o600)
        return "--config", "c.toml"

    def key(self, name: str, key: str) -> str:
        """Write a key file; returns its name."""
        path = self.folder / f"{name}.key"
        path.write_text(key)
        path.chmod(0o600)
        return path.name


@pytest.fixture
def check(call: Calling, tmp_path: Path) -> Check:
    return Check(call, tmp_path)


@asynccontextmanager
async def serving_organizations(faults: str = "") -> AsyncIterator[Sandbox]:
    async with serve(DEPLOYMENT, faults=Faults.parse(faults) if faults else Faults()) as sandbox:
        yield sandbox


def endpoints(sandbox: Sandbox) -> list[Endpoint]:
    """The endpoints of all requests, in order."""
    return [each.target.endpoint for each in sandbox.log.entries()]


# The API's list.


async def test_each_organization_of_the_list_has_its_lines_and_the_server_is_checked_once(
    check: Check, tmp_path: Path
) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
    assert (done.code, done.failures) == (0, [])
    assert [len(done.of(each)) for each in SERVER] == [1, 1, 1, 1, 1]
    assert done.of("organizations")[0].text.startswith("GET /api/organizations lists 3; 3 selected: ")
    for name in (FIRST, SECOND, THIRD):
        assert "organization key" in done.of("api", f"{name}: ")[0].text
        assert f"({name})" in done.of("api", f"{name}: ")[0].text
        assert "bytes in" in done.of("read", f"{name}: GET ")[0].text
    assert [line.text.partition(":")[0] for line in done.of("api")] == [FIRST, SECOND, THIRD]
    assert list(tmp_path.iterdir()) == []


async def test_only_the_selected_organizations_are_asked_in_the_order_of_the_option(check: Check) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", f"{THIRD},{FIRST.upper()}")
    assert done.code == 0
    assert "lists 3; 2 selected: " in done.of("organizations")[0].text
    assert [line.text.partition(":")[0] for line in done.of("read")] == [THIRD, FIRST]


@pytest.mark.parametrize(
    ("options", "env", "code", "text"),
    [
        (
            ["--organizations", "nobody"],
            PARTNER,
            2,
            "--organizations nobody: not in the API's list for this key, which has ",
        ),
        (["--organizations", "all"], {"POLYTOMIC_API_KEY": "sandbox-key"}, 4, "the key may not list organizations"),
        (["--organizations", "all"], {"POLYTOMIC_API_KEY": "wrong-key-9"}, 4, "the API rejected the key (HTTP 401)"),
    ],
)
async def test_without_the_list_the_organizations_are_unknown_and_the_output_is_checked(
    check: Check, options: list[str], env: Table, code: int, text: str
) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *options, env=env)
    assert done.code == code
    assert [line.check for line in done.failures] == ["organizations"]
    assert done.failures[0].text.startswith(text)
    assert done.levels("api") == done.levels("read") == ["SKIP"]
    assert done.levels("output") == done.levels("lock") == ["OK"]


async def test_without_the_shared_key_nothing_is_sent(check: Check) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", "all", env={"POLYTOMIC_API_KEY": ""})
        assert endpoints(sandbox) == []
    assert done.code == 2
    assert done.failures[0].text.startswith("no API key; set POLYTOMIC_PARTNER_KEY or POLYTOMIC_DEPLOYMENT_KEY")
    assert {done.levels(each)[0] for each in (*SERVER, "api", "read")} == {"SKIP"}


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (answer(b'{"data":[]}'), 2, "the API lists no organization for this key; check the key and --base-url"),
        (error(404), 2, "the server does not list organizations (HTTP 404"),
        (error(503), 2, "the server is out of order: HTTP 503"),
        (answer(b'{"data":[{"name":"x"}]}'), 2, "the reply is unusable: item 1 of the list of organizations has no id"),
        (answer(b'{"data":[{"id":"a/../b"}]}'), 2, "the API lists an organization whose id cannot be a part of file"),
    ],
)
async def test_a_useless_list_is_2(check: Check, reply: Any, code: int, text: str) -> None:
    async def scenario(exchange: Exchange) -> None:
        await (reply if exchange.target == "/api/organizations" else answer(b"OK"))(exchange)

    async with serving(scenario) as server:
        done = await check(server.url, "--organizations", "all")
        assert server.targets == ["/status.txt", "/api/organizations"]
    assert (done.code, [line.check for line in done.failures]) == (code, ["organizations"])
    assert done.failures[0].text.startswith(text)


async def test_a_throttled_list_is_a_warning_as_a_run_waits(check: Check) -> None:
    async with serving_organizations("429@organizations=1:retry-after=7") as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
    assert (done.code, done.levels("organizations"), done.levels("api")) == (0, ["WARN"], ["SKIP"])


async def test_a_server_that_does_not_reply_is_asked_once(check: Check) -> None:
    async with serving(hang) as server:
        done = await check(server.url, "--organizations", "all", "--read-timeout", "0.5")
        assert server.requests == 1
    assert (done.code, done.levels("api")) == (2, ["FAIL"])
    assert done.levels("organizations") == done.levels("version") == done.levels("read") == ["SKIP"]


async def test_a_refused_port_is_2_and_the_files_of_known_organizations_are_checked(check: Check) -> None:
    options = check.configure({"label": "eu", "key_file": check.key("eu", "sandbox-key")})
    done = await check(f"http://127.0.0.1:{free_port()}", *options)
    assert (done.code, done.levels("connection"), done.levels("api")) == (2, ["FAIL"], ["SKIP"])
    assert done.levels("space") == ["OK"]


async def test_at_most_ten_organizations_are_asked_with_a_bounded_number_of_requests(check: Check) -> None:
    many = Deployment.of_size(13, 2, seed=1)
    async with serve(many) as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
        requests = len(endpoints(sandbox))
    assert (done.code, len(done.of("api")), len(done.of("read"))) == (0, 10, 10)
    rest = done.of("organizations")[1]
    assert rest.level == "SKIP"
    assert rest.text.startswith("3 of 13 are not checked (at most 10 are); check one of them with --organizations ID")
    assert requests == 2 + 10 * 3
    listing = done.of("organizations")[0].text
    assert "13 selected: " in listing
    assert listing.endswith(" and 3 more")


# The keys of organizations.


async def test_a_refused_key_does_not_stop_the_checks_of_the_others(check: Check) -> None:
    async with serving_organizations("401@organization-2=1") as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
        assert endpoints(sandbox).count(Endpoint.ME) == 4, "the 401 is confirmed"
    assert done.code == 4
    assert [line.text.partition(":")[0] for line in done.failures] == [SECOND]
    assert done.of("read", SECOND)[0] == Line("SKIP", "read", f"{SECOND}: the API refused the request before")
    assert done.of("read", THIRD)[0].level == done.of("read", FIRST)[0].level == "OK"


async def test_an_organization_that_does_not_reply_does_not_stop_the_checks_of_the_others(check: Check) -> None:
    async with serving_organizations("hang@organization-2=1") as sandbox:
        done = await check(sandbox.url, "--organizations", "all", "--read-timeout", "0.5")
    assert (done.code, done.levels("api"), done.levels("read")) == (2, ["OK", "FAIL", "OK"], ["OK", "SKIP", "OK"])


async def test_each_configured_key_is_tried_and_the_first_failure_decides(check: Check) -> None:
    options = check.configure(
        {"label": "eu", "key_file": check.key("eu", "sandbox-key")},
        {"label": "us", "key_file": check.key("us", "wrong-key-9")},
        {"label": "missing", "key_file": "keys/no.key"},
        {"label": "apac", "id": THIRD, "key_command": "printf sandbox-partner-key"},
        {"id": SECOND},
    )
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *options)
        assert Endpoint.ORGANIZATIONS not in endpoints(sandbox)
    assert done.code == 4
    assert done.of("organizations")[0].text == (
        f"5 of 5 in the configuration file selected: eu, us, missing, apac, {SECOND}"
    )
    assert [(line.check, line.text) for line in done.failures] == [
        ("api", "us: the API rejected the key (HTTP 401); check the key, and that it belongs to the API at --base-url"),
        (
            "key",
            "missing: [[organizations]] missing key_file keys/no.key: No such file or directory; correct the source of "
            "its key",
        ),
    ]
    assert done.of("key", "read from")[0].text == (
        "read from POLYTOMIC_PARTNER_KEY; sent as Basic with the id for each organization"
    )
    assert done.of("key", "eu: ")[0].text == "eu: read from the file eu.key; sent as Bearer"
    assert "apac: read from the command of [[organizations]] apac key_command; sent as Basic" in done.out
    assert done.of("read", "missing: ")[0].text == "missing: its key is missing"
    assert [done.of("read", name)[0].level for name in ("eu", "us", "apac", SECOND)] == ["OK", "SKIP", "OK", "OK"]
    assert [len(done.of(each)) for each in SERVER] == [1, 1, 1, 1, 1]


async def test_without_any_key_of_an_organization_the_server_is_skipped(check: Check) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *check.configure({"label": "eu", "key_file": "none.key"}))
        assert endpoints(sandbox) == []
    assert done.code == 2
    assert {done.levels(each)[0] for each in SERVER} == {"SKIP"}


async def test_a_configuration_with_keys_of_its_own_needs_no_shared_key(check: Check) -> None:
    options = check.configure({"label": "eu", "key_file": check.key("eu", "sandbox-key-2")})
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *options, env={"POLYTOMIC_API_KEY": ""})
    assert (done.code, len(done.of("key"))) == (0, 1)
    assert "eu: key of the user " in done.out


def member(me: bytes, owner: str) -> Any:
    """An API whose caller is `me`, and whose connections belong to `owner`."""

    async def scenario(exchange: Exchange) -> None:
        record = {"id": exchange.target.rpartition("/")[2], "organization_id": owner}
        body = {
            "/status.txt": b"OK",
            "/api/me": me,
            "/api/connections": json.dumps({"data": [{"id": ids(1)[0]}]}).encode(),
        }.get(exchange.target, json.dumps({"data": record}).encode())
        await exchange.write(response(body))

    return scenario


@pytest.mark.parametrize(
    ("me", "owner", "name"),
    [(SECOND, FIRST, "api"), (FIRST, SECOND, "read")],
    ids=["by its caller", "by its records"],
)
async def test_a_key_of_another_organization_is_2_with_the_message_of_a_run(
    check: Check, me: str, owner: str, name: str
) -> None:
    options = check.configure({"id": FIRST, "label": "eu", "key_file": check.key("eu", "sandbox-key")})
    caller = json.dumps({"data": {"is_organization": True, "organization_id": me}}).encode()
    async with serving(member(caller, owner)) as server:
        done = await check(server.url, *options)
    text = f"eu: the key reads organization {SECOND}, but the records of {FIRST} were requested; correct the id or"
    assert (done.code, [line.check for line in done.failures]) == (2, [name])
    assert done.failures[0].text.startswith(text)


async def test_two_keys_of_one_organization_are_a_warning(check: Check) -> None:
    key_file = check.key("same", "sandbox-key")
    tables = [{"label": "eu", "key_file": key_file}, {"label": "us", "key_file": key_file}]
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *check.configure(*tables))
    warned = done.of("organizations", "eu and us ")
    assert (done.code, [line.level for line in warned]) == (0, ["WARN"])
    assert warned[0].text.startswith(f"eu and us are the same organization ({FIRST}), whose connections a run")


async def test_an_organization_without_connections_is_a_warning_that_names_it(check: Check) -> None:
    async with serve(Deployment.of_size(2, 0)) as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
    assert (done.code, done.levels("read")) == (0, ["WARN", "WARN"])
    assert "check which organization the key reads (--organizations)" in done.of("read")[0].text


# The configuration.


@pytest.mark.parametrize(
    ("tables", "options", "text"),
    [
        (
            [{"id": FIRST}],
            ["--organization-id", SECOND],
            "[api] organization_id and [[organizations]] exclude each other; to collect one of several",
        ),
        (
            [{"id": FIRST, "label": "eu"}, {"id": SECOND, "label": "EU"}],
            [],
            "two [[organizations]] are called EU, so they would write the same files; give one of them another",
        ),
        (
            [{"id": FIRST, "label": "eu"}],
            ["--organizations", "eu,wh"],
            f"--organizations wh: not in the configuration file, which has {FIRST} eu",
        ),
    ],
)
async def test_an_invalid_selection_is_2_before_any_request(
    check: Check, tables: list[Table], options: list[str], text: str
) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *check.configure(*tables), *options)
        assert endpoints(sandbox) == []
    assert (done.code, [line.check for line in done.failures]) == (2, ["organizations"])
    assert done.failures[0].text.startswith(text)
    assert (done.levels("connection"), done.levels("key")) == (["OK"], [])


async def test_verbose_lists_the_organizations_with_the_kind_of_their_key_only(check: Check) -> None:
    options = check.configure({"id": FIRST, "label": "eu", "key_command": "printf sandbox-partner-key"}, {"id": SECOND})
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *options, "-v")
        silent = await check(sandbox.url, *options)
    assert f'      [[organizations]] id = "{FIRST}", label = "eu" (key: key_command)\n' in done.out
    assert f'      [[organizations]] id = "{SECOND}" (key: that of [api])\n' in done.out
    assert "(key: key_command)" not in silent.out
    assert "printf" not in done.out


async def test_json_has_the_facts_of_each_organization(check: Check, call: Calling) -> None:
    options = check.configure({"id": FIRST, "label": "eu", "key_command": "printf sandbox-partner-key"}, {"id": SECOND})
    async with serving_organizations("401@organization-2=1") as sandbox:
        done = await call("check", "--json", "--base-url", sandbox.url, *options, "--all", "-o", OUTPUT, env=PARTNER)
    document = json.loads(done.out)
    assert (done.code, document["exit_code"]) == (4, 4)
    assert b"sandbox-partner-key" not in done.out
    facts = [(each["check"], each["level"], each["facts"]) for each in document["checks"]]
    assert facts[0][2]["organizations"] == [
        {"id": FIRST, "label": "eu", "key": "key_command"},
        {"id": SECOND, "label": None, "key": "that of [api]"},
    ]
    assert facts[1][2]["selected"][0] == {"id": FIRST, "label": "eu", "name": None}
    assert [(check, level) for check, level, found in facts if found.get("organization") == "eu"] == [
        *(("key", "OK"), ("api", "OK"), ("read", "OK"))
    ]
    assert [(check, level) for check, level, found in facts if found.get("organization") == SECOND] == [
        *(("api", "FAIL"), ("read", "SKIP"))
    ]
    assert next(found for check, _, found in facts if check == "api")["organization_id"] == FIRST


async def test_a_terminal_of_80_columns_shows_no_longer_line(fork: Forking) -> None:
    async with serving_organizations() as sandbox:
        options = ("--base-url", sandbox.url, "--all", "--organizations", "all", "-o", OUTPUT)
        code, shown = await on_a_terminal(fork, "check", *options, env={**PARTNER, "COLUMNS": "80", "NO_COLOR": "1"})
    assert code == 0
    assert max(map(len, shown.splitlines())) <= 80


# The ids.


async def test_the_ids_of_one_organization_are_read_with_its_key(check: Check) -> None:
    wanted = DEPLOYMENT.inventories[1].connection(2)["id"]
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", SECOND, str(wanted))
    assert done.code == 0
    assert f"{SECOND}: GET /api/connections/{wanted}: " in done.out


async def test_ids_for_several_organizations_are_2_with_the_message_of_a_run(check: Check) -> None:
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", "all", ids(1)[0])
    assert (done.code, [line.check for line in done.failures]) == (2, ["organizations"])
    assert done.failures[0].text.startswith("connection ids belong to one organization, and 3 organizations are ")
    assert done.levels("read") == ["OK", "OK", "OK"]


# The output.


@pytest.mark.parametrize(
    ("output", "options", "text"),
    [
        ("out/c.jsonl", [], "--output out/c.jsonl: all organizations would write this file; write {organization_id}"),
        (OUTPUT, ["--errors", "e.jsonl"], "--errors is for standard output; the names beside an output file are fixed"),
        ("-", ["--errors", "e.jsonl"], "--errors e.jsonl: all organizations would write this file; write"),
        (
            "{organization_id}/{day}.jsonl",
            [],
            "--output eu/{day}.jsonl: {day} is not a placeholder; use {date} or {run_id}",
        ),
        (OUTPUT, ["--manifest", "out/eu.jsonl"], "organization eu and the index would both write out/eu.jsonl; choose"),
        (
            OUTPUT,
            ["--manifest", "folder"],
            "--manifest: folder, a file of this output, is a folder; choose another name",
        ),
    ],
)
async def test_paths_that_a_run_rejects_are_2_with_its_message(
    check: Check, tmp_path: Path, output: str, options: list[str], text: str
) -> None:
    (tmp_path / "folder").mkdir()
    tables = check.configure({"label": "eu", "key_file": check.key("eu", "sandbox-key")}, {"id": SECOND})
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, *tables, *options, output=output)
    assert [line.check for line in done.failures] == ["output"]
    assert done.failures[0].text.startswith(text)
    assert done.code == 2
    assert done.levels("read") == ["OK", "OK"]
    assert done.levels("lock") == done.levels("space") == ["SKIP"]


async def test_the_path_of_one_organization_that_cannot_be_written_is_named(check: Check, tmp_path: Path) -> None:
    (tmp_path / "out" / f"{SECOND}.jsonl").mkdir(parents=True)
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
    assert [line.check for line in done.failures] == ["output"]
    assert done.failures[0].text.startswith(f"{SECOND}: ")
    assert done.levels("output") == ["FAIL", "OK"]


async def test_folders_that_a_run_creates_share_one_line_and_existing_ones_have_their_own(
    check: Check, tmp_path: Path
) -> None:
    (tmp_path / "out" / FIRST).mkdir(parents=True)
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", "all", output="out/{organization_id}/c.jsonl")
    assert done.code == 0
    assert [line.text.partition(":")[0] for line in done.of("output")] == [f"out/{FIRST}", "out"]
    assert done.of("output")[1].text.endswith("; a run creates 2 folders in it")
    assert list((tmp_path / "out" / FIRST).iterdir()) == []


async def test_at_most_ten_folders_are_checked(check: Check, tmp_path: Path) -> None:
    many = Deployment.of_size(12, 1, seed=1)
    for each in many.organization_ids:
        (tmp_path / "out" / each).mkdir(parents=True)
    async with serve(many) as sandbox:
        done = await check(sandbox.url, "--organizations", "all", output="out/{organization_id}/c.jsonl")
    assert (done.code, done.levels("output")) == (0, [*(["OK"] * 10), "SKIP"])
    assert done.of("output")[-1].text == "3 of 13 folders are not checked"


@pytest.mark.parametrize(
    ("lock", "path"),
    [
        ("organizations.partial.lock", "out/organizations.manifest.json"),
        (f"{THIRD}.partial.lock", f"out/{THIRD}.jsonl"),
    ],
)
async def test_the_locks_of_the_index_and_of_each_organization_are_seen(
    check: Check, tmp_path: Path, lock: str, path: str
) -> None:
    (tmp_path / "out").mkdir()
    descriptor = os.open(tmp_path / "out" / lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        async with serving_organizations() as sandbox:
            done = await check(sandbox.url, "--organizations", "all")
    finally:
        os.close(descriptor)
    assert (done.code, done.levels("lock")) == (0, ["WARN"])
    assert done.of("lock")[0].text.startswith(f"another run is writing {path}; wait for it to end")


async def test_the_space_is_compared_with_the_last_snapshots_together(check: Check, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in (FIRST, THIRD):
        (tmp_path / "out" / f"{name}.jsonl").write_bytes(bytes(1024))
    async with serving_organizations() as sandbox:
        done = await check(sandbox.url, "--organizations", "all")
        alone = await check(sandbox.url, "--organizations", f"{FIRST},{SECOND}")
    assert done.of("space")[0].text.endswith("the last snapshots of 2 organizations have 2.0 KiB")
    assert alone.of("space")[0].text.endswith(f"the last snapshot, out/{FIRST}.jsonl, has 1.0 KiB")


async def test_with_standard_output_the_files_beside_it_are_checked(check: Check, tmp_path: Path) -> None:
    beside = ("--errors", "e/{organization_id}.jsonl", "--manifest", "m/index.json")
    async with serving_organizations() as sandbox:
        plain = await check(sandbox.url, "--organizations", "all", output="-")
        done = await check(sandbox.url, "--organizations", "all", *beside, output="-")
        unknown = await check(sandbox.url, "--organizations", "nobody", *beside[:2], output="-")
    assert plain.code == done.code == 0
    assert [line.text for line in plain.of("output")] == [
        "standard output or a pipe: not opened, no other file is written"
    ]
    assert plain.levels("lock") == plain.levels("space") == ["SKIP"]
    assert done.of("output")[0].text.startswith("e and 1 more do not exist; a run creates them in ")
    assert (done.levels("lock"), done.levels("space")) == (["OK"], ["SKIP"])
    assert unknown.levels("output") == ["SKIP"]
    assert list(tmp_path.iterdir()) == []
