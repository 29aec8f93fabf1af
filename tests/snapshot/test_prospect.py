"""The prospect of a run is what the run then does, whatever files an earlier run left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from collector.model.errors import Damaged, OutputError
from collector.model.ids import IdSet
from collector.model.ledger import Ledger
from collector.model.outcome import Outcome, OutcomeKind
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import encode
from collector.snapshot.sinks.file_sink import FileSink
from collector.snapshot.sinks.prospect import Action, Prospect, prospect_of
from collector.snapshot.sinks.resume import Resume
from collector.storage.durable_files import staged_path
from collector.storage.filesystem import PosixFileSystem
from collector.storage.overlay import OverlayFileSystem
from tests.snapshot.test_read_lines import RECORD
from tests.snapshot.test_sink import AT, HEADER
from tests.support.encoded import encoded
from tests.support.reports import report
from tests.support.scripted_server import ids

IDS = ids(3)
NEXT = HEADER._replace(run_id="run-8")


class Stopping(PosixFileSystem):
    """A file system that refuses every rename and removal after this number of renames."""

    def __init__(self, renames: int) -> None:
        super().__init__()
        self._left = renames

    def rename(self, old: Path, new: Path) -> None:
        self._left -= 1
        self._require_running()
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._require_running()
        super().remove(path)

    def _require_running(self) -> None:
        if self._left < 0:
            raise OSError(5, "stopped")


def id_set() -> IdSet:
    found = IdSet()
    for each in IDS:
        found.add(each)
    return found


def outcome(each: str) -> Outcome:
    record = {**RECORD, "id": each, "_run_id": HEADER.run_id}
    return Outcome(each, OutcomeKind.OK, 1, AT, record, 200)


async def earlier_run(path: Path, *, written: int, is_published: bool = False, renames: int = 1_000) -> None:
    """A run that writes some records, or all of them and publishes, on a system that stops after `renames`."""
    sink = FileSink(path, print, system=Stopping(renames))
    ledger = Ledger()
    with suppress(OutputError):
        try:
            await sink.open()
            await sink.begin(HEADER, id_set())
            for each in IDS[:written]:
                sink.writer.put(*encoded(outcome(each)))
            await sink.writer.finish(is_complete=is_published)
            ledger.tally = sink.writer.committed
            ledger.input.unique = written
            manifest = encode(report(ledger, run_id=HEADER.run_id), sink.file_entries(finished=is_published))
            await (sink.publish(manifest) if is_published else sink.leave(manifest))
        finally:
            await sink.close()


async def prospect(path: Path, policy: Resume) -> tuple[Prospect, IdSet]:
    overlay, requested = OverlayFileSystem(), id_set()
    sink, resumed, is_refused = FileSink(path, print, resume=policy, system=overlay), None, False
    await sink.open()
    try:
        resumed = await sink.begin(NEXT, requested)
    except Damaged:
        is_refused = True
    found = prospect_of(sink, resumed, overlay, is_refused=is_refused)
    await sink.close()
    return found, requested


async def begin(path: Path, policy: Resume) -> tuple[Action, list[str], IdSet]:
    """The action of a real run, told by its files; its messages; and the ids that it still requests."""
    messages: list[str] = []
    requested, resumed = id_set(), None
    sink = FileSink(path, messages.append, resume=policy)
    await sink.open()
    try:
        resumed = await sink.begin(NEXT, requested)
    except Damaged as error:
        return Action.REFUSE, [str(error)], requested
    finally:
        await sink.close()
    if resumed is not None:
        is_published = not SnapshotPaths(path).header.exists()
        return Action.PUBLISH if is_published else Action.RESUME, messages, requested
    is_quarantined = any(each.name.endswith(f".{HEADER.run_id}") for each in path.parent.iterdir())
    return Action.QUARANTINE if is_quarantined else Action.START, messages, requested


def files_in(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.iterdir()}


async def require_same(path: Path, policy: Resume) -> Action:
    before = files_in(path.parent)
    found, planned = await prospect(path, policy)
    assert files_in(path.parent) == before
    action, messages, requested = await begin(path, policy)
    assert found.action == action
    assert list(planned) == list(requested)
    if found.reason is not None:
        assert found.run_id == HEADER.run_id
        assert any(found.reason in each for each in messages)
    if action is Action.RESUME:
        assert found.records == len(IDS) - len(list(requested))
    return action


def unchanged(_: SnapshotPaths) -> None:
    pass


def without_records(paths: SnapshotPaths) -> None:
    paths.partial.unlink()


def without_checkpoint(paths: SnapshotPaths) -> None:
    paths.checkpoint.unlink()


def torn(paths: SnapshotPaths) -> None:
    with paths.partial.open("ab") as file:
        file.write(b'{"id":')


def corrupt(paths: SnapshotPaths) -> None:
    paths.partial.write_bytes(b"x" + paths.partial.read_bytes()[1:])


def of_other_ids(paths: SnapshotPaths) -> None:
    paths.header.write_bytes(HEADER._replace(ids_digest="other").encode())


def with_a_staged_manifest_of_other_files(paths: SnapshotPaths) -> None:
    staged_path(paths.manifest).write_bytes(encode(report(), []))


DAMAGES = (unchanged, without_records, without_checkpoint, torn, corrupt, of_other_ids)


@pytest.mark.parametrize("policy", Resume)
@pytest.mark.parametrize("output", ["c.jsonl", "c.jsonl.gz"])
@pytest.mark.parametrize("damage", [*DAMAGES, with_a_staged_manifest_of_other_files])
async def test_the_prospect_is_what_the_run_then_does_with_an_unfinished_run(
    damage: Callable[[SnapshotPaths], None], output: str, policy: Resume, tmp_path: Path
) -> None:
    await earlier_run(tmp_path / "c.jsonl", written=2)
    damage(SnapshotPaths(tmp_path / "c.jsonl"))
    await require_same(tmp_path / output, policy)


@pytest.mark.parametrize("policy", Resume)
@pytest.mark.parametrize("output", ["c.jsonl", "c.jsonl.gz"])
@pytest.mark.parametrize("is_changed", [False, True])
async def test_the_prospect_is_what_the_run_then_does_with_a_publication_stopped_anywhere(
    output: str, policy: Resume, is_changed: bool, tmp_path: Path
) -> None:
    actions = set()
    for renames in range(10):
        folder = tmp_path / str(renames)
        folder.mkdir()
        await earlier_run(folder / "c.jsonl", written=3, is_published=True, renames=renames)
        if is_changed:
            for path in folder.glob("c.jsonl*"):
                path.write_bytes(b"{}" + path.read_bytes())
        actions.add(await require_same(folder / output, policy))
    is_adopted = output == "c.jsonl" and policy is not Resume.NEVER
    assert (Action.PUBLISH in actions) is (is_adopted and not is_changed)


async def test_a_run_that_would_complete_another_publication_replaces_that_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    await earlier_run(path, written=3, is_published=True)
    SnapshotPaths(path).manifest.rename(staged_path(SnapshotPaths(path).manifest))
    found, requested = await prospect(path, Resume.AUTO)
    assert (found.action, found.replaces) == (Action.START, 3)
    assert len(list(requested)) == 3
