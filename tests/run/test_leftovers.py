"""The files that earlier runs of the same output left."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from collector.run.leftovers import Leftover, leftover_warning, leftovers
from collector.run.output_template import OutputTemplate
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.resume import Resume, RunHeader

AT = "2026-01-02T03:04:05.000000Z"
NOW = datetime.fromisoformat(AT).timestamp()
HOUR = 3600.0
QUARANTINED_RUN = "20260101T030405Z-01234567"
HEADER = RunHeader("run-1", AT, "digest", "https://api.example", "2025-09-18", 1)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def create_leftover(path: str, *, started: str = AT, suffix: str = "", header: RunHeader | None = HEADER) -> None:
    """Create the files of a stopped run to `path`; with a `suffix`, as quarantined files."""
    paths = SnapshotPaths(Path(path))
    paths.partial.parent.mkdir(parents=True, exist_ok=True)
    end = f".{suffix}" if suffix else ""
    for each in (paths.partial, paths.checkpoint):
        each.with_name(each.name + end).write_bytes(b"{}\n")
    if header is not None:
        paths.header.with_name(paths.header.name + end).write_bytes(header._replace(started_at=started).encode())


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
@pytest.mark.parametrize("suffix", ["", QUARANTINED_RUN, f"{QUARANTINED_RUN}.2", "unknown-run"])
def test_the_files_of_an_earlier_run_are_one_leftover(text: str, path: str, suffix: str) -> None:
    create_leftover(path, suffix=suffix)
    create_leftover("other/2026-01-01.jsonl")
    Path("2026-01-01.partial.lock").touch()
    [one] = find(text)
    assert one.snapshot == Path(path)
    assert one.suffix == suffix
    assert one.files[0] == Path(f"{path}.partial{'.' if suffix else ''}{suffix}")
    assert len(one.files) == 3
    assert one.started == NOW
    assert one.header is not None


def test_leftovers_are_sorted_newest_first_by_header_or_file_time() -> None:
    create_leftover("2026-01-01.jsonl", started="2026-01-01T00:00:00.000000Z")
    create_leftover("2026-01-02.jsonl", started="2026-01-02T00:00:00.000000Z")
    create_leftover("2025-12-31.jsonl", header=None)
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
    create_leftover("2026-01-01.jsonl")
    lock = SnapshotPaths(Path("2026-01-01.jsonl")).lock
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert find("{date}.jsonl") == []
        assert snapshots(find("{date}.jsonl", own="2026-01-01.jsonl")) == ["2026-01-01.jsonl"]
    assert snapshots(find("{date}.jsonl")) == ["2026-01-01.jsonl"]


@pytest.mark.parametrize(
    ("started", "header", "allowed"),
    [
        ("2026-01-01T03:05:00.000000Z", HEADER, {Resume.AUTO, Resume.ALWAYS}),
        ("2026-01-01T03:04:00.000000Z", HEADER, {Resume.ALWAYS}),
        (AT, HEADER._replace(ids_digest="other"), set()),
        (AT, HEADER._replace(base_url="https://other.example"), set()),
        (AT, HEADER._replace(redaction="other"), set()),
    ],
)
def test_only_a_run_with_the_same_settings_from_the_last_24_hours_is_resumable(
    started: str, header: RunHeader, allowed: set[Resume]
) -> None:
    create_leftover("2026-01-01.jsonl", started=started, header=header)
    [one] = find("{date}.jsonl")
    assert {resume for resume in Resume if one.is_resumable_by(HEADER, resume)} == allowed


@pytest.mark.parametrize("resume", list(Resume))
def test_a_run_that_is_quarantined_or_lacks_header_or_records_is_not_resumable(resume: Resume) -> None:
    create_leftover("2026-01-01.jsonl", suffix=QUARANTINED_RUN)
    create_leftover("2026-01-02.jsonl", header=None)
    create_leftover("2026-01-03.jsonl")
    Path("2026-01-03.jsonl.partial").unlink()
    found = find("{date}.jsonl")
    assert len(found) == 3
    assert not any(one.is_resumable_by(HEADER, resume) for one in found)


def test_the_warning_names_leftovers_and_how_to_resume_or_remove_them() -> None:
    create_leftover("2026-01-01.jsonl")
    create_leftover("c.jsonl", suffix=QUARANTINED_RUN)
    assert leftover_warning(find("{date}.jsonl"), NOW, Path("2026-01-02.jsonl")) == (
        "earlier runs of this output left files: 2026-01-01.jsonl.partial (started 2026-01-02 03:04 UTC); resume one "
        "with the same ids, --output 2026-01-01.jsonl and --resume always, or remove them if their records are not "
        "needed"
    )
    assert leftover_warning(find("c.jsonl"), NOW + 25 * HOUR, Path("c.jsonl")) == (
        f"earlier runs of this output left files: c.jsonl.partial.{QUARANTINED_RUN} (quarantined, started "
        "2026-01-02 03:04 UTC); remove them if their records are not needed"
    )


def test_a_quarantined_run_is_named_after_24_hours() -> None:
    create_leftover("c.jsonl", suffix=QUARANTINED_RUN)
    found = find("c.jsonl")
    assert leftover_warning(found, NOW + 23 * HOUR, Path("c.jsonl")) is None
    assert leftover_warning(found, NOW + 24 * HOUR, Path("c.jsonl")) is not None


def test_the_current_output_and_removed_files_are_not_named() -> None:
    create_leftover("2026-01-01.jsonl")
    found = find("{date}.jsonl")
    assert leftover_warning(found, NOW + 48 * HOUR, Path("2026-01-01.jsonl")) is None
    for path in Path().iterdir():
        path.unlink()
    assert leftover_warning(found, NOW, Path("2026-01-02.jsonl")) is None


def test_the_newest_five_leftovers_are_named_and_the_rest_counted() -> None:
    for day in range(1, 9):
        create_leftover(f"2026-01-0{day}.jsonl", started=f"2026-01-0{day}T00:00:00.000000Z")
    warning = leftover_warning(find("{date}.jsonl"), NOW, Path("2026-02-01.jsonl"))
    assert warning is not None
    assert "2026-01-04.jsonl.partial" in warning
    assert "2026-01-03.jsonl.partial" not in warning
    assert "and 3 more" in warning
