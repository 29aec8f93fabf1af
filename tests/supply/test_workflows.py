"""The GitHub workflows: pinned actions, minimal permissions, and no untrusted text in a shell.

These rules are specific to the project. `make security` also checks the workflows with zizmor.
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
WITH_IDENTITY_TOKEN = {("release", "attest"), ("release", "publish")}


def workflow(path: Path) -> dict[Any, Any]:
    parsed = yaml.safe_load(path.read_text())
    assert isinstance(parsed, dict)
    return parsed


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Workflow name, job name and definition of each job."""
    for path in WORKFLOWS:
        for name, job in workflow(path)["jobs"].items():
            yield path.stem, name, job


def steps() -> Iterator[dict[str, Any]]:
    for _, _, job in jobs():
        yield from job["steps"]


def test_the_workflows_are_ci_and_release() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]


@EACH
def test_every_action_is_pinned_by_full_commit_with_the_version_as_a_comment(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_each_action_has_the_same_commit_in_all_workflows() -> None:
    used = {step["uses"] for step in steps() if "uses" in step}
    assert len(used) == len({each.partition("@")[0] for each in used})


@EACH
def test_permissions_are_granted_per_job_only(path: Path) -> None:
    assert workflow(path)["permissions"] == {}
    assert all(isinstance(job["permissions"], dict) for job in workflow(path)["jobs"].values())


def test_only_attest_and_publish_get_an_identity_token_and_they_run_no_project_code() -> None:
    with_token = {(stem, name): job for stem, name, job in jobs() if "id-token" in job["permissions"]}
    assert with_token.keys() == WITH_IDENTITY_TOKEN
    for job in with_token.values():
        assert all("uses" in step and "run" not in step for step in job["steps"])
        assert not any(step["uses"].startswith("actions/checkout@") for step in job["steps"])


def test_only_the_publish_job_uses_the_trusted_environment() -> None:
    assert [(stem, name) for stem, name, job in jobs() if "environment" in job] == [("release", "publish")]
    publish = workflow(ROOT / ".github/workflows/release.yml")["jobs"]["publish"]
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["steps"][-1]["with"]["attestations"] is True


def test_only_the_release_job_may_write_to_the_repository() -> None:
    assert [name for _, name, job in jobs() if job["permissions"].get("contents") == "write"] == ["release"]


@EACH
def test_no_workflow_runs_with_permissions_on_untrusted_pull_requests(path: Path) -> None:
    triggers = workflow(path)[True]  # YAML 1.1 parses the key `on` as true
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)


def test_no_command_contains_an_expression() -> None:
    """A branch name or a title may contain a command, so a shell may read it from the environment only."""
    commands = [step["run"] for step in steps() if "run" in step]
    assert commands
    assert [command for command in commands if "${{" in command] == []


@EACH
def test_no_stored_secret_is_used(path: Path) -> None:
    assert "secrets." not in path.read_text()
    assert "password:" not in path.read_text()


def test_a_checkout_does_not_persist_its_token() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_job_has_a_timeout() -> None:
    assert all(job["timeout-minutes"] <= 60 for _, _, job in jobs())


def test_every_supported_python_is_tested() -> None:
    versions = workflow(ROOT / ".github/workflows/ci.yml")["jobs"]["run"]["strategy"]["matrix"]["python"]
    assert versions[0] == toml("pyproject.toml")["project"]["requires-python"].removeprefix(">=")
    assert versions == ["3.11", "3.12", "3.13", "3.14"]


def test_a_release_has_a_reproducible_build_a_bill_of_materials_and_an_audit() -> None:
    release = workflow(ROOT / ".github/workflows/release.yml")["jobs"]
    commands = " ".join(step.get("run", "") for step in release["build"]["steps"])
    assert "make wheel sbom" in commands
    assert "make audit" in commands
    assert release["publish"]["needs"] == ["build", "attest"]


def test_dependabot_updates_actions_and_locks() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"github-actions", "pip"}
