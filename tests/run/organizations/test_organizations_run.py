"""The run of several organizations, in the process of the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from collector.cli.organization_progress import ConsoleOrganizationsReporter
from collector.cli.progress_display import NoDisplay
from collector.model.errors import OutputError
from collector.run.observers.reporter import Reporter
from collector.run.organizations import run_context
from collector.run.organizations.index_file import IndexFile
from collector.run.organizations.organizations_run import OrganizationsEnd, OrganizationsRun
from collector.run.organizations.selection import Selection
from collector.run.output import RunOutput
from collector.run.settings import ALL, Api, Ids, Limits, Output, Settings
from collector.sandbox.deployment import Deployment
from collector.sandbox.faults import Faults
from collector.sandbox.keys import PARTNER_KEY
from collector.sandbox.server import serve
from tests.support.organizations import require_match
from tests.support.output_oracle import Given, check_finished, check_index, check_stopped
from tests.support.scripted_server import free_port

SMALL = Deployment.of_size(3, 20, seed=4)
FIRST, SECOND, THIRD = SMALL.organization_ids
INDEX = "out/organizations.manifest.json"
SHARED = "bugs in the runs of organizations"


class Bug(Exception):
    """A bug in the run of one organization."""


class BrokenReporter:
    """The reporter of a run whose method `name` fails."""

    def __init__(self, reporter: Reporter, name: str) -> None:
        self._reporter = reporter
        self._name = name

    def __getattr__(self, name: str) -> Callable[..., object]:
        return self._fail if name == self._name else getattr(self._reporter, name)

    def _fail(self, *_: object) -> None:
        raise Bug("secret in a bug")


class Reporters(ConsoleOrganizationsReporter):
    """Reporters of which that of the second organization fails in a method."""

    def __init__(self, broken: str) -> None:
        super().__init__(NoDisplay())
        self._broken = broken

    def of(self, name: str) -> Reporter:
        reporter = super().of(name)
        return BrokenReporter(reporter, self._broken) if name == SECOND else reporter  # type: ignore[return-value]


async def collect(
    folder: Path, url: str, broken: str = "", *, organizations: Sequence[str] = (ALL,), connections: Sequence[str] = ()
) -> OrganizationsEnd:
    settings = Settings(
        api=Api(base_url=url, organizations=tuple(organizations)),
        ids=Ids(all=not connections),
        limits=Limits(rate=0, share_quota=False),
        output=Output(path=str(folder / "out/{organization_id}/c.jsonl")),
    )
    environ = {"POLYTOMIC_PARTNER_KEY": PARTNER_KEY}
    id_input = settings.read_ids(connections, ())
    return await OrganizationsRun(Selection(settings), id_input, Reporters(broken), environ=environ).execute()


def path_of(folder: Path, organization_id: str) -> Path:
    return folder / f"out/{organization_id}/c.jsonl"


def check_others(folder: Path) -> None:
    for each in SMALL.inventories[::2]:
        check_finished(path_of(folder, each.organization_id), Given(list(each.ids())), 0)


async def test_the_end_has_the_result_of_each_organization_and_the_index(tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        end = await collect(tmp_path, sandbox.url)
    assert (end.exit_code, end.index) == (0, tmp_path / INDEX)
    assert [each.id for each in end.results] == SMALL.organization_ids
    assert [each.manifest_path for each in end.results] == [
        path_of(tmp_path, each).with_name("c.manifest.json") for each in SMALL.organization_ids
    ]


async def test_a_bug_in_one_run_is_raised_after_the_others_have_ended_and_the_index_is_written(tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        with pytest.raises(ExceptionGroup, match=SHARED) as caught:
            await collect(tmp_path, sandbox.url, broken="begin")
        seen = sandbox.log.summary().total
    assert caught.value.subgroup(Bug) is not None
    check_others(tmp_path)
    check_stopped(path_of(tmp_path, SECOND), Given(list(SMALL.inventories[1].ids())), 70)
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 70, THIRD: 0}, seen=seen)
    assert entries[SECOND]["error"] == "a bug in collector ended the run"
    assert require_match(tmp_path / INDEX).exit_code == 3


async def test_a_bug_before_the_run_of_an_organization_exists_costs_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def output(settings: Output, **given: object) -> RunOutput:
        if SECOND in settings.path:
            raise Bug("secret in a bug")
        return RunOutput(settings, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(run_context, "RunOutput", output)
    async with serve(SMALL) as sandbox:
        with pytest.raises(ExceptionGroup, match=SHARED):
            await collect(tmp_path, sandbox.url)
        seen = sandbox.log.summary().total
    check_others(tmp_path)
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 70, THIRD: 0}, seen=seen)
    assert (entries[SECOND]["status"], entries[SECOND]["manifest"]) == ("failed", None)
    assert "secret" not in (tmp_path / INDEX).read_text()


async def test_reporters_learn_the_number_of_organizations_and_each_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, ...]] = []
    monkeypatch.setattr(Reporters, "begin", lambda _self, total: heard.append(("begin", str(total))))
    monkeypatch.setattr(
        Reporters, "finish", lambda _self, name, _text, *, has_failed: heard.append(("finish", name, str(has_failed)))
    )
    async with serve(SMALL) as sandbox:
        await collect(tmp_path, sandbox.url)
    assert heard[0] == ("begin", "3")
    assert sorted(heard[1:]) == sorted(("finish", each, "False") for each in SMALL.organization_ids)


@pytest.fixture
def unwritable_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The index cannot be written until the patch is undone."""

    def fail(_index: IndexFile, _content: bytes, *, is_finished: bool) -> None:
        raise OutputError(f"the disk is full, finished: {is_finished}")

    with monkeypatch.context() as patch:
        patch.setattr(IndexFile, "write", fail)
        yield patch


