"""Is a snapshot still what its manifest says it is? Reads all of it, writes nothing, asks nobody.

What is compared: every line with the schema and the run, each id once; how many records, bytes and which digest; the
errors file with the outcomes; and the ids of both together with the digest of the ids that were asked for.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, NoReturn

import orjson

from collector.codec import Codec, codec_of
from collector.errors import Damaged, InputError
from collector.ids import IdSet, is_canonical
from collector.manifest import FORMAT, FileFacts
from collector.model import Json, OutcomeKind
from collector.names import SnapshotNames
from collector.record_line import BadLine, read_record, unparsed_timestamps
from collector.stretches import Pread, Stretch, chunks, lines_of, stretches

_INPUT: Final = ("unique", "duplicates", "invalid", "blank")


class Verified(NamedTuple):
    """A snapshot that is what its manifest says."""

    records: int
    errors: int
    bytes: int
    sha256: str
    status: str


def verify(path: Path) -> Verified:
    """Compare the snapshot under `path`, packed or not, with the manifest and the errors file beside it.

    Raises `Damaged` with the first offence and where it is, and `InputError` for files that cannot be read.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a snapshot that `collector collect -o` wrote")
    names = SnapshotNames(path)
    claim = _claim(names)
    ids = IdSet()
    with _opened(path) as file:
        _check_records(path, file, claim, ids)
        _check_facts(path, file, claim.facts, records=len(ids))
    records = len(ids)
    failed = _check_errors(names.errors, ids)
    expected = Counter(claim.outcomes)
    not_attempted = expected.pop(OutcomeKind.NOT_ATTEMPTED)
    if (ok := expected.pop(OutcomeKind.OK)) != records:
        _refuse(path, f"{records} records, but the account has {ok}")
    if failed != +expected:
        _refuse(names.errors, f"{failed.total()} errors, but the account has {expected.total()}, or others")
    if not not_attempted and ids.digest() != claim.ids_digest:
        _refuse(path, "the ids of records and errors are not those that were asked for")
    return Verified(records, failed.total(), claim.facts.bytes, claim.facts.sha256, claim.status)


class _Claim(NamedTuple):
    """What a manifest says of a snapshot."""

    run_id: str
    status: str
    ids_digest: str
    facts: FileFacts
    outcomes: dict[OutcomeKind, int]
    unparsed_timestamps: int


def _claim(names: SnapshotNames) -> _Claim:
    path = names.manifest
    if not path.exists():
        if not names.snapshot.exists():
            raise InputError(f"{names.snapshot}: is not there; name a snapshot that `collector collect -o` wrote")
        _refuse(path, "is not there, so nothing vouches for the snapshot; collect again")
    with _opened(path) as file:
        content = file.read()
    try:
        found: Json = orjson.loads(content)
        if found["format"] != FORMAT:
            _refuse(path, f"is not of the format {FORMAT}")
        facts = {each["path"]: FileFacts(*(each[key] for key in FileFacts._fields)) for each in found["files"]}
        outcomes = {kind: int(found["account"]["outcomes"][kind]) for kind in OutcomeKind}
        counted = {key: int(found["account"]["input"][key]) for key in ("lines", *_INPUT)}
        claim = _Claim(
            found["run_id"],
            found["status"],
            found["source"]["ids_digest"],
            facts[names.snapshot.name],
            outcomes,
            int(found.get("unparsed_timestamps", 0)),
        )
    except orjson.JSONDecodeError as error:
        _refuse(path, f"byte {error.pos}: no JSON ({error.msg})")
    except (KeyError, TypeError, ValueError) as error:
        _refuse(path, f"is not whole: {error}")
    if counted["lines"] != sum(counted[key] for key in _INPUT) or counted["unique"] != sum(outcomes.values()):
        _refuse(path, "its account does not add up")
    return claim


def _check_records(path: Path, file: BinaryIO, claim: _Claim, ids: IdSet) -> None:
    codec, odd_times = codec_of(path.name), 0
    for stretch in stretches(_pread(file), codec):
        if stretch.flaw:
            _refuse(path, f"byte {stretch.start}: {stretch.flaw}")
        for at, line in lines_of(stretch):
            where = _where(codec, stretch, at)
            try:
                record = read_record(line)
            except BadLine as flaw:
                _refuse(path, f"{where}: {flaw}")
            if record["_run_id"] != claim.run_id:
                _refuse(path, f"{where}: a record of another run")
            odd_times += unparsed_timestamps(record)
            if odd_times > claim.unparsed_timestamps:  # what the API sent so is kept so, and counted
                _refuse(path, f"{where}: a timestamp that is none; its manifest has {claim.unparsed_timestamps} such")
            if not ids.add(record["id"]):
                _refuse(path, f"{where}: {record['id']} is there twice")
    if odd_times != claim.unparsed_timestamps:
        _refuse(path, f"{odd_times} timestamps that are none, but its manifest has {claim.unparsed_timestamps}")


def _where(codec: Codec, stretch: Stretch, at: int) -> str:
    if codec is Codec.PLAIN:
        return f"byte {at}"
    return f"byte {at - stretch.start} of what is unpacked from byte {stretch.start}"


def _check_facts(path: Path, file: BinaryIO, facts: FileFacts, *, records: int) -> None:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks(_pread(file)):
        digest.update(chunk)
        size += len(chunk)
    if size != facts.bytes:
        _refuse(path, f"byte {min(size, facts.bytes)}: it has {size} bytes, but its manifest says {facts.bytes}")
    if records != facts.records:
        _refuse(path, f"{records} records, but its manifest says {facts.records}")
    if digest.hexdigest() != facts.sha256:
        _refuse(path, f"somewhere in bytes 0 to {size}: its SHA-256 is not that of its manifest")


def _check_errors(path: Path, ids: IdSet) -> Counter[OutcomeKind]:
    failed: Counter[OutcomeKind] = Counter()
    if not path.exists():
        return failed
    with _opened(path) as file:
        for stretch in stretches(_pread(file), Codec.PLAIN):
            if stretch.flaw:
                _refuse(path, f"byte {stretch.start}: {stretch.flaw}")
            for at, line in lines_of(stretch):
                try:
                    found: Json = orjson.loads(line)
                    one, kind = found["id"], OutcomeKind(found["outcome"])
                except (ValueError, KeyError, TypeError) as error:
                    _refuse(path, f"byte {at}: no line of an errors file ({type(error).__name__})")
                if not isinstance(one, str) or not is_canonical(one):
                    _refuse(path, f"byte {at}: its id is none")
                if not ids.add(one):
                    _refuse(path, f"byte {at}: {one} is there twice, or has a record as well")
                failed[kind] += 1
    return failed


def _pread(file: BinaryIO) -> Pread:
    def pread(size: int, offset: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return pread


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise Damaged(f"{path}: is not there") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _refuse(path: Path, offence: str) -> NoReturn:
    raise Damaged(f"{path}: {offence}")
