"""The folder of a load: a lock that keeps two loads of this host apart, and room for the files of dlt.

The folder is empty at the beginning of every load, so a killed load leaves nothing that the next one would continue.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from collector.model.errors import OutputError, OutputLocked
from collector.storage.durable_files import Files, output_error
from collector.storage.filesystem import PosixFileSystem
from collector.warehouse.load.destination import Destination

_DIGITS: Final = 16


def state_folder(environ: Mapping[str, str]) -> Path:
    """The folder for the state of all loads: below `XDG_STATE_HOME`, else below `~/.local/state`."""
    home = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):  # the XDG Base Directory Specification: ignore a relative path
        home = os.path.join(environ.get("HOME", ""), ".local", "state")
    if not os.path.isabs(home):
        raise OutputError("neither XDG_STATE_HOME nor HOME names a folder for the state of a load; set XDG_STATE_HOME")
    return Path(home, "collector", "load")


@contextmanager
def workspace(state: Path, destination: Destination) -> Iterator[Path]:
    """An empty folder for this load, removed at its end. Raises `OutputLocked` and `OutputError`."""
    files = Files(PosixFileSystem())
    name = hashlib.sha256(f"{_place(destination)} {destination.dataset}".encode()).hexdigest()[:_DIGITS]
    folder, lock = state / name, state / f"{name}.lock"
    try:
        files.make_folder(lock)
        descriptor = files.open_locked(lock)
    except OutputLocked:
        raise OutputLocked(f"{destination.url}: another load writes to it; wait for its end") from None
    except OutputError as error:
        raise OutputError(f"{error}; to use another folder, set XDG_STATE_HOME") from None
    try:
        _remove(folder)
        files.make_folder(folder / "any")
        yield folder
    finally:
        _remove(folder)
        files.system.close(descriptor)


def _place(destination: Destination) -> str:
    return os.path.realpath(destination.database) if destination.url.startswith("duckdb") else destination.url


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise output_error(folder, error) from None
