"""The run of several organizations, in the process of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from collector.cli.organization_progress import ConsoleOrganizationsReporter
from collector.cli.progress_display import NoDisplay
from collector.run.ids.id_input import IdInput
from collector.run.observers.reporter import Reporter
from collector.run.organizations import member_run
from collector.run.organizations.organizations_run import OrganizationsEnd, OrganizationsRun
from collector.run.organizations.selection import Selection
from collector.run.output import RunOutput
from collector.run.settings import ALL, Api, Ids, Limits, Output, Settings
from collector.sandbox.deployment import Deployment
from collector.sandbox.keys import PARTNER_KEY
from collector.sandbox.server import serve
from collector.snapshot.verify_index import verify_index
from tests.support.output_oracle import Given, check_finished, check_index, check_stopped

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


async def collect(folder: Path, url: str, broken: str = "") -> OrganizationsEnd:
    settings = Settings(
        api=Api(base_url=url, organizations=(ALL,)),
        ids=Ids(all=True),
        limits=Limits(rate=0, share_quota=False),
        output=Output(path=str(folder / "out/{organization_id}/c.jsonl")),
    )
    environ = {"POLYTOMIC_PARTNER_KEY": PARTNER_KEY}
    return await OrganizationsRun(Selection(settings), IdInput(), Reporters(broken), environ=environ).execute()


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
    assert verify_index(tmp_path / INDEX).exit_code == 3


async def test_a_bug_before_the_run_of_an_organization_exists_costs_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def output(settings: Output, **given: object) -> RunOutput:
        if SECOND in settings.path:
            raise Bug("secret in a bug")
        return RunOutput(settings, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(member_run, "RunOutput", output)
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
