"""A canary key never appears in the output, files, arguments or child processes of collector, whatever happens.

Every test runs separate processes in Python's development mode with all debugging output enabled.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Finished, Running, Starting, clean_environment
from tests.support.canary import KEY, ORGANIZATION, PASSWORD, Search, burrow, forms_of
from tests.support.http_pathologies import (
    BROKEN_ANSWERS,
    ENDLESS_ANSWERS,
    GOOD_REPLIES,
    NETWORK_PATHS,
    ODD_REPLIES,
    REDIRECTS,
    STATUSES,
    NetworkPath,
    Redirect,
)
from tests.support.scripted_server import (
    PATIENCE,
    Exchange,
    Scenario,
    Server,
    answer,
    by_id,
    connection,
    found,
    hang,
    ids,
    raw,
    response,
    serving,
)
from tests.support.toxics import Direction, Injection, Toxic, bandwidth, latency, limit, proxied, reset, slicer

DEBUG_ENV = {
    "PYTHONDEVMODE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "default",
    "COLLECTOR_DEBUG": "true",
    "COLLECTOR_VERBOSE": "true",
}
TRACEMALLOC = {"PYTHONTRACEMALLOC": "5"}  # makes everything four times slower
CREDENTIALS = {
    "bearer": {"POLYTOMIC_API_KEY": KEY},
    "partner": {"POLYTOMIC_API_KEY": "", "POLYTOMIC_PARTNER_KEY": KEY, "COLLECTOR_ORGANIZATION_ID": ORGANIZATION},
    "deployment": {"POLYTOMIC_API_KEY": "", "POLYTOMIC_DEPLOYMENT_KEY": KEY},
}
ECHOED = [*forms_of(KEY).values(), *forms_of(PASSWORD).values()]
"""The forms in which a server echoes the secrets."""


# Replies of a server.


def echoing(status: str, media_type: str = "application/json", **headers: Any) -> Scenario:
    """Reply with every form of the key in the reason phrase, the headers and the body."""

    async def scenario(exchange: Exchange) -> None:
        sent = f"{exchange.header('Authorization')} {exchange.header('Proxy-Authorization')}"
        secrets = " ".join([sent, *ECHOED])
        message = f"who is {secrets}?\n{secrets}"
        body = json.dumps({"message": message, "error": {"message": message, KEY: secrets}, "key": ECHOED}).encode()
        await exchange.write(
            response(
                body, f"{status} {sent} {KEY}", media_type=media_type, X_Echo=secrets, Set_Cookie=secrets, **headers
            )
        )

    return scenario


def record_of(one: str) -> bytes:
    """A valid connection with the key in every text, in a few forms that depend on the id."""
    at = int(one[:8], 16) % len(ECHOED)
    echoed = [*ECHOED[at:], *ECHOED[:at]][:4]
    fields = {
        "status_error": f"refused: {echoed}",
        "surprise": {"list": echoed, KEY: dict.fromkeys(echoed, 1)},
        "configuration": {"note": echoed, "url": f"https://u:{PASSWORD}@x.example/?k={KEY}", KEY: KEY},
        "created_by": {"id": KEY, "name": KEY, "type": KEY, "more": echoed},
        "created_at": KEY,
    }
    body = connection(
        one, name=f"made with {echoed}", type={"id": KEY, "name": echoed[0], "operations": echoed}, **fields
    )
    return body[:-2] + b',"written":"%s"}}' % forms_of(KEY)["all escaped as JSON"].encode()


async def echo_a_record(exchange: Exchange) -> None:
    await exchange.write(response(record_of(exchange.target.rpartition("/")[2])))


async def echo_the_head(exchange: Exchange) -> None:
    """Reply with the request instead of a status line."""
    await exchange.write(exchange.head)
    exchange.close()


_ALL_ROWS = {**GOOD_REPLIES, **ODD_REPLIES, **STATUSES, **BROKEN_ANSWERS, **ENDLESS_ANSWERS}

ECHOES: dict[str, Scenario] = {
    **{f"echoed {status}": echoing(status) for status in ("400", "403", "404", "409", "422", "500", "501", "206")},
    "echoed in a 200 without a connection": echoing("200"),
    "echoed in html": echoing("200", "text/html"),
    "a media type": answer(b"{}", media_type=f"text/{KEY}"),
    "a media type in base64": answer(b"{}", media_type=f"text/{forms_of(KEY)['base64']}"),
    "an encoding": answer(b"x", Content_Encoding=KEY),
    "another id": answer(connection(KEY)),
    "not JSON": answer(b'{"' + KEY.encode() + b'": ' + KEY.encode()),
    "a header twice": raw(f"HTTP/1.1 200 OK\r\n{KEY}: {KEY}\r\nContent-Length: {KEY}\r\n\r\n{{}}".encode()),
    "a status line": raw(f"HTTP/1.1 {KEY} OK\r\n\r\n".encode(), then=Exchange.close),
    "the request itself": echo_the_head,
    "a record": echo_a_record,
}
ENDS: dict[str, tuple[int, Scenario]] = {
    "401": (4, echoing("401", WWW_Authenticate=f'Bearer realm="{KEY}"')),
    "403": (4, echoing("403")),
    "407": (2, echoing("407", Proxy_Authenticate=f'Basic realm="{PASSWORD}"')),
    "redirect": (2, echoing("302", Location=f"https://u:{KEY}@elsewhere.example/{KEY}?key={KEY}")),
    "too long a pause": (5, echoing("429", Retry_After="99999")),
    "an invalid pause": (3, echoing("404", Retry_After=KEY, X_RateLimit_Reset=KEY, RateLimit=f'"{KEY}"')),
    "abuse": (5, answer(b'{"type":"abnormal-usage-detected","k":"' + KEY.encode() + b'"}', "429 Slow down")),
}


# A process that is watched while it runs, and whose traces are searched when it has ended.


@dataclass
class CanaryRunner:
    """Runs commands that have the key, with debugging on, and searches all their output, files and children for it."""

    start: Starting
    folder: Path
    search: Search
    place: dict[str, str]
    allowed_files: tuple[Path, ...] = ()
    watches: list[asyncio.Task[None]] = field(default_factory=list)
    patience: float = 2 * PATIENCE

    def proxied_by(self, url: str) -> dict[str, str]:
        """The setting for a proxy with a password; later searches look for the password too."""
        self.search.secrets = (KEY, PASSWORD)
        return {"COLLECTOR_PROXY": url.replace("//", f"//user:{PASSWORD}@")}

    async def start_command(
        self, *arguments: str, env: dict[str, str] | None = None, under: Sequence[str] = ()
    ) -> Running:
        """Start a command; watch its arguments and its child processes until it ends."""
        running = await self.start(
            *arguments, env={"POLYTOMIC_API_KEY": KEY, **DEBUG_ENV, **self.place, **(env or {})}, under=under
        )
        self.watches.append(asyncio.create_task(self._watch(running)))
        return running

    async def _watch(self, running: Running) -> None:
        while running.process.returncode is None:
            self.search.look_at_processes(running.process.pid, ours=running.process.pid)
            await asyncio.sleep(0.02)

    async def finish(self, running: Running) -> Finished:
        """Wait until it ends, then search everywhere."""
        async with asyncio.timeout(self.patience):
            await running.process.wait()
        done = await running.finished()
        self.search.look("standard output", done.out)
        self.search.look("standard error", done.err.encode())
        self.search.look_below(self.folder, but=self.allowed_files)
        assert self.search.hits == [], done.err
        return done

    async def call(self, *arguments: str, env: dict[str, str] | None = None, under: Sequence[str] = ()) -> Finished:
        """Run a command to its end, then search everywhere."""
        return await self.finish(await self.start_command(*arguments, env=env, under=under))


@pytest.fixture
async def runner(start: Starting, tmp_path: Path) -> AsyncIterator[CanaryRunner]:
    runner = CanaryRunner(start, tmp_path, Search((KEY,)), burrow(tmp_path))
    yield runner
    for watch in runner.watches:
        watch.cancel()


def collect_arguments(server: Server | str, *requested: str) -> list[str]:
    url = server if isinstance(server, str) else server.url
    return ["collect", *requested, "--base-url", url, "-o", "out/c.jsonl", "--rate", "0"]


@asynccontextmanager
async def every_failure(healthy: Sequence[str]) -> AsyncIterator[tuple[Server, list[str]]]:
    """Serve one kind of failure per id, with the key in it; yield the server and all ids, including healthy ones."""
    failing = dict(zip([*_ALL_ROWS, *ECHOES], ids(len(_ALL_ROWS) + len(ECHOES)), strict=True))
    special = {one: _ALL_ROWS[name].serve(record_of(one)) for name, one in failing.items() if name in _ALL_ROWS}
    special |= {failing[name]: scenario for name, scenario in ECHOES.items()}
    every = len(healthy) // len(failing) + 1
    requested = list(healthy)
    for place, one in enumerate(failing.values()):
        requested.insert(place * every, one)
    async with serving(by_id(special, echo_a_record)) as server:
        yield server, requested
        missed = {*failing.values()} - {target.rpartition("/")[2] for target in server.targets}
        assert [name for name, one in failing.items() if one in missed] == []


async def collect_every_failure(
    runner: CanaryRunner,
    credentials: str,
    *,
    is_proxied: bool = False,
    healthy: int = 150,
    attempts: int = 1,
    env: dict[str, str] | None = None,
) -> None:
    async with every_failure(ids(healthy, 10_000)) as (server, requested):
        (runner.folder / "ids").write_text("\n".join(requested))
        proxy = runner.proxied_by(server.url) if is_proxied else {}
        done = await runner.call(
            *(
                *collect_arguments("http://127.0.0.1:9" if is_proxied else server, "--ids", "ids"),
                "--concurrency",
                "30",
            ),
            *("--max-attempts", f"{attempts}", "--read-timeout", "1", "--total-timeout", "2"),
            env={**CREDENTIALS[credentials], **proxy, **(env or {})},
        )
    assert done.code == 3, done.err
    assert "this is a bug" not in done.err
    failed = [json.loads(line) for line in (runner.folder / "out/c.errors.jsonl").read_text().splitlines()]
    assert len(failed) > 60
    assert "asyncio: DEBUG" in done.err


async def test_no_failure_shows_a_bearer_key(runner: CanaryRunner) -> None:
    await collect_every_failure(runner, "bearer")


async def test_no_failure_shows_a_partner_key_or_a_proxy_password(runner: CanaryRunner) -> None:
    await collect_every_failure(runner, "partner", is_proxied=True)


async def test_no_retried_reply_shows_the_key(runner: CanaryRunner) -> None:
    failing = dict(zip(ids(len(ECHOES)), ECHOES.values(), strict=True))
    async with serving(by_id(failing, echo_a_record)) as server:
        done = await runner.call(*collect_arguments(server, *failing, *ids(40, 900)), "--max-attempts", "3")
    assert done.code == 3, done.err
    assert "attempt 3" in done.err


@pytest.mark.soak
@pytest.mark.parametrize("is_proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_no_failure_shows_any_kind_of_key_in_a_long_run(
    runner: CanaryRunner, credentials: str, is_proxied: bool
) -> None:
    runner.patience = 20 * PATIENCE
    await collect_every_failure(runner, credentials, is_proxied=is_proxied, healthy=600, attempts=3, env=TRACEMALLOC)


@pytest.mark.parametrize("end", ENDS)
async def test_no_reply_that_ends_a_run_shows_the_key(runner: CanaryRunner, end: str) -> None:
    code, scenario = ENDS[end]
    async with serving(scenario) as server:
        done = await runner.call(*collect_arguments(server, *ids(9)), env=CREDENTIALS["deployment"])
    assert done.code == code, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("redirect", REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_no_redirect_forwards_or_shows_the_key(runner: CanaryRunner, redirect: Redirect) -> None:
    async def scenario(exchange: Exchange) -> None:
        location = redirect.location(f"http://{exchange.header('Host')}", other.url)
        headers: dict[str, Any] = {}
        if location is not None:
            headers["Location"] = f"{location}?who={exchange.header('Authorization')}"
        await exchange.write(response(b"", f"{redirect.status} Elsewhere", **headers))

    async with serving(answer(b"{}")) as other, serving(scenario) as server:
        done = await runner.call(*collect_arguments(server, *ids(2)), env=CREDENTIALS["bearer"])
    assert (done.code, other.opened) == (2, 0), done.err
    assert "Traceback" not in done.err


QUICK = {"a proxy without a route", "a proxy that requires credentials", "an expired certificate"}
"""The cases that `make test` runs."""


@pytest.mark.parametrize(
    "network_path",
    [
        pytest.param(network_path, id=name, marks=[pytest.mark.soak][name in QUICK :])
        for name, network_path in NETWORK_PATHS.items()
    ],
)
async def test_no_network_path_shows_the_key(runner: CanaryRunner, network_path: NetworkPath) -> None:
    async with network_path.open_target(runner.folder) as target:
        env = {"COLLECTOR_CA_FILE": target.ca_file} if target.ca_file else {}
        if target.proxy:
            env |= runner.proxied_by(target.proxy)
        done = await runner.call(
            *collect_arguments(target.url, *ids(1)), *("--max-attempts", "2", "--read-timeout", "1"), env=env
        )
    assert done.code in (2, 3), done.err


TOXICS: dict[str, Toxic] = {
    "latency": latency(0.02, jitter=0.02),
    "slicer": slicer(100, variation=90, every=0.001),
    "bandwidth": bandwidth(300_000),
    "reset": reset(0.01),
    "limit": limit(4000),
}


@pytest.mark.soak
@pytest.mark.parametrize("toxic", TOXICS.values(), ids=TOXICS.keys())
@pytest.mark.parametrize("direction", Direction)
async def test_no_toxic_shows_the_key(runner: CanaryRunner, toxic: Toxic, direction: Direction) -> None:
    async with serving(echo_a_record) as server, proxied(server.url, Injection(toxic, direction, 0.5)) as proxy:
        done = await runner.call(*collect_arguments(proxy.url, *ids(200)), "--max-attempts", "2")
    assert done.code in (0, 3), done.err


# Bugs.

BUGS = """
import asyncio, atexit, gc, logging, os, sys, threading, time, warnings
from collector.client.transport import aiohttp_transport as transport
from collector.run import run

