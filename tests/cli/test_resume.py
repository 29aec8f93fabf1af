"""`collector collect`: the files of an unfinished run are resumed or quarantined."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.snapshot.layout import SnapshotPaths
from collector.storage.checkpoint import decode
from tests.conftest import Calling, Forking
from tests.support.output_oracle import Given, check_finished, check_stopped
from tests.support.scripted_server import (
    PATIENCE,
    Exchange,
    Server,
    connection,
    error,
    found,
    hang,
    once_set,
    response,
    serving,
)
from tests.support.scripted_server import ids as ids_of

WANTED = ids_of(9)
ANSWERED, STUCK = WANTED[:5], WANTED[5:]
FAILING = ANSWERED[4]


class Api:
    """A server that does not reply for the last ids until it is repaired."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stuck = set(STUCK)
        self.failing = {FAILING}
        self.organization = "11111111-1111-4111-8111-111111111111"

    def mend(self) -> None:
        self.stuck, self.failing = set(), set()
        self.server.heads.clear()

    @property
    def asked(self) -> list[str]:
        return sorted(target.rpartition("/")[2] for target in self.server.targets)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """An API that replies for four ids, rejects the fifth and does not reply for the others."""

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        if one in there.stuck:
            await hang(exchange)
        elif one in there.failing:
            await error(404, "gone")(exchange)
        else:
            await exchange.write(response(connection(one, organization_id=there.organization)))

    async with serving(talk) as server:
        there = Api(server)
        yield there


