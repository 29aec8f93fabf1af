"""Whole runs: new files are private to the user, and planted files and links are never written to."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.snapshot.layout import SnapshotPaths
from collector.storage.durable_files import staged_path
from tests.conftest import Calling
from tests.support.output_oracle import Given, check_finished
from tests.support.scripted_server import by_id, error, found, ids, serving

PATHS = SnapshotPaths(Path("c.jsonl"))
OPENED = [PATHS.lock, PATHS.partial, PATHS.header, PATHS.checkpoint, PATHS.snapshot, PATHS.errors, PATHS.manifest]
"""Files that a run opens; the type and the owner of an existing one are checked."""

MADE_ANEW = [
    *(PATHS.partial_errors, PATHS.partial_manifest),
    *(staged_path(path) for path in (PATHS.manifest, PATHS.header, PATHS.checkpoint, PATHS.partial_manifest)),
]
"""Names that a run removes before use; removal does not follow a link."""

PRECIOUS = b"precious\n"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The permissions of all files below a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


async def run(call: Calling, *arguments: str) -> tuple[int, str]:
    """Collect five connections, of which one does not exist."""
    async with serving(by_id({ids(5)[0]: error(404)}, found)) as server:
        done = await call("collect", *ids(5), "--base-url", server.url, "--rate", "0", *arguments)
    return done.code, done.err


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277, 0o777])
async def test_files_are_private_to_their_owner_whatever_the_umask(call: Calling, tmp_path: Path, mask: int) -> None:
    with umask(mask):
        code, told = await run(call, "-o", "new/er/c.jsonl")
        beside, _ = await run(call, "-o", "-", "--errors", "of/e.jsonl", "--manifest", "of/m.json")
    assert (code, beside) == (3, 3), told
    check_finished(tmp_path / "new/er/c.jsonl", Given(ids(5)), 3)
    assert set(modes(tmp_path).values()) == {0o600}
    assert len(modes(tmp_path)) == 5
    folders = [tmp_path / name for name in ("new", "new/er", "of")]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


async def test_an_existing_file_with_a_wider_mode_is_narrowed_or_replaced(call: Calling, tmp_path: Path) -> None:
    for path in (PATHS.snapshot, PATHS.errors, PATHS.manifest, PATHS.partial, PATHS.lock, PATHS.checkpoint):
        (tmp_path / path).touch()
        (tmp_path / path).chmod(0o666)
    code, told = await run(call, "-o", "c.jsonl")
    assert code == 3, told
    assert set(modes(tmp_path).values()) == {0o600}
    check_finished(tmp_path / "c.jsonl", Given(ids(5)), 3)


@pytest.mark.parametrize("path", OPENED, ids=str)
@pytest.mark.parametrize("way", ["soft", "dangling"])
async def test_a_link_under_a_name_of_the_run_is_6_and_its_target_is_unchanged(
    call: Calling, tmp_path: Path, path: Path, way: str
) -> None:
    """The run follows a symbolic link at the output path, and writes the other files beside its target."""
    target = tmp_path / "elsewhere/precious"
    target.parent.mkdir()
    if way == "soft":
        target.write_bytes(PRECIOUS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / path).symlink_to(target)
    if path == PATHS.snapshot and os.geteuid() == 0:
        os.chown(tmp_path / "out" / path, 65534, 65534, follow_symlinks=False)
    elif path == PATHS.snapshot:
        pytest.skip("only root can give a link away")
    code, told = await run(call, "-o", "out/c.jsonl")
    assert code == 6, told
    assert f"{path}: cannot be written" in told
    assert "link" in told
    assert [each.read_bytes() for each in target.parent.iterdir()] == [PRECIOUS] * (way == "soft")
    assert (tmp_path / "out" / path).is_symlink()


@pytest.mark.parametrize("path", MADE_ANEW, ids=str)
async def test_a_link_under_a_name_that_is_created_anew_is_removed_and_its_target_is_unchanged(
    call: Calling, tmp_path: Path, path: Path
) -> None:
    (tmp_path / "precious").write_bytes(PRECIOUS)
    (tmp_path / "precious").chmod(0o644)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / path).symlink_to(tmp_path / "precious")
    code, told = await run(call, "-o", "out/c.jsonl")
    assert code in {3, 6}, told
    assert (tmp_path / "precious").read_bytes() == PRECIOUS
    assert modes(tmp_path)["precious"] == 0o644
    if code == 3:
        assert set(modes(tmp_path / "out").values()) == {0o600}
        check_finished(tmp_path / "out/c.jsonl", Given(ids(5)), 3)


@pytest.mark.parametrize(
    "path", [PATHS.lock, PATHS.partial, staged_path(PATHS.manifest), staged_path(PATHS.header)], ids=str
)
async def test_a_hard_link_to_a_file_of_the_user_is_never_written_to(call: Calling, tmp_path: Path, path: Path) -> None:
    (tmp_path / "precious").write_bytes(PRECIOUS)
    (tmp_path / "precious").chmod(0o644)
    (tmp_path / "out").mkdir()
    os.link(tmp_path / "precious", tmp_path / "out" / path)
    code, told = await run(call, "-o", "out/c.jsonl")
    assert code in {3, 6}, told
    assert (code == 6) == ("has a second name" in told)
    assert (tmp_path / "precious").read_bytes() == PRECIOUS
    assert modes(tmp_path)["precious"] == 0o644


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [a_pipe, a_socket])
@pytest.mark.parametrize("path", [each for each in OPENED if each != PATHS.snapshot], ids=str)
async def test_a_pipe_or_folder_under_a_name_of_the_run_is_6_without_blocking(
    call: Calling, tmp_path: Path, path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / path)
    before = (tmp_path / path).stat().st_ino
    code, told = await run(call, "-o", "c.jsonl")
    assert code == 6, told
    assert f"{path}: cannot be written" in told
    assert (tmp_path / path).stat().st_ino == before


async def test_a_socket_as_output_is_6(call: Calling, tmp_path: Path) -> None:
    a_socket(tmp_path / "c.jsonl")
    code, told = await run(call, "-o", "c.jsonl")
    assert code == 6, told


@pytest.mark.parametrize("flag", ["--errors", "--manifest"])
@pytest.mark.parametrize("name", ["x.json", "x.json.draft"])
async def test_a_link_in_place_of_an_errors_file_or_a_manifest_is_6_before_the_first_request(
    call: Calling, tmp_path: Path, flag: str, name: str
) -> None:
    (tmp_path / "precious").write_bytes(PRECIOUS)
    (tmp_path / name).symlink_to("precious")
    async with serving(found) as server:
        done = await call("collect", *ids(1), "--base-url", server.url, flag, "x.json")
    assert (done.code, server.requests) == (6, 0), done.err
    assert "link" in done.err
    assert (tmp_path / "precious").read_bytes() == PRECIOUS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("path", [PATHS.lock, PATHS.partial], ids=str)
async def test_a_file_of_another_user_is_not_written_to(call: Calling, tmp_path: Path, path: Path) -> None:
    """A process that has the file open could read all later data, whatever the mode."""
    (tmp_path / path).touch()
    os.chown(tmp_path / path, 65534, 65534)
    code, told = await run(call, "-o", "c.jsonl")
    assert code == 6, told
    assert "belongs to another user (65534)" in told
    assert (tmp_path / path).read_bytes() == b""


@pytest.mark.parametrize("arguments", [["-o", "open/c.jsonl"], ["--errors", "open/e.jsonl"], ["--manifest", "open/m"]])
async def test_a_folder_in_which_other_users_can_replace_files_gets_one_warning(
    call: Calling, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    code, told = await run(call, *arguments)
    assert code == 3, told
    assert told.count("every user of this host can replace files in it") == 1
    assert "chmod +t open" in told
    assert list((tmp_path / "open").iterdir())
    (tmp_path / "open").chmod(0o1777)
    code, told = await run(call, *arguments)
    assert (code, "every user" in told) == (3, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_a_folder_of_another_user_is_accepted_if_its_files_are_safe(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "theirs").chmod(0o1777)
    assert (await run(call, "-o", "theirs/c.jsonl"))[0] == 3


async def test_files_of_ids_are_only_read(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(ids(3)))
    (tmp_path / "ids.txt").chmod(0o444)
    before = (tmp_path / "ids.txt").stat()
    code, told = await run(call, "--ids", "ids.txt", "-o", "c.jsonl")
    assert code == 3, told
    after = (tmp_path / "ids.txt").stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_ino) == (before.st_mode, before.st_mtime_ns, before.st_ino)


async def test_verify_does_not_block_on_a_pipe(call: Calling, tmp_path: Path) -> None:
    code, _ = await run(call, "-o", "c.jsonl")
    assert code == 3
    for path in (PATHS.errors, PATHS.manifest, PATHS.snapshot):
        (tmp_path / path).rename(tmp_path / "kept")
        a_pipe(tmp_path / path)
        done = await call("verify", "c.jsonl")
        assert done.code in {2, 8}, done.err
        (tmp_path / "kept").replace(tmp_path / path)
    assert (await call("verify", "c.jsonl")).code == 0