async def collect_without_index(folder: Path, url: str, patch: pytest.MonkeyPatch, **given: Sequence[str]) -> None:
    """Collect to the end, but fail to write the index: the run stays marked as unfinished."""
    with pytest.raises(OutputError, match="the disk is full, finished: True"):
        await collect(folder, url, **given)  # type: ignore[arg-type]
    patch.undo()
    assert (folder / "out/organizations.partial.run.json").exists()
    assert not (folder / INDEX).exists()


def kept(end: OrganizationsEnd) -> list[bool]:
    return [each.is_kept for each in end.results]


async def test_after_an_index_that_could_not_be_written_every_completed_organization_is_kept(
    tmp_path: Path, unwritable_index: pytest.MonkeyPatch
) -> None:
    async with serve(SMALL) as sandbox:
        await collect_without_index(tmp_path, sandbox.url, unwritable_index)
        sandbox.log.clear()
        end = await collect(tmp_path, sandbox.url)
        assert sandbox.log.summary().by_endpoint == {"/api/organizations": 1}
    assert (end.exit_code, kept(end)) == (0, [True] * 3)
    check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0), seen=1)
    assert require_match(tmp_path / INDEX).status == "complete"


async def test_a_snapshot_that_another_run_replaced_or_that_lost_its_manifest_is_collected_again(
    tmp_path: Path, unwritable_index: pytest.MonkeyPatch
) -> None:
    async with serve(SMALL) as sandbox:
        await collect_without_index(tmp_path, sandbox.url, unwritable_index)
        manifest = path_of(tmp_path, SECOND).with_name("c.manifest.json")
        content = manifest.read_bytes()
        manifest.write_bytes(content.replace(json.loads(content)["run_id"].encode(), b"20260102T030405Z-01234567"))
        path_of(tmp_path, THIRD).with_name("c.manifest.json").unlink()
        end = await collect(tmp_path, sandbox.url)
    assert (end.exit_code, kept(end)) == (0, [True, False, False])
    check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    check_others(tmp_path)


async def test_with_other_ids_nothing_of_an_interrupted_run_is_kept(
    tmp_path: Path, unwritable_index: pytest.MonkeyPatch
) -> None:
    ids = list(SMALL.inventories[1].ids())
    async with serve(SMALL) as sandbox:
        await collect_without_index(
            tmp_path, sandbox.url, unwritable_index, organizations=[SECOND], connections=ids[:3]
        )
        end = await collect(tmp_path, sandbox.url, organizations=[SECOND], connections=ids[3:9])
    assert kept(end) == [False]
    check_finished(path_of(tmp_path, SECOND), Given(ids[3:9]), 0)


async def test_a_kept_organization_that_was_incomplete_stays_incomplete(
    tmp_path: Path, unwritable_index: pytest.MonkeyPatch
) -> None:
    faults, port = Faults.parse("404@connection@organization-2=0.5"), free_port()
    async with serve(SMALL, faults=faults, port=port) as sandbox:
        await collect_without_index(tmp_path, sandbox.url, unwritable_index)
    async with serve(SMALL, port=port) as sandbox:
        end = await collect(tmp_path, sandbox.url)
    assert (end.exit_code, kept(end)) == (3, [True] * 3)
    check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 3, THIRD: 0})


async def test_a_publication_that_a_kill_interrupted_is_completed_and_kept(
    tmp_path: Path, unwritable_index: pytest.MonkeyPatch
) -> None:
    async with serve(SMALL) as sandbox:
        await collect_without_index(tmp_path, sandbox.url, unwritable_index)
        mark = json.loads((tmp_path / "out/organizations.partial.run.json").read_bytes())
        manifest = json.loads(path_of(tmp_path, SECOND).with_name("c.manifest.json").read_bytes())
        header = path_of(tmp_path, SECOND).with_name("c.partial.run.json")  # the kill came before its removal
        header.write_text(json.dumps({**mark, "ids_digest": manifest["source"]["ids_digest"]}))
        header.chmod(0o600)
        sandbox.log.clear()
        end = await collect(tmp_path, sandbox.url)
        assert sandbox.log.summary().by_endpoint == {"/api/organizations": 1, "/api/connections": 1}
    assert (end.exit_code, kept(end)) == (0, [True] * 3)
    assert not header.exists()
    check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    assert require_match(tmp_path / INDEX).status == "complete"
