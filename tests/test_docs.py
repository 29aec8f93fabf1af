"""The documentation matches the program."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import collector
from collector.model.errors import ExitCode
from collector.model.ledger import InputCount, Ledger, RequestCount
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record import FIELDS
from collector.model.shape import Seen, Shape, TypeShape
from collector.model.side_tables import TableStatus
from collector.polytomic.cross_check import CrossCheckReport
from collector.run.settings import Output, Redact
from collector.snapshot.drift import Change, Drift, DriftReport
from collector.snapshot.lines import error_line
from collector.snapshot.manifest import FileEntry, TableEntry, encode
from collector.snapshot.organizations_index import IndexReport, OrganizationResult, OrganizationStatus
from collector.snapshot.organizations_index import encode as encode_index
from tests.support.reports import report as fake_report

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
}
COMMANDS = ("check", "collect", "demo", "export", "load", "sandbox", "schema", "tap", "verify")
OF_OTHERS = {"--check", "--help", "--token", "--version"}
"""Flags in prose that are not of a command: of the scripts in `.ci`, of every command, and one in a masked text."""


def blocks(languages: str) -> list[str]:
    """The fenced blocks of all pages in these languages."""
    return [
        text
        for page in PAGES.values()
        for text in re.findall(rf"^ *```(?:{languages})\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)
    ]


def first_cells(page: str, title: str = "") -> list[str]:
    """The code in the first column of the tables of a page, or of one of its sections."""
    section = PAGES[page].partition(f"\n## {title}\n")[2].partition("\n## ")[0] if title else PAGES[page]
    return [
        name for cell in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE) for name in re.findall("`(.+?)`", cell)
    ]


@cache
def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "collector", command, "--help"], capture_output=True, text=True, check=True
    )
    return done.stdout


def has_flag(command: str, flag: str) -> bool:
    return re.search(rf"(?<![\w-]){flag}(?![\w-])", help_of(command)) is not None


def test_a_list_of_the_keys_of_a_record_is_whole_and_in_order() -> None:
    lists = [text for text in blocks("text") if "_schema" in text]
    assert lists
    assert all(tuple(text.split()) == FIELDS for text in lists)


@pytest.mark.parametrize(
    "script",
    ["command_reference", "limits_reference", "record_reference", "rooms", "schema_files", "side_tables_reference"],
)
def test_a_generated_page_matches_the_code(script: str) -> None:
    done = subprocess.run([sys.executable, f".ci/{script}.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, f"run python .ci/{script}.py"


def test_the_reference_lists_every_outcome() -> None:
    assert first_cells("docs/reference/exit-codes.md", "Outcomes") == list(OutcomeKind)


def test_the_reference_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", PAGES["docs/reference/exit-codes.md"], re.MULTILINE)
    assert sorted(int(code) for row in rows for code in row.split(",")) == sorted(ExitCode)


def test_no_page_lists_an_exit_code_that_does_not_exist() -> None:
    rows = [row for page in PAGES.values() for row in re.findall(r"^\| ([0-9]+(?:, [0-9]+)*) \|", page, re.MULTILINE)]
    assert {int(code) for row in rows for code in row.split(",")} <= set(ExitCode)


def test_the_reference_explains_every_key_of_a_manifest() -> None:
    facts = FileEntry("c-00000.jsonl", 1, 1, "00", "c-{part}.jsonl")
    ledger, change = Ledger(InputCount(filtered=0)), Change("TYPE", "PATH", (), (), 1, ())
    ledger.tally.shape += Shape({"TYPE": TypeShape(Seen(4), {"PATH": {"text": Seen(1, ("id",))}})})
    report = fake_report(
        ledger,
        drift=DriftReport("run id", "", True, Drift((change,), (change,), (change,))),
        redaction=Redact().as_manifest(),
        output=Output().as_manifest(),
        selection={"all": True, "from_list": True, "filter": {}},
        cross_check=CrossCheckReport().as_manifest(),
    )
    table = TableEntry(facts, "users", "/api/organization/users", TableStatus.COMPLETE)
    document = json.loads(encode(report, [facts], [table]))
    assert document["account"]["outcomes"].keys() == set(OutcomeKind)
    document["account"]["outcomes"], document["requests"]["by_status"] = {"OUTCOME": 0}, {"STATUS": 0}
    document["requests"]["by_endpoint"] = {"ENDPOINT": 0}
    of_type = document["shape"]["types"]["TYPE"]
    assert (of_type["fields"], of_type["field_ids"]) == ({"PATH": {"text": 1}}, {"PATH": {"text": ["id"]}})
    of_type["fields"], of_type["field_ids"] = {"PATH": {"JSON_TYPE": 1}}, {"PATH": {"JSON_TYPE": []}}
    assert sorted(first_cells("docs/reference/files.md", "Manifest")) == sorted(keys_of(document))


def test_the_reference_explains_every_key_of_an_index() -> None:
    drift = DriftReport("run id", "", fails=True)
    manifest = encode(fake_report(Ledger(InputCount(filtered=0)), drift=drift), [FileEntry("c.jsonl", 0, 0, "00")])
    result = OrganizationResult("id", None, None, 0, None, manifest, Path("c.manifest.json"))
    report = IndexReport(
        *("run id", "version", "base URL", "API version", "start", "end"), 1.0, RequestCount(), [result]
    )
    document = json.loads(encode_index(report, Path("organizations.manifest.json")))
    assert document["account"]["organizations"].keys() == {"total", *OrganizationStatus}
    document["account"]["organizations"] = {"total": 1, "STATUS": 0}
    document["account"]["outcomes"], document["requests"]["by_status"] = {"OUTCOME": 0}, {"STATUS": 0}
    document["organizations"] = [dict.fromkeys(document["organizations"][0])]
    assert sorted(first_cells("docs/reference/files.md", "Index of several organizations")) == sorted(keys_of(document))


def keys_of(value: object, path: str = "") -> Iterator[str]:
    """The paths of all leaves; an empty object is one."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from keys_of(member, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and value:
        yield from sorted({key for element in value for key in keys_of(element, f"{path}[]")})
    else:
        yield path