def arguments(api: Api, output: str = "out/c.jsonl") -> list[str]:
    return ["--base-url", api.server.url, "-o", output, "--rate", "0", "--concurrency", "9"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def unfinished(
    fork: Forking, api: Api, folder: Path, end: signal.Signals, suffix: str = "", *options: str, name: str = "c.jsonl"
) -> Path:
    """Collect until only ids without a reply remain, and end the process; returns the unfinished file."""
    output = f"out/{name}{suffix}"
    before = len(api.server.targets)
    running = await fork("collect", *WANTED, *arguments(api, output), *options)
    await api.server.saw(before + len(WANTED))
    paths = SnapshotPaths(folder / output)
    path, checkpoint = paths.partial, paths.checkpoint
    async with asyncio.timeout(PATIENCE):  # until the records are synced
        while not checkpoint.exists() or decode(checkpoint.read_bytes()) is None:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    await running.end(end)
    return path


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
async def test_the_next_start_requests_only_the_missing_and_failed_ids(
    fork: Forking, call: Calling, api: Api, tmp_path: Path, suffix: str, end: signal.Signals
) -> None:
    await unfinished(fork, api, tmp_path, end, suffix)
    header = json.loads((tmp_path / "out/c.partial.run.json").read_bytes())
    api.mend()
    done = await call("collect", *WANTED, *arguments(api, f"out/c.jsonl{suffix}"))
    assert done.code == 0, done.err
    assert api.asked == sorted([FAILING, *STUCK])
    result = check_finished(tmp_path / f"out/c.jsonl{suffix}", Given(WANTED), 0)
    assert result.manifest["resumed"] == 4
    assert result.manifest["run_id"] == header["run_id"]
    assert result.manifest["started_at"] == header["started_at"]
    assert "4" in next(line for line in done.err.splitlines() if "taken over" in line)
    assert (await call("verify", f"out/c.jsonl{suffix}")).code == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("suffix", ["", ".gz"])
async def test_a_resumed_run_counts_what_was_repaired_before(
    fork: Forking, call: Calling, tmp_path: Path, suffix: str, end: signal.Signals
) -> None:
    odd = b'"name": "\\ud800", "limit": 1e400, "note": "\\u0000"'
    stuck = set(STUCK)

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        await exchange.write(response(connection(one).replace(b'"name": "Warehouse"', odd))) if one not in stuck else (
            await hang(exchange)
        )

    async with serving(talk) as server:
        api = Api(server)
        await unfinished(fork, api, tmp_path, end, suffix)
        stuck.clear()
        done = await call("collect", *WANTED, *arguments(api, f"out/c.jsonl{suffix}"))
    assert done.code == 0, done.err
    manifest = check_finished(tmp_path / f"out/c.jsonl{suffix}", Given(WANTED), 0).manifest
    assert manifest["resumed"] == len(ANSWERED)
    assert manifest["repairs"]["paths"] == {"name": len(WANTED), "extra.limit": len(WANTED)}
    assert manifest["repaired"] == 2 * len(WANTED)
    assert manifest["nul_characters"] == {"values": len(WANTED), "paths": {"extra.note": len(WANTED)}}
    assert (await call("verify", f"out/c.jsonl{suffix}")).code == 0


async def test_a_run_that_is_stopped_twice_keeps_the_records_of_both_starts(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    await unfinished(fork, api, tmp_path, signal.SIGKILL)
    api.server.heads.clear()
    api.stuck.discard(STUCK[0])
    running = await fork("collect", *WANTED, *arguments(api))
    await api.server.saw(5)
    await asyncio.sleep(0.5)
    assert (await running.end(signal.SIGHUP)).code == 129
    result = check_stopped(tmp_path / "out/c.jsonl", Given(WANTED), 129)
    assert result.outcomes == {"ok": 5, "not_found": 1, "not_attempted": 3}
    assert result.manifest["resumed"] == 4
    api.mend()
    assert (await call("collect", *WANTED, *arguments(api))).code == 0
    check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 0)


TAILS: dict[str, Callable[[bytes], bytes]] = {
    "half a line": lambda raw: raw + raw[:100],
    "one byte": lambda raw: raw + b"{",
    "no line end": lambda raw: raw + raw.splitlines()[0],
    "NULs": lambda raw: raw + bytes(4096),
    "NULs and a line": lambda raw: raw + bytes(4096) + raw.splitlines(keepends=True)[0],
    "half a character": lambda raw: raw + b'{"id":"\xc3',
    "garbage": lambda raw: raw + b"\xff\xfe\n\n\x00garbage\r\n",
    "CRLF": lambda raw: raw + raw.splitlines()[0] + b"\r\n",
    "a line twice": lambda raw: raw + raw.splitlines(keepends=True)[0],
}


@pytest.mark.parametrize("tear", TAILS.values(), ids=TAILS.keys())
async def test_a_torn_tail_is_truncated_and_its_size_reported(
    fork: Forking, call: Calling, api: Api, tmp_path: Path, tear: Callable[[bytes], bytes]
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    whole = path.read_bytes()
    path.write_bytes(tear(whole))
    api.mend()
    done = await call("collect", *WANTED, *arguments(api))
    assert done.code == 0, done.err
    assert f"truncated a torn tail of {len(tear(whole)) - len(whole)} bytes" in done.err
    assert api.asked == sorted([FAILING, *STUCK])
    check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 0)


def flip(raw: bytes) -> bytes:
    return raw[:60] + bytes([raw[60] ^ 1]) + raw[61:]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a byte of a value": lambda raw: raw.replace(b"Warehouse", b"Warehous3", 1),
    "a bad line": lambda raw: raw.replace(b'{"id"', b'{"id', 1),
    "a line twice": lambda raw: raw.splitlines(keepends=True)[0] + raw,
    "NULs": lambda raw: raw[:300] + bytes(100) + raw[400:],
    "the last line gone": lambda raw: b"".join(raw.splitlines(keepends=True)[:-1]),
    "a line gone": lambda raw: b"".join(raw.splitlines(keepends=True)[1:]),
}


@pytest.mark.parametrize(
    ("suffix", "hurt"),
    [*(("", hurt) for hurt in DAMAGE.values()), (".gz", flip), (".zst", flip)],
    ids=[*DAMAGE, ".gz", ".zst"],
)
async def test_corruption_of_synced_records_is_8_or_quarantined(
    fork: Forking, call: Calling, api: Api, tmp_path: Path, hurt: Callable[[bytes], bytes], suffix: str
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGTERM, suffix)
    whole = path.read_bytes()
    damaged = hurt(whole)
    path.write_bytes(damaged)
    run_id = json.loads((tmp_path / "out/c.partial.run.json").read_bytes())["run_id"]
    before = contents(tmp_path / "out")
    api.mend()
    refused = await call("collect", *WANTED, *arguments(api, f"out/c.jsonl{suffix}"), "--resume", "always")
    assert (refused.code, api.asked) == (8, []), refused.err
    assert "corrupt at byte " in refused.err
    assert contents(tmp_path / "out") == before
    done = await call("collect", *WANTED, *arguments(api, f"out/c.jsonl{suffix}"))
    assert (done.code, api.asked) == (0, WANTED), done.err
    aside = path.with_name(f"{path.name}.{run_id}")
    assert aside.name in done.err
    assert aside.read_bytes() == damaged
    for name in contents(tmp_path / "out"):
        if run_id in name:
            (tmp_path / "out" / name).unlink()
    check_finished(tmp_path / f"out/c.jsonl{suffix}", Given(WANTED), 0)


