"""Verification of the index of several organizations, with the files that it lists."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from collector.model.errors import Damaged, InputError
from collector.model.ledger import RequestCount
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.verify_index import is_index_file, verify_index
from tests.snapshot.test_manifest import PYTHON_WORDING, mutated_manifests
from tests.support.organizations import (
    FIRST,
    FOURTH,
    INDEX,
    SECOND,
    THIRD,
    as_stream,
    collect_organization,
    collect_organizations,
    require_match,
    write_index,
)
from tests.support.reports import report
from tests.support.scripted_server import ids

LATER_RUN = "20260102T000000Z-0badcafe"


def failure_of(index: Path, title: str) -> Damaged | InputError:
    """The failure of the organization with this title, which must be the only one."""
    found = verify_index(index)
    failures = {each.title: each.failure for each in found.organizations if each.failure}
    assert list(failures) == [title]
    assert found.failures == list(failures.values())
    return failures[title]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index that matches its files. Tests that change a file copy it."""
    folder = tmp_path_factory.mktemp("collected")
    asyncio.run(collect_organizations(folder))
    return folder


@pytest.fixture
def index(collected: Path, tmp_path: Path) -> Path:
    """An index that matches its files, to be changed."""
    shutil.copytree(collected, tmp_path / "out")
    return tmp_path / "out" / INDEX


def test_an_unchanged_index_matches_the_files_of_every_organization(index: Path) -> None:
    before = {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()}
    found = require_match(index)
    assert (found.status, found.exit_code) == ("stopped", 3)
    assert [(each.title, each.status, each.records, each.errors) for each in found.organizations] == [
        (FIRST, "complete", 3, 0),
        (SECOND, "partial", 4, 1),
        (THIRD, "stopped", 2, 0),
        ("fourth", "failed", 0, 0),
    ]
    second, fourth = found.organizations[1], found.organizations[3]
    assert second.files
    assert second.files.errors_file == index.parent / f"{SECOND}.errors.jsonl"
    assert (fourth.files, fourth.exit_code, fourth.error) == (None, 4, "the API rejects the key")
    assert [note for note in found.notes if "1 ids were not attempted" in note] == list(found.notes)
    assert {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()} == before


FILES = (
    *(f"{FIRST}/c.jsonl.gz", f"{FIRST}/c.manifest.json"),
    *(f"{SECOND}.jsonl", f"{SECOND}.errors.jsonl", f"{SECOND}.manifest.json"),
    *(f"{THIRD}.jsonl.partial", f"{THIRD}.partial.manifest.json"),
)


def test_the_index_lists_all_kinds_of_files(index: Path) -> None:
    listed = [
        path
        for each in json.loads(index.read_bytes())["organizations"]
        for path in (
            *(file["path"] for file in each["files"]),
            *([each["manifest"]["path"]] if each["manifest"] else []),
        )
    ]
    assert sorted(listed) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_any_file_is_found_and_its_organization_and_file_are_named(index: Path, name: str) -> None:
    path = index.parent / name
    content = path.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        failure = failure_of(index, name[: len(FIRST)])
        assert isinstance(failure, Damaged), at
        assert str(failure).startswith(f"{path}: "), at
        assert re.search("; (restore|collect|verify) ", str(failure)), failure


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_or_has_more_bytes_is_named(index: Path, name: str) -> None:
    path = index.parent / name
    with path.open("ab") as file:
        file.write(b"\0")
    assert str(failure_of(index, name[: len(FIRST)])).startswith(f"{path}: ")
    path.unlink()
    assert str(failure_of(index, name[: len(FIRST)])).startswith(f"{path}: does not exist")


