"""A locale other than UTF-8 changes no byte of data and ends no command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from collector.sandbox.inventory import Inventory
from tests.conftest import Calling, Starting
from tests.support.pty import on_a_terminal
from tests.support.scripted_server import Exchange, Scenario, by_id, connection, error, ids, response, serving

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "ascii, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "shift_jis": {"PYTHONIOENCODING": "shift_jis"},
    "the C locale, as it is": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
AT_ONCE = {"ascii, strict", "latin-1", "shift_jis", "the C locale, as it is"}
"""The environments that `make test` tries."""
EVERYWHERE = pytest.mark.parametrize(
    "env",
    [pytest.param(env, id=name, marks=[pytest.mark.soak][name in AT_ONCE :]) for name, env in ENVIRONMENTS.items()],
)
NAME = "Lager größe € データ 😀"
ONE, OTHER = ids(2)


async def named(exchange: Exchange) -> None:
    await exchange.write(response(connection(exchange.target.rpartition("/")[2], name=NAME)))


def odd(one: str) -> Scenario:
    """An API with a connection and an error whose texts have characters of many scripts."""
    return by_id({one: named}, error(404, NAME))


@pytest.mark.parametrize("name", ["ascii, strict", "latin-1", "the C locale, as it is"])
@pytest.mark.parametrize("arguments", [["--help"], ["collect", "--help"], ["sandbox", "--help"]])
async def test_help_is_shown(call: Calling, name: str, arguments: list[str]) -> None:
    done = await call(*arguments, env=ENVIRONMENTS[name])
    assert (done.code, done.err) == (0, "")
    assert done.out


@EVERYWHERE
async def test_records_on_standard_output_are_utf_8(call: Calling, env: dict[str, str]) -> None:
    async with serving(named) as server:
        done = await call("collect", ONE, "--base-url", server.url, env=env)
    assert done.code == 0, done.err
    assert json.loads(done.out.decode())["name"] == NAME
    assert NAME.encode() in done.out


@EVERYWHERE
async def test_files_and_messages_about_them_do_not_depend_on_the_locale(
    start: Starting, env: dict[str, str], tmp_path: Path
) -> None:
    # With UTF-8 mode off, Python rejects such a file name in the C locale.
    name = "c.jsonl" if env.get("LC_ALL") else "größe-データ.jsonl"

    async def said(*arguments: str) -> tuple[int, bytes]:
        with (tmp_path / "said").open("w+b") as file:
            code = (await (await start(*arguments, env=env, stderr=file.fileno())).finished()).code
            file.seek(0)
            return code, file.read()

    async with serving(odd(ONE)) as server:
        code, told = await said("collect", ONE, OTHER, "--base-url", server.url, "-v", "-o", name)
    assert code == 3, told
    assert b"Traceback" not in told
    assert json.loads((tmp_path / name).read_bytes())["name"] == NAME
    [line] = (tmp_path / name.replace(".jsonl", ".errors.jsonl")).read_bytes().splitlines()
    assert NAME in json.loads(line)["error"]
    code, told = await said("verify", name)
    assert code == 0, told
    assert b"matches its manifest" in told


@EVERYWHERE
async def test_ids_of_the_sandbox_are_listed(call: Calling, env: dict[str, str]) -> None:
    done = await call("sandbox", "--list-ids", "--connections", "3", env=env)
    assert done.out.decode().split() == list(Inventory(3, seed=7).ids())


async def test_ids_are_in_utf_8_if_standard_output_is_in_utf_16(call: Calling) -> None:
    done = await call("sandbox", "--list-ids", "--connections", "3", env={"PYTHONIOENCODING": "utf-16"})
    assert done.out.decode().split() == list(Inventory(3, seed=7).ids())


async def test_the_demo_shows_its_records(call: Calling, tmp_path: Path) -> None:
    done = await call("demo", env=ENVIRONMENTS["ascii, strict"])
    assert done.code == 0, done.err
    shown = done.out.decode().splitlines()
    assert shown == (tmp_path / "demo/connections.jsonl").read_text("utf-8").splitlines()[:3]
    assert not all(map(str.isascii, shown))  # otherwise the test proves nothing


async def test_the_demo_ends_if_the_reader_of_its_records_closes_the_pipe(start: Starting) -> None:
    done = await (await start("demo", through="true")).finished()
    assert done.code == 141
    assert "Traceback" not in done.err


@pytest.mark.parametrize("name", ["ascii, strict", "latin-1", "the C locale, as it is"])
async def test_the_bar_uses_characters_of_the_encoding(start: Starting, name: str, tmp_path: Path) -> None:
    async def slowly(exchange: Exchange) -> None:
        await asyncio.sleep(0.3)
        await odd(ONE)(exchange)

    async with serving(slowly) as server:
        arguments = ("collect", *ids(4), "--base-url", server.url, "-v", "-o", "c.jsonl")
        code, said = await on_a_terminal(start, *arguments, env=ENVIRONMENTS[name], encoding="latin-1")
    assert code == 3, said
    assert "Traceback" not in said
    assert "1 of 4 connections" in said
    if name != "latin-1":
        assert said.isascii()
