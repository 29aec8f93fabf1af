"""One id → one outcome: ask the API for the connection and make a record of its answer."""

from __future__ import annotations

from collector.client.classify import final_outcome, outcome_of
from collector.client.client import Client
from collector.client.failures import GaveUp
from collector.client.messages import Reply, Request
from collector.client.retry import RetryPolicy
from collector.model.clock import Clock
from collector.model.json_repair import JsonPath
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record import nul_paths
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.model.timestamps import stamp
from collector.polytomic.envelope import read_data, require_json
from collector.polytomic.live_schemas import LiveSchemas
from collector.polytomic.normalize import normalize, path_in, type_id_of
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber

_LONGEST_MESSAGE = 300
_PATH = "/api/connections/"
_ONCE_MORE = RetryPolicy(max_attempts=1, max_bad_payloads=1)


class Fetcher:
    """Turns ids into outcomes."""

    def __init__(
        self,
        client: Client,
        scrubber: Scrubber,
        redactor: Redactor,
        run_id: str,
        *,
        clock: Clock,
        schemas: LiveSchemas | None = None,
    ) -> None:
        self._client = client
        self._scrubber = scrubber
        self._redactor = redactor
        self._schemas = schemas
        self._run_id = run_id
        self._wall = clock.wall_time

    def set_probe_target(self, answered: str) -> None:
        """This id had an answer once; asked for again, it can tell whether the server is there."""
        self._client.set_probe_target(Request(_PATH + answered))

    async def fetch(self, asked: str, policy: RetryPolicy | None = None) -> Outcome:
        """The outcome of one canonical id. Raises only what ends the run: a `CollectorError`.

        With a `policy` of its own the id is asked for again.
        """

        async def read(reply: Reply, number: int) -> Outcome:
            return await self._outcome(asked, reply, number)

        try:
            return await self._client.get(Request(_PATH + asked, is_retry=policy is not None), read, policy)
        except GaveUp as end:
            failure, at = end.failure, stamp(self._wall())
            return Outcome(
                asked,
                outcome_of(failure),
                end.attempts,
                at,
                http_status=failure.status,
                error=failure.reason[:_LONGEST_MESSAGE],
                retried_s=end.retried_s,
            )

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        """One attempt more for an id whose attempts were spent: its outcome then, with all attempts counted."""
        outcome = await self.fetch(earlier.id, _ONCE_MORE)
        return outcome._replace(attempts=earlier.attempts + outcome.attempts)

    async def _outcome(self, asked: str, reply: Reply, made: int) -> Outcome:
        at = stamp(self._wall())
        kind = final_outcome(reply.status)
        if kind is not OutcomeKind.OK:
            return Outcome(asked, kind, made, at, http_status=reply.status, error=self._message(reply))
        require_json(reply)
        repairs: list[JsonPath] = []
        data = read_data(self._scrubber.scrub_body(reply.body), repairs)
        if self._schemas is not None:
            await self._schemas.ensure_loaded(type_id_of(data))
        record, redactions, unparsed = normalize(data, asked, self._redactor, collected_at=at, run_id=self._run_id)
        outcome = Outcome(asked, kind, made, at, record, 200, None, redactions, unparsed)
        nuls = nul_paths(reply.body, record)
        if not repairs and not nuls:
            return outcome
        places = (path_in(record, keys) for keys in repairs if keys)
        paths = tuple(self._redactor.path_of(place) for place in places if place is not None)
        return outcome._replace(repairs=paths, nuls=nuls)

    def _message(self, reply: Reply) -> str:
        """`HTTP 404: connection not found`: the status, and what the API says of it in either of its forms."""
        try:
            body, _ = parse_tolerantly(
                self._scrubber.scrub_body(reply.body)
            )  # before a cut can leave a part of a long key
        except NotJson:
            body = None
        error = body.get("error", body) if isinstance(body, dict) else None
        said = error.get("message") if isinstance(error, dict) else None
        text = f"{reply.summary}: {said}" if isinstance(said, str) and said else reply.summary
        return self._scrubber.scrub(text[: 10 * _LONGEST_MESSAGE])[:_LONGEST_MESSAGE]
