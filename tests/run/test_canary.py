"""A canary key stands in nothing that a process of ours says, writes or passes on, whatever happens to it.

Everything runs in processes of their own, in Python's development mode and with all there is to debug switched on.
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
    ODD_REPLIES,
    REDIRECTS,
    ROADS,
    STATUSES,
    Redirect,
    Road,
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
from tests.support.toxics import Toxic, Toxin, Way, bandwidth, latency, limit, proxied, reset, slicer

LOUD = {
    "PYTHONDEVMODE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "default",
    "COLLECTOR_DEBUG": "true",
    "COLLECTOR_VERBOSE": "true",
}
TRACED = {"PYTHONTRACEMALLOC": "5"}  # which makes all four times as slow
CREDENTIALS = {
    "bearer": {"POLYTOMIC_API_KEY": KEY},
    "partner": {"POLYTOMIC_API_KEY": "", "POLYTOMIC_PARTNER_KEY": KEY, "COLLECTOR_ORGANIZATION_ID": ORGANIZATION},
    "deployment": {"POLYTOMIC_API_KEY": "", "POLYTOMIC_DEPLOYMENT_KEY": KEY},
}
SHOWN = [*forms_of(KEY).values(), *forms_of(PASSWORD).values()]
"""What a server shows of what it was given."""


# What a server does.


def echoing(status: str, media_type: str = "application/json", **headers: Any) -> Scenario:
    """Answer with the key in every form in the reason, in headers and in the body."""

    async def scenario(exchange: Exchange) -> None:
        sent = f"{exchange.header('Authorization')} {exchange.header('Proxy-Authorization')}"
        said = " ".join([sent, *SHOWN])
        message = f"who is {said}?\n{said}"
        body = json.dumps({"message": message, "error": {"message": message, KEY: said}, "key": SHOWN}).encode()
        await exchange.write(
            response(body, f"{status} {sent} {KEY}", media_type=media_type, X_Echo=said, Set_Cookie=said, **headers)
        )

    return scenario


def record_of(one: str) -> bytes:
    """A good connection with the key wherever there is text, in a few forms, which ones its id decides."""
    at = int(one[:8], 16) % len(SHOWN)
    shown = [*SHOWN[at:], *SHOWN[:at]][:4]
    fields = {
        "status_error": f"refused: {shown}",
        "surprise": {"list": shown, KEY: dict.fromkeys(shown, 1)},
        "configuration": {"note": shown, "url": f"https://u:{PASSWORD}@x.example/?k={KEY}", KEY: KEY},
        "created_by": {"id": KEY, "name": KEY, "type": KEY, "more": shown},
        "created_at": KEY,
    }
    body = connection(one, name=f"made with {shown}", type={"id": KEY, "name": shown[0], "operations": shown}, **fields)
    return body[:-2] + b',"written":"%s"}}' % forms_of(KEY)["all escaped as JSON"].encode()


async def echo_a_record(exchange: Exchange) -> None:
    await exchange.write(response(record_of(exchange.target.rpartition("/")[2])))


async def echo_the_head(exchange: Exchange) -> None:
    """Write the request back where a status line belongs."""
    await exchange.write(exchange.head)
    exchange.close()


_ALL_ROWS = {**GOOD_REPLIES, **ODD_REPLIES, **STATUSES, **BROKEN_ANSWERS, **ENDLESS_ANSWERS}

ECHOES: dict[str, Scenario] = {
    **{f"echoed {status}": echoing(status) for status in ("400", "403", "404", "409", "422", "500", "501", "206")},
    "echoed in a 200 that is no connection": echoing("200"),
    "echoed in html": echoing("200", "text/html"),
    "a media type": answer(b"{}", media_type=f"text/{KEY}"),
    "a media type in base64": answer(b"{}", media_type=f"text/{forms_of(KEY)['base64']}"),
    "an encoding": answer(b"x", Content_Encoding=KEY),
    "another id": answer(connection(KEY)),
    "not JSON": answer(b'{"' + KEY.encode() + b'": ' + KEY.encode()),
    "a header twice": raw(f"HTTP/1.1 200 OK\r\n{KEY}: {KEY}\r\nContent-Length: {KEY}\r\n\r\n{{}}".encode()),
    "a status line": raw(f"HTTP/1.1 {KEY} OK\r\n\r\n".encode(), then=Exchange.close),
    "its own request": echo_the_head,
    "a record": echo_a_record,
}
ENDS: dict[str, tuple[int, Scenario]] = {
    "401": (4, echoing("401", WWW_Authenticate=f'Bearer realm="{KEY}"')),
    "403": (4, echoing("403")),
    "407": (2, echoing("407", Proxy_Authenticate=f'Basic realm="{PASSWORD}"')),
    "redirect": (2, echoing("302", Location=f"https://u:{KEY}@elsewhere.example/{KEY}?key={KEY}")),
    "too long a pause": (5, echoing("429", Retry_After="99999")),
    "a pause that is none": (3, echoing("404", Retry_After=KEY, X_RateLimit_Reset=KEY, RateLimit=f'"{KEY}"')),
    "abuse": (5, answer(b'{"type":"abnormal-usage-detected","k":"' + KEY.encode() + b'"}', "429 Slow down")),
}


# A process, watched while it runs, and searched for when it is over.


@dataclass
class Keeper:
    """Starts commands that know the key, loud, and looks for it in all that they say, write and pass on."""

    start: Starting
    folder: Path
    search: Search
    place: dict[str, str]
    given_in: tuple[Path, ...] = ()
    watches: list[asyncio.Task[None]] = field(default_factory=list)
    patience: float = 2 * PATIENCE

    def proxied_by(self, url: str) -> dict[str, str]:
        """The setting of a proxy with a password, which is looked for as well from now on."""
        self.search.secrets = (KEY, PASSWORD)
        return {"COLLECTOR_PROXY": url.replace("//", f"//user:{PASSWORD}@")}

    async def begin(self, *arguments: str, env: dict[str, str] | None = None, under: Sequence[str] = ()) -> Running:
        """Start a command and look at its arguments, and at the processes it starts, from now on."""
        running = await self.start(
            *arguments, env={"POLYTOMIC_API_KEY": KEY, **LOUD, **self.place, **(env or {})}, under=under
        )
        self.watches.append(asyncio.create_task(self._watch(running)))
        return running

    async def _watch(self, running: Running) -> None:
        while running.process.returncode is None:
            self.search.look_at_processes(running.process.pid, ours=running.process.pid)
            await asyncio.sleep(0.02)

    async def end(self, running: Running) -> Finished:
        """Wait for its end, and look everywhere."""
        async with asyncio.timeout(self.patience):
            await running.process.wait()
        done = await running.finished()
        self.search.look("standard output", done.out)
        self.search.look("standard error", done.err.encode())
        self.search.look_below(self.folder, but=self.given_in)
        assert self.search.hits == [], done.err
        return done

    async def call(self, *arguments: str, env: dict[str, str] | None = None, under: Sequence[str] = ()) -> Finished:
        """Start a command, wait for its end and look everywhere."""
        return await self.end(await self.begin(*arguments, env=env, under=under))


@pytest.fixture
async def keeper(start: Starting, tmp_path: Path) -> AsyncIterator[Keeper]:
    keeping = Keeper(start, tmp_path, Search((KEY,)), burrow(tmp_path))
    yield keeping
    for watch in keeping.watches:
        watch.cancel()


def collecting(server: Server | str, *wanted: str) -> list[str]:
    url = server if isinstance(server, str) else server.url
    return ["collect", *wanted, "--base-url", url, "-o", "out/c.jsonl", "--rate", "0"]


@asynccontextmanager
async def every_failure(well: Sequence[str]) -> AsyncIterator[tuple[Server, list[str]]]:
    """A server that does to an id each what there is to do, with the key in it; and the ids, the well between them."""
    struck = dict(zip([*_ALL_ROWS, *ECHOES], ids(len(_ALL_ROWS) + len(ECHOES)), strict=True))
    special = {one: _ALL_ROWS[name].serve(record_of(one)) for name, one in struck.items() if name in _ALL_ROWS}
    special |= {struck[name]: scenario for name, scenario in ECHOES.items()}
    every = len(well) // len(struck) + 1
    wanted = list(well)
    for place, one in enumerate(struck.values()):
        wanted.insert(place * every, one)
    async with serving(by_id(special, echo_a_record)) as server:
        yield server, wanted
        missed = {*struck.values()} - {target.rpartition("/")[2] for target in server.targets}
        assert [name for name, one in struck.items() if one in missed] == []


async def struck_by_all(
    keeper: Keeper,
    credentials: str,
    *,
    is_proxied: bool = False,
    well: int = 150,
    attempts: int = 1,
    env: dict[str, str] | None = None,
) -> None:
    async with every_failure(ids(well, 10_000)) as (server, wanted):
        (keeper.folder / "ids").write_text("\n".join(wanted))
        proxy = keeper.proxied_by(server.url) if is_proxied else {}
        done = await keeper.call(
            *(*collecting("http://127.0.0.1:9" if is_proxied else server, "--ids", "ids"), "--concurrency", "30"),
            *("--max-attempts", f"{attempts}", "--read-timeout", "1", "--total-timeout", "2"),
            env={**CREDENTIALS[credentials], **proxy, **(env or {})},
        )
    assert done.code == 3, done.err
    assert "this is a bug" not in done.err
    failed = [json.loads(line) for line in (keeper.folder / "out/c.errors.jsonl").read_text().splitlines()]
    assert len(failed) > 60
    assert "asyncio: DEBUG" in done.err


async def test_no_failure_that_there_can_be_shows_a_bearer_key(keeper: Keeper) -> None:
    await struck_by_all(keeper, "bearer")


async def test_nor_does_it_show_an_organization_s_key_and_a_proxy_s_password(keeper: Keeper) -> None:
    await struck_by_all(keeper, "partner", is_proxied=True)


async def test_no_answer_that_is_asked_for_again_shows_the_key(keeper: Keeper) -> None:
    struck = dict(zip(ids(len(ECHOES)), ECHOES.values(), strict=True))
    async with serving(by_id(struck, echo_a_record)) as server:
        done = await keeper.call(*collecting(server, *struck, *ids(40, 900)), "--max-attempts", "3")
    assert done.code == 3, done.err
    assert "attempt 3" in done.err


@pytest.mark.soak
@pytest.mark.parametrize("is_proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_no_failure_shows_any_kind_of_key_in_a_long_run(
    keeper: Keeper, credentials: str, is_proxied: bool
) -> None:
    keeper.patience = 20 * PATIENCE
    await struck_by_all(keeper, credentials, is_proxied=is_proxied, well=600, attempts=3, env=TRACED)


@pytest.mark.parametrize("end", ENDS)
async def test_no_answer_that_ends_a_run_shows_the_key(keeper: Keeper, end: str) -> None:
    code, scenario = ENDS[end]
    async with serving(scenario) as server:
        done = await keeper.call(*collecting(server, *ids(9)), env=CREDENTIALS["deployment"])
    assert done.code == code, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("redirect", REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_no_redirect_takes_the_key_along_or_shows_it(keeper: Keeper, redirect: Redirect) -> None:
    async def scenario(exchange: Exchange) -> None:
        location = redirect.location(f"http://{exchange.header('Host')}", other.url)
        headers: dict[str, Any] = {}
        if location is not None:
            headers["Location"] = f"{location}?who={exchange.header('Authorization')}"
        await exchange.write(response(b"", f"{redirect.status} Elsewhere", **headers))

    async with serving(answer(b"{}")) as other, serving(scenario) as server:
        done = await keeper.call(*collecting(server, *ids(2)), env=CREDENTIALS["bearer"])
    assert (done.code, other.opened) == (2, 0), done.err
    assert "Traceback" not in done.err


AT_ONCE = {"a proxy without a way", "a proxy that wants credentials", "an expired certificate"}
"""The few that `make test` tries."""


@pytest.mark.parametrize(
    "road", [pytest.param(road, id=name, marks=[pytest.mark.soak][name in AT_ONCE :]) for name, road in ROADS.items()]
)
async def test_no_way_to_the_server_shows_the_key(keeper: Keeper, road: Road) -> None:
    async with road.place(keeper.folder) as place:
        env = {"COLLECTOR_CA_FILE": place.ca_file} if place.ca_file else {}
        if place.proxy:
            env |= keeper.proxied_by(place.proxy)
        done = await keeper.call(
            *collecting(place.url, *ids(1)), *("--max-attempts", "2", "--read-timeout", "1"), env=env
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
@pytest.mark.parametrize("way", Way)
async def test_no_toxic_shows_the_key(keeper: Keeper, toxic: Toxic, way: Way) -> None:
    async with serving(echo_a_record) as server, proxied(server.url, Toxin(toxic, way, 0.5)) as proxy:
        done = await keeper.call(*collecting(proxy.url, *ids(200)), "--max-attempts", "2")
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


def tell_all():
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


async def send_all(self, request):
    loop = asyncio.get_running_loop()
    tell_all()
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
        logging.getLogger("library").exception("what it was")
    reply = await send(self, request)
    return reply


async def send_none(self, request):
    raise ValueError(KEY, HEADERS)


class Sized(Exception):
    def __init__(self):
        super().__init__(KEY, HEADERS)
        self.add_note(f"a note of {KEY}")


def put_none(self, outcome):
    raise Sized() from ExceptionGroup(KEY, [ValueError(HEADERS)])


def settings_none(*_, **__):
    raise Sized()


match BUG:
    case "said in every way":
        transport.Transport.send = send_all
    case "an attempt":
        transport.Transport.send = send_none
    case "the run":
        run.Run._put = put_none
    case "the start":
        run.Run.__init__ = settings_none
    case "a thread of the loop":
        run.Run._header = settings_none
"""
"""Put into a process before ours begins: what nobody foresaw, with the key in every text of it."""