async def test_always_rejects_the_file_of_another_run_with_8_and_changes_no_file(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    await unfinished(fork, api, tmp_path, signal.SIGTERM)
    before = contents(tmp_path / "out")
    api.mend()
    given = arguments(api)
    for arguments_now, ids, what in (
        ([*given, "--api-version", "2024-02-08"], WANTED, "API version"),
        ([given[0], f"{given[1]}/prefix", *given[2:]], WANTED, "base URL"),
        (given, WANTED[1:], "other ids"),
    ):
        done = await call("collect", *ids, *arguments_now, "--resume", "always")
        assert (done.code, api.asked) == (8, []), done.err
        assert what in done.err
        assert contents(tmp_path / "out") == before


async def test_other_ids_quarantine_the_file_by_default(fork: Forking, call: Calling, api: Api, tmp_path: Path) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    half = path.read_bytes()
    run_id = json.loads((tmp_path / "out/c.partial.run.json").read_bytes())["run_id"]
    api.mend()
    done = await call("collect", *WANTED[1:], *arguments(api))
    assert (done.code, api.asked) == (0, WANTED[1:]), done.err
    assert f"c.jsonl.partial.{run_id}" in done.err
    assert "other ids" in done.err
    assert path.with_name(f"{path.name}.{run_id}").read_bytes() == half


async def test_never_quarantines_the_file(fork: Forking, call: Calling, api: Api, tmp_path: Path) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    half = path.read_bytes()
    api.mend()
    done = await call("collect", *WANTED, *arguments(api), "--resume", "never")
    assert (done.code, api.asked) == (0, WANTED), done.err
    [aside] = (tmp_path / "out").glob("c.jsonl.partial.*")
    assert aside.name in done.err
    assert aside.read_bytes() == half


async def test_a_run_of_yesterday_is_resumed_only_with_always(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    await unfinished(fork, api, tmp_path, signal.SIGKILL)
    header = tmp_path / "out/c.partial.run.json"
    begun = json.loads(header.read_bytes())
    old = (datetime.now(UTC) - timedelta(hours=25)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    header.write_text(json.dumps({**begun, "started_at": old}))
    before = contents(tmp_path / "out")
    api.mend()
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (0, WANTED), done.err
    assert "24 hours" in done.err
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    for name, content in before.items():
        (tmp_path / "out" / name).touch(0o600)
        (tmp_path / "out" / name).write_bytes(content)
    api.mend()
    done = await call("collect", *WANTED, *arguments(api), "--resume", "always")
    assert (done.code, api.asked) == (0, sorted([FAILING, *STUCK])), done.err
    check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 0)


async def test_a_record_of_another_organization_stops_the_run_with_8(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    half = path.read_bytes()
    api.mend()
    api.organization = "22222222-2222-4222-8222-222222222222"
    done = await call("collect", *WANTED, *arguments(api))
    assert done.code == 8, done.err
    assert "22222222" in done.err
    assert path.read_bytes() == half


async def test_a_file_without_its_run_header_is_not_resumed(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    (tmp_path / "out/c.partial.run.json").unlink()
    api.mend()
    assert (await call("collect", *WANTED, *arguments(api), "--resume", "always")).code == 8
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (0, WANTED), done.err
    assert path.with_name(f"{path.name}.unknown-run").exists()


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["removed", "emptied"])
async def test_missing_synced_records_are_corruption(
    fork: Forking, call: Calling, api: Api, tmp_path: Path, lose: Callable[[Path], object]
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    header = json.loads((tmp_path / "out/c.partial.run.json").read_bytes())
    lose(path)
    before = contents(tmp_path / "out")
    api.mend()
    refused = await call("collect", *WANTED, *arguments(api), "--resume", "always")
    assert (refused.code, api.asked) == (8, []), refused.err
    before.pop("c.partial.lock")
    assert contents(tmp_path / "out") == before
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (0, WANTED), done.err
    assert f"quarantined: {Path('out/c.jsonl.partial')}.{header['run_id']}" in done.err
    assert (tmp_path / f"out/c.partial.run.json.{header['run_id']}").exists()


async def test_a_third_organization_is_rejected_if_two_are_known(call: Calling, api: Api, tmp_path: Path) -> None:
    api.mend()
    assert (await call("collect", *WANTED, *arguments(api))).code == 0
    out = tmp_path / "out"
    header, lines = head_of(json.loads((out / "c.manifest.json").read_bytes())), (out / "c.jsonl").read_bytes()
    one, other = lines.splitlines(keepends=True)[:2]
    for left in out.iterdir():
        left.unlink()
    (out / "c.partial.run.json").write_bytes(header)
    (out / "c.jsonl.partial").write_bytes(one + other.replace(b"11111111-1111", b"22222222-2222"))
    api.organization = "33333333-3333-4333-8333-333333333333"
    done = await call("collect", *WANTED, *arguments(api))
    assert done.code == 8, done.err
    assert "organization" in done.err


async def test_an_unfinished_run_of_the_same_name_with_another_compression_is_quarantined(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL, ".gz")
    whole, header = path.read_bytes(), json.loads((tmp_path / "out/c.partial.run.json").read_bytes())
    api.mend()
    refused = await call("collect", *WANTED, *arguments(api), "--resume", "always")
    assert (refused.code, api.asked, path.read_bytes()) == (8, [], whole), refused.err
    assert "it belongs to the output c.jsonl.gz" in refused.err
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (0, WANTED), done.err
    aside = tmp_path / f"out/c.jsonl.gz.partial.{header['run_id']}"
    assert aside.name in done.err
    assert aside.read_bytes() == whole
    for left in (tmp_path / "out").glob(f"*.{header['run_id']}"):
        left.unlink()
    check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 0)


@pytest.mark.parametrize("cut", ["before the data", "after the data", "after the manifest"])
async def test_an_interrupted_publication_of_another_compression_is_completed_and_not_resumed(
    call: Calling, api: Api, tmp_path: Path, cut: str
) -> None:
    api.mend()
    api.stuck.clear()
    assert (await call("collect", *WANTED, *arguments(api, "out/c.jsonl.gz"))).code == 0
    out, packed = tmp_path / "out", (tmp_path / "out/c.jsonl.gz").read_bytes()
    (out / "c.partial.run.json").write_bytes(head_of(json.loads((out / "c.manifest.json").read_bytes())))
    if cut != "after the manifest":
        (out / "c.manifest.json").rename(out / "c.manifest.json.draft")
    if cut == "before the data":
        (out / "c.jsonl.gz").rename(out / "c.jsonl.gz.partial")
    api.server.heads.clear()
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (0, WANTED), done.err
    assert (out / "c.jsonl.gz").read_bytes() == packed
    check_finished(out / "c.jsonl", Given(WANTED), 0)


# A crash during the publication.


def drafted(folder: Path, finished: dict[str, bytes], header: bytes) -> None:
    """Only the staged file was written."""
    (folder / "c.jsonl").rename(folder / "c.jsonl.partial")
    (folder / "c.manifest.json").rename(folder / "c.manifest.json.draft")
    (folder / "c.errors.jsonl").rename(folder / "c.partial.errors.jsonl")
    (folder / "c.partial.run.json").write_bytes(header)


def beside_older(folder: Path, finished: dict[str, bytes], header: bytes) -> None:
    drafted(folder, finished, header)
    for name in ("c.jsonl", "c.manifest.json", "c.errors.jsonl"):
        (folder / name).write_bytes(b"older\n")


def data_renamed(folder: Path, finished: dict[str, bytes], header: bytes) -> None:
    drafted(folder, finished, header)
    (folder / "c.jsonl.partial").rename(folder / "c.jsonl")
    (folder / "c.errors.jsonl").write_bytes(b"older\n")


def errors_renamed(folder: Path, finished: dict[str, bytes], header: bytes) -> None:
    data_renamed(folder, finished, header)
    (folder / "c.partial.errors.jsonl").rename(folder / "c.errors.jsonl")


def all_but_the_head(folder: Path, finished: dict[str, bytes], header: bytes) -> None:
    (folder / "c.partial.run.json").write_bytes(header)
    (folder / "c.partial.checkpoint").write_bytes(b"")


def head_of(manifest: dict[str, Any]) -> bytes:
    """The header of the run that wrote this manifest."""
    source = manifest["source"]
    shared = {key: source[key] for key in ("ids_digest", "base_url", "api_version")}
    return json.dumps(
        {**shared, "run_id": manifest["run_id"], "started_at": manifest["started_at"], "schema": 1}
    ).encode()


CUT_SHORT = [drafted, beside_older, data_renamed, errors_renamed, all_but_the_head]


@pytest.mark.parametrize("cut", CUT_SHORT)
@pytest.mark.parametrize("others", [False, True], ids=["the same run", "a run of other ids"])
async def test_the_next_start_completes_an_interrupted_publication(
    call: Calling, api: Api, tmp_path: Path, cut: Callable[[Path, dict[str, bytes], bytes], None], others: bool
) -> None:
    api.stuck.clear()
    first = await call("collect", *WANTED, *arguments(api))
    assert first.code == 3, first.err
    out = tmp_path / "out"
    finished = contents(out)
    manifest = json.loads(finished["c.manifest.json"])
    cut(out, finished, head_of(manifest))
    api.mend()
    if others:
        api.stuck = set(WANTED)
        refused = await call("collect", *WANTED[1:], *arguments(api), "--max-duration", "0.3", "--read-timeout", "1")
        assert refused.code == 5, refused.err
        assert {name: (out / name).read_bytes() for name in finished} == finished
        return
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (3, []), done.err
    assert contents(out) == finished


async def test_a_staged_manifest_that_does_not_match_the_data_is_removed(
    call: Calling, api: Api, tmp_path: Path
) -> None:
    api.mend()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/c.manifest.json.draft").write_bytes(b'{"run_id":')
    (tmp_path / "out/c.jsonl").write_bytes(b"older\n")
    done = await call("collect", *WANTED, *arguments(api))
    assert (done.code, api.asked) == (0, WANTED), done.err
    check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 0)


# Locks.


async def test_outputs_that_share_a_manifest_exclude_each_other(fork: Forking, call: Calling, api: Api) -> None:
    running = await fork("collect", *WANTED, *arguments(api))
    await api.server.saw(len(WANTED))
    api.server.heads.clear()
    done = await call("collect", *WANTED, *arguments(api, "out/c.jsonl.gz"))
    assert (done.code, api.asked) == (7, []), done.err
    running.send(signal.SIGKILL)
    await running.finished()
    api.mend()
    assert (await call("collect", *WANTED, *arguments(api))).code == 0


@pytest.mark.parametrize("starts", [10, pytest.param(50, marks=pytest.mark.soak)])
async def test_one_of_simultaneous_starts_works_and_the_others_send_no_request(
    fork: Forking, api: Api, tmp_path: Path, starts: int
) -> None:
    """All are started while the first waits for its server."""
    api.failing = set()
    started = [await fork("collect", *WANTED, *arguments(api)) for _ in range(starts)]
    ended = [asyncio.ensure_future(one.finished()) for one in started]
    async with asyncio.timeout(4 * PATIENCE):
        while sum(task.done() for task in ended) < starts - 1:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.05)
    assert sorted(api.asked) == WANTED
    [worker] = [one for one, task in zip(started, ended, strict=True) if not task.done()]
    worker.send(signal.SIGTERM)
    await worker.wait_for_stderr("finishing requests in flight")
    worker.send(signal.SIGTERM)
    codes = sorted([(await task).code for task in ended])
    assert codes == [7] * (starts - 1) + [143]
    check_stopped(tmp_path / "out/c.jsonl", Given(WANTED), 143)


@pytest.mark.parametrize("there", [None, b"not the collector's\n"], ids=["removed", "replaced"])
async def test_a_file_that_is_removed_during_the_run_is_6_and_no_snapshot_is_published(
    fork: Forking, api: Api, tmp_path: Path, there: bytes | None
) -> None:
    release = asyncio.Event()
    async with serving(once_set(release, found)) as server:
        running = await fork("collect", *WANTED, "--base-url", server.url, "-o", "out/c.jsonl")
        await server.saw(1)
        path = tmp_path / "out/c.jsonl.partial"
        path.unlink()
        if there is not None:
            path.write_bytes(there)
        release.set()
        done = await running.finished()
    assert done.code == 6, done.err
    assert "removed or replaced" in done.err
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_a_partial_that_is_not_a_file_is_6(call: Calling, api: Api, tmp_path: Path) -> None:
    for make in (Path.mkdir, lambda path: path.symlink_to("elsewhere")):
        path = tmp_path / "out/c.jsonl.partial"
        path.parent.mkdir(exist_ok=True)
        make(path)
        done = await call("collect", *WANTED, *arguments(api))
        assert (done.code, api.asked) == (6, []), done.err
        path.unlink() if path.is_symlink() else path.rmdir()


@pytest.mark.parametrize("name", ["c.ndjson", "c.json", "c"])
async def test_the_records_of_a_stopped_run_are_verified_under_any_name(
    fork: Forking, call: Calling, api: Api, tmp_path: Path, name: str
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGTERM, name=name)
    done = await call("verify", str(path))
    assert done.code == 0, done.err
    assert "its run stopped; 4 ids were not attempted" in done.err


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
async def test_the_records_of_a_stopped_run_are_verified_with_its_manifest(
    fork: Forking, call: Calling, api: Api, tmp_path: Path, suffix: str
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGTERM, suffix)
    done = await call("verify", str(path))
    assert done.code == 0, done.err
    assert f"4 records, 1 errors in {tmp_path / 'out/c.partial.errors.jsonl'}, " in done.err
    assert f"{path}: its run stopped; 4 ids were not attempted; rerun its command to resume it" in done.err
    for changed in (path, tmp_path / "out/c.partial.errors.jsonl"):
        content = changed.read_bytes()
        changed.write_bytes(content[:-1] + bytes([content[-1] ^ 4]))
        done = await call("verify", str(path))
        assert (done.code, str(changed) in done.err) == (8, True), done.err
        changed.write_bytes(content)
    done = await call("verify", f"out/c.jsonl{suffix}")
    assert done.code == 2, done.err
    assert "its run has not finished; rerun its command to resume it, or verify out/c.jsonl" in done.err


async def test_a_stopped_run_that_could_not_write_its_first_error_is_verified(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    api.failing, api.stuck = set(), {FAILING, *STUCK}
    path = await unfinished(fork, api, tmp_path, signal.SIGTERM)
    errors = tmp_path / "out/c.partial.errors.jsonl"
    errors.touch()
    assert (await call("verify", str(path))).code == 0
    errors.write_bytes(b"\n")
    done = await call("verify", str(path))
    assert (done.code, f"{errors}: unexpected: the manifest counts no errors" in done.err) == (8, True), done.err


async def test_the_records_of_a_killed_run_are_8_with_the_advice_to_resume_it(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    path = await unfinished(fork, api, tmp_path, signal.SIGKILL)
    done = await call("verify", str(path))
    assert done.code == 8, done.err
    assert (
        "c.partial.manifest.json: does not exist, so the records cannot be verified: their run is in progress or was"
        in done.err
    )
    assert "rerun its command to resume it" in done.err
    (tmp_path / "out/c.partial.run.json").unlink()
    assert (await call("collect", *WANTED[:4], *arguments(api))).code == 0
    (aside,) = (tmp_path / "out").glob("c.jsonl.partial.*")
    done = await call("verify", str(aside))
    assert (done.code, "the records cannot be verified: their run was killed and quarantined" in done.err) == (
        8,
        True,
    ), done.err


async def test_quarantined_records_are_verified_with_their_quarantined_manifest(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    await unfinished(fork, api, tmp_path, signal.SIGTERM)
    await unfinished(fork, api, tmp_path, signal.SIGTERM, "", "--resume", "never")
    (aside,) = (tmp_path / "out").glob("c.jsonl.partial.*")
    assert (await call("verify", str(aside))).code == 0  # not the errors of the newer run, which is also unfinished
    api.mend()
    assert (await call("collect", *WANTED, *arguments(api))).code == 0
    done = await call("verify", str(aside))
    assert done.code == 0, done.err
    assert "4 records, 1 errors in " in done.err
    assert f"{aside}: its run stopped; 4 ids were not attempted; it is quarantined, so no run resumes it" in done.err
    aside.write_bytes(aside.read_bytes()[:-1])
    assert (await call("verify", str(aside))).code == 8
    assert (await call("verify", "out/c.jsonl")).code == 0
