"""One id → one outcome: fetch the connection and build a record from the reply."""

from __future__ import annotations

from collector.client.classify import final_outcome, outcome_of
from collector.client.client import Client
from collector.client.failures import GaveUp
from collector.client.messages import Reply, Request
from collector.client.retry import RetryPolicy
from collector.model.clock import Clock
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.timestamps import stamp
from collector.polytomic.envelope import MAX_ERROR_LENGTH, error_text, require_json
from collector.polytomic.record_reader import RecordReader
from collector.redaction.scrubber import Scrubber

_PATH = "/api/connections/"
_ENDPOINT = f"{_PATH}{{id}}"
_ONE_ATTEMPT = RetryPolicy(max_attempts=1, max_bad_payloads=1)


class Fetcher:
    """Turns ids into outcomes."""

    def __init__(
        self,
        client: Client,
        reader: RecordReader,
        scrubber: Scrubber,
        run_id: str,
        *,
        clock: Clock,
    ) -> None:
        self._client = client
        self._reader = reader
        self._scrubber = scrubber
        self._run_id = run_id
        self._wall_time = clock.wall_time

    def set_probe_target(self, connection_id: str) -> None:
        """Probe with this id, which was answered before, to tell an outage from broken ids."""
        self._client.set_probe_target(Request(_PATH + connection_id, endpoint=_ENDPOINT))

    async def fetch(self, connection_id: str, policy: RetryPolicy | None = None) -> Outcome:
        """The outcome of one canonical id. Raises only a `CollectorError`, which ends the run.

        With a `policy`, the request counts as a retry and that policy replaces the client's.
        """

        async def read(reply: Reply, number: int) -> Outcome:
            return await self._outcome(connection_id, reply, number)

        try:
            request = Request(_PATH + connection_id, is_retry=policy is not None, endpoint=_ENDPOINT)
            return await self._client.get(request, read, policy)
        except GaveUp as end:
            failure, at = end.failure, stamp(self._wall_time())
            return Outcome(
                connection_id,
                outcome_of(failure),
                end.attempts,
                at,
                http_status=failure.status,
                error=failure.reason[:MAX_ERROR_LENGTH],
                retried_s=end.retried_s,
            )

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        """Make one more attempt for an id whose attempts were spent. The outcome counts all attempts."""
        outcome = await self.fetch(earlier.id, _ONE_ATTEMPT)
        return outcome._replace(attempts=earlier.attempts + outcome.attempts)

    async def _outcome(self, connection_id: str, reply: Reply, attempts: int) -> Outcome:
        kind = final_outcome(reply.status)
        if kind is not OutcomeKind.OK:
            at = stamp(self._wall_time())
            return Outcome(
                connection_id, kind, attempts, at, http_status=reply.status, error=error_text(reply, self._scrubber)
            )
        require_json(reply)
        return await self._reader.read(connection_id, reply.body, attempts=attempts, run_id=self._run_id)
