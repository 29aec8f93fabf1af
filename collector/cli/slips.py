"""Common slips on the command line, each with the command that the user probably meant.

These messages repeat an argument only if it is a command, an option, an id or the name of an existing file: any other
text may be a key.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from collector.model.errors import Damaged, UsageError
from collector.model.ids import canonical_id
from collector.run.settings import Ids
from collector.snapshot.checked_manifest import partition_of
from collector.snapshot.layout import SnapshotPaths
from collector.storage.compression import Compression, compression_of

COMMANDS: Final = ("collect", "check", "verify", "export", "load", "schema", "tap", "demo", "sandbox")
_FIRST_WORDS: Final = (*COMMANDS, "--help", "--version")
_OTHER_NAMES: Final = {
    **dict.fromkeys(("download", "fetch", "get", "pull", "run"), "collect"),
    **dict.fromkeys(("doctor", "diagnose", "preflight", "ping"), "check"),
    **dict.fromkeys(("validate", "checksum"), "verify"),
    **dict.fromkeys(("convert", "csv", "parquet"), "export"),
    **dict.fromkeys(("import", "insert", "ingest"), "load"),
    **dict.fromkeys(("ddl", "schemas", "sql"), "schema"),
    **dict.fromkeys(("example", "try"), "demo"),
    **dict.fromkeys(("mock", "serve", "server"), "sandbox"),
    **dict.fromkeys(("airbyte", "singer", "source"), "tap"),
}
_MANIFEST: Final = ".manifest.json"
_NOT_A_SNAPSHOT: Final = {_MANIFEST: "a manifest", ".errors.jsonl": "an errors file"}
_LISTS_OF_IDS: Final = (".txt", ".csv", ".tsv", ".tab")


def unknown_command(arguments: Sequence[str]) -> str:
    """The message for arguments that do not begin with a command."""
    from difflib import get_close_matches  # noqa: PLC0415  # needed only here; 0.7 ms of every start otherwise

    first = arguments[0]
    if first in {"help", "version"}:
        command = arguments[1] if first == "help" and arguments[1:] and arguments[1] in COMMANDS else ""
        run = " ".join(filter(None, ("collector", command, f"--{first}")))
        return f"{first} is an option, not a command; run: {run}"
    if canonical_id(first):
        more = " ..." if len(arguments) > 1 else ""
        return f"{first} is a connection id, not a command; run: collector collect {first}{more}"
    if os.path.isfile(first):
        return f"{first} is a file, not a command; {_use_of(first)}"
    meant = _OTHER_NAMES.get(first.lower()) or next(iter(get_close_matches(first.lower(), _FIRST_WORDS, n=1)), None)
    if meant:
        return f"unknown command (not shown); did you mean: collector {meant}"
    if first.startswith("-"):
        return "the command is missing before the options; run: collector collect OPTIONS; see collector --help"
    return f"unknown command (not shown); the commands are {', '.join(COMMANDS)}; see collector --help"


def reject_misplaced(ids: Sequence[str], settings: Ids) -> None:
    """Raise `UsageError` if `--ids` names an id, or if a file is given as an id and nothing else names an id."""
    for path in settings.files:
        if canonical_id(path) and not os.path.lexists(path):
            raise UsageError(f"--ids takes a file, and {path} is a connection id; run: collector collect {path}")
    if settings.files or settings.all or any(map(canonical_id, ids)):  # the run reports the invalid ids
        return
    if ids and ids[0] == "help":
        raise UsageError("help is an option, not a connection id; run: collector collect --help")
    for path in filter(os.path.isfile, ids):
        raise UsageError(f"{path} is a file, not a connection id; {_use_of(path)}")


def reject_other_file(path: Path) -> None:
    """Raise `Damaged`, as for any file without its manifest, if this is a list of ids, a manifest or an errors file."""
    if not os.path.isfile(path) or os.path.lexists(SnapshotPaths(path).manifest) or partition_of(path):
        return
    if _has_ending(path, _LISTS_OF_IDS):
        raise Damaged(
            f"{path}: its name is that of a list of ids, and it has no manifest; verify reads snapshots; to collect "
            f"the ids, run: {_collect(path)} -o connections.jsonl"
        )
    for ending, kind in _NOT_A_SNAPSHOT.items():
        if path.name.endswith(ending):
            raise Damaged(f"{path}: this is {kind}, not a snapshot; {_verify_snapshot_of(path, ending)}")


def _use_of(path: str) -> str:
    """The commands that take this file."""
    from collector.snapshot.verify_index import is_index_file  # noqa: PLC0415  # needed only here; slows every start

    file = Path(path)
    if is_index_file(file):
        return f"to check the snapshots that it lists, run: collector verify {_quoted(file)}"
    collect = f"to collect its ids, run: {_collect(file)}"
    for ending in filter(file.name.endswith, _NOT_A_SNAPSHOT):
        use = "" if ending == _MANIFEST else f"{collect} -o connections.jsonl; "
        return f"{use}to check its snapshot, {_verify_snapshot_of(file, ending)}"
    if _has_ending(file, (".jsonl", ".ndjson")):
        return f"{collect}; to check it, run: collector verify {_quoted(file)}"
    return f"{collect} -o connections.jsonl"


def _has_ending(path: Path, endings: tuple[str, ...]) -> bool:
    """Does the name have one of these endings, without the suffix of a compression?"""
    return compression_of(path.name).strip(path.name).lower().endswith(endings)


def _collect(path: Path) -> str:
    return f"collector collect --ids {_quoted(path)}"


def _verify_snapshot_of(path: Path, ending: str) -> str:
    """Advice to verify the records that belong to a manifest or an errors file, whose name has this ending."""
    stem = path.name.removesuffix(ending)
    if stem.endswith(".partial"):
        names = [f"{name}.partial" for name in _names_of(stem.removesuffix(".partial"))]
    else:
        names = _names_of(stem)
    snapshot = next(filter(os.path.isfile, map(path.with_name, names)), None)
    if snapshot is None:
        return f"verify the file that collect -o wrote; {path.with_name(names[0])} does not exist"
    return f"run: collector verify {_quoted(snapshot)}"


def _names_of(stem: str) -> list[str]:
    return [f"{stem}{end}{compression.value}" for end in (".jsonl", "") for compression in Compression]


def _quoted(path: Path) -> str:
    """The path quoted for a shell; `./` precedes a leading dash, which would begin an option."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))
