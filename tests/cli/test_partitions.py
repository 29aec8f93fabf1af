"""`collect -o 'out/dt={date}/connections-{part}.jsonl.zst'`: Hive partitions of numbered parts, `_SUCCESS` last."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import duckdb
import pyarrow.parquet as pq
import pytest

from collector.sandbox.deployment import Deployment
from collector.sandbox.inventory import Inventory
from tests.cli.test_formats import files_in
from tests.cli.test_organizations import PARTNER
from tests.cli.test_organizations_stopping import served, until
from tests.conftest import Calling, Finished, Forking, Starting
from tests.support.scripted_server import by_id, error, found, free_port, ids, serving
from tests.support.zstd_compat import zstd
from tests.warehouse.exports.test_csv_text import read as read_csv

Here = Callable[..., Finished]
WANTED = ids(60)
HIVE = "out/dt={date}/organization_id={organization_id}/connections-{part}.jsonl.zst"


def folder_of(tmp_path: Path) -> Path:
    [folder] = tmp_path.glob("out/dt=*")
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "connections.manifest.json").read_text())
    return found


def ids_of(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return [str(one) for one in pq.read_table(path)["id"].to_pylist()]
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstd.decompress(content)
    if path.suffix == ".csv":
        return [row["id"] for row in read_csv(content.decode())]
    return [json.loads(line)["id"] for line in content.splitlines()]


def command(url: str, output: str, *more: str) -> tuple[str, ...]:
    return ("collect", *WANTED, "--base-url", url, "-o", output, "--rate", "0", *more)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.zst", "csv", "parquet"])
async def test_every_record_is_in_one_part_and_the_manifest_lists_all_parts(
    call: Calling, tmp_path: Path, ending: str
) -> None:
    output = f"out/dt={{date}}/connections-{{part}}.{ending}"
    async with serving(by_id({WANTED[7]: error(404)}, found)) as server:
        done = await call(*command(server.url, output, "--part-records", "25"))
    assert done.code == 3, done.err
    folder = folder_of(tmp_path)
    parts = [f"connections-{number:05}.{ending}" for number in range(3)]
    assert files_in(folder) == {*parts, "connections.errors.jsonl", "connections.manifest.json", "_SUCCESS"}
    assert (folder / "_SUCCESS").read_bytes() == b""
    collected = [ids_of(folder / part) for part in parts]
    assert list(map(len, collected)) == [25, 25, 9]
    assert sorted(one for part in collected for one in part) == sorted({*WANTED} - {WANTED[7]})
    entries = manifest_of(folder)["files"]
    assert [(each["path"], each["records"]) for each in entries[:3]] == list(zip(parts, [25, 25, 9], strict=True))
    assert [each["bytes"] for each in entries[:3]] == [(folder / part).stat().st_size for part in parts]
    assert {each["part_of"] for each in entries[:3]} == {f"connections-{{part}}.{ending}"}
    for named in (parts[2], "connections.manifest.json", ""):
        verified = await call("verify", str(folder / named))
        assert (verified.code, "59 records, 1 errors" in verified.err) == (0, True), verified.err


async def test_no_part_exceeds_the_limit_of_bytes(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call(*command(server.url, "out/dt={date}/connections-{part}.jsonl", "--part-bytes", "5000"))
        assert done.code == 0, done.err
        sizes = [part.stat().st_size for part in folder_of(tmp_path).glob("connections-*.jsonl")]
        done = await call(*command(server.url, "one/connections-{part}.jsonl", "--part-bytes", "1"))
        assert done.code == 0, done.err
    assert max(sizes) <= 5000
    assert len(sizes) <= 2 * sum(sizes) / 5000
    assert len([*tmp_path.glob("one/connections-*.jsonl")]) == len(WANTED), "a part has at least one record"


async def test_a_run_without_a_record_has_one_empty_part(call: Calling, tmp_path: Path) -> None:
    async with serving(error(404)) as server:
        for ending in ("jsonl.zst", "parquet"):
            done = await call(*command(server.url, f"{ending}/connections-{{part}}.{ending}"))
            assert done.code == 3, done.err
            assert ids_of(tmp_path / ending / f"connections-00000.{ending}") == []
            assert (await call("verify", ending)).code == 0


async def test_a_finished_partition_is_refused_before_the_first_request(call: Calling, tmp_path: Path) -> None:
    output = "out/dt={date}/connections-{part}.jsonl"
    async with serving(found) as server:
        assert (await call(*command(server.url, output))).code == 0
        folder, sent = folder_of(tmp_path), server.requests
        before = {path: path.read_bytes() for path in folder.iterdir()}
        for missing in (None, "_SUCCESS"):
            if missing:
                (folder / missing).unlink()
                del before[folder / missing]
            for more in ((), ("--plan",), ("--resume", "never"), ("--allow-empty",)):
                done = await call(*command(server.url, output, *more))
                assert done.code == 2, done.err
                assert "never written again" in done.err
                assert "choose another --output, such as one with {run_id} in the path" in done.err
        done = await call(*command(server.url, f"out/{folder.name}/connections.jsonl"))
        assert done.code == 2, done.err
        assert server.requests == sent
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
        done = await call("check", "-o", output, "--base-url", server.url)
        assert "FAIL output" in done.out.decode()
        verified = await call("verify", str(folder))
        assert verified.code == 0
        assert "_SUCCESS: does not exist, so loaders may take this partition for unfinished" in verified.err


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("part={part}/connections.jsonl", "{part} in the name of a folder"),
        ("connections-{part}-{part}.jsonl", "more than one {part}"),
        ("{part}.jsonl", "begins with {part}"),
    ],
)
def test_a_part_number_at_another_place_is_refused(call_here: Here, output: str, problem: str) -> None:
    done = call_here("collect", WANTED[0], "-o", output)
    assert done.code == 2
    assert problem in done.err


@pytest.mark.parametrize("damage", ["a byte", "the end", "no part", "another part"])
async def test_verify_compares_every_part(call: Calling, tmp_path: Path, damage: str) -> None:
    async with serving(found) as server:
        done = await call(*command(server.url, "out/c-{part}.jsonl", "--part-records", "20"))
        assert done.code == 0, done.err
    part = tmp_path / "out/c-00001.jsonl"
    content = part.read_bytes()
    changed = {"a byte": content.replace(b"a", b"b", 1), "the end": content[:-1]}
    changed["another part"] = (tmp_path / "out/c-00002.jsonl").read_bytes()
    part.unlink() if damage == "no part" else part.write_bytes(changed[damage])
    verified = await call("verify", "out/c-00000.jsonl")
    assert verified.code == 8
    assert "c-00001.jsonl" in verified.err or damage == "another part"


async def test_export_reads_a_partition(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call(*command(server.url, "out/c-{part}.jsonl.gz", "--part-records", "20"))
        assert done.code == 0, done.err
    done = await call("export", "out/c-00000.jsonl.gz", "-o", "x.parquet")
    assert done.code == 0, done.err
    assert sorted(ids_of(tmp_path / "x.parquet")) == sorted(WANTED)


async def test_a_killed_run_is_resumed_and_published_once(start: Starting, call: Calling, tmp_path: Path) -> None:
    """Killed while it requests, while it writes parts, and while it renames them."""
    async with serving(found) as server:
        for number in range(5):
            folder = tmp_path / f"out{number}"
            wanted = command(server.url, f"{folder.name}/connections-{{part}}.parquet", "--part-records", "4")
            running = await start(*wanted)
            draft, last = (
                folder / f"connections-{part}.parquet{end}" for part, end in (("00000", ".draft"), ("00014", ""))
            )
            await until((draft if number % 2 else last.with_name("connections-00001.parquet.draft")).exists)
            await anyio.sleep(0.01 * number)
            await running.kill()
            sent, is_over = server.requests, (folder / "_SUCCESS").exists()
            assert (
                not {path.name for path in folder.glob("*.parquet")}
                or (folder / "connections.manifest.json.draft").exists()
                or is_over
            )
            done = await call(*wanted)
            has_leftovers = "connections.partial.run.json" in files_in(folder)
            assert not has_leftovers
            assert done.code in ({0, 2} if is_over else {0}), done.err
            assert server.requests == sent
            parts = sorted(folder.glob("connections-*"))
            assert [path.name for path in parts] == [f"connections-{part:05}.parquet" for part in range(15)]
            assert Counter(one for part in parts for one in ids_of(part)) == Counter(WANTED)
            assert (await call("verify", folder.name)).code == 0


async def test_the_partitions_of_organizations_survive_kills_and_load_with_their_hive_columns(
    fork: Forking, call: Calling, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown if the test fails
    rng = random.Random(seed)
    deployment = Deployment(Inventory(150, 6, organization=1), Inventory(90, 6, organization=2))
    async with served(free_port(), "latency=uniform:1ms:20ms", deployment) as sandbox:
        options = ("--all", "--organizations", "all", "--base-url", sandbox.url, "--rate", "0", "--part-records", "40")
        wanted = ("collect", *options, "-o", HIVE)
        for _ in range(3):
            running, least = await fork(*wanted, env=PARTNER), rng.randrange(10, 120)
            sandbox.log.clear()
            await until(lambda: sandbox.log.summary().total >= least or running.process.returncode is not None)  # noqa: B023
            await running.kill()
        done = await running_to_the_end(fork, wanted)
        assert done.code in (0, 2), done.err  # 2: the last process had finished every partition
    expected = {(one, inventory.organization_id) for inventory in deployment.inventories for one in inventory.ids()}
    [dated] = {path.parent.parent.name.removeprefix("dt=") for path in tmp_path.glob("out/*/*/_SUCCESS")}
    query = (
        "SELECT id, organization_id, dt::VARCHAR, count(*) FROM read_json($files, hive_partitioning = true, "
        "format = 'newline_delimited', columns = {id: 'VARCHAR'}) GROUP BY ALL"
    )
    rows = duckdb.execute(query, {"files": f"{tmp_path}/out/*/*/*.jsonl.zst"}).fetchall()
    assert {(one, organization) for one, organization, _, _ in rows} == expected
    assert len(rows) == len(expected)
    assert {(date, count) for _, _, date, count in rows} == {(dated, 1)}
    verified = await call("verify", "out/organizations.manifest.json")
    assert verified.code == 0, verified.err


async def running_to_the_end(fork: Forking, wanted: tuple[str, ...]) -> Finished:
    return await (await fork(*wanted, env=PARTNER)).finished()


async def test_a_second_run_of_all_organizations_leaves_the_index_as_it_is(call: Calling, tmp_path: Path) -> None:
    deployment = Deployment(Inventory(5, 6, organization=1), Inventory(5, 6, organization=2))
    async with served(free_port(), "", deployment) as sandbox:
        wanted = ("collect", "--all", "--organizations", "all", "--base-url", sandbox.url, "-o", HIVE)
        assert (await call(*wanted, env=PARTNER)).code == 0
        index = (tmp_path / "out/organizations.manifest.json").read_bytes()
        done = await call(*wanted, env=PARTNER)
    assert done.code == 2
    assert "never written again" in done.err
    assert (tmp_path / "out/organizations.manifest.json").read_bytes() == index
    assert (await call("verify", "out/organizations.manifest.json")).code == 0


@pytest.mark.parametrize("ending", ["jsonl.zst", "csv", "parquet"])
async def test_export_writes_parts_once(call: Calling, tmp_path: Path, ending: str) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "c.jsonl"))).code == 0
    manifest = json.loads((tmp_path / "c.manifest.json").read_text())
    folder = tmp_path / f"out/dt={manifest['started_at'][:10]}"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"connections-{number:05}.{ending}").write_bytes(b"of an attempt that was killed")
    wanted = ("export", "c.jsonl", "-o", f"out/dt={{date}}/connections-{{part}}.{ending}", "--part-records", "25")
    done = await call(*wanted)
    assert done.code == 0, done.err
    assert "60 rows of connections in 3 parts" in done.err
    parts = [folder / f"connections-{number:05}.{ending}" for number in range(3)]
    assert files_in(folder) == {*(part.name for part in parts), "_SUCCESS"}
    assert [one for part in parts for one in ids_of(part)] == ids_of(tmp_path / "c.jsonl")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = await call(*wanted)
    assert done.code == 2
    assert "never written again" in done.err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


async def test_no_run_removes_a_file_that_no_run_left_as_a_part(call: Calling, tmp_path: Path) -> None:
    """The name of a dated snapshot is that of a part with a high number."""
    async with serving(found) as server:
        assert (await call(*command(server.url, "out/c-20261127.jsonl"))).code == 0
        (tmp_path / "out/c-00001.csv").write_text("of a user")
        sent, before = server.requests, {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        for foreign, ending in (("c-20261127.jsonl", "jsonl"), ("c-00001.csv", "csv")):
            for wanted in (command(server.url, ""), ("export", "out/c-20261127.jsonl", "-o", "")):
                done = await call(*(one or f"out/c-{{part}}.{ending}" for one in wanted))
                assert done.code == 2, done.err
                assert f"out/{foreign} has the name of a part, but no run left it as one" in done.err
        assert server.requests == sent
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


async def test_no_command_writes_a_file_with_the_name_of_a_part_of_a_finished_partition(
    call: Calling, tmp_path: Path
) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "out/c-{part}.jsonl", "--part-records", "25"))).code == 0
        before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        for part in ("out/c-00001.jsonl", "out/c-00003.jsonl"):
            for wanted in (command(server.url, part), ("export", "out", "-o", part)):
                done = await call(*wanted)
                assert done.code == 2, done.err
                assert "never written again" in done.err
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


async def test_verify_notes_a_file_that_loaders_would_read_as_a_part(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "out/c-{part}.jsonl", "--part-records", "25"))).code == 0
    (tmp_path / "out/c-00003.jsonl").write_bytes((tmp_path / "out/c-00000.jsonl").read_bytes())
    verified = await call("verify", "out")
    assert verified.code == 0
    assert "out/c-00003.jsonl: has the name of a part, but the manifest does not list it" in verified.err


async def test_a_part_whose_name_has_digits_beside_its_number_names_its_partition(
    call: Calling, tmp_path: Path
) -> None:
    async with serving(found) as server:
        for number, name in enumerate(("c-2026{part}.jsonl", "c{part}7.jsonl", "c0{part}0.csv")):
            folder = tmp_path / str(number)
            assert (await call(*command(server.url, f"{number}/{name}"))).code == 0
            verified = await call("verify", str(folder / name.replace("{part}", "00000")))
            assert (verified.code, "60 records" in verified.err) == (0, True), verified.err


async def test_a_damaged_snapshot_leaves_no_part(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "c.jsonl"))).code == 0
    path = tmp_path / "c.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    done = await call("export", "c.jsonl", "-o", "out/c-{part}.csv", "--part-records", "5")
    assert done.code == 8
    assert files_in(tmp_path / "out") == set()


async def test_export_fills_in_the_organization_of_the_snapshot(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "c.jsonl"))).code == 0
    owner = json.loads((tmp_path / "c.manifest.json").read_text())["source"]["organization_id"]
    done = await call("export", "c.jsonl", "-o", "out/organization_id={organization_id}/c-{part}.jsonl")
    assert done.code == 0, done.err
    assert (tmp_path / f"out/organization_id={owner}/_SUCCESS").exists()


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("dt={day}/c-{part}.jsonl", (), "{day} is not a placeholder"),
        ("c.csv", ("--part-records", "5"), "--part-records: the name in --output has no {part}"),
        ("c-{part}.csv", ("--part-bytes", "-1"), "--part-bytes: not from 0 to"),
    ],
)
async def test_export_refuses_an_unknown_placeholder_and_limits_without_effect(
    call: Calling, tmp_path: Path, output: str, options: tuple[str, ...], message: str
) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "c.jsonl"))).code == 0
    done = await call("export", "c.jsonl", "-o", output, *options)
    assert (done.code, message in done.err) == (2, True), done.err


async def test_a_partition_beside_a_snapshot_of_its_name_is_refused(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "c.jsonl"))).code == 0
        done = await call(*command(server.url, "c-{part}.jsonl"))
    assert (done.code, "c.manifest.json is that of a snapshot in one file" in done.err) == (2, True), done.err
    assert (await call("verify", "c.jsonl")).code == 0


async def test_export_does_not_build_a_path_of_an_invalid_run_id(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        assert (await call(*command(server.url, "c.jsonl"))).code == 0
    manifest = tmp_path / "c.manifest.json"
    document = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**document, "run_id": "../../evil"}))
    assert (await call("export", "c.jsonl", "-o", "f/out/{run_id}/x.csv")).code == 8
    assert not (tmp_path / "f").exists()
    assert not (tmp_path.parent / "evil").exists()


async def test_an_interrupted_publication_of_an_earlier_day_is_completed(call: Calling, tmp_path: Path) -> None:
    earlier = tmp_path / "out/dt=2026-01-01"
    async with serving(found) as server:
        done = await call(*command(server.url, "out/dt=2026-01-01/c-{part}.jsonl", "--part-records", "20"))
        assert done.code == 0, done.err
        finished = {path.name: path.read_bytes() for path in earlier.iterdir()}
        interrupt_publication(earlier)
        done = await call(*command(server.url, "out/dt={date}/c-{part}.jsonl", "--part-records", "20"))
        assert done.code == 0, done.err
        [today] = set(tmp_path.glob("out/dt=*")) - {earlier}
    assert {path.name: path.read_bytes() for path in earlier.iterdir()} == finished
    assert files_in(today) == finished.keys()
    assert (await call("verify", str(today))).code == 0


def interrupt_publication(folder: Path) -> None:
    """The files as after a crash between the renames of the first and the second part."""
    manifest = json.loads((folder / "c.manifest.json").read_text())
    header = {
        "run_id": manifest["run_id"],
        "started_at": manifest["started_at"],
        "ids_digest": manifest["source"]["ids_digest"],
        "base_url": manifest["source"]["base_url"],
        "api_version": manifest["source"]["api_version"],
        "schema": 1,
    }
    (folder / "c.partial.run.json").write_text(json.dumps(header))
    (folder / "c.jsonl.partial").write_bytes(b"".join(path.read_bytes() for path in sorted(folder.glob("c-*.jsonl"))))
    for name in ("c-00001.jsonl", "c-00002.jsonl", "c.manifest.json"):
        (folder / name).rename(folder / f"{name}.draft")
    (folder / "_SUCCESS").unlink()
