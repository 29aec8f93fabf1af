"""What an unfinished file holds: every byte is read, and every line is a record of the run or a flaw.

A flaw behind what was synced is a tail that a crash tore: it ends the file. A flaw before that, which no crash
explains, is damage. (etcd's write-ahead log draws the same line: a torn last record is cut off, a bad one before it
is refused.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.model.errors import Damaged
from collector.model.ids import IdSet
from collector.model.ledger import Tally
from collector.model.record import Record
from collector.redaction.detect.reasons import UNKNOWN
from collector.snapshot.lines import BadLine, read_record, tally_entry_of_line
from collector.storage.blocks import CHUNK, Pread, chunks, end_of, lines_of, read_blocks
from collector.storage.checkpoint import Checkpoint
from collector.storage.compression import Compression


@dataclass(slots=True)
class Recovered:
    """The whole part of an unfinished file: its first `end` bytes, of which `sha256` is the digest."""

    tally: Tally = field(default_factory=Tally)
    organizations: dict[str, None] = field(default_factory=dict)
    answered: str | None = None
    end: int = 0
    torn_bytes: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    repairs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def add(self, line: bytes, record: Record) -> None:
        self.answered = record["id"]
        self.tally.add(tally_entry_of_line(line, record)._replace(repairs=self.repairs.get(record["id"], ())))
        if record["organization_id"] is not None:
            self.organizations[record["organization_id"]] = None


class _Defect(NamedTuple):
    offset: int
    reason: str
    is_truncated: bool = False  # the file ends before what is there does


def recover(
    pread: Pread,
    compression: Compression,
    *,
    synced: Checkpoint | None,
    run_id: str,
    ids: IdSet,
    is_checkpointed: bool = True,
    repairs: Mapping[str, Sequence[str]] | None = None,
) -> Recovered:
    """Read the file and tick off, in `ids`, those that it has a whole line of.

    `synced` is its checkpoint, None while there is none. A file that has none although it should
    (`is_checkpointed` is False) was not left by a crash: only its last line, or its last member, may be torn.
    `repairs` are the paths of repaired values that were noted of each id; the lines do not tell.
    Raises `Damaged`, with nothing ticked off, for a flaw before that.
    """
    found = Recovered(repairs=repairs or {})
    try:
        defect = _read(pread, compression, run_id, ids, found)
        size = end_of(pread, found.end)
        synced_bytes = (
            (synced.size if synced else 0) if is_checkpointed else _min_intact_bytes(pread, compression, size, defect)
        )
        if found.end < synced_bytes:
            raise _corrupt(
                defect or _Defect(found.end, f"{synced_bytes - found.end} bytes that were synced are missing")
            )
        if mismatch := _digest(pread, found, synced):
            raise _corrupt(mismatch)
    except Damaged:
        ids.clear_done()
        raise
    found.torn_bytes = size - found.end
    if synced:
        _add_rules_from_checkpoint(found.tally, synced)
    return found


def _add_rules_from_checkpoint(tally: Tally, synced: Checkpoint) -> None:
    """Behind the checkpoint the rules stay unknown: at most those of the last second before a crash."""
    known = sum(synced.by_rule.values())
    if known <= tally.by_rule[UNKNOWN]:
        tally.by_rule[UNKNOWN] -= known
        tally.by_rule.update(synced.by_rule)


def _corrupt(defect: _Defect) -> Damaged:
    return Damaged(f"damaged at byte {defect.offset}: {defect.reason}")


def _read(pread: Pread, compression: Compression, run_id: str, ids: IdSet, found: Recovered) -> _Defect | None:
    """Read up to the first flaw, which is returned."""
    for block in read_blocks(pread, compression):
        if block.flaw:
            return _Defect(block.start, block.flaw, block.is_truncated)
        for offset, line in lines_of(block):
            try:
                record = read_record(line)
                _require_requested(record, run_id, ids)
            except BadLine as reason:
                if compression is Compression.PLAIN:
                    found.end = offset
                    return _Defect(offset, str(reason))
                # no crash puts a bad line into a member whose check sum is right
                raise Damaged(f"damaged in the member at byte {block.start}: {reason}") from None
            found.add(line, record)
        found.end = block.end
    return None


def _require_requested(record: Record, run_id: str, ids: IdSet) -> None:
    if record["_run_id"] != run_id:
        raise BadLine("a record of another run")
    if not ids.mark_done(record["id"]):
        raise BadLine("a record that is there twice, or was not asked for")


def _digest(pread: Pread, found: Recovered, synced: Checkpoint | None) -> _Defect | None:
    """Digest the whole part; what differs from the checkpoint's digest is a flaw no line shows."""
    synced_bytes = synced.size if synced else 0
    _update(found, pread, 0, synced_bytes)
    if synced and found.sha256.hexdigest() != synced.sha256:
        return _Defect(0, f"the first {synced_bytes} bytes are not those that were synced")
    _update(found, pread, synced_bytes, found.end)
    return None


def _update(found: Recovered, pread: Pread, start: int, end: int) -> None:
    for chunk in chunks(pread, start, end):
        found.sha256.update(chunk)


def _min_intact_bytes(pread: Pread, compression: Compression, size: int, defect: _Defect | None) -> int:
    """How much must be whole where only the last line, or member, may be torn."""
    if compression is Compression.PLAIN:
        return _start_of_last_line(pread, size)
    return size if defect and not defect.is_truncated else 0


def _start_of_last_line(pread: Pread, size: int) -> int:
    """Where the last line begins, be it whole or not."""
    end = size - 1
    while end > 0:
        start = max(0, end - CHUNK)
        line_feed = b"".join(chunks(pread, start, end)).rfind(b"\n")
        if line_feed >= 0:
            return start + line_feed + 1
        end = start
    return 0
