"""Publication of several files as one, with crashes and refusals at every step."""

from __future__ import annotations

import copy
import errno
import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import OutputError
from collector.model.ledger import Ledger, PathCounts, Tally
from collector.model.outcome import OutcomeKind
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import FileEntry, encode
from collector.snapshot.sinks.publication import PublishedRun, complete, publish
from collector.snapshot.sinks.resume import RunHeader
from collector.storage.durable_files import Files, staged_path
from tests.polytomic.test_normalize import anything
from tests.support.memory_filesystem import Crashed, MemoryFileSystem
from tests.support.reports import report

AT, RUN, ORGANIZATION = "2026-01-02T03:04:05.000000Z", "run-1", "11111111-1111-4111-8111-111111111111"
PATHS = SnapshotPaths(Path("/out/c.jsonl"))
STAGED = staged_path(PATHS.manifest)
HEADER = RunHeader(RUN, AT, "digest", "https://api.example", "2025-09-18", 1)
NEW = b'{"new":1}\n' * 60
NEW_ERRORS = b'{"new":"error"}\n' * 20
CHECKPOINT = b"a checkpoint\n"
MAX_STATES = 12
"""The number of crash states tested for each call."""

State = Mapping[Path, bytes]


def manifest_of(content: bytes, run_id: str, *, failed: int, errors: bytes = b"") -> bytes:
    tally = Tally(redactions=PathCounts(a=3), by_rule=Counter(name=3), unparsed_timestamps=2)
    tally.outcomes.update({OutcomeKind.OK: content.count(b"\n"), OutcomeKind.NOT_FOUND: failed})
    files = [entry_of(PATHS.snapshot, content, tally.total), *([entry_of(PATHS.errors, errors, 1)] if errors else [])]
    return encode(report(Ledger(tally=tally), organization_id=ORGANIZATION, run_id=run_id), files)


def entry_of(path: Path, content: bytes, records: int) -> FileEntry:
    return FileEntry(path.name, records, len(content), hashlib.sha256(content).hexdigest())


MANIFEST = {
    False: manifest_of(NEW, RUN, failed=0),
    True: manifest_of(NEW, RUN, failed=20, errors=NEW_ERRORS),
}
OLDER = {
    PATHS.snapshot: b'{"old":1}\n' * 70,
    PATHS.manifest: manifest_of(b'{"old":1}\n' * 70, "run-0", failed=1, errors=b'{"old":"error"}\n'),
    PATHS.errors: b'{"old":"error"}\n',
}


def unfinished(*, with_errors: bool) -> dict[Path, bytes]:
    """The files of a run whose records are all on the disk."""
    files = {PATHS.partial: NEW, PATHS.header: HEADER.encode(), PATHS.checkpoint: CHECKPOINT}
    return {**files, PATHS.partial_errors: NEW_ERRORS} if with_errors else files


def new_set(*, with_errors: bool) -> dict[Path, bytes]:
    files = {PATHS.snapshot: NEW, PATHS.manifest: MANIFEST[with_errors]}
    return {**files, PATHS.errors: NEW_ERRORS} if with_errors else files