def leaves(value: Any, *above: str | int) -> list[tuple[str | int, ...]]:
    """The paths of all values that are neither objects nor arrays."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    return [above] if children is None else [leaf for key, child in children for leaf in leaves(child, *above, key)]


FREE: tuple[str, ...] = ("label", "name", "error", "kept")
"""Members of an entry that neither the account nor the manifest determines."""


def changed_value(value: Any) -> Any:
    if isinstance(value, str):
        return f"{value[:-1]}{chr(ord(value[-1]) ^ 1)}"
    return not value if value is None or isinstance(value, bool) else value + 1


def test_a_change_to_any_fact_in_an_entry_is_found(index: Path) -> None:
    document = json.loads(index.read_bytes())
    places = [place for place in leaves(document["organizations"][:3]) if place[1] not in FREE]
    assert {place[1] for place in places} == set(document["organizations"][0]) - set(FREE)
    for place in places:
        changed = json.loads(index.read_bytes())
        parent = changed["organizations"]
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = changed_value(parent[place[-1]])
        index.write_text(json.dumps(changed))
        with pytest.raises(Damaged):
            require_match(index)
    index.write_text(json.dumps(document))
    require_match(index)


def test_a_change_to_any_sum_or_to_the_status_is_found(index: Path) -> None:
    document = json.loads(index.read_bytes())
    derived = {key: document[key] for key in ("status", "exit_code", "account")}
    for place in leaves(derived):
        changed = json.loads(json.dumps(document))
        parent = changed
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = changed_value(parent[place[-1]])
        index.write_text(json.dumps(changed))
        with pytest.raises(Damaged, match=rf"{re.escape('.'.join(map(str, place)))}: .*restore the index or collect"):
            verify_index(index)


def facts(found: dict[str, Any]) -> list[Any]:
    return [{key: value for key, value in each.items() if key not in FREE} for each in found["organizations"]]


@pytest.fixture(scope="module")
def mutable(collected: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutable") / "out"
    shutil.copytree(collected, folder)
    return folder / INDEX


def test_any_index_matches_or_is_rejected_in_plain_words(mutable: Path) -> None:
    document = json.loads(mutable.read_bytes())

    @settings(max_examples=300)
    @given(mutated_manifests(document))
    def check(mutated: dict[str, Any]) -> None:
        mutable.write_text(json.dumps(mutated))
        try:
            require_match(mutable)
        except (Damaged, InputError) as error:
            message = re.sub(r'\[".*"\]', "", str(error).replace(str(mutable.parent), ""))
        else:
            known = [json.dumps(each) for each in facts(document)[:3]]
            assert all(json.dumps(each) in known for each in facts(mutated) if each["run_id"])
            return
        assert not PYTHON_WORDING.search(message), message

    check()


def test_damage_to_one_organization_does_not_prevent_the_verification_of_the_others(index: Path) -> None:
    for name in (FILES[0], FILES[3]):
        (index.parent / name).unlink()
    found = verify_index(index)
    assert [(each.title, bool(each.files), bool(each.failure)) for each in found.organizations] == [
        (FIRST, False, True),
        (SECOND, False, True),
        (THIRD, True, False),
        ("fourth", False, False),
    ]


async def test_files_that_a_later_run_replaced_are_not_called_corrupt(index: Path) -> None:
    path = index.parent / f"{SECOND}.jsonl"
    await collect_organization(path, SECOND, ids(5), run_id=LATER_RUN)
    assert str(failure_of(index, SECOND)) == (
        f"{SnapshotPaths(path).manifest}: belongs to run {LATER_RUN}, and the index lists run "
        f"{report().run_id}; another run replaced the files, so the index is out of date; collect all organizations "
        f"again, or verify {path} alone"
    )


@pytest.mark.parametrize("stops_after", [None, 3])
async def test_an_organization_that_a_later_run_resumed_is_not_called_corrupt(
    index: Path, stops_after: int | None
) -> None:
    """It has the same run id."""
    path = index.parent / f"{THIRD}.jsonl"
    for name in SnapshotPaths(path).unfinished if stops_after is None else ():
        name.unlink(missing_ok=True)
    manifest = SnapshotPaths(path).partial_manifest
    if stops_after is not None:
        manifest.write_bytes(manifest.read_bytes().replace(b'"duration_s": 1.0', b'"duration_s": 2.0'))
    problem = "does not exist" if stops_after is None else "differs from the index"
    assert str(failure_of(index, THIRD)) == (
        f"{manifest}: {problem}; a later run may have resumed the organization, so the index is "
        f"out of date; collect all organizations again, or verify {path} alone"
    )


def test_an_index_is_found_through_a_link_and_moves_with_its_files(index: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    link = tmp_path / "deep" / "link"
    link.symlink_to(index)
    assert require_match(link).exit_code == 3
    index.parent.rename(tmp_path / "moved")
    assert require_match(tmp_path / "moved" / INDEX).exit_code == 3


async def test_an_index_in_another_folder_lists_its_files_by_a_way_through_links(tmp_path: Path) -> None:
    (tmp_path / "disk/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("disk/deep")
    result = await collect_organization(tmp_path / "data/c.jsonl", FIRST, ids(2))
    index = write_index(tmp_path / "link" / "any name", [result])
    assert [each.records for each in require_match(index).organizations] == [2]


async def test_the_index_of_a_stream_is_checked_as_far_as_its_account(tmp_path: Path) -> None:
    results = [await collect_organization(tmp_path / f"{one}.jsonl", one, ids(2)) for one in (FIRST, SECOND)]
    streams = [as_stream(each) for each in results]
    found = verify_index(write_index(tmp_path / INDEX, streams))
    assert [(each.status, each.records, each.files) for each in found.organizations] == [("complete", 2, None)] * 2
    assert found.notes == (
        f"{tmp_path / INDEX}: the records of 2 organizations were not compared, because they went to a stream; to "
        "verify records, collect with -o FILE",
    )


@pytest.fixture
async def stream_index(tmp_path: Path) -> Path:
    """The index of a stream with four records, and one error in a file in another folder."""
    result = await collect_organization(tmp_path / "data/c.jsonl", SECOND, ids(5))
    return write_index(tmp_path / "out" / INDEX, [as_stream(result, tmp_path / "data/c.errors.jsonl")])


def test_the_errors_file_of_a_stream_is_listed_relative_to_the_index_and_compared(
    stream_index: Path, tmp_path: Path
) -> None:
    [entry] = json.loads(stream_index.read_bytes())["organizations"]
    assert [file["path"] for file in entry["files"]] == ["-", "../data/c.errors.jsonl"]
    tmp_path.rename(tmp_path.with_name("moved"))
    index = tmp_path.with_name("moved") / "out" / INDEX
    [organization] = require_match(index).organizations
    assert (organization.files, organization.records, organization.errors) == (None, 4, 1)
    assert organization.errors_file
    assert organization.errors_file.samefile(index.parent.parent / "data/c.errors.jsonl")


def test_a_change_to_the_errors_file_of_a_stream_is_found(stream_index: Path, tmp_path: Path) -> None:
    path = tmp_path / "data/c.errors.jsonl"
    content = path.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        assert isinstance(failure_of(stream_index, SECOND), Damaged), at
    for changed, problem in (
        (b"", f"byte 0: the file has 0 bytes, but the index states {len(content)}"),
        (content + content, f"byte {len(content)}: "),
        (content[:-1], "byte "),
    ):
        path.write_bytes(changed)
        assert f"data/c.errors.jsonl: {problem}" in str(failure_of(stream_index, SECOND))
    path.unlink()
    assert "data/c.errors.jsonl: does not exist, but the index counts 1 errors; restore the file or collect" in str(
        failure_of(stream_index, SECOND)
    )


def test_a_change_to_the_entry_of_an_errors_file_of_a_stream_is_found(stream_index: Path) -> None:
    document = json.loads(stream_index.read_bytes())
    for key in ("path", "records", "bytes", "sha256"):
        changed = json.loads(stream_index.read_bytes())
        entry = changed["organizations"][0]["files"][1]
        entry[key] = changed_value(entry[key])
        stream_index.write_text(json.dumps(changed))
        assert isinstance(failure_of(stream_index, SECOND), Damaged), key
        stream_index.write_text(json.dumps(document))
    require_match(stream_index)


async def test_an_organization_that_stopped_before_it_had_a_file_is_noted(tmp_path: Path) -> None:
    result = await collect_organization(tmp_path / "c.jsonl", FIRST, ids(2), stops_after=0)
    manifest = {**json.loads(result.manifest or b""), "files": []}
    index = write_index(tmp_path / INDEX, [result._replace(manifest=json.dumps(manifest).encode(), manifest_path=None)])
    assert verify_index(index).notes == (
        f"{index}: organization {FIRST} left no files, so only its account was checked",
    )


async def test_an_organization_whose_manifest_could_not_be_written_failed(tmp_path: Path) -> None:
    result = await collect_organization(tmp_path / "c.jsonl", FIRST, ids(3), stops_after=2)
    index = write_index(tmp_path / INDEX, [result._replace(manifest_path=None, requests=RequestCount(sent=7))])
    [found] = require_match(index).organizations
    assert (found.status, found.has_account) == ("failed", False)
    assert json.loads(index.read_bytes())["requests"]["sent"] == 8  # one is outside the organizations


async def test_a_run_that_failed_to_close_its_files_has_another_exit_code_than_its_manifest(tmp_path: Path) -> None:
    result = await collect_organization(tmp_path / "c.jsonl", FIRST, ids(2))
    index = write_index(tmp_path / INDEX, [result._replace(exit_code=6, error="c.jsonl: cannot be closed")])
    assert require_match(index).exit_code == 6


CONTRADICTIONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "format": (lambda found: found.update(format="collector.organizations/2"), "format: not collector.organizations/1"),
    "an organization twice": (
        lambda found: found["organizations"].append(found["organizations"][3]),
        f"organizations[4]: has the id {FOURTH}, which the index lists twice",
    ),
    "a label twice": (
        lambda found: found["organizations"][0].update(label="fourth"),
        "organizations[3]: has the label fourth, which the index lists twice",
    ),
    "a file twice": (
        lambda found: found["organizations"][1]["files"][1].update(path=f"{SECOND}.jsonl"),
        f"organizations[1]: has the file {SECOND}.jsonl, which the index lists twice",
    ),
    "no name": (
        lambda found: found["organizations"][3].update(id=None, label=None),
        "organizations[3]: has neither an id nor a label",
    ),
    "another organization": (
        lambda found: found["organizations"][0].update(id=ids(1, 7)[0]),
        f"organizations[0].organization_id: the records belong to {FIRST}, not to {ids(1, 7)[0]}",
    ),
    "a failure with exit code 0": (
        lambda found: found["organizations"][3].update(exit_code=0),
        "organizations[3].exit_code: 0, but the organization is failed",
    ),
    "a failure with an account": (
        lambda found: found["organizations"][0].update(status="failed"),
        "organizations[0].status: failed, but the organization has an account",
    ),
    "complete without an account": (
        lambda found: found["organizations"][3].update(status="complete"),
        "organizations[3].status: complete, but the organization has no account",
    ),
    "kept without an account": (
        lambda found: found["organizations"][3].update(kept=True),
        "organizations[3].kept: true, but the organization has no account",
    ),
    "a manifest without an account": (
        lambda found: found["organizations"][3].update(manifest=found["organizations"][0]["manifest"]),
        "organizations[3].manifest: has a value, but the organization has no account",
    ),
    "files without an account": (
        lambda found: found["organizations"][3].update(files=found["organizations"][0]["files"]),
        "organizations[3].files: has entries, but run_id has no value",
    ),
    "files without a manifest": (
        lambda found: found["organizations"][2].update(manifest=None),
        "organizations[2].manifest: null, but the organization has files",
    ),
    "half an account": (
        lambda found: found["organizations"][0].update(run_id=None),
        "organizations[0].organization_id: has a value, but run_id has none",
    ),
    "partial": (
        lambda found: found["organizations"][0].update(status="partial"),
        "organizations[0].status: partial, but the account implies complete",
    ),
    "an exit code": (
        lambda found: found["organizations"][0].update(exit_code=3),
        "organizations[0].exit_code: 3, but the account implies 0",
    ),
    "an account that does not add up": (
        lambda found: found["organizations"][2]["outcomes"].update(ok=3),
        "organizations[2].input: does not add up with the outcomes",
    ),
    "another status": (lambda found: found.update(status="partial"), "status: not stopped, which follows from"),
    "fewer requests": (lambda found: found["requests"].update(sent=1), "requests: fewer than those of the organiz"),
    "a status of HTTP": (
        lambda found: found["requests"]["by_status"].update({"2000": 1}),
        'requests.by_status["2000"]: not an HTTP status',
    ),
}


@pytest.mark.parametrize(("change", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_an_index_that_contradicts_itself_is_rejected_with_the_place(
    index: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    document = json.loads(index.read_bytes())
    change(document)
    index.write_text(json.dumps(document))
    with pytest.raises(Damaged, match=rf"^{re.escape(f'{index}: {message}')}.*; restore the index or collect all"):
        verify_index(index)


def test_a_manifest_with_another_name_than_its_records_imply_is_rejected(index: Path) -> None:
    os.rename(index.parent / f"{SECOND}.manifest.json", index.parent / "x.manifest.json")
    index.write_text(index.read_text().replace(f"{SECOND}.manifest.json", "x.manifest.json"))
    assert f"{index}: lists x.manifest.json as the manifest of " in str(failure_of(index, SECOND))


def test_an_index_without_a_path_for_its_records_is_rejected(index: Path) -> None:
    document = json.loads(index.read_bytes())
    document["organizations"][0]["files"] = []
    index.write_text(json.dumps(document))
    assert re.search(r"lists the manifest .*, but no records", str(failure_of(index, FIRST)))


@pytest.mark.parametrize("name", [".", "..", "/", "x/..", "x" * 300])
def test_an_index_with_any_name_for_its_records_is_rejected_in_plain_words(index: Path, name: str) -> None:
    document = json.loads(index.read_bytes())
    document["organizations"][0]["files"][0]["path"] = name
    index.write_text(json.dumps(document))
    with pytest.raises((Damaged, InputError)) as error:
        require_match(index)
    assert not PYTHON_WORDING.search(str(error.value))


def test_a_file_that_cannot_be_read_is_not_called_corrupt(index: Path) -> None:
    path = index.parent / f"{SECOND}.manifest.json"
    path.unlink()
    path.mkdir()
    failure = failure_of(index, SECOND)
    assert isinstance(failure, InputError)
    assert str(failure).startswith(f"{path}: ")


def test_an_index_is_told_by_its_content(index: Path, tmp_path: Path) -> None:
    assert is_index_file(index)
    compact = tmp_path / "any"
    compact.write_text(json.dumps(json.loads(index.read_bytes()), separators=(",", ":")))
    assert is_index_file(compact)
    for content in (
        b"",
        b"{}",
        b'{"id":"x","format":"collector.organizations/1"}',
        b'{"format":"collector.manifest/1"}',
    ):
        compact.write_bytes(content)
        assert not is_index_file(compact)
    assert not any(map(is_index_file, (tmp_path, tmp_path / "nowhere", Path("c\0"), index.parent / f"{SECOND}.jsonl")))
