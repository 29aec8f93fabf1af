"""The sinks: the interface that all of them implement, then the stream sink and the file sink."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGPIPE
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import Interrupted, OutputError, OutputLocked, UsageError
from collector.model.ids import IdSet
from collector.model.outcome import Outcome, OutcomeKind
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.lines import encode, error_line
from collector.snapshot.manifest import FileEntry
from collector.snapshot.sinks.resume import Resume, RunHeader
from collector.snapshot.sinks.sink import Sink
from collector.snapshot.sinks.stream_sink import MAX_LISTED
from collector.snapshot.sinks.target import sink_for
from tests.support.encoded import encoded
from tests.support.zstd_compat import zstd

AT = "2026-01-02T03:04:05.000000Z"
HEADER = RunHeader("run-7", AT, "digest", "https://api.example", "2025-09-18", 1)


def ok(number: int, **fields: Any) -> Outcome:
    return Outcome(f"id-{number}", OutcomeKind.OK, 1, AT, {"id": f"id-{number}", **fields}, 200)


def failed(number: int) -> Outcome:
    return Outcome(f"id-{number}", OutcomeKind.NOT_FOUND, 2, AT, http_status=404, error="HTTP 404: no such connection")


def decompressed(compressed: bytes, name: str) -> bytes:
    if name.endswith(".gz"):
        return gzip.decompress(compressed)
    return zstd.decompress(compressed) if name.endswith(".zst") else compressed


@dataclass
class Manifest:
    """Encodes a fake manifest, and keeps the file entries that it was called with."""

    entries: list[FileEntry] = field(default_factory=list)

    def __call__(self, files: list[FileEntry]) -> bytes:
        self.entries = files
        return b'{"format":"test"}\n'


@dataclass
class SinkUnderTest:
    """A sink, and functions that return its output."""

    sink: Sink
    published: Callable[[], bytes]
    left: Callable[[], bytes]
    errors: Callable[[], bytes]
    warnings: list[str] = field(default_factory=list)
    raw: Callable[[], bytes] | None = None


def content_of(path: Path) -> bytes:
    return decompressed(path.read_bytes(), path.name.removesuffix(".partial")) if path.exists() else b""


def snapshot(folder: Path, name: str) -> SinkUnderTest:
    warnings: list[str] = []
    path = folder / "out" / name
    partial = path.with_name(f"{name}.partial")
    stem = name.partition(".")[0]
    errors = path.with_name(f"{stem}.errors.jsonl")
    return SinkUnderTest(
        sink_for(str(path), errors=None, manifest=None, backlog=32, warn=warnings.append),
        published=lambda: content_of(path),
        left=lambda: content_of(partial),
        errors=lambda: content_of(errors),
        warnings=warnings,
        raw=path.read_bytes,
    )


@contextmanager
def stream(folder: Path, *, errors: bool = True, manifest: bool = True) -> Iterator[SinkUnderTest]:
    """A sink to a named pipe with a reader at its other end."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    warnings: list[str] = []
    received = bytearray()

    def read() -> bytes:
        while chunk := os.read(reader, 1 << 20):
            received.extend(chunk)
        return bytes(received)

    sink = sink_for(
        str(pipe),
        errors=str(folder / "errors.jsonl") if errors else None,
        manifest=str(folder / "manifest.json") if manifest else None,
        backlog=32,
        warn=warnings.append,
    )
    try:
        yield SinkUnderTest(sink, read, read, lambda: content_of(folder / "errors.jsonl"), warnings)
    finally:
        os.close(reader)


SNAPSHOTS = ["c.jsonl", "c.jsonl.gz", "c.jsonl.zst", "c"]


@pytest.fixture(params=["pipe", *SNAPSHOTS])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SinkUnderTest]:
    if request.param == "pipe":
        with stream(tmp_path) as found:
            yield found
    else:
        yield snapshot(tmp_path, request.param)


async def begun(sink: Sink, run_id: str | None = None) -> Sink:
    await sink.open()
    await sink.begin(HEADER._replace(run_id=run_id) if run_id else HEADER, IdSet())
    return sink


