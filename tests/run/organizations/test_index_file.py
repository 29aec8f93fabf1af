"""The index of a run of several organizations, on the disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from collector.model.errors import Damaged, ExitCode, OutputError, OutputLocked, UsageError
from collector.run.organizations.index_file import INDEX_NAME, IndexFile, index_path
from collector.run.settings import Output
from collector.snapshot.sinks.resume import Resume, RunHeader

RUN_ID, OTHER_RUN_ID = "20260102T030405Z-01234567", "20260103T030405Z-89abcdef"
MARK = "organizations.partial.run.json"
LOCK = "organizations.partial.lock"


def header(run_id: str = RUN_ID, *, started_at: str = "2026-01-02T03:04:05.000000Z", digest: str = "d") -> RunHeader:
    return RunHeader(run_id, started_at, digest, "https://api.example", "2025-09-18", 1)


OWN = header(OTHER_RUN_ID, started_at="2026-01-02T13:04:05.000000Z")


def index_in(folder: Path, name: str = INDEX_NAME) -> IndexFile:
    warnings: list[str] = []
    return IndexFile(folder / name, warnings.append)


def opened(folder: Path) -> IndexFile:
    index = index_in(folder)
    index.open()
    return index


def begin(index: IndexFile, own: RunHeader, policy: Resume) -> RunHeader:
    """Begin a run, or continue the interrupted one; returns its header."""
    if unfinished := index.find_interrupted(own, policy):
        return unfinished
    index.mark(own)
    return own


def path_of(output: str, manifest: str | None) -> Path | None:
    return index_path(Output(output, manifest=manifest), run_id="r", now=0.0, is_stream=output == "-")


def test_a_stream_has_an_index_only_if_it_is_named() -> None:
    assert path_of("-", None) is None
    assert path_of("-", "index.json") == Path("index.json")


def mark(folder: Path, content: bytes) -> None:
    (folder / MARK).write_bytes(content)
    (folder / MARK).chmod(0o600)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("{organization_id}.jsonl", INDEX_NAME),
        ("out/{organization_id}.jsonl.gz", f"out/{INDEX_NAME}"),
        ("/srv/out/{organization_id}/c.jsonl", f"/srv/out/{INDEX_NAME}"),
        ("out/{date}/{organization_id}/c.jsonl", f"out/{INDEX_NAME}"),
        ("{date}/x/{organization_id}.jsonl", INDEX_NAME),
        ("out/x/c-{organization_id}-{date}.jsonl", f"out/x/{INDEX_NAME}"),
    ],
)
def test_the_index_is_in_the_deepest_folder_without_a_placeholder(output: str, expected: str) -> None:
    assert path_of(output, None) == Path(expected)


def test_an_option_names_the_index_with_placeholders() -> None:
    found = path_of("{organization_id}.jsonl", "idx/{date}-{run_id}.json")
    assert found == Path("idx/1970-01-01-r.json")
    with pytest.raises(UsageError, match=r"^--manifest \{day\}: \{day\} is not a placeholder"):
        path_of("{organization_id}.jsonl", "{day}")


def test_a_path_that_no_index_can_replace_is_rejected(tmp_path: Path) -> None:
    (tmp_path / INDEX_NAME).mkdir()
    with pytest.raises(UsageError, match=rf"^--output: {tmp_path}/{INDEX_NAME}, .* is a folder"):
        path_of(f"{tmp_path}/{{organization_id}}.jsonl", None)
    with pytest.raises(UsageError, match=rf"^--manifest: {tmp_path}, .* is a folder"):
        path_of("-", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "index.json")
    with pytest.raises(OutputError, match="a symbolic link; name its target"):
        path_of("-", str(tmp_path / "link"))


def test_an_index_is_written_in_a_new_folder_and_leaves_no_other_file(tmp_path: Path) -> None:
    index = opened(tmp_path / "a/b")
    assert begin(index, OWN, Resume.AUTO) is OWN
    assert files_in(tmp_path / "a/b") == {MARK, LOCK}
    index.write(b"{}\n", is_finished=True)
    index.close()
    assert files_in(tmp_path / "a/b") == {INDEX_NAME}
    assert (tmp_path / "a/b" / INDEX_NAME).read_bytes() == b"{}\n"
    assert stat.S_IMODE((tmp_path / "a/b" / INDEX_NAME).stat().st_mode) == 0o600


def test_all_files_of_the_index_are_among_its_paths(tmp_path: Path) -> None:
    index = opened(tmp_path)
    begin(index, OWN, Resume.AUTO)
    index.write(b"{}", is_finished=False)
    assert {path.name for path in index.paths} == files_in(tmp_path) == {INDEX_NAME, MARK, LOCK}
    index.close()


@pytest.mark.parametrize(("name", "stem"), [("x.manifest.json", "x"), ("x.json", "x"), ("x", "x"), ("x.manifest", "x")])
def test_the_mark_and_the_lock_are_beside_an_index_of_any_name(tmp_path: Path, name: str, stem: str) -> None:
    paths = {path.name for path in index_in(tmp_path, name).paths}
    assert paths == {name, f"{stem}.partial.run.json", f"{stem}.partial.lock"}


def test_two_processes_cannot_write_one_index(tmp_path: Path) -> None:
    first = opened(tmp_path)
    second = index_in(tmp_path)
    with pytest.raises(OutputLocked) as caught:
        second.open()
    assert caught.value.exit_code == ExitCode.LOCKED
    second.close()  # does not release the lock of the first one
    assert LOCK in files_in(tmp_path)
    with pytest.raises(OutputLocked):
        second.open()
    first.close()
    opened(tmp_path).close()


def test_closing_twice_is_allowed(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.close()
    index.close()
    assert files_in(tmp_path) == set()


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    index = index_in(tmp_path / "file")
    with pytest.raises(OutputError) as caught:
        index.open()
    assert caught.value.exit_code == ExitCode.OUTPUT
    index.close()


def test_a_stopped_run_stays_marked_and_the_next_one_continues_it(tmp_path: Path) -> None:
    first = opened(tmp_path)
    begin(first, header(), Resume.AUTO)
    first.write(b"stopped", is_finished=False)
    first.close()
    assert files_in(tmp_path) == {INDEX_NAME, MARK}
    second = opened(tmp_path)
    assert begin(second, OWN, Resume.AUTO) == header()
    second.write(b"whole", is_finished=True)
    second.close()
    assert (tmp_path / INDEX_NAME).read_bytes() == b"whole"
    assert files_in(tmp_path) == {INDEX_NAME}
    third = opened(tmp_path)
    assert begin(third, OWN, Resume.AUTO) is OWN
    third.close()


def test_a_continued_run_keeps_its_mark_until_it_is_finished(tmp_path: Path) -> None:
    mark(tmp_path, header().encode())
    for _ in range(3):
        index = opened(tmp_path)
        assert begin(index, OWN, Resume.AUTO) == header()
        index.close()


def test_the_mark_of_another_selection_is_replaced_with_a_warning(tmp_path: Path) -> None:
    mark(tmp_path, header(digest="other").encode())
    warnings: list[str] = []
    index = IndexFile(tmp_path / INDEX_NAME, warnings.append)
    index.open()
    assert begin(index, OWN, Resume.AUTO) is OWN
    assert (tmp_path / MARK).read_bytes() == OWN.encode()
    index.close()
    [warning] = warnings
    assert f"{RUN_ID} is not continued: it has other organizations" in warning


@pytest.mark.parametrize("content", [header(digest="other").encode(), b"{}"])
def test_with_always_an_interrupted_run_that_cannot_be_continued_is_an_error(tmp_path: Path, content: bytes) -> None:
    mark(tmp_path, content)
    index = opened(tmp_path)
    with pytest.raises(Damaged, match=r"cannot be continued: it.*; use --resume auto"):
        index.find_interrupted(OWN, Resume.ALWAYS)
    assert (tmp_path / MARK).read_bytes() == content
    index.close()


@pytest.mark.parametrize("policy", Resume)
def test_without_a_mark_a_run_begins_anew_whatever_the_policy(tmp_path: Path, policy: Resume) -> None:
    index = opened(tmp_path)
    assert index.find_interrupted(OWN, policy) is None
    index.close()


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("i/{run_id}.json", "i/run_id.partial"),
        ("i/{date}/{run_id}/x.manifest.json", "i/date-run_id-x.partial"),
        ("i/x.json", "i/x.partial"),
    ],
)
def test_every_run_finds_the_mark_of_an_index_whose_name_differs(tmp_path: Path, template: str, names: str) -> None:
    for run_id in (RUN_ID, OTHER_RUN_ID):
        path = Path(template.replace("{run_id}", run_id).replace("{date}", "2026-01-02"))
        index = IndexFile(tmp_path / path, lambda _: None, str(tmp_path / template))
        assert index.paths == (tmp_path / path, tmp_path / f"{names}.run.json", tmp_path / f"{names}.lock")
        index.open()
        assert index.is_locked is True
        index.close()
        assert index.is_locked is False


def test_with_never_a_run_begins_anew(tmp_path: Path) -> None:
    mark(tmp_path, header().encode())
    index = opened(tmp_path)
    assert begin(index, OWN, Resume.NEVER) is OWN
    assert (tmp_path / MARK).read_bytes() == OWN.encode()
    index.close()


@pytest.mark.parametrize(("policy", "continues"), [(Resume.AUTO, False), (Resume.ALWAYS, True)])
def test_a_run_older_than_24_hours_is_continued_only_with_always(
    tmp_path: Path, policy: Resume, continues: bool
) -> None:
    mark(tmp_path, header().encode())
    later = header(OTHER_RUN_ID, started_at="2026-01-03T03:04:06.000000Z")
    index = opened(tmp_path)
    assert begin(index, later, policy) == (header() if continues else later)
    index.close()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]", b'{"run_id":"../x"}', header("../x").encode()])
def test_an_unreadable_mark_is_replaced(tmp_path: Path, content: bytes) -> None:
    mark(tmp_path, content)
    index = opened(tmp_path)
    assert begin(index, OWN, Resume.AUTO) is OWN
    assert (tmp_path / MARK).read_bytes() == OWN.encode()
    index.close()


def test_an_older_index_stays_until_the_run_ends(tmp_path: Path) -> None:
    (tmp_path / INDEX_NAME).write_bytes(b"older")
    index = opened(tmp_path)
    begin(index, OWN, Resume.AUTO)
    assert (tmp_path / INDEX_NAME).read_bytes() == b"older"
    index.write(b"newer", is_finished=True)
    index.close()
    assert (tmp_path / INDEX_NAME).read_bytes() == b"newer"
