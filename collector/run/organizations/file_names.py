"""The names of the files of several organizations: each has names of its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from collector.model.errors import UsageError
from collector.run.organizations.organization import PLACEHOLDER, Organization
from collector.run.settings import Output
from collector.snapshot.layout import SnapshotPaths
from collector.storage.compression import compression_of


def require_placeholder(output: Output, *, is_stream: bool) -> None:
    """Raise `UsageError` unless the files of each organization have a path of their own."""
    if not is_stream:
        _require_placeholder("--output", output.path)
        if output.errors is not None:
            raise UsageError("--errors is for standard output; the names beside an output file are fixed")
    elif output.errors is not None:
        _require_placeholder("--errors", output.errors)


def _require_placeholder(option: str, path: str) -> None:
    if PLACEHOLDER not in path:
        raise UsageError(
            f"{option} {path}: all organizations would write this file; write {PLACEHOLDER} into its path, as in "
            f"{option} '{_with_placeholder(path)}'"
        )


def _with_placeholder(path: str) -> str:
    """The path with the placeholder in its name: `out/c.jsonl.gz` becomes `out/c-{organization_id}.jsonl.gz`."""
    name = PurePath(path).name
    stem = compression_of(name).strip(name).removesuffix(".jsonl")
    return f"{path.removesuffix(name)}{stem}-{PLACEHOLDER}{name.removeprefix(stem)}"


def require_disjoint(
    organizations: Sequence[Organization], index: Iterable[Path], fill: Callable[[str], str], *, is_stream: bool
) -> None:
    """Raise `UsageError` if two organizations, or one and the `index`, would write the same file.

    `fill` replaces the other placeholders of a path. All organizations may write the same stream.
    """
    owners = {path.as_posix().lower(): "the index" for path in index}
    for organization in organizations:
        for path in _files_of(organization, fill, is_stream=is_stream):
            owner = owners.setdefault(path.as_posix().lower(), organization.name)
            if owner != organization.name:
                raise UsageError(
                    f"organization {organization.name} and {owner} would both write {path}; choose another --output, "
                    "--manifest or label"
                )


def _files_of(organization: Organization, fill: Callable[[str], str], *, is_stream: bool) -> Iterator[Path]:
    settings = organization.settings
    if settings.output.errors is not None:
        yield Path(settings.output.errors)
    if not is_stream:
        paths = SnapshotPaths(Path(fill(settings.output.path)))
        yield from (paths.snapshot, paths.errors, paths.manifest, paths.lock, *paths.unfinished)
        if paths.is_partitioned:
            yield paths.success
        yield from map(paths.table, settings.tables.include)