KEY = next(os.environ[each] for each in ("POLYTOMIC_API_KEY", "POLYTOMIC_PARTNER_KEY") if os.environ.get(each))
HEADERS = {"Authorization": f"Bearer {KEY}"}
BUG = os.environ["BUG"]
send = transport.Transport.send


class Dying:
    def __repr__(self):
        return KEY

    def __del__(self):
        raise ValueError(KEY)


async def fail(seconds=0.0):
    await asyncio.sleep(seconds)
    raise KeyError(KEY, HEADERS)


async def group():
    async with asyncio.TaskGroup() as both:
        both.create_task(fail())
        both.create_task(fail())


def print_everywhere():
    warnings.warn(f"a warning about {KEY}", ResourceWarning)
    logging.getLogger("library").debug("%r", HEADERS)
    logging.getLogger("library").error("%r", HEADERS, stack_info=True)
    sys.stderr.write(KEY[:9])
    sys.stderr.write(KEY[9:] + " in two\\n")
    print(KEY, file=sys.__stderr__)
    sys.stderr.writelines([KEY[:3], KEY[3:]])
    sys.stderr.flush()
    thread = threading.Thread(target=lambda: {}[KEY], name=KEY)
    thread.start()
    thread.join()
    Dying()
    open(os.devnull)
    atexit.register(lambda: {}[KEY])