@pytest.mark.parametrize(
    ("bug", "code", "said"),
    [
        ("said in every way", 0, ["a warning about [REDACTED]", "in two", "never retrieved", "in thread [REDACTED]"]),
        ("an attempt", 3, ["internal error: ValueError at "]),
        ("the run", 70, ["Sized", "ExceptionGroup", "this is a bug"]),
        ("the start", 70, ["Sized", "a note of [REDACTED]", "this is a bug"]),
        ("a thread of the loop", 70, ["Sized", "this is a bug"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("traced", [{}, pytest.param(TRACED, marks=pytest.mark.soak)], ids=["loud", "traced"])
async def test_no_bug_shows_the_key(
    keeper: Keeper, traced: dict[str, str], bug: str, code: int, said: list[str]
) -> None:
    plants = keeper.folder / "plants"
    plants.mkdir()
    (plants / "sitecustomize.py").write_text(BUGS)
    path = f"{plants}:{clean_environment(keeper.folder)['PYTHONPATH']}"
    async with serving(found) as server:
        done = await keeper.call(
            *collecting(server, *ids(2)),
            "--max-attempts",
            "2",
            env={"PYTHONPATH": path, "BUG": bug, **traced},
        )
    assert done.code == code, done.err
    assert [text for text in said if text not in done.err] == []
    if bug == "said in every way":
        for text in ("library: DEBUG", "took 0.1", "ResourceWarning: unclosed file", "Exception ignored", "in atexit"):
            assert text in done.err


# Signals, and what the system keeps of a process that they end.


def with_core_files() -> list[str]:
    """A shell that allows them."""
    return ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "bash"]


writes_core_files = pytest.mark.skipif(
    not Path("/proc/sys/kernel/core_pattern").is_file()
    or Path("/proc/sys/kernel/core_pattern").read_text().strip() not in {"core", "core.%p"}
    or resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY,
    reason="the system writes core files elsewhere, or not at all",
)

SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGABRT", "SIGSEGV", "SIGKILL", "SIGQUIT"]


@pytest.mark.parametrize("name", SIGNALS)
async def test_no_signal_leaves_the_key_behind(keeper: Keeper, name: str) -> None:
    signum = signal.Signals[name]
    async with serving(by_id({ids(40)[39]: hang}, echo_a_record)) as server:
        running = await keeper.begin(*collecting(server, *ids(40)), "--concurrency", "4", under=with_core_files())
        await server.saw(40)
        running.send(signum)
        if name in {"SIGINT", "SIGTERM", "SIGHUP"}:
            await running.says("stopping")
            running.send(signum)
        done = await keeper.end(running)
    assert done.code in (128 + signum, -signum), done.err
    assert (keeper.folder / "out/c.jsonl.partial").exists()
    assert not list(keeper.folder.rglob("core*"))


@writes_core_files
def test_a_core_file_would_be_found_and_the_key_in_it(tmp_path: Path) -> None:
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


# Runs that do not begin, and other commands.

REFUSED = {
    "an option nobody knows": (["collect", *ids(1), "--kye"], {}),
    "a setting nobody knows": (["collect", *ids(1), "--config", "c.toml"], {}),
    "a number that is none": (["collect", *ids(1), "--rate", "fast"], {}),
    "certificates that are none": (["collect", *ids(1), "--base-url", "https://x.example", "--ca-file", "ids"], {}),
    "no ids": (["collect"], {}),
    "ids that are none": (["collect", "--ids", "ids", "--base-url", "http://127.0.0.1:9"], {}),
    "an address with a user": (["collect", *ids(1)], {"COLLECTOR_BASE_URL": f"https://u:{KEY}@x.example"}),
    "an address that is none": (["collect", *ids(1)], {"COLLECTOR_BASE_URL": f"ftp://{KEY}"}),
    "a proxy that is none": (["collect", *ids(1)], {"COLLECTOR_PROXY": f"socks5://u:{PASSWORD}@x.example"}),
    "a variable nobody knows": (["collect", *ids(1)], {"COLLECTOR_RAT": KEY}),
    "a folder as output": (["collect", *ids(1), "-o", "."], {}),
    "a key with a space": (["collect", *ids(1)], {"POLYTOMIC_API_KEY": f"{KEY} {KEY}"}),
}


@pytest.mark.parametrize("refused", REFUSED)
async def test_no_run_that_is_refused_shows_the_key(keeper: Keeper, refused: str) -> None:
    arguments, env = REFUSED[refused]
    (keeper.folder / "c.toml").write_text("[api]\nkye = 1\n")
    (keeper.folder / "ids").write_text("not an id\n\x1b[31m\n")
    done = await keeper.call(*arguments, env=env)
    assert done.code == 2, done.err


async def test_other_commands_do_not_show_a_key_they_have_no_use_for(keeper: Keeper) -> None:
    async with serving(echo_a_record) as server:
        assert (await keeper.call(*collecting(server, *ids(5)))).code == 0
    assert (await keeper.call("verify", "out/c.jsonl")).code == 0
    with (keeper.folder / "out/c.jsonl").open("ab") as snapshot:
        snapshot.write(b"\n")
    assert (await keeper.call("verify", "out/c.jsonl")).code == 8
    assert (await keeper.call("sandbox", "--list-ids", "--connections", "3")).code == 0
    sandbox = await keeper.begin("sandbox", "--port", "0")
    await sandbox.says("Ctrl-C ends it")
    sandbox.send(signal.SIGINT)
    assert (await keeper.end(sandbox)).code == 0


async def test_a_key_command_is_told_no_key_and_nobody_else_is_told_its_answer(keeper: Keeper) -> None:
    script = keeper.folder / "give"
    script.write_text(f"#!/bin/sh\nsleep 0.5\nprintf '%s\\n' '{KEY}'\n")
    script.chmod(0o700)
    keeper.given_in = (script,)
    async with serving(by_id({ids(1)[0]: echoing("404")}, echo_a_record)) as server:
        done = await keeper.call(
            *collecting(server, *ids(3)), "--key-command", str(script), env={"POLYTOMIC_PARTNER_KEY": KEY}
        )
    assert done.code == 3, done.err
    assert server.requests
    assert [place for place in keeper.search.seen if place.startswith("the environment")]


# The search itself.

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
    """What the search finds of a program that tells this text in this place."""
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
def test_the_search_finds_a_leak_in_every_form_and_place(tmp_path: Path, place: str) -> None:
    missed = []
    for secret in (KEY, PASSWORD)[: 2 if place == "a file" else 1]:
        for number, (form, text) in enumerate(forms_of(secret).items()):
            search = search_of_a_leak(tmp_path / f"{secret[:8].replace('/', '')} {number} {secret == KEY}", place, text)
            where = {"a file": "file", "a name": "the name"}.get(place, place)
            if [hit for hit in search.hits if hit[1] != secret or where not in hit[0]] or not search.hits:
                missed.append((form, search.hits))
    assert missed == []


def test_the_search_finds_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    search = search_of_a_leak(tmp_path / "well", "a file", f"{KEY[:-1]} {PASSWORD[1:]} %41 \\u0041")
    assert search.hits == []
    assert {"standard output", "standard error", "file", "the name 'file'"} <= search.seen
