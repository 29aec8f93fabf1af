"""Whole runs: what is written is the user's alone, and nothing planted under our names is written to."""

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

NAMES = SnapshotPaths(Path("c.jsonl"))
OPENED = [NAMES.lock, NAMES.partial, NAMES.header, NAMES.checkpoint, NAMES.snapshot, NAMES.errors, NAMES.manifest]
"""Whoever stands there when a run begins is looked at."""

MADE_ANEW = [
    *(NAMES.partial_errors, NAMES.partial_manifest),
    *(staged_path(path) for path in (NAMES.manifest, NAMES.header, NAMES.checkpoint, NAMES.partial_manifest)),
]
"""What lies there is of no use to a run and is removed, which leaves alone what a link points to."""

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
    """Collect five, of which one is not there."""
    async with serving(by_id({ids(5)[0]: error(404)}, found)) as server:
        done = await call("collect", *ids(5), "--base-url", server.url, "--rate", "0", *arguments)
    return done.code, done.err


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277, 0o777])
async def test_files_are_their_owners_only_whatever_the_umask(call: Calling, tmp_path: Path, mask: int) -> None:
    with umask(mask):
        code, told = await run(call, "-o", "new/er/c.jsonl")
        beside, _ = await run(call, "-o", "-", "--errors", "of/e.jsonl", "--manifest", "of/m.json")
    assert (code, beside) == (3, 3), told
    check_finished(tmp_path / "new/er/c.jsonl", Given(ids(5)), 3)
    assert set(modes(tmp_path).values()) == {0o600}
    assert len(modes(tmp_path)) == 5
    folders = [tmp_path / name for name in ("new", "new/er", "of")]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


async def test_what_was_there_with_wider_modes_is_narrowed_or_replaced(call: Calling, tmp_path: Path) -> None:
    for path in (NAMES.snapshot, NAMES.errors, NAMES.manifest, NAMES.partial, NAMES.lock, NAMES.checkpoint):
        (tmp_path / path).touch()
        (tmp_path / path).chmod(0o666)
    code, told = await run(call, "-o", "c.jsonl")
    assert code == 3, told
    assert set(modes(tmp_path).values()) == {0o600}
    check_finished(tmp_path / "c.jsonl", Given(ids(5)), 3)


@pytest.mark.parametrize("path", OPENED, ids=str)
@pytest.mark.parametrize("way", ["soft", "dangling"])
async def test_a_link_under_one_of_our_names_is_6_and_what_it_points_to_stays(
    call: Calling, tmp_path: Path, path: Path, way: str
) -> None:
    """The user's own link under the output's name is followed, with all names beside what it points to."""
    target = tmp_path / "elsewhere/precious"
    target.parent.mkdir()
    if way == "soft":
        target.write_bytes(PRECIOUS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / path).symlink_to(target)
    if path == NAMES.snapshot and os.geteuid() == 0:
        os.chown(tmp_path / "out" / path, 65534, 65534, follow_symlinks=False)
    elif path == NAMES.snapshot:
        pytest.skip("only root can give a link away")
    code, told = await run(call, "-o", "out/c.jsonl")
    assert code == 6, told
    assert f"{path}: cannot be written" in told
    assert "link" in told
    assert [each.read_bytes() for each in target.parent.iterdir()] == [PRECIOUS] * (way == "soft")
    assert (tmp_path / "out" / path).is_symlink()


@pytest.mark.parametrize("path", MADE_ANEW, ids=str)
async def test_a_link_under_a_name_that_is_made_anew_is_removed_and_what_it_points_to_stays(
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
    "path", [NAMES.lock, NAMES.partial, staged_path(NAMES.manifest), staged_path(NAMES.header)], ids=str
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
@pytest.mark.parametrize("path", [each for each in OPENED if each != NAMES.snapshot], ids=str)
async def test_what_is_no_file_under_one_of_our_names_is_6_and_waited_for_by_nobody(
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
async def test_a_link_in_the_place_of_an_errors_file_or_a_manifest_is_6_before_anything_is_asked(
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
@pytest.mark.parametrize("path", [NAMES.lock, NAMES.partial], ids=str)
async def test_a_file_that_another_user_put_there_is_not_written_to(call: Calling, tmp_path: Path, path: Path) -> None:
    """Who has it open already would read all that is written, whatever its mode is then."""
    (tmp_path / path).touch()
    os.chown(tmp_path / path, 65534, 65534)
    code, told = await run(call, "-o", "c.jsonl")
    assert code == 6, told
    assert "belongs to another user (65534)" in told
    assert (tmp_path / path).read_bytes() == b""


@pytest.mark.parametrize("arguments", [["-o", "open/c.jsonl"], ["--errors", "open/e.jsonl"], ["--manifest", "open/m"]])
async def test_a_folder_in_which_anybody_can_replace_a_file_is_warned_of_once(
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
async def test_another_users_folder_will_do_if_its_files_are_safe_from_others(call: Calling, tmp_path: Path) -> None:
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


async def test_verify_waits_for_no_pipe(call: Calling, tmp_path: Path) -> None:
    code, _ = await run(call, "-o", "c.jsonl")
    assert code == 3
    for path in (NAMES.errors, NAMES.manifest, NAMES.snapshot):
        (tmp_path / path).rename(tmp_path / "kept")
        a_pipe(tmp_path / path)
        done = await call("verify", "c.jsonl")
        assert done.code in {2, 8}, done.err
        (tmp_path / "kept").replace(tmp_path / path)
    assert (await call("verify", "c.jsonl")).code == 0
