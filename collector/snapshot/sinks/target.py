"""Choose the sink for an output path, and reject a path that no run could write to."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from collector.model.errors import OutputError, UsageError
from collector.model.side_tables import SIDE_TABLES
from collector.snapshot.file_format import FileFormat, format_of, format_problem
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import decode
from collector.snapshot.parts import is_partitioned, part_problem
from collector.snapshot.sinks.conversion import Converter
from collector.snapshot.sinks.file_sink import FileSink
from collector.snapshot.sinks.framing import Framing
from collector.snapshot.sinks.part_files import PartLimits
from collector.snapshot.sinks.partition import require_no_part, require_unfinished
from collector.snapshot.sinks.resume import Resume
from collector.snapshot.sinks.sink import Sink
from collector.snapshot.sinks.stream_sink import StreamSink, open_stream, require_stdout
from collector.storage.compression import compression_of, require_available
from collector.storage.durable_files import Files
from collector.storage.filesystem import FileSystem, PosixFileSystem
from collector.storage.journal import Turns
from collector.storage.ownership import is_owned_by_other
from collector.storage.preflight import rename_obstacle

_MAX_LINKS = 40  # the limit of the Linux kernel
_STDOUT_PATHS = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}


def sink_for(
    output: str,
    *,
    errors: str | None,
    manifest: str | None,
    warn: Callable[[str], None],
    backlog: int,
    resume: Resume = Resume.AUTO,
    allow_empty: bool = False,
    tables: Collection[str] = (),
    converter: Converter | None = None,
    system: FileSystem | None = None,
    turns: Turns | None = None,
    framing: Framing | None = None,
    limits: PartLimits = PartLimits(),  # noqa: B008  # frozen
    may_be_finished: bool = False,
) -> Sink:
    """The sink for an output path. At most 2 * `backlog` records wait for the reader of a stream.

    The `converter` writes snapshots in other formats than JSON Lines; only a rehearsal may lack it.

    Raises `UsageError` for a finished partition, unless it `may_be_finished`; then the sink does when it begins.
    Sinks of the same stream have the same `turns`. A `framing` is for a stream, `system` for files of a snapshot.
    Raises `UsageError` and `OutputError` for a path that no run could write to.
    """
    if not _is_utf8(output):
        raise UsageError(f"--output {output!r}: not valid UTF-8; choose another name")
    if output in _STDOUT_PATHS:
        output = "-"
    path = Path(output)
    if problem := format_problem(output) or part_problem(output):
        raise UsageError(f"--output {output}: {problem}")
    if is_stream(output):
        _require_usable_stream(output, errors, manifest)
        require_available(compression_of(output))
        require_available(compression_of(errors or ""))
        if tables and framing is None:
            raise UsageError("side tables (--with) are files beside a snapshot; name a file with --output")
        return StreamSink(output, errors, manifest, warn, backlog=backlog, turns=turns, framing=framing)
    if errors or manifest:
        raise UsageError("--errors and --manifest are for standard output; the names beside an output file are fixed")
    if output.endswith("/") or path.name in {"", ".."} or os.path.isdir(path):
        raise UsageError(f"--output {output}: is a folder; name a file in it")
    target = _resolve_links(path)
    paths = SnapshotPaths(target)
    _require_usable_paths(output, paths)
    if not may_be_finished and not os.path.lexists(paths.header):  # else the sink completes a publication first
        require_unfinished(Files(PosixFileSystem()), paths)
    _require_no_side_table(output, paths)
    for table in sorted({*tables, *_listed_tables(paths)}):  # those of an older snapshot are removed
        _require_usable_table(output, paths.table(table))
    require_available(compression_of(target.name))
    return FileSink(
        target,
        warn,
        resume=resume,
        allow_empty=allow_empty,
        tables=tables,
        converter=converter,
        limits=limits,
        system=system,
    )


def _require_usable_stream(output: str, errors: str | None, manifest: str | None) -> None:
    if is_partitioned(output):
        raise UsageError(f"--output {output}: is a pipe or a device, which has no parts; remove {{part}}")
    if (format_of(output) or FileFormat.JSONL).is_converted:
        raise UsageError(f"--output {output}: a pipe or a device gets JSON Lines; choose another name")
    for flag, given_path in (("--errors", errors), ("--manifest", manifest)):
        if given_path and _is_folder_or_device(Path(given_path)):
            raise UsageError(f"{flag} {given_path}: is a folder or a device; name a file")
        _require_no_link(given_path or "")
    if errors and manifest and os.path.realpath(errors) == os.path.realpath(manifest):
        raise UsageError(f"--errors and --manifest are both {errors}; choose two different files")


def require_usable_file(option: str, path: Path) -> None:
    """Raise `UsageError` or `OutputError` if no run could write this whole file, which an option names."""
    if os.path.isdir(path):
        raise UsageError(f"{option}: {path}, a file of this output, is a folder; choose another name")
    _require_replaceable(path)


def require_free_target(output: str) -> Path:
    """The path of a file beside snapshots that a command other than `collect` may write.

    Raises `UsageError` or `OutputError` if it is a file of a snapshot, or cannot be written.
    """
    if not _is_utf8(output):
        raise UsageError(f"--output {output!r}: not valid UTF-8; choose another name")
    path = Path(output)
    if problem := part_problem(output):
        raise UsageError(f"--output {output}: {problem}")
    if output.endswith("/") or path.name in {"", ".."} or os.path.isdir(path):
        raise UsageError(f"--output {output}: is a folder; name a file in it")
    if is_stream(output):
        raise UsageError(f"--output {output}: is a pipe or a device; write to standard output with -, and redirect it")
    paths = SnapshotPaths(path)
    _require_usable_name(output, paths)
    if paths.is_partitioned:
        require_unfinished(Files(PosixFileSystem()), paths)
    require_no_part(Files(PosixFileSystem()), path)
    if paths.format is FileFormat.JSONL:
        _require_no_side_table(output, paths)
    if _describes(paths.manifest, path.name):
        raise UsageError(f"--output {output}: is a snapshot, which {paths.manifest} describes; choose another name")
    _require_replaceable(path)
    return path


@asynccontextmanager
async def held_open(output: str) -> AsyncIterator[Turns]:
    """Keep a stream open for the sinks of several runs, which append to it in the yielded turns.

    The reader of a pipe would otherwise see its end whenever no run is writing. Raises `OutputError`.
    """
    is_stdout = output == "-" or output in _STDOUT_PATHS
    if is_stdout:
        require_stdout()
    descriptor = None if is_stdout else await open_stream(output)
    try:
        yield Turns()
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _require_usable_name(output: str, paths: SnapshotPaths) -> None:
    if paths.is_reserved:
        raise UsageError(
            f"--output {output}: this name is reserved for a file beside another output; choose another name"
        )
    if paths.name_overflow:
        raise OutputError(
            f"{output}: cannot be written: its name is {paths.name_overflow} bytes too long for the files beside it; "
            "choose a shorter name"
        )


def _require_usable_paths(output: str, paths: SnapshotPaths) -> None:
    _require_usable_name(output, paths)
    for path in (paths.errors, paths.manifest):
        if os.path.isdir(path):
            raise UsageError(
                f"--output {output}: {path}, a file of this output, is a folder; remove it or choose another name"
            )
    for path in (paths.snapshot, paths.errors, paths.manifest):  # these files are replaced, not opened
        _require_replaceable(path)


def _require_no_side_table(output: str, paths: SnapshotPaths) -> None:
    """Raise `UsageError` if the snapshot would replace a side table of another one."""
    stem, _, table = paths.stem.rpartition(".")
    if table in SIDE_TABLES and stem:
        owner = SnapshotPaths(paths.snapshot.with_name(f"{stem}.jsonl"))
        if table in _listed_tables(owner):
            raise UsageError(
                f"--output {output}: this is a side table of the snapshot that {owner.manifest} describes; choose "
                "another name"
            )


def _describes(manifest: Path, name: str) -> bool:
    """Does the manifest of a published snapshot describe records of this name?"""
    try:
        return decode(manifest.read_bytes()).records_file.path == name
    except (OSError, Malformed):
        return False


def _listed_tables(paths: SnapshotPaths) -> list[str]:
    """The side tables in the manifest of a published snapshot; none if it is missing or invalid."""
    try:
        return [entry.table for entry in decode(paths.manifest.read_bytes()).tables]
    except (OSError, Malformed):
        return []


def _require_usable_table(output: str, path: Path) -> None:
    if os.path.lexists(SnapshotPaths(path).manifest):
        raise UsageError(
            f"--output {output}: the side table {path} would replace a snapshot of that name; choose another name"
        )
    if os.path.isdir(path):
        raise UsageError(f"--output {output}: its side table {path} is a folder; remove it or choose another name")
    _require_replaceable(path)


def _require_replaceable(path: Path) -> None:
    _require_no_link(path)
    if _is_folder_or_device(path):
        raise OutputError(f"{path}: cannot be written: not a regular file; remove it")
    if why := rename_obstacle(path):
        raise OutputError(f"{path}: {why}")


def _resolve_links(path: Path) -> Path:
    """Follow symbolic links of this user or root: the run writes to the target. Rejects a link of another user."""
    link = path
    for _ in range(_MAX_LINKS):
        if not os.path.islink(link):
            return Path(os.path.realpath(path)) if link != path else path
        if is_owned_by_other(os.lstat(link)):
            raise OutputError(f"{link}: cannot be written: a link that another user created; remove it")
        link = link.parent / os.readlink(link)
    raise OutputError(f"{path}: cannot be written: its symbolic links form a loop")


def _require_no_link(path: Path | str) -> None:
    if os.path.islink(path):
        raise OutputError(f"{path}: cannot be written: a symbolic link; name its target, or remove the link")


def is_stream(output: str) -> bool:
    """Is this output standard output, a pipe or a device?"""
    if output == "-" or output in _STDOUT_PATHS:
        return True
    try:
        mode = os.stat(output).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _is_folder_or_device(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