async def talkative_send(self, request):
    loop = asyncio.get_running_loop()
    print_everywhere()
    asyncio.create_task(fail(), name=KEY)
    asyncio.create_task(group(), name=KEY)
    loop.call_exception_handler({"message": KEY, "exception": ValueError(KEY), "headers": HEADERS})
    loop.call_soon(time.sleep, 0.15)
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    gc.collect()
    try:
        raise ExceptionGroup(KEY, [ValueError(HEADERS), ExceptionGroup(KEY, [KeyError(KEY)])])
    except ExceptionGroup:
        logging.getLogger("library").exception("failed")
    reply = await send(self, request)
    return reply


async def failing_send(self, request):
    raise ValueError(KEY, HEADERS)


class PlantedBug(Exception):
    def __init__(self):
        super().__init__(KEY, HEADERS)
        self.add_note(f"a note of {KEY}")


def failing_write(self, outcome):
    raise PlantedBug() from ExceptionGroup(KEY, [ValueError(HEADERS)])


def fail_always(*_, **__):
    raise PlantedBug()


match BUG:
    case "every kind of output":
        transport.Transport.send = talkative_send
    case "in an attempt":
        transport.Transport.send = failing_send
    case "in the run":
        run.Run._write_outcome = failing_write
    case "at the start":
        run.Run.__init__ = fail_always
    case "in a worker thread":
        run.Run._header = fail_always
