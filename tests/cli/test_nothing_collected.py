"""`collector collect`: a run in which no id is ok does not replace a snapshot with records."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Calling, Finished
from tests.support.output_oracle import Given, check_finished, check_unpublished
from tests.support.scripted_server import Exchange, Server, error, found, ids, serving

WANTED = ids(6)


class Api:
    """A server that finds every connection until `lost` is set, as behind a wrong base URL."""

    def __init__(self, call: Calling, folder: Path) -> None:
        self._call = call
        self.folder = folder
        self.server: Server
        self.lost = False
        self.status = 404

    async def talk(self, exchange: Exchange) -> None:
        await (error(self.status, "gone") if self.lost else found)(exchange)

    async def collect(self, *arguments: str, output: str = "c.jsonl", env: dict[str, str] | None = None) -> Finished:
        self.server.heads.clear()
        given = ("--base-url", self.server.url, "-o", output, "--rate", "0")
        return await self._call("collect", *WANTED, *given, *arguments, env=env)

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def contents(self, *names: str) -> list[bytes]:
        return [(self.folder / name).read_bytes() for name in names]


@pytest.fixture
async def api(call: Calling, tmp_path: Path) -> AsyncIterator[Api]:
    api = Api(call, tmp_path)
    async with serving(api.talk) as api.server:
        yield api


@pytest.mark.parametrize("status", [404, 403, 400, 410])
@pytest.mark.parametrize("suffix", ["", ".gz"])
async def test_the_older_snapshot_stays_and_verifies(call: Calling, api: Api, suffix: str, status: int) -> None:
    output, api.status = f"c.jsonl{suffix}", status
    assert (await api.collect(output=output)).code == 0
    before = api.contents(output, "c.manifest.json")
    api.lost = True
    done = await api.collect("--max-attempts", "1", output=output)
    if status == 403:  # five in a row would mean that the key is rejected
        assert done.code == 4, done.err
    else:
        assert done.code == 3, done.err
        assert "no id was ok" in done.err
        assert all(word in done.err for word in ("--base-url", "organization", "key", "--allow-empty"))
        assert f"{output} was not replaced" in done.err
        assert "resume" not in done.err
        check_unpublished(api.folder / output, Given(WANTED))
    assert api.contents(output, "c.manifest.json") == before
    assert (await call("verify", output)).code == 0


async def test_an_older_snapshot_stays_without_a_manifest_too(api: Api) -> None:
    (api.folder / "c.jsonl").write_bytes(b"older\n")
    api.lost = True
    assert (await api.collect()).code == 3
    assert api.contents("c.jsonl") == [b"older\n"]


async def test_a_snapshot_of_another_compression_keeps_its_manifest(call: Calling, api: Api) -> None:
    assert (await api.collect(output="c.jsonl.gz")).code == 0
    api.lost = True
    done = await api.collect(output="c.jsonl")
    assert done.code == 3
    assert "c.jsonl.gz was not replaced" in done.err
    assert (await call("verify", "c.jsonl.gz")).code == 0
    assert not (api.folder / "c.jsonl").exists()


@pytest.mark.parametrize("how", ["flag", "environment", "file"])
async def test_allow_empty_replaces_it_all_the_same(api: Api, how: str) -> None:
    assert (await api.collect()).code == 0
    api.lost = True
    (api.folder / "c.toml").write_text("[output]\nallow_empty = true\n")
    given = {"flag": ["--allow-empty"], "file": ["--config", "c.toml"], "environment": []}[how]
    done = await api.collect(*given, env={"COLLECTOR_ALLOW_EMPTY": "true"} if how == "environment" else None)
    assert done.code == 3, done.err
    (api.folder / "c.toml").unlink()
    check_finished(api.folder / "c.jsonl", Given(WANTED), 3)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
async def test_without_an_older_snapshot_the_empty_one_is_published_and_may_be_replaced(
    call: Calling, api: Api, suffix: str
) -> None:
    output, api.lost = f"c.jsonl{suffix}", True
    for _ in range(2):
        done = await api.collect(output=output)
        assert done.code == 3, done.err
        assert "nothing published" not in done.err
        assert not check_finished(api.folder / output, Given(WANTED), 3).records
        assert (await call("verify", output)).code == 0


async def test_an_empty_file_of_another_program_is_replaced(api: Api) -> None:
    (api.folder / "c.jsonl").touch()
    api.lost = True
    assert (await api.collect()).code == 3
    check_finished(api.folder / "c.jsonl", Given(WANTED), 3)


async def test_a_compressed_file_of_another_program_is_kept(api: Api) -> None:
    packed = gzip.compress(b"")
    (api.folder / "c.jsonl.gz").write_bytes(packed)
    api.lost = True
    assert "nothing published" in (await api.collect(output="c.jsonl.gz")).err
    assert api.contents("c.jsonl.gz") == [packed]


async def test_one_record_is_enough_to_publish(api: Api) -> None:
    assert (await api.collect()).code == 0

    async def only_one(exchange: Exchange) -> None:
        await (found if exchange.target.endswith(WANTED[2]) else error(404, "gone"))(exchange)

    async with serving(only_one) as api.server:
        assert (await api.collect()).code == 3
    assert len(check_finished(api.folder / "c.jsonl", Given(WANTED), 3).records) == 1


async def test_the_next_run_requests_every_id_again_under_the_same_run_id(api: Api) -> None:
    assert (await api.collect()).code == 0
    api.lost = True
    assert (await api.collect()).code == 3
    left = check_unpublished(api.folder / "c.jsonl", Given(WANTED))
    assert (await api.collect()).code == 3
    again = check_unpublished(api.folder / "c.jsonl", Given(WANTED))
    assert again.manifest["run_id"] == left.manifest["run_id"]
    api.lost = False
    done = await api.collect()
    assert done.code == 0, done.err
    assert len(api.server.targets) == len(WANTED)
    found_now = check_finished(api.folder / "c.jsonl", Given(WANTED), 0)
    assert found_now.manifest["run_id"] == left.manifest["run_id"]
    assert found_now.manifest["resumed"] == 0


@pytest.mark.parametrize("mended", [True, False])
async def test_on_the_next_day_it_is_quarantined_and_does_not_block_the_run(api: Api, mended: bool) -> None:
    assert (await api.collect()).code == 0
    api.lost = True
    assert (await api.collect()).code == 3
    head = api.folder / "c.partial.run.json"
    begun = json.loads(head.read_bytes())
    old = (datetime.now(UTC) - timedelta(hours=25)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    head.write_text(json.dumps({**begun, "started_at": old}))
    api.lost = not mended
    done = await api.collect()
    assert done.code == (0 if mended else 3), done.err
    assert f"c.jsonl.partial.{begun['run_id']}" in done.err
    kept = {name for name in api.names() if name.endswith(begun["run_id"])}
    assert f"c.partial.errors.jsonl.{begun['run_id']}" in kept
    assert f"c.partial.manifest.json.{begun['run_id']}" in kept
    if mended:
        assert api.names() - kept == {"c.jsonl", "c.manifest.json"}
    else:
        assert check_unpublished(api.folder / "c.jsonl", Given(WANTED)).manifest["run_id"] != begun["run_id"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
async def test_the_files_of_such_a_run_are_verified_with_the_reason_why_they_were_not_published(
    call: Calling, api: Api, suffix: str
) -> None:
    assert (await api.collect(output=f"c.jsonl{suffix}")).code == 0
    api.lost = True
    assert (await api.collect(output=f"c.jsonl{suffix}")).code == 3
    done = await call("verify", f"c.jsonl{suffix}.partial")
    assert done.code == 0, done.err
    assert "0 records, 6 errors in c.partial.errors.jsonl, " in done.err
    assert "its run published nothing, because no id was ok; 0 ids were not attempted; rerun" in done.err
