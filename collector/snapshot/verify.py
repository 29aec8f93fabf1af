"""Is a snapshot still what its manifest says it is? Reads all of it, writes nothing, asks nobody.

What is compared: every line with the schema and the run, each id once; how many records, bytes and which digest; what
was masked, whose records they are; the errors file with the outcomes; the ids of both together with the digest of the
ids that were asked for; and what the manifest concludes from its own account.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, NoReturn

from collector.model.errors import Damaged, InputError
from collector.model.ids import IdSet
from collector.model.ledger import OTHER_PATHS, Account, InputCount, Tally, exit_code_of, status_of
from collector.model.outcome import OutcomeKind
from collector.snapshot.layout import SnapshotNames
from collector.snapshot.lines import BadLine, counted_in, has_only_texts, read_error, read_record
from collector.snapshot.manifest import BadManifest, FileFacts, Manifest, decode
from collector.storage.blocks import Pread, Stretch, digest_of, lines_of, stretches
from collector.storage.compression import Codec, codec_of

_PARTS: Final = ("unique", "duplicates", "invalid", "blank")


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
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name a snapshot that `collector collect -o` wrote")
    names = SnapshotNames(path)
    claim = _claim(names)
    ids = IdSet()
    with _opened(path) as file:
        counted = _check_records(path, file, claim, ids)
        _check_facts(path, file, claim.facts, len(ids), "records")
    records = len(ids)
    errors = _errors_of(names, claim)
    failed = _check_errors(errors, claim.errors, ids)
    expected = Counter(claim.tally.outcomes)
    not_attempted = expected.pop(OutcomeKind.NOT_ATTEMPTED)
    if (ok := expected.pop(OutcomeKind.OK)) != records:
        _refuse(path, f"{records} records, but the account has {ok}")
    if failed != +expected:
        _refuse(errors, f"{failed.total()} errors, but the account has {expected.total()}, or others")
    if not not_attempted and ids.digest() != claim.ids_digest:
        _refuse(path, "the ids of records and errors are not those that were asked for")
    claimed = _Counted(claim.tally.redactions, claim.tally.unparsed_timestamps, claim.organization_id, claim.tally.nuls)
    if not claim.counts_nuls:
        claimed = claimed._replace(nuls=counted.nuls)
    if differing := counted.differing(claimed):
        _refuse(path, differing)
    return Verified(records, failed.total(), claim.facts.bytes, claim.facts.sha256, claim.status)


class _Counted(NamedTuple):
    """What is in the records."""

    redactions: Counter[str]
    unparsed_timestamps: int
    organization_id: str | None
    nuls: Counter[str]

    def differing(self, claimed: _Counted) -> str | None:
        """What is not as it was claimed, if anything. Paths are compared where both tell them apart."""
        if str(self) != str(claimed):
            return f"has {self}, but its manifest has {claimed}"
        masked = _differing("masked values", self.redactions, claimed.redactions)
        return masked or _differing("texts with a NUL character", self.nuls, claimed.nuls)

    def __str__(self) -> str:
        whose = f"records of organization {self.organization_id}" if self.organization_id else "no organization"
        masked = self.redactions.total()
        nuls = f", {self.nuls.total()} texts with a NUL character" if self.nuls else ""
        return f"{whose}, {masked} masked values and {self.unparsed_timestamps} timestamps that are none{nuls}"


def _differing(what: str, counted: Counter[str], claimed: Counter[str]) -> str | None:
    paths = counted.keys() | claimed.keys()
    odd = sorted(path for path in paths if counted[path] != claimed[path])
    if not odd or OTHER_PATHS in paths:
        return None
    return f"has {counted[odd[0]]} {what} at {odd[0]}, but its manifest has {claimed[odd[0]]}"


def _claim(names: SnapshotNames) -> Manifest:
    """What the manifest claims, once what follows from one part of it is what another says."""
    path = names.manifest
    if not os.path.exists(path):
        if not os.path.exists(names.snapshot):
            raise InputError(f"{names.snapshot}: is not there; name a snapshot that `collector collect -o` wrote")
        _refuse(path, "is not there, so nothing vouches for the snapshot; collect again")
    with _opened(path) as file:
        content = file.read()
    try:
        claim = decode(content)
    except BadManifest as why:
        _refuse(path, f"{why}; so nothing vouches for the snapshot; restore the manifest or collect again")
    account = Account(InputCount(**{key: claim.input[key] for key in _PARTS}), tally=claim.tally)
    if claim.input["lines"] != account.input.lines or claim.input["unique"] != account.done:
        _refuse(path, "its account does not add up")
    status, code = status_of(account, finished=True), exit_code_of(account)
    if claim.status != "stopped" and (claim.status, claim.exit_code) != (status, code):
        said = f"{claim.status} with exit code {claim.exit_code}"
        _refuse(path, f"says {said}, but its account means {status} with exit code {code:d}")
    if claim.facts.path not in {names.snapshot.name, "-"}:  # what was written to standard output has no name yet
        _refuse(path, f"is of {claim.facts.path}, not of {names.snapshot.name}; verify that under its own name")
    if claim.facts.path != "-" and claim.errors and claim.errors.path != names.errors.name:
        _refuse(path, f"names {claim.errors.path} as its errors file, not {names.errors.name}")
    return claim


def _errors_of(names: SnapshotNames, claim: Manifest) -> Path:
    """Where the errors are: beside the snapshot, or where the manifest of what went to standard output says."""
    named = names.manifest.parent / claim.errors.path if claim.errors else names.errors
    is_moved = not os.path.lexists(named) and os.path.lexists(names.errors)
    return names.errors if is_moved else named


def _check_records(path: Path, file: BinaryIO, claim: Manifest, ids: IdSet) -> _Counted:
    codec, tally = codec_of(path.name), Tally()
    organizations: dict[str, None] = {}
    for stretch in stretches(_pread(file), codec):
        if stretch.flaw:
            _refuse(path, f"byte {stretch.start}: {stretch.flaw}")
        for at, line in lines_of(stretch):
            try:
                record = read_record(line)
            except BadLine as flaw:
                _refuse(path, f"{_where(codec, stretch, at)}: {flaw}")
            if record["_run_id"] != claim.run_id:
                _refuse(path, f"{_where(codec, stretch, at)}: a record of another run")
            if not has_only_texts(record):
                _refuse(path, f"{_where(codec, stretch, at)}: an array that holds something else than text")
            tally.add(counted_in(line, record))
            # What the API sent so is kept so, and counted.
            if tally.unparsed_timestamps > claim.tally.unparsed_timestamps:
                _refuse(path, f"{_where(codec, stretch, at)}: a timestamp that is none, and that no count has")
            if not ids.add(record["id"]):
                _refuse(path, f"{_where(codec, stretch, at)}: {record['id']} is there twice")
            if record["organization_id"] is not None:
                organizations[record["organization_id"]] = None
    return _Counted(tally.redactions, tally.unparsed_timestamps, next(iter(organizations), None), tally.nuls)


def _where(codec: Codec, stretch: Stretch, at: int) -> str:
    if codec is Codec.PLAIN:
        return f"byte {at}"
    return f"byte {at - stretch.start} of what is unpacked from byte {stretch.start}"


def _check_facts(path: Path, file: BinaryIO, facts: FileFacts, number: int, what: str) -> None:
    size = os.fstat(file.fileno()).st_size
    if size != facts.bytes:
        _refuse(path, f"byte {min(size, facts.bytes)}: it has {size} bytes, but its manifest says {facts.bytes}")
    if number != facts.records:
        _refuse(path, f"{number} {what}, but its manifest says {facts.records}")
    if digest_of(_pread(file)) != facts.sha256:
        _refuse(path, f"somewhere in bytes 0 to {size}: its SHA-256 is not that of its manifest")


def _check_errors(path: Path, facts: FileFacts | None, ids: IdSet) -> Counter[OutcomeKind]:
    """Count the errors; `facts` are those of the manifest, None where it names no errors file."""
    failed: Counter[OutcomeKind] = Counter()
    if facts is None and not os.path.lexists(path):
        return failed
    codec = codec_of(path.name)
    with _opened(path) as file:
        for stretch in stretches(_pread(file), codec):
            if stretch.flaw:
                _refuse(path, f"byte {stretch.start}: {stretch.flaw}")
            for at, line in lines_of(stretch):
                try:
                    one, kind = read_error(line)
                except BadLine as flaw:
                    _refuse(path, f"{_where(codec, stretch, at)}: {flaw}")
                if not ids.add(one):
                    _refuse(path, f"{_where(codec, stretch, at)}: {one} is there twice, or has a record as well")
                failed[kind] += 1
        if facts is not None:
            _check_facts(path, file, facts, failed.total(), "errors")
    return failed


def _pread(file: BinaryIO) -> Pread:
    def pread(size: int, offset: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return pread


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path}: is no file; name a snapshot that `collector collect -o` wrote")
            yield file
    except FileNotFoundError:
        raise Damaged(f"{path}: is not there") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe is not waited for


def _refuse(path: Path, offence: str) -> NoReturn:
    raise Damaged(f"{path}: {offence}")
