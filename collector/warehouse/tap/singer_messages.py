"""The messages of a run in the Singer protocol (0.3.0), with ACTIVATE_VERSION. Pure.

    SCHEMA …  STATE  RECORD …  [ACTIVATE_VERSION …]  STATE

ACTIVATE_VERSION lets a target mark all rows of other versions as deleted. Only a run that has emitted every row of
every connection sends it, and not for a side table that the key could not read. Each STATE holds the last complete run,
so a state that is kept from any moment is valid.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.model.record import Json
from collector.snapshot.lines import encode
from collector.snapshot.sinks.resume import RunHeader
from collector.warehouse.columns import CONNECTIONS
from collector.warehouse.schema.singer import singer_schema
from collector.warehouse.tap.state import State, advanced, next_version
from collector.warehouse.tap.stream_lines import StreamLines, collected_at, milliseconds
from collector.warehouse.tap.streams import Stream, result_of


class SingerFraming:
    """The lines of one run as Singer messages."""

    def __init__(self, streams: Sequence[Stream], state: State, *, covers_all: bool) -> None:
        """`covers_all`: the run collects every connection, so a row that it does not emit is deleted."""
        self._streams = {stream.name: stream for stream in streams}
        self._lines = {stream.name: StreamLines(stream.table, stream.fields) for stream in streams}
        self._state = state
        self._covers_all = covers_all
        self._run_id = ""
        self._version = 0
        self._prefixes: dict[str, bytes] = {}

    def begin(self, header: RunHeader) -> bytes:
        self._run_id = header.run_id
        self._version = next_version(self._state, self._streams, milliseconds(header.started_at))
        self._prefixes = {name: self._prefix(name) for name in self._streams}
        schemas = [_message("SCHEMA", **singer_stream(stream)) for stream in self._streams.values()]
        return b"".join((*schemas, self._state_message()))

    def record(self, line: bytes) -> bytes:
        return self.row(CONNECTIONS, line)

    def row(self, table: str, line: bytes) -> bytes:
        body = self._lines[table].json_of(line)
        return b'%s%s,"time_extracted":"%s"}\n' % (self._prefixes[table], body, collected_at(line).encode())

    def end(self, manifest: bytes) -> bytes:
        result = result_of(manifest)
        if not (result.is_whole and self._covers_all):
            return self._state_message()
        bookmark = {"run_id": self._run_id, "version": self._version, "completed_at": result.finished_at}
        whole = [name for name in self._streams if name not in result.without_rows]
        self._state = advanced(self._state, whole, bookmark)
        activations = [_message("ACTIVATE_VERSION", stream=name, version=self._version) for name in whole]
        return b"".join((*activations, self._state_message()))

    def _prefix(self, name: str) -> bytes:
        head = _message("RECORD", stream=name, version=self._version).removesuffix(b"}\n")
        return head + b',"record":'

    def _state_message(self) -> bytes:
        return _message("STATE", value=self._state)


def singer_stream(stream: Stream) -> dict[str, Json]:
    """The fields of the stream's SCHEMA message, with its selected properties only."""
    found = singer_schema(stream.table)
    if stream.fields is not None:
        schema = found["schema"]
        kept = {name: each for name, each in schema["properties"].items() if name in stream.fields}
        found["schema"] = {**schema, "properties": kept}
    return found


def _message(kind: str, **fields: Json) -> bytes:
    return encode({"type": kind, **fields})
