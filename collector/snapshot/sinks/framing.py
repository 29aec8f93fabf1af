"""The interface by which a stream carries records and rows as the messages of another protocol.

    begin ─ record … ─ row … ─ end      each returns whole lines; the stream writes them in this order

A stream without a framing carries the lines of records as they are.
"""

from __future__ import annotations

from typing import Protocol

from collector.snapshot.sinks.resume import RunHeader


class Framing(Protocol):
    """Turns lines into messages without parsing them. Every method returns whole lines, or none."""

    def begin(self, header: RunHeader) -> bytes:
        """The messages before the first record."""

    def record(self, line: bytes) -> bytes:
        """The messages of a record, whose line ends with a line feed."""

    def row(self, table: str, line: bytes) -> bytes:
        """The messages of a row of a side table, whose line ends with a line feed."""

    def end(self, manifest: bytes) -> bytes:
        """The messages after the last line of a run that has begun, whose result the manifest states."""
