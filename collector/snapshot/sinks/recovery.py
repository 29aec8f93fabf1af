"""Recover the records of an unfinished file. Reads every byte; a line is either a record of the run or a defect.

A defect after the synced part is a torn tail, which a crash explains: the file is truncated there. A defect before that
is corruption, which a crash cannot explain. (etcd's write-ahead log makes the same distinction: it truncates a torn
last record and rejects a bad one before it.)
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
from collector.snapshot.lines import InvalidLine, read_record, tally_entry_of_line
from collector.storage.blocks import CHUNK_SIZE, Pread, find_end, lines_of, read_blocks, read_chunks
from collector.storage.checkpoint import Checkpoint
from collector.storage.compression import Compression


@dataclass(slots=True)
class Recovered:
    """The intact part of an unfinished file: its first `end` bytes, with their digest `sha256`."""

    tally: Tally = field(default_factory=Tally)
    organizations: dict[str, None] = field(default_factory=dict)
    answered_id: str | None = None
    end: int = 0
    torn_bytes: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    repairs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def add(self, line: bytes, record: Record) -> None:
        self.answered_id = record["id"]
        self.tally.add_written(tally_entry_of_line(line, record)._replace(repairs=self.repairs.get(record["id"], ())))
        if record["organization_id"] is not None:
            self.organizations[record["organization_id"]] = None


class _Defect(NamedTuple):
    offset: int
    reason: str
    is_truncated: bool = False  # the file ends within the line or member


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
    """Read the file, and mark the ids in `ids` that have a whole line as done.

    `synced` is the last valid checkpoint, if any. `is_checkpointed` is False if the checkpoint file is missing. A crash
    does not explain that, so only the last line or member may be torn then. `repairs` holds the noted paths of repaired
    values by id, because the lines do not contain them.
    Raises `Damaged` for a defect before the part that may be torn, and then marks no id as done.
    """
    found = Recovered(repairs=repairs or {})
    try:
        defect = _read(pread, compression, run_id, ids, found)
        size = find_end(pread, found.end)
        synced_bytes = (
            (synced.size if synced else 0) if is_checkpointed else _min_intact_bytes(pread, compression, size, defect)
        )
        if found.end < synced_bytes:
            raise _corrupt(defect or _Defect(found.end, f"{synced_bytes - found.end} synced bytes are missing"))
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
    """Replace unknown rules with those of the checkpoint. At most the last second before a crash stays unknown."""
    known = sum(synced.by_rule.values())
    if known <= tally.by_rule[UNKNOWN]:
        tally.by_rule[UNKNOWN] -= known
        tally.by_rule.update(synced.by_rule)


def _corrupt(defect: _Defect) -> Damaged:
    return Damaged(f"corrupt at byte {defect.offset}: {defect.reason}")


def _read(pread: Pread, compression: Compression, run_id: str, ids: IdSet, found: Recovered) -> _Defect | None:
    """Read up to the first defect and return it."""
    for block in read_blocks(pread, compression):
        if block.defect:
            return _Defect(block.start, block.defect, block.is_truncated)
        for offset, line in lines_of(block):
            try:
                record = read_record(line)
                _require_requested(record, run_id, ids)
            except InvalidLine as reason:
                if compression is Compression.PLAIN:
                    found.end = offset
                    return _Defect(offset, str(reason))
                # no crash leaves a bad line in a member with a correct checksum
                raise Damaged(f"corrupt in the member at byte {block.start}: {reason}") from None
            found.add(line, record)
        found.end = block.end
    return None


def _require_requested(record: Record, run_id: str, ids: IdSet) -> None:
    if record["_run_id"] != run_id:
        raise InvalidLine("a record of another run")
    if not ids.mark_done(record["id"]):
        raise InvalidLine("a record that occurs twice or was not requested")


def _digest(pread: Pread, found: Recovered, synced: Checkpoint | None) -> _Defect | None:
    """Digest the intact part. Returns a defect if the synced bytes differ from the checkpoint's digest."""
    synced_bytes = synced.size if synced else 0
    _update(found, pread, 0, synced_bytes)
    if synced and found.sha256.hexdigest() != synced.sha256:
        return _Defect(0, f"the first {synced_bytes} bytes differ from those that were synced")
    _update(found, pread, synced_bytes, found.end)
    return None


def _update(found: Recovered, pread: Pread, start: int, end: int) -> None:
    for chunk in read_chunks(pread, start, end):
        found.sha256.update(chunk)


def _min_intact_bytes(pread: Pread, compression: Compression, size: int, defect: _Defect | None) -> int:
    """The number of bytes that must be intact if only the last line or member may be torn."""
    if compression is Compression.PLAIN:
        return _start_of_last_line(pread, size)
    return size if defect and not defect.is_truncated else 0


def _start_of_last_line(pread: Pread, size: int) -> int:
    """The offset of the last line, whether it is whole or not."""
    end = size - 1
    while end > 0:
        start = max(0, end - CHUNK_SIZE)
        line_feed = b"".join(read_chunks(pread, start, end)).rfind(b"\n")
        if line_feed >= 0:
            return start + line_feed + 1
        end = start
    return 0
