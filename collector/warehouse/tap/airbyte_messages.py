"""The messages of a run, and of the commands of a source, in the Airbyte protocol (0.3.2). Pure.

    TRACE STARTED …  [RUNNING  RECORD …] …  STATE …  TRACE COMPLETE …      a run that emitted every row
                                             TRACE INCOMPLETE …             any other run

A destination replaces a stream only after COMPLETE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from collector.model.errors import ExitCode
from collector.model.record import Json
from collector.snapshot.lines import encode
from collector.snapshot.sinks.resume import RunHeader
from collector.warehouse.columns import CONNECTIONS
from collector.warehouse.tap.stream_lines import StreamLines, collected_at, milliseconds
from collector.warehouse.tap.streams import Stream, result_of

PROTOCOL_VERSION: Final = "0.3.2"
_FAILURE_TYPES: Final = {
    ExitCode.USAGE: "config_error",
    ExitCode.KEY_REFUSED: "config_error",
    ExitCode.STOPPED: "transient_error",
}
_PARTIAL: Final = "the run finished, but some ids or side tables failed; the messages of the tap name them"
_LACKING: Final = (
    "the key cannot read every row of {}; these streams are not replaced; use a key with this permission, or deselect "
    "these streams"
)


class AirbyteFraming:
    """The lines of one run as Airbyte messages."""

    def __init__(self, streams: Sequence[Stream], now: Callable[[], float]) -> None:
        """`now` returns seconds since the epoch."""
        self._names = [stream.name for stream in streams]
        self._lines = {stream.name: StreamLines(stream.table, stream.fields) for stream in streams}
        self._prefixes = {name: _record_prefix(name) for name in self._names}
        self._counts: Counter[str] = Counter()
        self._now = now
        self._run_id = ""

    def begin(self, header: RunHeader) -> bytes:
        self._run_id = header.run_id
        return b"".join(self._status(name, "STARTED") for name in self._names)

    def record(self, line: bytes) -> bytes:
        return self.row(CONNECTIONS, line)

    def row(self, table: str, line: bytes) -> bytes:
        running = b"" if self._counts[table] else self._status(table, "RUNNING")
        self._counts[table] += 1
        emitted_at = milliseconds(collected_at(line))
        return b'%s%s%s,"emitted_at":%d}}\n' % (
            *(running, self._prefixes[table], self._lines[table].json_of(line)),
            emitted_at,
        )

    def end(self, manifest: bytes) -> bytes:
        result = result_of(manifest)
        if not result.is_whole:
            ends = [self._status(name, "INCOMPLETE") for name in self._names]
            is_partial = result.exit_code == ExitCode.INCOMPLETE
            return b"".join((*ends, error_message(_PARTIAL, result.exit_code, self._now()) if is_partial else b""))
        bookmark = {"run_id": self._run_id, "completed_at": result.finished_at}
        lacking = [name for name in self._names if name in result.without_rows]
        states = [_state(name, bookmark, self._counts[name]) for name in self._names if name not in lacking]
        ends = [self._status(name, "INCOMPLETE" if name in lacking else "COMPLETE") for name in self._names]
        problem = error_message(_LACKING.format(", ".join(lacking)), ExitCode.USAGE, self._now()) if lacking else b""
        return b"".join((*states, *ends, problem))

    def _status(self, name: str, status: str) -> bytes:
        about = {"stream_descriptor": {"name": name}, "status": status}
        return _trace("STREAM_STATUS", self._now(), stream_status=about)


def error_message(text: str, exit_code: int, now: float) -> bytes:
    """The TRACE message of a failure, without secrets in its text."""
    kind = _FAILURE_TYPES.get(ExitCode(exit_code), "system_error")
    return _trace("ERROR", now, error={"message": text, "internal_message": text, "failure_type": kind})


def spec_message(specification: dict[str, Json]) -> bytes:
    """The SPEC message: the JSON Schema of the configuration."""
    spec = {
        "connectionSpecification": specification,
        "protocol_version": PROTOCOL_VERSION,
        "supportsIncremental": False,
    }
    return encode({"type": "SPEC", "spec": spec})


def status_message(problem: str | None) -> bytes:
    """The CONNECTION_STATUS message: SUCCEEDED, or FAILED because of a problem."""
    status = {"status": "SUCCEEDED"} if problem is None else {"status": "FAILED", "message": problem}
    return encode({"type": "CONNECTION_STATUS", "connectionStatus": status})


def catalog_message(streams: Sequence[dict[str, Json]]) -> bytes:
    """The CATALOG message."""
    return encode({"type": "CATALOG", "catalog": {"streams": [*streams]}})


def _record_prefix(name: str) -> bytes:
    head = encode({"type": "RECORD", "record": {"stream": name}}).removesuffix(b"}}\n")
    return head + b',"data":'


def _state(name: str, bookmark: dict[str, Json], count: int) -> bytes:
    state = {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": name}, "stream_state": bookmark},
        "sourceStats": {"recordCount": count},
    }
    return encode({"type": "STATE", "state": state})


def _trace(kind: str, now: float, **fields: Json) -> bytes:
    return encode({"type": "TRACE", "trace": {"type": kind, "emitted_at": int(now * 1000), **fields}})