def test_the_reference_explains_every_key_of_an_errors_line() -> None:
    line = json.loads(error_line(Outcome("id", OutcomeKind.NOT_FOUND, 1, at="")))
    assert first_cells("docs/reference/files.md", "Errors file") == list(line)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_of_a_command_line_exists(command: str) -> None:
    """Every flag of a command on a page is in the help of that command."""
    lines = [line for text in blocks("sh|cron|console|ini") for line in re.split(r"[\n|]", text.replace("\\\n", ""))]
    flags = {
        flag
        for line in lines
        for arguments in re.findall(rf"\bcollector {command}\b([^#&;]*)", line)
        for flag in re.findall(r"(?<=\s)--?[a-z][a-z-]*", arguments)
    }
    assert flags or command in {"demo", "verify"}
    assert [flag for flag in sorted(flags) if not has_flag(command, flag)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_flag_named_in_prose_exists(page: str) -> None:
    flags = set(re.findall(r"`(--[a-z-]+)", PAGES[page])) - OF_OTHERS
    assert [flag for flag in sorted(flags) if not any(has_flag(command, flag) for command in COMMANDS)] == []


def test_python_blocks_use_public_names() -> None:
    sources = blocks("python")
    assert any("collector.collect" in source for source in sources)
    named = {
        name
        for source in sources
        for name in re.findall(r"\bcollector\.(?!warehouse import dlt_resource)([A-Za-z_]+)", source)
    }
    assert named - {"sandbox"} <= set(collector.__all__)


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "collect_from_python.py"), run_name="__main__")
    assert "'healthy'" in capsys.readouterr().out


def test_public_names_exist_and_are_named_once() -> None:
    assert len(set(collector.__all__)) == len(collector.__all__)
    assert all(hasattr(collector, name) for name in collector.__all__)


def test_the_changelog_speaks_of_this_version_or_of_what_is_to_come() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in changelog or f"## {collector.__version__}" in changelog
