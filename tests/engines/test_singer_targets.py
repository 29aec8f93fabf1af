"""Singer targets that others wrote load what the tap emits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.conftest import Calling
from tests.engines.foreign import program, run
from tests.support.postgres import Server, postgres_server
from tests.support.scripted_server import answer, connection, ids, serving
from tests.support.singer_oracle import check_singer

pytestmark = pytest.mark.engines

SEED = 4


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


class Tapped:
    """Taps a sandbox of so many connections."""

    def __init__(self, call: Calling, folder: Path) -> None:
        self._call = call
        self._folder = folder

    async def __call__(self, url: str, *, code: int = 0, **config: Any) -> bytes:
        path = self._folder / "config.json"
        path.write_text(json.dumps({"base_url": url, "rate": 0, **config}))
        path.chmod(0o600)
        done = await self._call("tap", "--config", "config.json", env={"POLYTOMIC_API_KEY": SANDBOX_KEY})
        assert done.code == code, done.err
        return done.out


@asynccontextmanager
async def sandbox(size: int) -> AsyncIterator[str]:
    async with serve(Inventory(size, seed=SEED)) as server:
        yield server.url


@pytest.fixture
def tap(call: Calling, tmp_path: Path) -> Tapped:
    return Tapped(call, tmp_path)


def load(server: Server, schema: str, messages: bytes, folder: Path) -> dict[str, Any]:
    """Load messages with meltanolabs-target-postgres; return the state that it emits; it does not emit an empty one."""
    host = {"host": "127.0.0.1", "port": server.port, "user": "collector", "password": "unused", "database": "postgres"}
    (folder / "target.json").write_text(json.dumps({**host, "default_target_schema": schema}))
    command = [program("target-postgres", "target-postgres"), "--config", "target.json"]
    states = run(command, folder=folder, env={}, stdin=messages).splitlines()
    state: dict[str, Any] = json.loads(states[-1]) if states else {}
    return state


def rows(server: Server, columns: str, table: str) -> list[dict[str, Any]]:
    found = server.psql(f"select row_to_json(r) from (select {columns} from {table}) r")  # of this file
    return [json.loads(line) for line in found.splitlines()]


async def test_postgres_has_every_record_and_marks_the_connections_that_are_gone(
    tap: Tapped, postgres: Server, tmp_path: Path
) -> None:
    assert set(Inventory(40, seed=SEED).ids()) < set(Inventory(50, seed=SEED).ids())
    async with sandbox(50) as url:
        before = await tap(url, tables=["policies", "users"])
    load(postgres, "gone", before, tmp_path)
    records = {each["id"]: each for each in check_singer(before).records["connections"]}
    for row in rows(postgres, "*", "gone.connections"):
        record = records.pop(row["id"])
        for name in ("name", "type_id", "policies", "type_operations", "configuration", "extra", "rate_limit", "saved"):
            assert row[name] == record[name], name
    assert records == {}
    async with sandbox(40) as url:
        partial = await tap(url, tables=["policies", "users"], ids=list(Inventory(5, seed=SEED).ids()))
        load(postgres, "gone", partial, tmp_path)
        assert postgres.psql("select count(*), count(_sdc_deleted_at) from gone.connections") == "50|0\n"
        after = await tap(url, tables=["policies", "users"])
    state = load(postgres, "gone", after, tmp_path)
    assert postgres.psql("select count(*), count(_sdc_deleted_at) from gone.connections") == "50|10\n"
    marked = postgres.psql("select id from gone.connections where _sdc_deleted_at is not null").split()
    assert set(marked) == set(Inventory(50, seed=SEED).ids()) - set(Inventory(40, seed=SEED).ids())
    assert state == check_singer(after).state


async def test_postgres_takes_integers_and_timestamps_that_do_not_fit(
    tap: Tapped, postgres: Server, tmp_path: Path
) -> None:
    [one] = ids(1)
    odd = connection(one, created_at="last week", api_calls_last_24_hours=10**40, limits={"rows": 10**39})
    async with serving(answer(odd)) as server:
        messages = await tap(server.url, ids=[one])
    load(postgres, "odd", messages, tmp_path)
    [row] = rows(postgres, "created_at, api_calls_last_24_hours, extra::text as extra", "odd.connections")
    assert (row["created_at"], row["api_calls_last_24_hours"]) == (None, None)
    assert json.loads(row["extra"]) == {
        "created_at": "last week",
        "api_calls_last_24_hours": 10**40,
        "limits": {"rows": 10**39},
    }


async def test_a_target_that_does_not_know_activate_version_writes_every_record(tap: Tapped, tmp_path: Path) -> None:
    async with sandbox(60) as url:
        messages = await tap(url, tables=["roles"])
    (tmp_path / "out").mkdir()
    (tmp_path / "target.json").write_text('{"destination_path":"out"}')
    command = [program("target-jsonl", "target-jsonl"), "--config", "target.json"]
    state = run(command, folder=tmp_path, env={}, stdin=messages)
    singer = check_singer(messages)
    assert json.loads(state.splitlines()[-1]) == singer.state
    for name, records in singer.records.items():
        [path] = (tmp_path / "out").glob(f"{name}-*.jsonl")
        assert [json.loads(line) for line in path.read_bytes().splitlines()] == records
