"""Publish several files as one: at every step a reader finds the old set, or data without a manifest, or the new set.

    unfinished names durable
    staged manifest durable                from here on the next start completes an interrupted publication
    old manifest ─▸ held name              old data, no manifest beside it
    old errors, old side tables ─▸ held names
    .partial ─▸ snapshot                   new data, no manifest beside it
    errors, side tables ─▸ their names
    staged manifest ─▸ manifest            the new set
    held and unfinished names removed, the run header last

A snapshot in another format than JSON Lines is made from the journal, which is complete, before the first step. Its
staged file takes the place of `.partial`, and the journal is removed with the unfinished names.

A partition is made from the journal in the same way: the staged files of all parts are durable before the first step.
The parts of an abandoned attempt are removed, the parts get their names in order, and `_SUCCESS` follows the manifest.

Each step is durable before the next. Each step is skipped if it was done before.

The system may refuse a step: a bind mount (EBUSY), an immutable file (EPERM), no space. Every name that a step would
replace is first renamed away, so a refusal comes before the data is replaced. The held files then get their names back,
and the older snapshot verifies again. The staged manifest stays: the next start retries the publication without any
request.

A run in which no id was ok does not replace a snapshot that contains records: see `replaced_snapshot`. Its files keep
their unfinished names, as those of a stopped run do; their manifest has the status `partial`. Within 24 hours the next
start resumes that run and requests all its ids again. Later it quarantines those files with a warning. Without an older
snapshot the empty one is published, because an auditor needs its errors file, side tables and manifest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import OutputError
from collector.model.ledger import Tally
from collector.model.outcome import OutcomeKind
from collector.model.side_tables import TableStatus
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import FileEntry, Manifest, decode
from collector.snapshot.sinks import resume
from collector.snapshot.sinks.part_files import mark_finished, remove_staged, remove_surplus
from collector.storage.durable_files import Files, staged_path, translated


class PublishedRun(NamedTuple):
    """A published run: its id, its tally, the organization of its records, and its side tables that are not partial."""

    run_id: str
    tally: Tally
    organization_id: str | None
    tables: frozenset[str] = frozenset()


def publish(
    files: Files,
    paths: SnapshotPaths,
    manifest: bytes,
    tables: Sequence[str] = (),
    parts: Sequence[FileEntry] = (),
) -> None:
    """Give the finished files, with these side tables, their final names, and write `manifest` beside them.

    `parts` are the entries of the parts of a partition.
    """
    with translated(paths.snapshot):  # else a crash could keep the staged manifest and lose the names it describes
        files.system.fsync_dir(paths.snapshot.parent)
    files.stage(paths.manifest, manifest)  # may fail for lack of space, so it precedes any rename
    moves = _moves(paths, parts)
    _rename_all(files, paths, moves, has_errors=files.exists(paths.partial_errors), tables=tables)


class _Move(NamedTuple):
    """The renaming of a file of records, or of a part."""

    unfinished: Path
    final: Path


def _moves(paths: SnapshotPaths, parts: Sequence[FileEntry]) -> list[_Move]:
    if not paths.is_partitioned:
        return [_Move(paths.unpublished, paths.snapshot)]
    finals = [paths.snapshot.with_name(each.path) for each in parts]
    return [_Move(staged_path(each), each) for each in finals]


def complete(files: Files, paths: SnapshotPaths) -> PublishedRun | None:
    """Complete an interrupted publication of `paths` or of the output in another encoding.

    Returns the published run if it was of `paths`. A staged manifest that does not match the data beside it is removed:
    its publication never began.
    """
    staged = _read(files, staged_path(paths.manifest))
    if staged and (described := _described_paths(staged, paths)) and _matches_files(files, staged, described):
        has_errors = staged.tally.total > staged.tally.outcomes[OutcomeKind.OK]
        moves = _moves(described, staged.records_files)
        _rename_all(files, described, moves, has_errors=has_errors, tables=[entry.table for entry in staged.tables])
        return _published(staged) if described is paths else None
    files.remove(staged_path(paths.manifest))
    _roll_back(files, paths)
    published = _read(files, paths.manifest)
    if published is None or published.run_id != _run_id(files, paths):
        return None
    described = _described_paths(published, paths)
    if described is None or (files.exists(described.partial) and not _is_leftover_journal(files, described, published)):
        return None
    _remove_unfinished(files, described)
    return _published(published) if described is paths else None


def _is_leftover_journal(files: Files, described: SnapshotPaths, published: Manifest) -> bool:
    """Is the journal of a published run only left because a crash came before its removal?"""
    return described.is_converted and all(
        _matches(files, described.snapshot.with_name(each.path), each) for each in published.records_files
    )


def replaced_snapshot(files: Files, paths: SnapshotPaths) -> Path | None:
    """The snapshot with records whose file or manifest an empty snapshot at `paths` would replace."""
    manifest = _read(files, paths.manifest)
    described = manifest and _described_paths(manifest, paths)
    for path in dict.fromkeys((described.snapshot if described else paths.snapshot, paths.snapshot)):
        size = files.size(path) if files.exists(path) else 0
        is_known_empty = (
            described and described.snapshot == path and manifest and manifest.records_file[1:3] == (0, size)
        )
        if size and not is_known_empty:
            return path
    return None


def snapshot_in_other_encoding(files: Files, paths: SnapshotPaths) -> Path | None:
    """The older snapshot that stays, but whose manifest the one of `paths` will replace."""
    manifest = _read(files, paths.manifest)
    described = manifest and _described_paths(manifest, paths)
    return described.snapshot if described and described is not paths and files.exists(described.snapshot) else None


def _rename_all(
    files: Files, paths: SnapshotPaths, moves: Sequence[_Move], *, has_errors: bool, tables: Sequence[str]
) -> None:
    if paths.is_partitioned:
        remove_surplus(files, paths.snapshot, [each.final.name for each in moves])
    if _is_any_unfinished(files, moves):
        _replace_records(files, paths, moves, tables)
    if not has_errors:
        files.remove(paths.errors)
    elif files.exists(paths.partial_errors):
        files.rename(paths.partial_errors, paths.errors)
    for name in tables:
        if files.exists(paths.partial_table(name)):
            files.rename(paths.partial_table(name), paths.table(name))
    files.rename(staged_path(paths.manifest), paths.manifest)
    files.remove(*paths.held_paths.values())
    _remove_unfinished(files, paths)


def _remove_unfinished(files: Files, paths: SnapshotPaths) -> None:
    """Remove what a complete publication leaves; mark a partition as finished before that."""
    if paths.is_partitioned:
        mark_finished(files, paths.snapshot)
        remove_staged(files, paths.snapshot)
    files.remove(*paths.staged, *paths.unfinished)


def _is_any_unfinished(files: Files, moves: Sequence[_Move]) -> bool:
    return any(files.exists(each.unfinished) for each in moves)


def _replace_records(files: Files, paths: SnapshotPaths, moves: Sequence[_Move], tables: Sequence[str]) -> None:
    """Hold the old set, and the files that `tables` replace; then rename the data.

    Restores the old set before it raises `OutputError`.
    """
    replaced = {paths.manifest, paths.errors, *map(paths.table, (*tables, *_old_tables(files, paths)))}
    try:
        for path, held in paths.held_paths.items():
            if path in replaced and files.exists(path):
                files.rename(path, held)
        for move in moves:
            if files.exists(move.unfinished):
                files.rename(*move)
    except OutputError:
        with contextlib.suppress(OutputError):  # the next start completes or restores files that stay held
            if _is_any_unfinished(files, moves):  # else the data was renamed, and only the sync failed
                _restore_held(files, paths)
        raise


def _old_tables(files: Files, paths: SnapshotPaths) -> list[str]:
    """The side tables of the older snapshot, whose manifest may already be held."""
    older = _read(files, paths.manifest) or _read(files, paths.held_paths[paths.manifest])
    return [entry.table for entry in older.tables] if older else []


def _restore_held(files: Files, paths: SnapshotPaths) -> None:
    """Give the held files their names again, the manifest last."""
    for path, held in reversed(paths.held_paths.items()):
        if files.exists(held):
            files.rename(held, path)


def _roll_back(files: Files, paths: SnapshotPaths) -> None:
    """Restore the files held by a publication that cannot be completed, unless other data replaced theirs."""
    if not any(map(files.exists, paths.held_paths.values())):
        return
    held = _read(files, paths.held_paths[paths.manifest])
    described = held and _described_paths(held, paths)
    if (
        held
        and described
        and not files.exists(paths.manifest)
        and _matches(files, described.snapshot, held.records_file)
    ):
        _restore_held(files, paths)
    files.remove(*paths.held_paths.values())


def _read(files: Files, path: Path) -> Manifest | None:
    """The manifest at `path`, or None if it is missing or invalid."""
    try:
        return decode(files.read(path) or b"")
    except Malformed:
        return None


def _described_paths(manifest: Manifest, paths: SnapshotPaths) -> SnapshotPaths | None:
    """The paths that the manifest describes: `paths`, or those of the output in another encoding."""
    name = manifest.records_file.path
    found = next((each for each in (paths, *paths.other_encodings) if each.snapshot.name == name), None)
    if found is not None or not (paths.is_partitioned or manifest.is_partitioned):
        return found
    described = SnapshotPaths(paths.snapshot.with_name(name))
    return described if described.manifest == paths.manifest else None


def _matches_files(files: Files, staged: Manifest, described: SnapshotPaths) -> bool:
    """Do the records, errors and side tables, under their current names, match the staged manifest?"""
    parts = staged.records_files
    pairs = (
        *((*move, entry) for move, entry in zip(_moves(described, parts), parts, strict=True)),
        (described.partial_errors, described.errors, staged.errors),
        *((described.partial_table(each.table), described.table(each.table), each.file) for each in staged.tables),
    )
    return all(
        _matches(files, unfinished if files.exists(unfinished) else final, entry)
        for unfinished, final, entry in pairs
        if entry is not None
    )


def _matches(files: Files, path: Path, entry: FileEntry) -> bool:
    """Does the file exist with the size and the digest of `entry`?"""
    return files.has_content(path, entry.bytes, entry.sha256)


def _published(manifest: Manifest) -> PublishedRun:
    whole = frozenset(entry.table for entry in manifest.tables if entry.status is not TableStatus.PARTIAL)
    return PublishedRun(manifest.run_id, manifest.tally, manifest.organization_id, whole)


def _run_id(files: Files, paths: SnapshotPaths) -> str | None:
    header = resume.decode(files.read(paths.header) or b"")
    return header.run_id if header else None
