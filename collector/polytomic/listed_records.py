"""One item of the list → one outcome, as if the connection had been fetched by its id."""

from __future__ import annotations

from collections.abc import Callable

from collector.client.classify import outcome_of
from collector.client.failures import AttemptFailed, TooLarge, failure_of
from collector.client.transport.body import MAX_BODY_BYTES
from collector.model.clock import Clock
from collector.model.errors import CollectorError
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.timestamps import stamp
from collector.polytomic.discovery import ListedConnection
from collector.polytomic.record_reader import RecordReader

_OK = 200


class ListedRecords:
    """Turns listed connections into outcomes. Raises only a `CollectorError`."""

    def __init__(self, reader: RecordReader, run_id: str, *, scrub: Callable[[str], str], clock: Clock) -> None:
        self._reader = reader
        self._run_id = run_id
        self._scrub = scrub
        self._wall_time = clock.wall_time

    async def outcome_of(self, connection_id: str, listed: ListedConnection) -> Outcome:
        """The outcome of a canonical id: its record, or why its item is not one."""
        try:
            body = listed.body
            if len(body) > MAX_BODY_BYTES:
                raise TooLarge(f"the connection exceeds {MAX_BODY_BYTES} bytes", _OK)
            return await self._reader.read(connection_id, body, attempts=1, run_id=self._run_id)
        except CollectorError:
            raise
        except Exception as error:
            failure = failure_of(error, self._scrub)
        return self._failed(connection_id, failure)

    def missing(self, connection_id: str) -> Outcome:
        """The outcome of a requested id that the list does not contain."""
        at = stamp(self._wall_time())
        return Outcome(connection_id, OutcomeKind.NOT_FOUND, 1, at, error="the list of connections does not contain it")

    def _failed(self, connection_id: str, failure: AttemptFailed) -> Outcome:
        at = stamp(self._wall_time())
        return Outcome(connection_id, outcome_of(failure), 1, at, http_status=_OK, error=failure.reason)