"""
"""A `sitecustomize` that plants bugs whose messages contain the key."""


@pytest.mark.parametrize(
    ("bug", "code", "expected"),
    [
        (
            "every kind of output",
            0,
            ["a warning about [REDACTED]", "in two", "never retrieved", "in thread [REDACTED]"],
        ),
        ("in an attempt", 3, ["internal error: ValueError at "]),
        ("in the run", 70, ["PlantedBug", "ExceptionGroup", "this is a bug"]),
        ("at the start", 70, ["PlantedBug", "a note of [REDACTED]", "this is a bug"]),
        ("in a worker thread", 70, ["PlantedBug", "this is a bug"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("traced", [{}, pytest.param(TRACEMALLOC, marks=pytest.mark.soak)], ids=["loud", "traced"])
async def test_no_bug_shows_the_key(
    runner: CanaryRunner, traced: dict[str, str], bug: str, code: int, expected: list[str]
) -> None:
    plants = runner.folder / "plants"
    plants.mkdir()
    (plants / "sitecustomize.py").write_text(BUGS)
    path = f"{plants}:{clean_environment(runner.folder)['PYTHONPATH']}"
    async with serving(found) as server:
        done = await runner.call(
            *collect_arguments(server, *ids(2)),
            "--max-attempts",
            "2",
            env={"PYTHONPATH": path, "BUG": bug, **traced},
        )
    assert done.code == code, done.err
    assert [text for text in expected if text not in done.err] == []
    if bug == "every kind of output":
        for text in ("library: DEBUG", "took 0.1", "ResourceWarning: unclosed file", "Exception ignored", "in atexit"):
            assert text in done.err


# Signals, and the files that the system writes for a process that they end.


def with_core_files() -> list[str]:
    """A shell command that enables core files."""
    return ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "bash"]


writes_core_files = pytest.mark.skipif(
    not Path("/proc/sys/kernel/core_pattern").is_file()
    or Path("/proc/sys/kernel/core_pattern").read_text().strip() not in {"core", "core.%p"}
    or resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY,
    reason="the system writes core files elsewhere, or none",
)

SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGABRT", "SIGSEGV", "SIGKILL", "SIGQUIT"]


@pytest.mark.parametrize("name", SIGNALS)
async def test_no_signal_leaves_the_key_in_a_file(runner: CanaryRunner, name: str) -> None:
    signum = signal.Signals[name]
    async with serving(by_id({ids(40)[39]: hang}, echo_a_record)) as server:
        running = await runner.start_command(
            *collect_arguments(server, *ids(40)), "--concurrency", "4", under=with_core_files()
        )
        await server.saw(40)
        running.send(signum)
        if name in {"SIGINT", "SIGTERM", "SIGHUP"}:
            await running.wait_for_stderr("finishing requests in flight")
            running.send(signum)
        done = await runner.finish(running)
    assert done.code in (128 + signum, -signum), done.err
    assert (runner.folder / "out/c.jsonl.partial").exists()
    assert not list(runner.folder.rglob("core*"))


@writes_core_files
def test_the_search_finds_the_key_in_a_core_file(tmp_path: Path) -> None:
    subprocess.run(
        [*with_core_files(), sys.executable, "-c", "import os; os.abort()"],
        cwd=tmp_path,
        env={**clean_environment(tmp_path), "POLYTOMIC_API_KEY": KEY},
        check=False,
    )
    [core] = tmp_path.glob("core*")
    search = Search()
    search.look_below(tmp_path)
    core.unlink()
    assert {place for place, _ in search.hits} == {core.name}


# Rejected commands, and other commands.

REFUSED = {
    "an unknown option": (["collect", *ids(1), "--kye"], {}),
    "an unknown setting": (["collect", *ids(1), "--config", "c.toml"], {}),
    "an invalid number": (["collect", *ids(1), "--rate", "fast"], {}),
    "an invalid certificate file": (["collect", *ids(1), "--base-url", "https://x.example", "--ca-file", "ids"], {}),
    "no ids": (["collect"], {}),
    "invalid ids": (["collect", "--ids", "ids", "--base-url", "http://127.0.0.1:9"], {}),
    "an address with a user": (["collect", *ids(1)], {"COLLECTOR_BASE_URL": f"https://u:{KEY}@x.example"}),
    "an invalid address": (["collect", *ids(1)], {"COLLECTOR_BASE_URL": f"ftp://{KEY}"}),
    "an invalid proxy": (["collect", *ids(1)], {"COLLECTOR_PROXY": f"socks5://u:{PASSWORD}@x.example"}),
    "an unknown variable": (["collect", *ids(1)], {"COLLECTOR_RAT": KEY}),
    "a folder as output": (["collect", *ids(1), "-o", "."], {}),
    "a key with a space": (["collect", *ids(1)], {"POLYTOMIC_API_KEY": f"{KEY} {KEY}"}),
}


@pytest.mark.parametrize("refused", REFUSED)
async def test_no_rejected_command_shows_the_key(runner: CanaryRunner, refused: str) -> None:
    arguments, env = REFUSED[refused]
    (runner.folder / "c.toml").write_text("[api]\nkye = 1\n")
    (runner.folder / "ids").write_text("not an id\n\x1b[31m\n")
    done = await runner.call(*arguments, env=env)
    assert done.code == 2, done.err


async def test_other_commands_do_not_show_a_key_in_their_environment(runner: CanaryRunner) -> None:
    async with serving(echo_a_record) as server:
        assert (await runner.call(*collect_arguments(server, *ids(5)))).code == 0
    assert (await runner.call("verify", "out/c.jsonl")).code == 0
    with (runner.folder / "out/c.jsonl").open("ab") as snapshot:
        snapshot.write(b"\n")
    assert (await runner.call("verify", "out/c.jsonl")).code == 8
    assert (await runner.call("sandbox", "--list-ids", "--connections", "3")).code == 0
    sandbox = await runner.start_command("sandbox", "--port", "0")
    await sandbox.wait_for_stderr("Ctrl-C ends it")
    sandbox.send(signal.SIGINT)
    assert (await runner.finish(sandbox)).code == 0


async def test_a_key_command_receives_no_key_and_no_other_process_receives_its_output(runner: CanaryRunner) -> None:
    script = runner.folder / "give"
    script.write_text(f"#!/bin/sh\nsleep 0.5\nprintf '%s\\n' '{KEY}'\n")
    script.chmod(0o700)
    runner.allowed_files = (script,)
    async with serving(by_id({ids(1)[0]: echoing("404")}, echo_a_record)) as server:
        done = await runner.call(
            *collect_arguments(server, *ids(3)), "--key-command", str(script), env={"POLYTOMIC_PARTNER_KEY": KEY}
        )
    assert done.code == 3, done.err
    assert server.requests
    assert [place for place in runner.search.seen if place.startswith("the environment")]


# Tests of the search.

LEAK = """
import pathlib, subprocess, sys
place, text = sys.argv[1], sys.stdin.readline().rstrip("\\n")
waiting = [sys.executable, "-ISc", "print('done', flush=True); input()"]
child = None
match place:
    case "standard output":
        print("before", text, "after")
    case "standard error":
        print("before", text, "after", file=sys.stderr)
    case "a file":
        pathlib.Path("deep/down").mkdir(parents=True, exist_ok=True)
        pathlib.Path("deep/down/file").write_text(f"before{text}after")
    case "a name":
        pathlib.Path("named", text.replace("/", "%2F")).touch()
    case "the arguments":
        child = subprocess.Popen([*waiting, text])
    case "the environment":
        child = subprocess.Popen(waiting, env={"GIVEN": text})
