"""What earlier runs of the same output left."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from collector.run.leftovers import Leftover, leftovers, warning_of
from collector.run.output_template import OutputTemplate
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.resume import Resume, RunHeader

AT = "2026-01-02T03:04:05.000000Z"
NOW = datetime.fromisoformat(AT).timestamp()
HOUR = 3600.0
ASIDE = "20260101T030405Z-01234567"
HEAD = RunHeader("run-1", AT, "digest", "https://api.example", "2025-09-18", 1)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def left(path: str, *, begun: str = AT, suffix: str = "", header: RunHeader | None = HEAD) -> None:
    """A run to `path` stopped, and was perhaps set aside."""
    names = SnapshotPaths(Path(path))
    names.partial.parent.mkdir(parents=True, exist_ok=True)
    end = f".{suffix}" if suffix else ""
    for each in (names.partial, names.checkpoint):
        each.with_name(each.name + end).write_bytes(b"{}\n")
    if header is not None:
        names.header.with_name(names.header.name + end).write_bytes(header._replace(started_at=begun).encode())


def find(text: str, own: str = "today.jsonl") -> list[Leftover]:
    return leftovers(OutputTemplate(text), Path(own))


def snapshots(found: Iterable[Leftover]) -> list[str]:
    return [str(one.snapshot) for one in found]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{date}.jsonl", "2026-01-01.jsonl"),
        ("./{date}.jsonl", "2026-01-01.jsonl"),
        ("out/{date}.jsonl.gz", "out/2026-01-01.jsonl.gz"),
        ("out/{date}/c.jsonl", "out/2026-01-01/c.jsonl"),
        ("o[u]t/{date}/{date}-c.jsonl", "o[u]t/2026-01-01/2026-01-01-c.jsonl"),
        ("{run_id}.jsonl", "20260101T030405Z-01234567.jsonl"),
        ("c.jsonl", "c.jsonl"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ASIDE, f"{ASIDE}.2", "unknown-run"])
def test_what_a_run_left_is_found_once(text: str, path: str, suffix: str) -> None:
    left(path, suffix=suffix)
    left("other/2026-01-01.jsonl")
    Path("2026-01-01.partial.lock").touch()
    [one] = find(text)
    assert one.snapshot == Path(path)
    assert one.suffix == suffix
    assert one.files[0] == Path(f"{path}.partial{'.' if suffix else ''}{suffix}")
    assert len(one.files) == 3
    assert one.begun == NOW
    assert one.header is not None


def test_the_newest_comes_first_and_without_a_head_the_time_of_the_files_counts() -> None:
    left("2026-01-01.jsonl", begun="2026-01-01T00:00:00.000000Z")
    left("2026-01-02.jsonl", begun="2026-01-02T00:00:00.000000Z")
    left("2025-12-31.jsonl", header=None)
    for path in Path().iterdir():
        os.utime(path, (0, 0))
    assert snapshots(find("{date}.jsonl")) == ["2026-01-02.jsonl", "2026-01-01.jsonl", "2025-12-31.jsonl"]


def test_finished_files_and_missing_folders_are_not_leftovers() -> None:
    Path("2026-01-01.jsonl").touch()
    Path("2026-01-01.manifest.json").touch()
    Path("2026-01-01.errors.jsonl").touch()
    assert find("{date}.jsonl") == []
    assert find("nowhere/{date}.jsonl") == []
    assert find("nowhere/{date}/c.jsonl") == []


def test_a_run_that_holds_its_lock_is_not_a_leftover() -> None:
    left("2026-01-01.jsonl")
    lock = SnapshotPaths(Path("2026-01-01.jsonl")).lock
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert find("{date}.jsonl") == []
        assert snapshots(find("{date}.jsonl", own="2026-01-01.jsonl")) == ["2026-01-01.jsonl"]
    assert snapshots(find("{date}.jsonl")) == ["2026-01-01.jsonl"]


@pytest.mark.parametrize(
    ("begun", "header", "allowed"),
    [
        ("2026-01-01T03:05:00.000000Z", HEAD, {Resume.AUTO, Resume.ALWAYS}),
        ("2026-01-01T03:04:00.000000Z", HEAD, {Resume.ALWAYS}),
        (AT, HEAD._replace(ids_digest="other"), set()),
        (AT, HEAD._replace(base_url="https://other.example"), set()),
        (AT, HEAD._replace(redaction="other"), set()),
    ],
)
def test_only_a_run_of_the_same_kind_and_of_the_last_day_may_be_resumed(
    begun: str, header: RunHeader, allowed: set[Resume]
) -> None:
    left("2026-01-01.jsonl", begun=begun, header=header)
    [one] = find("{date}.jsonl")
    assert {resume for resume in Resume if one.may_become(HEAD, resume)} == allowed


@pytest.mark.parametrize("resume", list(Resume))
def test_what_was_set_aside_or_has_no_head_or_no_records_is_not_resumed(resume: Resume) -> None:
    left("2026-01-01.jsonl", suffix=ASIDE)
    left("2026-01-02.jsonl", header=None)
    left("2026-01-03.jsonl")
    Path("2026-01-03.jsonl.partial").unlink()
    found = find("{date}.jsonl")
    assert len(found) == 3
    assert not any(one.may_become(HEAD, resume) for one in found)


def test_the_warning_names_what_is_left_and_how_to_resume_or_remove_it() -> None:
    left("2026-01-01.jsonl")
    left("c.jsonl", suffix=ASIDE)
    assert warning_of(find("{date}.jsonl"), NOW, Path("2026-01-02.jsonl")) == (
        "earlier runs of this output left files: 2026-01-01.jsonl.partial (begun 2026-01-02 03:04 UTC); resume one "
        "with the same ids, --output 2026-01-01.jsonl and --resume always, or remove them if their records are not "
        "needed"
    )
    assert warning_of(find("c.jsonl"), NOW + 25 * HOUR, Path("c.jsonl")) == (
        f"earlier runs of this output left files: c.jsonl.partial.{ASIDE} (set aside, begun 2026-01-02 03:04 UTC); "
        "remove them if their records are not needed"
    )


def test_what_was_set_aside_is_named_from_the_next_day_on() -> None:
    left("c.jsonl", suffix=ASIDE)
    found = find("c.jsonl")
    assert warning_of(found, NOW + 23 * HOUR, Path("c.jsonl")) is None
    assert warning_of(found, NOW + 24 * HOUR, Path("c.jsonl")) is not None


def test_the_own_output_and_what_is_gone_meanwhile_are_not_named() -> None:
    left("2026-01-01.jsonl")
    found = find("{date}.jsonl")
    assert warning_of(found, NOW + 48 * HOUR, Path("2026-01-01.jsonl")) is None
    for path in Path().iterdir():
        path.unlink()
    assert warning_of(found, NOW, Path("2026-01-02.jsonl")) is None


def test_of_many_the_newest_five_are_named_and_the_rest_is_counted() -> None:
    for day in range(1, 9):
        left(f"2026-01-0{day}.jsonl", begun=f"2026-01-0{day}T00:00:00.000000Z")
    said = warning_of(find("{date}.jsonl"), NOW, Path("2026-02-01.jsonl"))
    assert said is not None
    assert "2026-01-04.jsonl.partial" in said
    assert "2026-01-03.jsonl.partial" not in said
    assert "and 3 more" in said
