"""Hostile ids: any input leads to a valid request for a connection, or to no request."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from collector.client.auth.key_shape import looks_like_api_key
from collector.client.messages import Request
from collector.client.transport.aiohttp_transport import url_of
from collector.model.ids import canonical_id
from collector.run.ids.id_input import read_ids
from tests.conftest import Calling
from tests.support.scripted_server import Exchange, Server, connection, response, serving

ONE = "248df4b7-aa70-47b8-a036-33ac447e668d"
TARGET = re.compile(r"/api/connections/[0-9a-f-]{36}", re.ASCII)
BASES = [URL(f"https://api.example{prefix}", encoded=True) for prefix in ("", "/polytomic", "/a%20b//c")]

HOSTILE_PIECES: list[str] = [
    *"/\\?#&;@:{}-_+xg'\" \t\n\r\0\x7f\x85\x9b\xa0",
    *(
        "..",
        "%2f",
        "%2F..",
        "%00",
        "%0d%0a",
        "\r\n",
        "--",
        "urn:uuid:",
        "uuid:",
        "//evil.example/",
        "http://evil.example",
    ),
    *"\ufeff\u200b\u200e\u202e\u2066\u061c\u2028\u3000",  # invisible characters
    *"\ud800\udfff",  # lone surrogates
    *"\u0662\uff12\U0001d7da\u0430\uff21\uff46\u0130\u0131\u017f\u212a\u2013\u2010\xdf",  # look-alikes
    *("\x1b[31m", "\U0001f600", "x" * 70_000, "a" * 36, "0" * 36, "-" * 36),
]
uuids = st.uuids().map(str)


def corrupted(text: str, piece: str, at: int, length: int) -> str:
    """`text` with `length` of its characters replaced by `piece`."""
    return text[:at] + piece + text[at + length :]


def encoded(text: str) -> str:
    return "".join(f"%{ord(each):02x}" for each in text)


SHAPES: list[Callable[[str], str]] = [
    str,
    *(str.upper, str.title, encoded, lambda one: one[::-1], lambda one: one * 2, lambda one: one[:-1]),
    *(lambda one: one.replace("-", ""), lambda one: one.replace("-", "/"), lambda one: f"{{{one}}}"),
    *(lambda one: f"urn:uuid:{one}", lambda one: f" {one}\t", lambda one: f"../{one}", lambda one: f"{one}/../.."),
    *(lambda one: f"{one}?x=1", lambda one: f"{one}#x", lambda one: f"{one};x"),
]
mutants = st.builds(
    corrupted, uuids, st.sampled_from(HOSTILE_PIECES), st.integers(0, 36), st.sampled_from([0, 0, 1, 4, 36])
)
shapes = st.builds(lambda shape, one: shape(one), st.sampled_from(SHAPES), uuids)
hostile = st.one_of(mutants, shapes, mutants, st.text(alphabet=st.characters(codec=None), max_size=40))


def is_id(text: str) -> bool:
    """An independent definition of an id: only these characters, in these positions."""
    return len(text) == 36 and all(
        each == "-" if at in {8, 13, 18, 23} else each in "0123456789abcdefABCDEF" for at, each in enumerate(text)
    )


def bare(text: str) -> str:
    """The text without the spaces and the braces in which people write an id."""
    stripped = text.strip()
    return stripped[1:-1] if stripped.startswith("{") and stripped.endswith("}") else stripped


def assert_harmless(text: str) -> None:
    found = canonical_id(text)
    assert (found is not None) == is_id(text)
    if found is None:
        return
    assert found == text.lower()
    for base in BASES:
        target = str(url_of(base, Request(f"/api/connections/{found}")).relative())
        prefix = base.raw_path.rstrip("/")
        assert target.startswith(prefix)
        assert TARGET.fullmatch(target.removeprefix(prefix))


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(st.lists(hostile, min_size=20, max_size=20))
def test_ten_thousand_hostile_ids_become_valid_targets_or_no_request(texts: list[str]) -> None:
    for text in texts:
        assert_harmless(text)


@pytest.mark.soak
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(hostile)
def test_each_hostile_id_becomes_a_valid_target_or_no_request(text: str) -> None:
    assert_harmless(text)


def hostile_ids(count: int, seed: int) -> list[str]:
    """Hostile ids as above, reproducible by `seed`."""
    rng = random.Random(seed)
    texts = []
    for number in range(count):
        one = f"{rng.getrandbits(32):08x}-{number:04x}-4000-8000-{rng.getrandbits(48):012x}"
        change = rng.choice(HOSTILE_PIECES), rng.randrange(37), rng.choice([0, 1, 4, 36])
        texts.append(rng.choice(SHAPES)(one) if number % 2 else corrupted(one, *change))
    return texts


HOSTILE = hostile_ids(2000, seed=5)


def assert_only_ids_were_requested(server: Server, prefix: str, texts: Iterable[str]) -> set[str]:
    """Check that every target is well-formed and that every text that stands for an id was requested once."""
    for header in server.heads:
        line = header.split(b"\r\n", 1)[0].decode("ascii")
        assert re.fullmatch(rf"GET {prefix}/api/connections/[0-9a-f-]{{36}} HTTP/1\.1", line, re.ASCII), line
    expected = {bare(text).lower() for text in texts if is_id(bare(text))}
    assert expected
    requested = [target.rpartition("/")[2] for target in server.targets]
    assert sorted(requested) == sorted(expected)
    return expected


def assert_reported_by_place_only(messages: str, texts: Iterable[str]) -> None:
    for text in texts:
        stripped = text.strip()
        if not is_id(bare(text)) and len(stripped) > 12:
            assert stripped not in messages
    assert not set(messages) & {"\x1b", "\x9b", "\x00", "\r", "\u202e", "\u2066"}


async def reply_with_connection(exchange: Exchange) -> None:
    await exchange.write(response(connection(exchange.target.rpartition("/")[2])))


RUN = ["--rate", "0", "-o", "c.jsonl"]
PREFIX = "/poly%20tomic"


async def collected(call: Calling, *arguments: str, texts: list[str], folder: Path) -> dict[str, int]:
    """Run against a real server, check its requests, and return the input counts of the manifest."""
    async with serving(reply_with_connection) as server:
        done = await call("collect", *arguments, "--base-url", server.url + PREFIX, *RUN)
    assert done.code == 3, done.err
    expected = assert_only_ids_were_requested(server, PREFIX, texts)
    assert_reported_by_place_only(done.err, texts)
    assert not list(folder.rglob("*evil*"))
    counted: dict[str, int] = json.loads((folder / "c.manifest.json").read_bytes())["account"]["input"]
    assert counted["unique"] == len(expected)
    assert counted["lines"] == sum(counted[each] for each in ("unique", "duplicates", "invalid", "blank"))
    return counted


async def test_hostile_arguments_cause_only_valid_requests(call: Calling, tmp_path: Path) -> None:
    """Omits texts that cannot be arguments (NUL, lone surrogates) or that would be options."""
    texts = [text for text in HOSTILE[:1000] if len(text) < 1000 and not text.startswith("-")]
    texts = [text for text in texts if "\0" not in text and not re.search("[\ud800-\udfff]", text)]
    texts = [text for text in texts if not looks_like_api_key(text)]  # rejected, see test_argument_guard
    counted = await collected(call, *texts, texts=texts, folder=tmp_path)
    assert counted["lines"] == len(texts)
    assert counted["invalid"] == sum(not is_id(bare(text)) for text in texts)


async def test_hostile_lines_of_text_cause_only_valid_requests(call: Calling, tmp_path: Path) -> None:
    lines = "\n".join(HOSTILE).replace("\0", "").encode(errors="surrogatepass").split(b"\n")
    (tmp_path / "ids.txt").write_bytes(b"\n".join(lines))
    texts = [line.partition(b"#")[0].decode(errors="replace") for line in lines]
    counted = await collected(call, "--ids", "ids.txt", texts=texts, folder=tmp_path)
    assert counted["lines"] == len(lines)


async def test_hostile_table_cells_cause_only_valid_requests(call: Calling, tmp_path: Path) -> None:
    texts = [text.replace("\0", "").encode(errors="replace").decode() for text in HOSTILE]
    with (tmp_path / "ids.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name", "id"], *(["x", text] for text in texts)])
    counted = await collected(call, "--ids", "ids.csv", texts=texts, folder=tmp_path)
    assert counted["lines"] == len(texts)


async def test_hostile_json_values_cause_only_valid_requests(call: Calling, tmp_path: Path) -> None:
    others = [None, 1, 1.5, True, [], [ONE], {}, {"id": ONE}]
    lines = [json.dumps({"id": each}) for each in [*HOSTILE, *others]]
    (tmp_path / "ids.jsonl").write_text("\n".join(lines))
    counted = await collected(call, "--ids", "ids.jsonl", texts=HOSTILE, folder=tmp_path)
    assert counted["lines"] == len(lines)


async def test_hostile_ids_of_the_list_endpoint_cause_only_valid_requests(call: Calling, tmp_path: Path) -> None:
    """Ids from the API are validated too, and not even stripped."""
    texts = [text.encode(errors="replace").decode() for text in HOSTILE]
    items = [{"id": text} for text in texts]

    async def listing(exchange: Exchange) -> None:
        if exchange.target.endswith("/connections"):
            await exchange.write(response(json.dumps({"data": [*items, {}, None, ONE]}).encode()))
            exchange.server.heads.clear()
        else:
            await reply_with_connection(exchange)

    async with serving(listing) as server:
        done = await call("collect", "--all", "--base-url", server.url + PREFIX, *RUN)
    assert done.code == 3, done.err
    assert_only_ids_were_requested(server, PREFIX, [text for text in texts if is_id(text)])
    assert_reported_by_place_only(done.err, texts)


async def test_a_nul_byte_makes_a_list_of_ids_unreadable(call: Calling, tmp_path: Path) -> None:
    async with serving(reply_with_connection) as server:
        for name in ("ids.txt", "ids.csv", "ids.jsonl"):
            (tmp_path / name).write_bytes(f"id\n{ONE}\n{ONE}\0.evil\n".encode())
            done = await call("collect", "--ids", name, "--base-url", server.url)
            assert done.code == 2, done.err
            assert "NUL" in done.err
    assert server.opened == 0


def test_invalid_lines_are_counted_and_reported_by_position_only() -> None:
    lines = "\n".join(HOSTILE).replace("\0", "").encode(errors="replace")
    id_input = read_ids((), ["-"], column="id", stdin=io.BytesIO(lines))
    assert all(is_id(each) for each in id_input.ids)
    assert id_input.count.invalid > 500
    messages: list[str] = []
    id_input.report_problems(messages.append)
    assert_reported_by_place_only("".join(messages), HOSTILE)


def test_a_real_server_receives_the_intended_target() -> None:
    """Checks the bytes on a socket, for every valid spelling of an id."""
    spelt = [ONE, ONE.upper(), ONE.title()]
    assert {canonical_id(each) for each in spelt} == {ONE}
    assert asyncio.run(_target_of(ONE)) == f"{PREFIX}/api/connections/{ONE}"


async def _target_of(one: str) -> str:
    from tests.client.test_aiohttp_transport import open_aiohttp  # noqa: PLC0415  # imports the whole contract suite

    async with serving(reply_with_connection) as server, open_aiohttp(server.url + PREFIX) as (send, _):
        await send(Request(f"/api/connections/{one}"))
    return server.targets[0]