if not child:
    print("done", flush=True)
sys.stdin.read()
if child:
    child.kill()
    child.wait()
"""


def search_of_a_leak(folder: Path, place: str, text: str) -> Search:
    """The search, after a program has leaked `text` at `place`."""
    (folder / "named").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-ISc", LEAK, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{text}\n".encode())
    process.stdin.flush()
    out = b""
    while not out.endswith(b"done\n"):
        out += process.stdout.readline()
    search = Search()
    search.look_at_processes(process.pid, ours=process.pid)
    more, err = process.communicate(timeout=PATIENCE)
    search.look("standard output", out + more)
    search.look("standard error", err)
    search.look_below(folder)
    return search


@pytest.mark.parametrize(
    "place", ["standard output", "standard error", "a file", "a name", "the arguments", "the environment"]
)
def test_the_search_finds_a_leak_in_every_form_and_location(tmp_path: Path, place: str) -> None:
    missed = []
    for secret in (KEY, PASSWORD)[: 2 if place == "a file" else 1]:
        for number, (form, text) in enumerate(forms_of(secret).items()):
            search = search_of_a_leak(tmp_path / f"{secret[:8].replace('/', '')} {number} {secret == KEY}", place, text)
            where = {"a file": "file", "a name": "the name"}.get(place, place)
            if [hit for hit in search.hits if hit[1] != secret or where not in hit[0]] or not search.hits:
                missed.append((form, search.hits))
    assert missed == []


def test_the_search_finds_no_leak_in_harmless_output(tmp_path: Path) -> None:
    search = search_of_a_leak(tmp_path / "well", "a file", f"{KEY[:-1]} {PASSWORD[1:]} %41 \\u0041")
    assert search.hits == []
    assert {"standard output", "standard error", "file", "the name 'file'"} <= search.seen
