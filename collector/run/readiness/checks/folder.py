"""The output's folder: can a run write there, does another one hold the output, and is there space? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import ExitCode
from collector.run.readiness.checks.finding import Finding, failure, ok, warning

OUTPUT, LOCK, SPACE = "output", "lock", "space"
_MARGIN = 2.0  # of the size of the last snapshot: it may grow, and stays until the new one is complete


class Rehearsal(NamedTuple):
    """Probe files were created, written, synced, locked and renamed in `probed`.

    `probed` is `folder`, or the nearest existing folder above it. `problem` is the call that the system refused and its
    reason; empty if none. `missing` are the guarantees that the file system lacks.
    """

    folder: Path
    probed: Path
    problem: str = ""
    missing: Sequence[str] = ()


class Space(NamedTuple):
    """Free bytes on the disk, whether it has free inodes, and the last snapshot of this output with its size.

    For several outputs on one disk, `snapshots` is the number of the last snapshots, and `last_bytes` their sum.
    """

    free: int
    has_inodes: bool = True
    last: Path | None = None
    last_bytes: int = 0
    snapshots: int = 1

    def with_snapshot(self, other: Space) -> Space:
        """The same space with the last snapshot of one more output."""
        if other.last is None:
            return self
        return self._replace(
            last=self.last or other.last, last_bytes=self.last_bytes + other.last_bytes, snapshots=self.snapshots + 1
        )


def check_rehearsal(found: Rehearsal, *, others: int = 0) -> Finding:
    """Report the rehearsal of the calls of a run. It also applies to `others`: folders that a run creates there."""
    facts = {"folder": str(found.folder), "exists": found.probed == found.folder}
    if found.problem:
        return failure(
            OUTPUT,
            f"{found.probed}: {found.problem}",
            "correct the owner, the permissions or the disk, or name another --output",
            ExitCode.OUTPUT,
            **facts,
        )
    if found.missing:
        text, _, advice = found.missing[0].rpartition(": ")
        return warning(OUTPUT, f"{found.folder}: {text}", advice, **facts)
    done = "files can be created, written, synced, locked and renamed"
    if found.probed != found.folder:
        missing = f"{found.folder} and {others:,} more do not exist; a run creates them in"
        missing = missing if others else f"{found.folder} does not exist; a run creates it in"
        return ok(OUTPUT, f"{missing} {found.probed}, where {done}", **facts)
    more = f"; a run creates {others:,} folder{'s' if others > 1 else ''} in it" if others else ""
    return ok(OUTPUT, f"{found.folder}: {done}{more}", **facts)


def check_lock(held: Path | None) -> Finding:
    """Report the output that another run holds, if any."""
    if held is not None:
        return warning(
            LOCK,
            f"another run is writing {held}",
            "wait for it to end; a run that starts now ends with exit code 7",
            held=True,
        )
    return ok(LOCK, "no other run holds the output", held=False)


def check_space(folder: Path, found: Space) -> Finding:
    """Compare the free space with the size of the last snapshot."""
    last = "there is no earlier snapshot"
    if found.last:
        last = f"the last snapshot, {found.last}, has {size(found.last_bytes)}"
    if found.snapshots > 1:
        last = f"the last snapshots of {found.snapshots:,} organizations have {size(found.last_bytes)}"
    text = f"{folder}: {size(found.free)} free; {last}"
    facts = {"free_bytes": found.free, "last_snapshot": str(found.last) if found.last else None}
    facts["last_bytes"] = found.last_bytes if found.last else None
    if not found.has_inodes:
        return failure(SPACE, f"{folder}: no inodes free", "remove old files, or use another disk", ExitCode.OUTPUT)
    if found.free < max(1, found.last_bytes):
        return failure(SPACE, text, "free space, or use another disk", ExitCode.OUTPUT, **facts)
    if found.free < _MARGIN * found.last_bytes:
        return warning(
            SPACE, text, "free space soon: the old and the new snapshot both need space until the run ends", **facts
        )
    return ok(SPACE, text, **facts)


def size(count: int) -> str:
    """A number of bytes in the largest unit that keeps it at 1 or above."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:,.0f} {units[0]}" if units[0] == "bytes" else f"{value:,.1f} {units[0]}"