def finished_run(before: State, *, with_errors: bool, crash_before: int | None = None) -> MemoryFileSystem:
    """The disk of a run that has finished writing. The bytes of its errors are durable, but their file name is not."""
    kept = unfinished(with_errors=with_errors)
    errors = kept.pop(PATHS.partial_errors, None)
    system = MemoryFileSystem({**before, **kept})
    if errors is not None:
        descriptor = system.open(PATHS.partial_errors, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        system.write(descriptor, errors)
        system.fdatasync(descriptor)
    system.crash_before = crash_before and system.operations + crash_before
    return system


def crashes_during(system: MemoryFileSystem, work: Callable[[MemoryFileSystem], object]) -> bool:
    """Does the machine crash during `work`?"""
    try:
        work(system)
    except Crashed:
        return True
    return False


def states_after(system: MemoryFileSystem) -> Iterator[MemoryFileSystem]:
    yield system.after_kill()
    yield from system.crash_states(cap=MAX_STATES)


def publishing(with_errors: bool) -> Callable[[MemoryFileSystem], None]:
    return lambda system: publish(Files(system), PATHS, MANIFEST[with_errors])


def completing(system: MemoryFileSystem) -> PublishedRun | None:
    return complete(Files(system), PATHS)


def crashes(before: State, *, with_errors: bool) -> Iterator[tuple[str, MemoryFileSystem]]:
    """Every state that a crash during `publish` may leave."""
    call_number = 1
    while crashes_during(
        system := finished_run(before, with_errors=with_errors, crash_before=call_number), publishing(with_errors)
    ):
        for number, state in enumerate(states_after(system)):
            yield f"call {call_number}, state {number}", state
        call_number += 1
    assert call_number > 10


def visible_files(files: State) -> dict[Path, bytes]:
    """The files that a reader sees: those with final names."""
    return {path: files[path] for path in (PATHS.snapshot, PATHS.errors, PATHS.manifest) if path in files}


def check_readable(where: str, before: State, files: State, *, with_errors: bool) -> None:
    """The old set, or data without a manifest, or the new set."""
    if PATHS.manifest in files:
        assert visible_files(files) in (before, new_set(with_errors=with_errors)), where
    else:
        assert files.get(PATHS.snapshot) in (before.get(PATHS.snapshot), NEW), where


def check_completed(where: str, before: State, system: MemoryFileSystem, *, with_errors: bool) -> None:
    """The run is published or the older files are unchanged. A second `complete` changes no file."""
    published = completing(system)
    files = dict(system.files)
    if files == new_set(with_errors=with_errors):
        assert published is None or (published.run_id, published.organization_id) == (RUN, ORGANIZATION), where
        assert published is None or (published.tally.redactions.total(), published.tally.unparsed_timestamps) == (
            3,
            2,
        ), where
    else:
        assert published is None, where
        kept = unfinished(with_errors=with_errors)
        assert visible_files(files) == before, where
        assert {PATHS.partial, PATHS.header} <= files.keys(), where
        assert all(files[path] == kept[path] for path in files.keys() & kept.keys()), where
        assert files.keys() <= before.keys() | kept.keys(), where
    assert completing(system) is None, where
    assert system.files == files, where


with_and_without_errors = pytest.mark.parametrize("with_errors", [False, True], ids=["without errors", "with errors"])
with_older = pytest.mark.parametrize("before", [{}, OLDER], ids=["first", "another"])


@with_and_without_errors
@with_older
def test_a_finished_run_gets_its_final_names_and_leaves_no_other_file(before: State, with_errors: bool) -> None:
    system = finished_run(before, with_errors=with_errors)
    publishing(with_errors)(system)
    for state in states_after(system):
        assert state.files == new_set(with_errors=with_errors)


@with_and_without_errors
@with_older
def test_other_leftovers_of_the_run_are_removed_too(before: State, with_errors: bool) -> None:
    leftovers = dict.fromkeys([PATHS.partial_manifest, *PATHS.staged], b"litter")
    other = {Path("/out/d.jsonl"): b"another's", Path("/out/c.jsonl.partial.run-0"): b"quarantined", PATHS.lock: b""}
    system = finished_run({**before, **leftovers, **other}, with_errors=with_errors)
    publishing(with_errors)(system)
    assert system.files == {**new_set(with_errors=with_errors), **other}


@with_and_without_errors
@with_older
def test_at_every_step_a_reader_finds_one_set_or_data_without_a_manifest(before: State, with_errors: bool) -> None:
    for where, state in crashes(before, with_errors=with_errors):
        check_readable(where, before, state.files, with_errors=with_errors)


@with_and_without_errors
@with_older
def test_an_interrupted_publication_is_completed_or_leaves_the_older_files(before: State, with_errors: bool) -> None:
    for where, state in crashes(before, with_errors=with_errors):
        check_completed(where, before, state, with_errors=with_errors)


@with_and_without_errors
@with_older
def test_completing_a_publication_survives_crashes_too(before: State, with_errors: bool) -> None:
    for where, state in crashes(before, with_errors=with_errors):
        call_number = 1
        while True:
            system = MemoryFileSystem(state.files, crash_before=call_number)
            if not crashes_during(system, completing):
                break
            for number, left in enumerate(states_after(system)):
                here = f"{where}, then call {call_number}, state {number}"
                check_readable(here, before, left.files, with_errors=with_errors)
                check_completed(here, before, left, with_errors=with_errors)
            call_number += 1


@with_and_without_errors
@with_older
def test_once_the_staged_manifest_is_on_the_disk_the_new_set_is_published(before: State, with_errors: bool) -> None:
    staged = {**before, **unfinished(with_errors=with_errors), STAGED: MANIFEST[with_errors]}
    system = MemoryFileSystem(staged)
    published = completing(system)
    assert published is not None
    assert published.tally.outcomes[OutcomeKind.NOT_FOUND] == 20 * with_errors
    assert system.files == new_set(with_errors=with_errors)


@pytest.mark.parametrize("name", ["write", "fdatasync", "open"])
def test_a_staged_manifest_that_cannot_be_written_leaves_every_file_unchanged(name: str) -> None:
    system = finished_run(OLDER, with_errors=True)
    before = dict(system.files)
    system.fault = lambda call, number: OSError(errno.ENOSPC, "No space left") if call == name and number else None
    with pytest.raises(OutputError, match="No space left"):
        publishing(True)(system)
    assert system.files == before


def test_without_an_interrupted_publication_no_file_is_changed() -> None:
    for files in ({}, OLDER, unfinished(with_errors=True), {**OLDER, **unfinished(with_errors=False)}):
        system = MemoryFileSystem(files)
        assert completing(system) is None
        assert system.files == files
        assert system.operations == 0


def test_leftovers_of_a_published_run_are_removed() -> None:
    left = {PATHS.header: HEADER.encode(), PATHS.checkpoint: CHECKPOINT, PATHS.staged[0]: b"{"}
    system = MemoryFileSystem({**new_set(with_errors=True), **left})
    published = completing(system)
    assert published is not None
    assert published.run_id == RUN
    assert system.files == new_set(with_errors=True)


def test_the_unfinished_files_of_another_run_are_kept() -> None:
    other = {PATHS.header: HEADER._replace(run_id="run-2").encode(), PATHS.checkpoint: CHECKPOINT}
    system = MemoryFileSystem({**new_set(with_errors=True), **other})
    assert completing(system) is None
    assert system.files == {**new_set(with_errors=True), **other}


def test_unfinished_records_beside_the_manifest_of_the_same_run_are_kept() -> None:
    files = {**new_set(with_errors=True), **unfinished(with_errors=True)}
    system = MemoryFileSystem(files)
    assert completing(system) is None
    assert system.files == files


# Steps that the system refuses.


class Refusing(MemoryFileSystem):
    """Refuses to rename, remove or replace one file, as for a mount point or an immutable file."""

    refused: Path | None = None
    reason = errno.EBUSY

    def rename(self, old: Path, new: Path) -> None:
        self._require_free(old, new)
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._require_free(path)
        super().remove(path)

    def _require_free(self, *paths: Path) -> None:
        if self.refused in paths:
            raise OSError(self.reason, os.strerror(self.reason))


def refusing(path: Path, *, with_errors: bool, reason: int = errno.EBUSY, crash_before: int | None = None) -> Refusing:
    system = Refusing({**OLDER, **unfinished(with_errors=with_errors)}, crash_before=crash_before)
    system.refused, system.reason = path, reason
    return system


each_replaced = pytest.mark.parametrize(
    "path", [PATHS.snapshot, PATHS.manifest, PATHS.errors], ids=["data", "manifest", "errors"]
)


@with_and_without_errors
@each_replaced
@pytest.mark.parametrize("reason", [errno.EBUSY, errno.EPERM, errno.EROFS, errno.ENOSPC])
def test_a_file_that_cannot_be_replaced_leaves_the_older_set_unchanged(
    path: Path, with_errors: bool, reason: int
) -> None:
    system = refusing(path, with_errors=with_errors, reason=reason)
    for work in (publishing(with_errors), completing):  # the next start retries and is refused too
        with pytest.raises(OutputError, match=os.strerror(reason)):
            work(system)
        left = {**OLDER, **unfinished(with_errors=with_errors), STAGED: MANIFEST[with_errors]}
        assert system.files == left
    system.refused = None
    assert completing(system) is not None
    assert system.files == new_set(with_errors=with_errors)


@with_and_without_errors
@each_replaced
def test_a_crash_during_the_rollback_loses_neither_the_older_nor_the_new_set(path: Path, with_errors: bool) -> None:
    call_number = 1
    while True:
        system = refusing(path, with_errors=with_errors, crash_before=call_number)
        try:
            publishing(with_errors)(system)
        except Crashed:
            pass
        except OutputError:
            break
        for number, left in enumerate(states_after(system)):
            where = f"call {call_number}, state {number}"
            check_readable(where, OLDER, left.files, with_errors=with_errors)
            check_completed(where, OLDER, left, with_errors=with_errors)
        call_number += 1
    assert call_number > 2


@with_and_without_errors
@pytest.mark.parametrize("name", ["rename", "remove", "fsync_dir"])
def test_old_data_keeps_its_manifest_whichever_step_is_refused(name: str, with_errors: bool) -> None:
    refusals = 0
    for call_number in itertools.count(1):
        system = MemoryFileSystem({**OLDER, **unfinished(with_errors=with_errors)})
        calls = itertools.count(1)

        def fault(call: str, _: int, calls: Iterator[int] = calls, call_number: int = call_number) -> OSError | None:
            return OSError(errno.EIO, "Input/output error") if call == name and next(calls) == call_number else None

        system.fault = fault
        try:
            publishing(with_errors)(system)
        except OutputError:
            refusals += 1
        if next(calls) <= call_number:
            break
        if system.files[PATHS.snapshot] != NEW:
            assert visible_files(system.files) == OLDER, call_number
        system.fault = None
        check_completed(f"{name} {call_number}", OLDER, system, with_errors=with_errors)
    assert refusals > 2


HELD = {held: OLDER[path] for path, held in PATHS.held_paths.items() if path in OLDER}
WITHOUT_MANIFEST = {PATHS.snapshot: OLDER[PATHS.snapshot], **unfinished(with_errors=True)}


@pytest.mark.parametrize("staged", [None, b"{", MANIFEST[False][:-40]], ids=["none", "torn", "shorter"])
def test_held_files_are_restored_if_the_publication_cannot_be_completed(staged: bytes | None) -> None:
    system = MemoryFileSystem({**WITHOUT_MANIFEST, **HELD, **({STAGED: staged} if staged else {})})
    assert completing(system) is None
    assert system.files == {**OLDER, **unfinished(with_errors=True)}


def test_a_crash_while_held_files_are_restored_does_not_lose_the_older_set() -> None:
    for call_number in itertools.count(1):
        system = MemoryFileSystem({**WITHOUT_MANIFEST, **HELD}, crash_before=call_number)
        if not crashes_during(system, completing):
            break
        for number, left in enumerate(states_after(system)):
            check_readable(f"call {call_number}, state {number}", OLDER, left.files, with_errors=True)
            completing(left)
            assert left.files == {**OLDER, **unfinished(with_errors=True)}, (call_number, number)


def test_a_held_manifest_is_never_restored_beside_other_data() -> None:
    for data in (NEW, OLDER[PATHS.snapshot] + b"\n"):
        system = MemoryFileSystem({**WITHOUT_MANIFEST, **HELD, PATHS.snapshot: data})
        assert completing(system) is None
        assert system.files == {**WITHOUT_MANIFEST, PATHS.snapshot: data}


# Staged manifests that do not match the data beside them.


def check_removed(staged: bytes) -> None:
    """The staged manifest is removed, and no other file changes."""
    for with_errors in (False, True):
        for data in (PATHS.partial, PATHS.snapshot):
            kept = {**OLDER, **unfinished(with_errors=with_errors)}
            if data is PATHS.snapshot:
                kept[data] = kept.pop(PATHS.partial)
                del kept[PATHS.manifest]
            system = MemoryFileSystem({**kept, STAGED: staged})
            assert completing(system) is None, staged
            assert system.files == kept, staged


def manifest_with(path: tuple[str | int, ...], value: Any) -> bytes:
    """The manifest with another value at `path`, or without the key if `value` is `...`."""
    document = json.loads(MANIFEST[True])
    *parents, last = path
    node = document
    for key in parents:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(document).encode()


REQUIRED: dict[tuple[str | int, ...], set[type]] = {
    ("run_id",): {str},
    ("source",): {dict},
    ("source", "organization_id"): {str, type(None)},
    ("account",): {dict},
    ("account", "outcomes"): {dict},
    ("account", "outcomes", "ok"): {int},
    ("account", "outcomes", "not_found"): {int},
    ("account", "outcomes", "not_attempted"): {int},
    ("redactions",): {int},
    ("unparsed_timestamps",): {int},
    ("files",): {list},
    ("files", 0): {dict},
    ("files", 0, "bytes"): {int},
    ("files", 0, "sha256"): {str},
}
each_required = pytest.mark.parametrize("path", REQUIRED, ids=lambda path: ".".join(map(str, path)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sha256", hashlib.sha256(b"other").hexdigest()),
        ("sha256", ""),
        ("bytes", len(NEW) - 1),
        ("bytes", len(NEW) + 1),
        ("bytes", 0),
    ],
)
def test_a_staged_manifest_of_other_data_is_removed(key: str, value: Any) -> None:
    check_removed(manifest_with(("files", 0, key), value))


def test_a_truncated_staged_manifest_is_removed() -> None:
    whole = MANIFEST[True].removesuffix(b"\n")
    for length in range(len(whole)):
        check_removed(whole[:length])


@pytest.mark.parametrize("path", [path for path in REQUIRED if path != ("unparsed_timestamps",)])
def test_a_staged_manifest_without_a_required_key_is_removed(path: tuple[str | int, ...]) -> None:
    check_removed(manifest_with(path, ...))


def test_a_staged_manifest_of_an_earlier_version_without_unparsed_timestamps_is_published() -> None:
    system = MemoryFileSystem(
        {**OLDER, **unfinished(with_errors=True), STAGED: manifest_with(("unparsed_timestamps",), ...)}
    )
    published = completing(system)
    assert published is not None
    assert published.tally.unparsed_timestamps == 0


@each_required
def test_a_staged_manifest_with_a_value_of_another_type_is_removed(path: tuple[str | int, ...]) -> None:
    for value in (None, "7", 7, 7.5, [], ["7"], {}, {"7": 7}):
        if type(value) not in REQUIRED[path]:
            check_removed(manifest_with(path, value))


@pytest.mark.parametrize("staged", [b"", b"\n", b"null", b"[]", b"[[]]", b'"text"', b"7", b"\0" * 2000, b"\xff" * 2000])
def test_a_staged_file_that_is_not_a_manifest_is_removed(staged: bytes) -> None:
    check_removed(staged)


@given(st.binary() | anything.map(json.dumps).map(str.encode))
def test_a_staged_file_of_any_other_bytes_is_removed(staged: bytes) -> None:
    check_removed(staged)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Arbitrary bytes, or a manifest with some values replaced."""
    if draw(st.booleans()):
        return draw(st.binary() | anything.map(json.dumps).map(str.encode) | st.just(HEADER.encode()))
    document = copy.deepcopy(json.loads(draw(st.sampled_from(list(MANIFEST.values())))))
    for path in draw(st.lists(st.sampled_from(list(REQUIRED)), max_size=3)):
        node = document
        for key in path[:-1]:
            node = node[key] if isinstance(node, dict) and key in node else {}
        if isinstance(node, dict):
            node[path[-1]] = draw(anything)
    return json.dumps(document).encode()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            PATHS.header: documents(),
            PATHS.manifest: documents(),
            STAGED: documents(),
            PATHS.partial: st.just(NEW),
            PATHS.snapshot: st.just(NEW) | st.binary(),
            PATHS.errors: st.binary(),
            PATHS.partial_errors: st.binary(),
        },
    )
)
def test_completing_never_raises_and_never_loses_the_data_whatever_the_files_contain(files: dict[Path, bytes]) -> None:
    system = MemoryFileSystem(files)
    completing(system)
    after = system.files
    assert STAGED not in after
    if PATHS.partial in files:
        assert NEW in (after.get(PATHS.partial), after.get(PATHS.snapshot))
    else:
        assert after.get(PATHS.snapshot) == files.get(PATHS.snapshot)
    assert completing(system) is None
    assert system.files == after


@pytest.mark.parametrize("errors", [None, NEW_ERRORS[:-1], NEW_ERRORS.replace(b"new", b"odd")])
def test_a_staged_manifest_of_other_errors_is_removed(errors: bytes | None) -> None:
    left = {**OLDER, **unfinished(with_errors=True), STAGED: MANIFEST[True]}
    left.pop(PATHS.errors)
    left.pop(PATHS.partial_errors)
    if errors is not None:
        left[PATHS.partial_errors] = errors
    system = MemoryFileSystem(left)
    assert complete(Files(system), PATHS) is None
    assert system.files[PATHS.snapshot] == OLDER[PATHS.snapshot]
    assert STAGED not in system.files
