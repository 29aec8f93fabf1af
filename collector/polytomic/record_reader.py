"""One connection's JSON → one outcome with its record: parse, normalize, redact.

Must not know whether a reply or the list contained it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from collector.client.failures import BadPayload
from collector.model.clock import Clock
from collector.model.json_repair import JsonPath
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record import Json, nul_paths
from collector.model.record_form import Timestamps
from collector.model.timestamps import stamp
from collector.polytomic.envelope import read_data
from collector.polytomic.live_schemas import LiveSchemas
from collector.polytomic.normalize import normalize, path_in, type_id_of
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber

Observe: TypeAlias = Callable[[str, dict[str, Json]], Callable[[], None]]
"""Receives a connection's id and its payload, which it must not change or keep. The result is called once the payload
is accepted."""


class RecordReader:
    """Reads the payloads of connections, from replies or from the list."""

    def __init__(
        self,
        scrubber: Scrubber,
        redactor: Redactor,
        *,
        clock: Clock,
        schemas: LiveSchemas | None = None,
        observe: Observe | None = None,
        timestamps: Timestamps = Timestamps.KEEP,
    ) -> None:
        self._scrubber = scrubber
        self._redactor = redactor
        self._schemas = schemas
        self._observe = observe
        self._timestamps = timestamps
        self._wall_time = clock.wall_time

    async def read(self, connection_id: str, body: bytes, *, attempts: int, run_id: str) -> Outcome:
        """The outcome of a canonical id whose connection is under `data` in `body`. Raises only `BadPayload`."""
        at = stamp(self._wall_time())
        repairs: list[JsonPath] = []
        data = self.parse(body, repairs)
        if self._schemas is not None:
            await self._schemas.ensure_loaded(type_id_of(data))
        accept = self._observe(connection_id, data) if self._observe is not None else None
        record, redactions, unparsed = normalize(
            data, connection_id, self._redactor, collected_at=at, run_id=run_id, timestamps=self._timestamps
        )
        if accept is not None:
            accept()
        outcome = Outcome(connection_id, OutcomeKind.OK, attempts, at, record, 200, None, redactions, unparsed)
        nuls = nul_paths(body, record)
        if not repairs and not nuls:
            return outcome
        places = (path_in(record, keys) for keys in repairs if keys)
        paths = tuple(self._redactor.path_of(place) for place in places if place is not None)
        return outcome._replace(repairs=paths, nuls=nuls)

    def payload_of(self, body: bytes) -> dict[str, Json] | None:
        """The payload under `data` in `body`; None if it is malformed."""
        try:
            return self.parse(body)
        except BadPayload:
            return None

    def parse(self, body: bytes, repairs: list[JsonPath] | None = None) -> dict[str, Json]:
        """The payload under `data` in `body`, without the run's own secrets. Raises only `BadPayload`."""
        return read_data(self._scrubber.scrub_body(body), repairs)
