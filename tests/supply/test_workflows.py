"""What runs on the public host: pinned, without rights that a job does not need, without text of strangers in a shell.

`make security` holds the same files against zizmor; these rules are the project's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.supply import ROOT, toml

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
PINNED = re.compile(r"uses: [A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
PROVE_WHO_THEY_ARE = {("release", "attest"), ("release", "publish")}


def workflow(path: Path) -> dict[Any, Any]:
    parsed = yaml.safe_load(path.read_text())
    assert isinstance(parsed, dict)
    return parsed


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each job with the names of its workflow and its own."""
    for path in WORKFLOWS:
        for name, job in workflow(path)["jobs"].items():
            yield path.stem, name, job


def steps() -> Iterator[dict[str, Any]]:
    for _, _, job in jobs():
        yield from job["steps"]


def test_there_is_one_for_changes_and_one_for_releases() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]


@EACH
def test_every_action_is_pinned_by_its_whole_commit_with_the_version_beside_it(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_an_action_has_one_commit_in_all_workflows() -> None:
    used = {step["uses"] for step in steps() if "uses" in step}
    assert len(used) == len({each.partition("@")[0] for each in used})


@EACH
def test_a_workflow_has_no_rights_but_those_that_a_job_names(path: Path) -> None:
    assert workflow(path)["permissions"] == {}
    assert all(isinstance(job["permissions"], dict) for job in workflow(path)["jobs"].values())


def test_only_what_attests_and_publishes_can_prove_who_it_is_and_it_runs_no_code_of_the_project() -> None:
    proving = {(stem, name): job for stem, name, job in jobs() if "id-token" in job["permissions"]}
    assert proving.keys() == PROVE_WHO_THEY_ARE
    for job in proving.values():
        assert all("uses" in step and "run" not in step for step in job["steps"])
        assert not any(step["uses"].startswith("actions/checkout@") for step in job["steps"])


def test_only_the_publishing_job_has_the_environment_that_the_index_trusts() -> None:
    assert [(stem, name) for stem, name, job in jobs() if "environment" in job] == [("release", "publish")]
    publish = workflow(ROOT / ".github/workflows/release.yml")["jobs"]["publish"]
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["steps"][-1]["with"]["attestations"] is True


def test_no_job_but_the_one_of_the_releases_page_may_write_to_the_repository() -> None:
    assert [name for _, name, job in jobs() if job["permissions"].get("contents") == "write"] == ["release"]


@EACH
def test_no_workflow_runs_with_rights_on_what_a_stranger_proposes(path: Path) -> None:
    triggers = workflow(path)[True]  # YAML 1.1 takes the key `on` for a truth value
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)


def test_no_expression_stands_in_a_command() -> None:
    """A branch's name or a title may hold a command; a shell reads it from its environment or not at all."""
    commands = [step["run"] for step in steps() if "run" in step]
    assert commands
    assert [command for command in commands if "${{" in command] == []


@EACH
def test_no_stored_secret_is_used(path: Path) -> None:
    assert "secrets." not in path.read_text()
    assert "password:" not in path.read_text()


def test_a_checkout_leaves_no_token_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_job_runs_for_ever() -> None:
    assert all(job["timeout-minutes"] <= 60 for _, _, job in jobs())


def test_what_is_supported_is_tried() -> None:
    versions = workflow(ROOT / ".github/workflows/ci.yml")["jobs"]["run"]["strategy"]["matrix"]["python"]
    assert versions[0] == toml("pyproject.toml")["project"]["requires-python"].removeprefix(">=")
    assert versions == ["3.11", "3.12", "3.13", "3.14"]


def test_a_release_is_built_twice_with_a_bill_of_materials_and_an_audit() -> None:
    release = workflow(ROOT / ".github/workflows/release.yml")["jobs"]
    commands = " ".join(step.get("run", "") for step in release["build"]["steps"])
    assert "make wheel sbom" in commands
    assert "make audit" in commands
    assert release["publish"]["needs"] == ["build", "attest"]


def test_newer_actions_and_locks_are_proposed() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"github-actions", "pip"}