async def publish(sink: Sink, write_manifest: Callable[[list[FileEntry]], bytes] | None = None) -> None:
    await sink.writer.finish(is_complete=True)
    try:
        await sink.publish((write_manifest or Manifest())(sink.file_entries(finished=True)))
    finally:
        await sink.close()


async def leave(sink: Sink, write_manifest: Callable[[list[FileEntry]], bytes] | None = None) -> None:
    with suppress(OutputError, Interrupted):
        await sink.writer.finish(is_complete=False)
    try:
        await sink.leave((write_manifest or Manifest())(sink.file_entries(finished=False)))
    finally:
        await sink.close()


def records(sink: Sink) -> int:
    return sink.writer.committed.outcomes[OutcomeKind.OK]


# The interface of every sink.


async def test_every_record_is_published_in_order_and_counted(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    outcomes = [ok(number, text="ä\n") for number in range(50)]
    for outcome in outcomes:
        sink.writer.put(*encoded(outcome))
    manifest = Manifest()
    await publish(sink, manifest)
    assert subject.published() == b"".join(encode(outcome.record) for outcome in outcomes if outcome.record)
    assert records(sink) == 50
    assert subject.errors() == b""


async def test_an_outcome_that_is_not_ok_becomes_an_error_line_and_not_a_record(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    for number in range(10):
        sink.writer.put(*encoded(failed(number) if number % 2 else ok(number)))
    await publish(sink)
    assert [json.loads(line)["id"] for line in subject.published().splitlines()] == [f"id-{n}" for n in range(0, 10, 2)]
    assert subject.errors() == b"".join(error_line(failed(number)) for number in range(1, 10, 2))
    assert records(sink) == 5


async def test_outcomes_are_committed_once_they_are_written_and_not_when_they_are_put(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    sink.writer.put(*encoded(ok(1)))
    sink.writer.put(*encoded(failed(2)))
    assert sink.writer.committed.total == 0
    await sink.writer.finish(is_complete=False)
    assert sink.writer.committed.outcomes == {OutcomeKind.OK: 1, OutcomeKind.NOT_FOUND: 1}
    await sink.writer.finish(is_complete=False)
    assert sink.writer.committed.total == 2
    await publish(sink)


async def test_a_full_sink_is_full_until_it_is_flushed(tmp_path: Path) -> None:
    for sink in (sink_to(tmp_path / "c.jsonl"), sink_to(Path("/dev/null"))):
        await begun(sink)
        count = 0
        assert not sink.writer.is_full
        while not sink.writer.is_full:
            sink.writer.put(*encoded(ok(count, text="x" * 10_000)))
            count += 1
            assert count < 1000
        await sink.writer.flush()
        assert not sink.writer.is_full
        await publish(sink)
        assert records(sink) == count


async def test_concurrent_flushes_write_every_line_once(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)

    async def work(number: int) -> None:
        for turn in range(5):
            sink.writer.put(*encoded(ok(number * 5 + turn)))
            await sink.writer.flush()

    await asyncio.gather(*(work(number) for number in range(8)))
    await publish(sink)
    found = sorted(json.loads(line)["id"] for line in subject.published().splitlines())
    assert found == sorted(f"id-{number}" for number in range(40))
    assert records(sink) == 40


async def test_a_stopped_run_leaves_whole_lines(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    sink.writer.put(*encoded(ok(1)))
    sink.writer.put(*encoded(failed(2)))
    await leave(sink)
    assert subject.left() == b'{"id":"id-1"}\n'
    assert records(sink) == 1


async def test_a_run_without_a_record_is_published(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    await publish(sink)
    assert subject.published() == b""
    assert records(sink) == 0


async def test_the_file_entries_describe_the_records(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    sink.writer.put(*encoded(ok(1)))
    await sink.writer.flush()
    sink.writer.put(*encoded(ok(2)))
    manifest = Manifest()
    await publish(sink, manifest)
    content = subject.raw() if subject.raw else subject.published()
    (entry,) = manifest.entries
    assert entry[1:4] == (2, len(content), hashlib.sha256(content).hexdigest())


async def test_the_file_entries_describe_the_errors_file_if_an_id_failed(subject: SinkUnderTest) -> None:
    sink = await begun(subject.sink)
    sink.writer.put(*encoded(ok(1)))
    await sink.writer.flush()
    sink.writer.put(*encoded(failed(2)))
    sink.writer.put(*encoded(failed(3)))
    manifest = Manifest()
    await publish(sink, manifest)
    _, entry = manifest.entries
    content = subject.errors()
    assert entry.path.endswith("errors.jsonl")
    assert entry[1:4] == (2, len(content), hashlib.sha256(content).hexdigest())


# The stream sink.


async def test_without_an_errors_file_the_first_errors_are_listed_before_a_hint(tmp_path: Path) -> None:
    with stream(tmp_path, errors=False, manifest=False) as subject:
        sink = await begun(subject.sink)
        for number in range(MAX_LISTED + 5):
            sink.writer.put(*encoded(failed(number)))
        await publish(sink)
        assert subject.warnings[0] == "id-0: not_found: HTTP 404: no such connection"
        assert len(subject.warnings) == MAX_LISTED + 1
        assert "--errors" in subject.warnings[-1]
        assert subject.published() == b""


async def test_a_stream_without_errors_leaves_no_errors_file(tmp_path: Path) -> None:
    with stream(tmp_path) as subject:
        sink = await begun(subject.sink)
        sink.writer.put(*encoded(ok(1)))
        await publish(sink)
        assert names_in(tmp_path) == {"manifest.json", "pipe"}


async def test_a_closed_pipe_interrupts_the_run(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = await begun(sink_for(str(pipe), errors=None, manifest=None, backlog=32, warn=print))
    os.close(reader)
    sink.writer.put(*encoded(ok(1)))
    with pytest.raises(Interrupted) as caught:
        await sink.writer.flush()
    assert caught.value.signum == SIGPIPE
    await leave(sink)
    assert records(sink) == 0


async def test_a_full_device_is_an_output_error() -> None:
    sink = await begun(sink_for("/dev/full", errors=None, manifest=None, backlog=32, warn=print))
    sink.writer.put(*encoded(ok(1)))
    with pytest.raises(OutputError, match="/dev/full"):
        await sink.writer.flush()
    assert records(sink) == 0
    await leave(sink)


async def test_the_errors_file_and_manifest_of_a_stream_are_private_and_their_folders_are_created(
    tmp_path: Path,
) -> None:
    errors, manifest = tmp_path / "a" / "errors.jsonl", tmp_path / "b" / "manifest.json"
    sink = await begun(sink_for("/dev/null", errors=str(errors), manifest=str(manifest), backlog=32, warn=print))
    sink.writer.put(*encoded(failed(1)))
    await publish(sink)
    assert [mode_of(path) for path in (errors, manifest)] == [0o600] * 2


# The file sink.


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def quarantined_contents(folder: Path) -> list[bytes]:
    """The contents of the quarantined records, sorted."""
    return sorted(path.read_bytes() for path in folder.glob("c.jsonl.partial.*"))


def sink_to(path: Path, warnings: list[str] | None = None) -> Sink:
    messages = [] if warnings is None else warnings
    return sink_for(str(path), errors=None, manifest=None, backlog=32, warn=messages.append)


@pytest.mark.parametrize(
    ("name", "stem"), [("c.jsonl", "c"), ("c.jsonl.gz", "c"), ("c.jsonl.zst", "c"), ("c.v2.jsonl", "c.v2"), ("c", "c")]
)
async def test_the_file_names_are_those_of_the_contract(name: str, stem: str, tmp_path: Path) -> None:
    sink = await begun(sink_to(tmp_path / name))
    sink.writer.put(*encoded(ok(1)))
    sink.writer.put(*encoded(failed(2)))
    await sink.writer.flush()
    suffixes = {"run.json", "errors.jsonl", "checkpoint", "lock"}
    assert names_in(tmp_path) == {f"{name}.partial", *(f"{stem}.partial.{each}" for each in suffixes)}
    assert (tmp_path / f"{stem}.partial.run.json").read_bytes() == HEADER.encode()
    await publish(sink)
    assert names_in(tmp_path) == {name, f"{stem}.errors.jsonl", f"{stem}.manifest.json"}
    assert {mode_of(tmp_path / each) for each in names_in(tmp_path)} == {0o600}


@pytest.mark.parametrize("name", SNAPSHOTS)
async def test_an_empty_snapshot_is_a_valid_file_of_its_compression(name: str, tmp_path: Path) -> None:
    sink = await begun(sink_to(tmp_path / name))
    await publish(sink)
    compressed = (tmp_path / name).read_bytes()
    assert bool(compressed) == name.endswith((".gz", ".zst"))
    assert decompressed(compressed, name) == b""


async def test_a_stopped_run_keeps_its_unfinished_names_and_the_older_snapshot(tmp_path: Path) -> None:
    old = {"c.jsonl": b"old\n", "c.errors.jsonl": b"old errors\n", "c.manifest.json": b"old manifest\n"}
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    sink = await begun(sink_to(tmp_path / "c.jsonl"))
    sink.writer.put(*encoded(ok(1)))
    sink.writer.put(*encoded(failed(2)))
    manifest = Manifest()
    await leave(sink, manifest)
    assert {name: (tmp_path / name).read_bytes() for name in old} == old
    assert names_in(tmp_path) - old.keys() == {
        "c.jsonl.partial",
        "c.partial.run.json",
        "c.partial.errors.jsonl",
        "c.partial.manifest.json",
        "c.partial.checkpoint",
    }
    assert manifest.entries[0].path == "c.jsonl.partial"


async def test_an_older_snapshot_is_unchanged_until_the_new_one_is_published(tmp_path: Path) -> None:
    for name in ("c.jsonl", "c.errors.jsonl", "c.manifest.json"):
        (tmp_path / name).write_bytes(b"old")
    sink = await begun(sink_to(tmp_path / "c.jsonl"))
    sink.writer.put(*encoded(ok(1)))
    await sink.writer.flush()

    def write_manifest(files: list[FileEntry]) -> bytes:
        assert files[0].path == "c.jsonl"
        for name in ("c.jsonl", "c.errors.jsonl", "c.manifest.json"):
            assert (tmp_path / name).read_bytes() == b"old"
        return b"new"

    await publish(sink, write_manifest)
    assert names_in(tmp_path) == {"c.jsonl", "c.manifest.json"}
    assert (tmp_path / "c.manifest.json").read_bytes() == b"new"


async def test_a_failed_publication_keeps_the_older_snapshot_with_its_manifest(tmp_path: Path) -> None:
    for name in ("c.jsonl", "c.manifest.json"):
        (tmp_path / name).write_bytes(b"old")
    sink = await begun(sink_to(tmp_path / "c.jsonl"))
    sink.writer.put(*encoded(ok(1)))
    (tmp_path / "c.manifest.json.draft").mkdir()  # so that the new manifest cannot be written
    with pytest.raises(OutputError):
        await publish(sink)
    assert (tmp_path / "c.jsonl").read_bytes() == b"old"
    assert (tmp_path / "c.manifest.json").read_bytes() == b"old"
    assert (tmp_path / "c.jsonl.partial").read_bytes() == b'{"id":"id-1"}\n'


async def test_an_output_is_locked_until_its_run_ends(tmp_path: Path) -> None:
    first, second = sink_to(tmp_path / "c.jsonl"), sink_to(tmp_path / "c.jsonl")
    await begun(first)
    first.writer.put(*encoded(ok(1)))
    with pytest.raises(OutputLocked):
        await second.open()
    await publish(first)
    assert (tmp_path / "c.jsonl").read_bytes() == b'{"id":"id-1"}\n'
    await begun(second)
    await leave(second)
    third = await begun(sink_to(tmp_path / "c.jsonl"))
    third.writer.put(*encoded(ok(2)))  # without a record the older snapshot would not be replaced
    await publish(third)


async def test_an_unfinished_run_is_quarantined_under_its_id_with_a_warning_and_never_mixed(tmp_path: Path) -> None:
    unfinished = await begun(sink_to(tmp_path / "c.jsonl"))
    unfinished.writer.put(*encoded(ok(1)))
    unfinished.writer.put(*encoded(failed(2)))
    await leave(unfinished)
    warnings: list[str] = []
    sink = await begun(sink_to(tmp_path / "c.jsonl", warnings))
    sink.writer.put(*encoded(ok(3)))
    await publish(sink)
    assert (tmp_path / "c.jsonl").read_bytes() == b'{"id":"id-3"}\n'
    assert (tmp_path / "c.jsonl.partial.run-7").read_bytes() == b'{"id":"id-1"}\n'
    assert (tmp_path / "c.partial.errors.jsonl.run-7").read_bytes() == error_line(failed(2))
    assert {"c.partial.run.json.run-7", "c.partial.manifest.json.run-7"} < names_in(tmp_path)
    assert len(warnings) == 1
    assert str(tmp_path / "c.jsonl.partial.run-7") in warnings[0]


@pytest.mark.parametrize("header", [None, b"", b"{", b"[]", b"{}", b'{"run_id":5}', b'{"run_id":"../../x"}', b"\xff"])
async def test_an_unfinished_run_without_a_valid_header_is_quarantined(header: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl.partial").write_bytes(b"precious")
    if header is not None:
        (tmp_path / "c.partial.run.json").write_bytes(header)
    sink = await begun(sink_to(tmp_path / "c.jsonl"))
    await publish(sink)
    assert quarantined_contents(tmp_path) == [b"precious"]


async def test_two_quarantined_runs_of_unknown_id_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "c.jsonl.partial").write_bytes(content)
        sink = await begun(sink_to(tmp_path / "c.jsonl"))
        await publish(sink)
    assert quarantined_contents(tmp_path) == [b"first", b"second"]


@pytest.mark.parametrize("name", SNAPSHOTS)
async def test_a_batch_that_the_system_refuses_is_not_counted_and_leaves_whole_lines(name: str, tmp_path: Path) -> None:
    sink = await begun(sink_to(tmp_path / name))
    sink.writer.put(*encoded(ok(1)))
    await sink.writer.finish(is_complete=False)
    size = (tmp_path / f"{name}.partial").stat().st_size
    sink.writer.put(*encoded(ok(2, text=os.urandom(4000).hex())))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, hard))
    try:
        with pytest.raises(OutputError, match=f"{name}.partial"):
            await sink.writer.finish(is_complete=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert records(sink) == 1
    await leave(sink)
    assert content_of(tmp_path / f"{name}.partial") == b'{"id":"id-1"}\n'


async def test_missing_folders_are_created_with_private_permissions(tmp_path: Path) -> None:
    sink = await begun(sink_to(tmp_path / "a" / "b" / "c.jsonl"))
    await publish(sink)
    assert [mode_of(path) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700] * 2


async def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        await sink_to(tmp_path / "file" / "c.jsonl").open()


def test_a_folder_as_output_is_a_usage_error(tmp_path: Path) -> None:
    for output in (str(tmp_path), f"{tmp_path}/", f"{tmp_path}/new/"):
        with pytest.raises(UsageError, match="is a folder; name a file in it"):
            sink_for(output, errors=None, manifest=None, backlog=32, warn=print)


@pytest.mark.parametrize(
    "name",
    [
        *("c.partial", "c.jsonl.partial", "c.partial.jsonl.gz", "c.errors.jsonl", "c.manifest.json", "c.jsonl.draft"),
        *("c.partial.run.json", "c.partial.checkpoint", "c.partial.lock", "c.partial.errors.jsonl"),
        *("c.partial.manifest.json", "c.manifest.json.draft"),
    ],
)
def test_a_name_reserved_for_a_file_beside_another_output_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reserved for a file beside another output"):
        sink_for(str(tmp_path / name), errors=None, manifest=None, backlog=32, warn=print)


@pytest.mark.parametrize("name", ["c.errors.jsonl", "c.manifest.json"])
def test_a_folder_with_the_name_of_a_file_beside_the_output_is_a_usage_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=f"{name}, a file of this output, is a folder"):
        sink_for(str(tmp_path / "c.jsonl"), errors=None, manifest=None, backlog=32, warn=print)


def test_the_same_file_for_errors_and_manifest_is_a_usage_error_even_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="choose two different files"):
        sink_for("-", errors=str(tmp_path / "x"), manifest=str(tmp_path / "link/x"), backlog=32, warn=print)


async def test_a_name_that_is_too_long_is_rejected_before_the_run_starts(tmp_path: Path) -> None:
    """An unfinished run with the longest allowed name can still be quarantined."""
    longest = next(
        length for length in range(255, 0, -1) if not SnapshotPaths(tmp_path / f"{'x' * length}.jsonl").name_overflow
    )
    with pytest.raises(OutputError, match="too long"):
        sink_for(str(tmp_path / f"{'x' * (longest + 1)}.jsonl"), errors=None, manifest=None, backlog=32, warn=print)
    path = tmp_path / f"{'x' * longest}.jsonl"
    for number in (1, 2):
        never = sink_for(str(path), errors=None, manifest=None, backlog=32, warn=print, resume=Resume.NEVER)
        sink = await begun(never, f"{number:025}")
        sink.writer.put(*encoded(ok(1)))
        await leave(sink)
    assert path.with_name(f"{path.name}.partial.{1:025}").exists()


@pytest.mark.parametrize("given", [{"errors": "e.jsonl", "manifest": None}, {"errors": None, "manifest": "m.json"}])
def test_errors_and_manifest_options_are_rejected_for_a_file_output(
    given: dict[str, str | None], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--errors and --manifest"):
        sink_for(str(tmp_path / "c.jsonl"), errors=given["errors"], manifest=given["manifest"], backlog=32, warn=print)


# Encoding of lines.

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_an_encoded_line_is_one_line_for_every_reader_and_decodes_to_its_record(record: dict[str, Any]) -> None:
    line = encode(record)
    assert json.loads(line) == record
    text = line.decode()
    assert text.endswith("\n")
    assert text.splitlines() == [text[:-1]]
    assert text[:-1].isprintable() or not any(
        ord(character) < 0xA0 and not character.isprintable() for character in text[:-1]
    )


@given(st.integers(-(10**300), 10**300), st.text())
def test_integers_of_any_size_survive_beside_any_text(number: int, text: str) -> None:
    line = encode({"n": [number], text: text})
    assert json.loads(line)["n" if text != "n" else text] == ([number] if text != "n" else text)
    assert len(line.decode().splitlines()) == 1


@pytest.mark.parametrize("character", ["\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\x00", "\x1b", "\n", "\r", "\x0b"])
@pytest.mark.parametrize("number", [1, 2**70])
def test_a_character_that_ends_a_line_or_moves_the_cursor_is_escaped(character: str, number: int) -> None:
    line = encode({character: f"a{character}b", "n": number})
    assert character not in line.decode()[:-1]
    assert json.loads(line) == {character: f"a{character}b", "n": number}


def test_an_error_line_has_the_keys_of_the_contract() -> None:
    assert json.loads(error_line(failed(3))) == {
        "id": "id-3",
        "outcome": "not_found",
        "http_status": 404,
        "error": "HTTP 404: no such connection",
        "attempts": 2,
        "at": AT,
    }


async def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "c.jsonl"
    link.symlink_to(tmp_path / "real" / "c.jsonl")
    sink = await begun(sink_to(link))
    sink.writer.put(*encoded(ok(1)))
    await publish(sink)
    assert link.is_symlink()
    assert names_in(tmp_path / "real") == {"c.jsonl", "c.manifest.json"}


def test_a_loop_of_links_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").symlink_to("d.jsonl")
    (tmp_path / "d.jsonl").symlink_to("c.jsonl")
    with pytest.raises(OutputError, match="form a loop"):
        sink_for(str(tmp_path / "c.jsonl"), errors=None, manifest=None, backlog=32, warn=print)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a link")
@pytest.mark.parametrize("hops", [1, 2])
def test_a_link_that_another_user_created_is_not_followed_at_any_hop(tmp_path: Path, hops: int) -> None:
    link, target = tmp_path / "c.jsonl", tmp_path / "real.jsonl"
    if hops == 2:
        link.symlink_to("d.jsonl")
        link = tmp_path / "d.jsonl"
    link.symlink_to(target)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    with pytest.raises(OutputError, match="another user created"):
        sink_for(str(tmp_path / "c.jsonl"), errors=None, manifest=None, backlog=32, warn=print)


async def test_an_unfinished_run_with_only_errors_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl.partial").touch()
    (tmp_path / "c.partial.errors.jsonl").write_bytes(b"{}\n")
    sink = await begun(sink_to(tmp_path / "c.jsonl"))
    await publish(sink)
    assert "c.partial.errors.jsonl.unknown-run" in names_in(tmp_path)
