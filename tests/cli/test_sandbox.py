"""`collector sandbox` as a user runs it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from collector.model.record import Json
from collector.sandbox.deployment import Deployment
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import PARTNER_KEY, SANDBOX_KEY, numbered
from tests.conftest import KEY, Calling, Finished, Running, Starting
from tests.support.output_oracle import Given, Seen, check_finished
from tests.support.scripted_server import free_port


async def started(start: Starting, *arguments: str, port: int | None = None) -> tuple[Running, str]:
    """A running sandbox, and its address from its message."""
    running = await start("sandbox", "--port", str(free_port() if port is None else port), *arguments)
    await running.wait_for_stderr("-o out.jsonl")  # the last line before it serves
    found = re.search(r"at (http://[^;]+);", running.stderr.decode())
    assert found
    return running, found[1]


async def got(url: str, key: str = SANDBOX_KEY) -> dict[str, Json]:
    """The JSON at an address."""

    def get() -> dict[str, Json]:
        request = Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310
        with urlopen(request, timeout=20) as reply:  # noqa: S310
            found: dict[str, Json] = json.load(reply)
            return found

    return await asyncio.to_thread(get)


@pytest.mark.parametrize(("signum"), [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_the_connections_of_the_seed_until_it_is_stopped_and_reports_the_requests(
    start: Starting, signum: signal.Signals
) -> None:
    running, url = await started(start, "--connections", "20", "--seed", "5")
    one = Inventory(20, seed=5).id_at(3)
    assert (await got(f"{url}/api/connections/{one}"))["data"] == Inventory(20, seed=5).connection(3)
    assert (await got(f"{url}/_sandbox/requests"))["total"] == 1
    running.send(signum)
    done = await running.finished()
    assert (done.code, done.out) == (0, b"")
    assert "served 1 requests" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("text", [SANDBOX_KEY, f'"{SANDBOX_KEY}"', "127.0.0.1"])
async def test_its_key_and_its_address_are_shown_even_if_they_are_set_as_the_key(start: Starting, text: str) -> None:
    """Users export the sandbox's key, as the docs advise; the key must not be masked in the sandbox's own message."""
    running = await start(
        *("sandbox", "--port", "0"),
        env={"POLYTOMIC_API_KEY": text, "POLYTOMIC_DEPLOYMENT_KEY": SANDBOX_KEY},
    )
    await running.wait_for_stderr("-o out.jsonl")
    said = running.stderr.decode()
    assert "REDACTED" not in said
    assert f"its key is {SANDBOX_KEY};" in said
    assert f"POLYTOMIC_API_KEY={SANDBOX_KEY} collector collect --base-url http://" in said


async def test_a_key_other_than_the_sandboxs_is_masked_in_its_messages(start: Starting) -> None:
    running = await start("sandbox", "--port", "0", "--faults", f"{KEY}=1")
    done = await running.finished()
    assert done.code == 2
    assert KEY not in done.err


async def test_the_suggested_command_collects_every_connection(start: Starting, call: Calling, tmp_path: Path) -> None:
    running, url = await started(start, "--connections", "40", "--faults", "500=0.1", port=0)
    suggested = re.search(r"POLYTOMIC_API_KEY=(\S+) collector (collect .*)", running.stderr.decode())
    assert suggested
    done = await call(
        *suggested[2].replace("out.jsonl", "out/c.jsonl").split(), env={"POLYTOMIC_API_KEY": suggested[1]}
    )
    assert done.code == 0, done.err
    total = (await got(f"{url}/_sandbox/requests"))["total"]
    assert isinstance(total, int)
    check_finished(tmp_path / "out/c.jsonl", Given(list(Inventory(40, seed=7).ids())), 0, seen=Seen(total), lists=1)


async def test_it_stops_during_a_request_without_a_reply(start: Starting) -> None:
    running, url = await started(start, "--faults", "hang=1")
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n")
        while (await got(f"{url}/_sandbox/requests"))["total"] != 1:  # noqa: ASYNC110  # in another process
            await asyncio.sleep(0.01)
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert done.code == 0, done.err


async def test_list_ids_prints_the_ids_and_does_not_serve(call: Calling) -> None:
    done = await call("sandbox", "--list-ids", "--connections", "7", "--seed", "9")
    assert (done.code, done.err) == (0, "")
    assert done.out.decode().split("\n") == [*Inventory(7, seed=9).ids(), ""]


async def test_the_ids_change_with_the_generation(call: Calling) -> None:
    arguments = ("sandbox", "--list-ids", "--connections", "60", "--churn", "0.1")
    first, later = [(await call(*arguments, "--generation", number)).out.decode().split() for number in ("0", "2")]
    assert first == list(Inventory(60, seed=7).ids())
    assert later == list(Inventory(60, seed=7, churn=0.1, generation=2).ids())
    assert 50 < len(set(first) & set(later)) < 60


async def test_list_ids_ends_quietly_if_the_reader_closes_the_pipe(start: Starting) -> None:
    running = await start("sandbox", "--list-ids", "--connections", "100000", through="head -n 1")
    done = await running.finished()
    assert (done.code, done.err) == (141, "")
    assert len(done.out.splitlines()) == 1


async def test_several_organizations_are_served_each_with_a_key_that_is_shown(start: Starting, call: Calling) -> None:
    running, url = await started(start, "--organizations", "3", "--connections", "5", "--seed", "2", port=0)
    assert "3 organizations, each with as many connections" in running.stderr.decode()
    assert "sandbox-key-3" in running.stderr.decode()
    assert PARTNER_KEY in running.stderr.decode()
    deployment = Deployment.of_size(3, 5, seed=2)
    for position, inventory in enumerate(deployment.inventories):
        found = await got(f"{url}/api/connections", numbered(SANDBOX_KEY, position))
        assert [each["id"] for each in found["data"]] == list(inventory.ids())
    assert (await got(f"{url}/api/organizations", PARTNER_KEY))["data"] == deployment.organizations()
    done = await call("sandbox", "--list-ids", "--organizations", "3", "--connections", "5", "--seed", "2")
    assert done.out.decode().split() == [id for inventory in deployment.inventories for id in inventory.ids()]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--faults", "frob=1"], "frob"),
        (["--faults", "500=2"], "500=2"),
        (["--faults", "500"], "500"),
        (["--faults", "500=0.6,503=0.6"], "more than 1"),
        (["--connections", "-1"], "-1"),
        (["--organizations", "0"], "outside the range 1 to 1000"),
        (["--organizations", "1001"], "1001"),
        (["--churn", "1.5"], "--churn 1.5"),
        (["--churn", "nan"], "--churn nan"),
        (["--generation", "2"], "--generation 2"),
        (["--generation", "-1", "--churn", "0.1"], "--generation -1"),
        (["--generation", "9", "--churn", "1", "--connections", "4000000000"], "4000000000"),
        (["--connections", "many"], "--connections: unable to convert"),
        (["--port", "70000"], "70000"),
        (["--port", "-1"], "-1"),
        (["--host", "no-such-host.invalid"], "no-such-host.invalid"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
        (["--frobnicate"], "--frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_option_of_the_sandbox_is_2_and_named(
    call_here: Callable[..., Finished], arguments: list[str], named: str
) -> None:
    done = call_here("sandbox", *arguments)
    assert (done.code, done.out) == (2, b"")
    assert named in done.err
    assert done.err.count("\n") == 1
    assert len(done.err) < 250
    assert "Traceback" not in done.err


async def test_a_port_in_use_is_2_with_a_message(call: Calling) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = await call("sandbox", "--port", str(port))
    assert done.code == 2
    assert str(port) in done.err
    assert "in use" in done.err
