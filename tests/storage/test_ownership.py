"""Files that decide where the key is sent are rejected if other users can change them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from collector.storage.ownership import NotOwned, read_owned, require_owned


def file_of(folder: Path, mode: int) -> Path:
    path = folder / "settings.toml"
    path.write_bytes(b"content")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o644, 0o755])
def test_a_file_that_other_users_can_only_read_is_accepted(mode: int, tmp_path: Path) -> None:
    assert read_owned(file_of(tmp_path, mode)) == b"content"


@pytest.mark.parametrize("mode", [0o660, 0o620, 0o602, 0o646, 0o666, 0o777])
def test_a_file_that_other_users_can_write_is_rejected_with_the_command_to_run(mode: int, tmp_path: Path) -> None:
    path = file_of(tmp_path, mode)
    with pytest.raises(NotOwned, match=f"other users can change it; run: chmod go-w {path}$"):
        read_owned(path)
    path.chmod(0o600)
    assert read_owned(path) == b"content"


def test_the_suggested_command_quotes_any_file_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's; a folder"
    folder.mkdir()
    path = file_of(folder, 0o666)
    with pytest.raises(NotOwned) as caught:
        read_owned(path)
    subprocess.run(["sh", "-c", str(caught.value).partition("run: ")[2]], check=True)
    assert read_owned(path) == b"content"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o601, 0o620])
def test_a_private_file_that_other_users_can_access_is_rejected(mode: int, tmp_path: Path) -> None:
    path = file_of(tmp_path, mode)
    with pytest.raises(NotOwned, match=f"other users can use it; run: chmod 600 {path}$"):
        require_owned(path, path.stat(), is_private=True)
    path.chmod(0o600)
    require_owned(path, path.stat(), is_private=True)


def test_the_target_of_a_link_is_checked(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file_of(tmp_path, 0o666))
    with pytest.raises(NotOwned):
        read_owned(tmp_path / "link")
    file_of(tmp_path, 0o600)
    assert read_owned(tmp_path / "link") == b"content"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_rejected_even_by_root(tmp_path: Path) -> None:
    path = file_of(tmp_path, 0o600)
    os.chown(path, 65534, 65534)
    with pytest.raises(NotOwned, match=f"other users can change it; run: chown root {path}$"):
        read_owned(path)


def test_a_pipe_without_a_writer_and_a_device_read_as_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert read_owned(tmp_path / "pipe") == b""
    assert read_owned(Path("/dev/null")) == b""
    assert read_owned(Path("/dev/zero")) == b""


def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"content")
    os.close(writing)
    try:
        assert read_owned(Path(f"/proc/self/fd/{reading}")) == b"content"
    finally:
        os.close(reading)


def test_a_missing_file_or_a_folder_raises_os_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError, match=r"No such file|Is a directory"):
            read_owned(path)
