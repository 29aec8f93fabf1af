"""A whole run in the test's own loop, beside the server it asks: all of the command line but its arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from collector.cli.collect import collect_and_tell
from collector.cli.console import LineReporter
from collector.config import Settings
from collector.source import read_ids

from .conftest import KEY


async def collect_beside(wanted: Iterable[str], settings: Settings) -> int:
    """Run, tell everything on standard error, and return the exit code."""
    intake = read_ids(list(wanted), (), column="id")
    return await collect_and_tell(settings, intake, LineReporter(verbose=True), {"POLYTOMIC_API_KEY": KEY})


def keyless(folder: Path, *said: str) -> bool:
    """Does the key stand in no file below the folder, in no name of one, and in nothing that was said?"""
    names = (os.fsencode(path) for path in folder.rglob("*"))
    contents = (path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return not [text for text in (*names, *contents, *map(str.encode, said)) if KEY.encode() in text]
