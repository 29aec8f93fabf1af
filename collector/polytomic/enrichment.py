"""Reads the side tables: lists in all their pages, and endpoints below a connection once for each connection.

Theory of operation. A side table must not cost a connection its record, so failures are values: a table ends as
complete, unavailable or partial. Each request has as many attempts as that for a connection.

A list is unavailable if its first page gets the status 403, 404, 405, 410 or 501. Below a connection, an error such as
404 may concern that connection alone, which is then skipped and counted. The table is unavailable only if each of the
first 20 connections is skipped, or each connection if there are fewer; the others are then not requested. A connection
whose attempts are spent makes the table partial.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

import anyio

from collector.client.client import Client
from collector.client.failures import GaveUp, TooLarge, Unauthorized
from collector.client.messages import Reply, Request
from collector.model.clock import Clock
from collector.model.errors import ConfigError
from collector.model.record import nul_paths
from collector.model.record_form import Timestamps
from collector.model.side_tables import SideTable, TableEnd, TableStatus
from collector.model.timestamps import stamp
from collector.polytomic.envelope import MAX_ERROR_LENGTH, error_text, read_page, require_json
from collector.polytomic.page_cursor import PageCursor
from collector.polytomic.rows import NormalizedRow, RowNormalizer
from collector.polytomic.table_progress import Batch, Put, TableProgress
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber

_FIRST_REPLIES: Final = 20
_REDIRECTED: Final = 302
_UNAUTHORIZED: Final = 401
_UNAVAILABLE: Final = frozenset((_REDIRECTED, _UNAUTHORIZED, 403, 404, 405, 410, 501))
_RERUN: Final = "run again to read the table anew"


class _Refused(NamedTuple):
    """The final reply was an error, such as `HTTP 404: unknown path`."""

    status: int
    reason: str


class _Failed(NamedTuple):
    """Rows are missing, because the attempts are spent or the reply is not complete."""

    reason: str
    is_too_large: bool = False


_Answer: TypeAlias = Batch | _Refused | _Failed


class TableReader:
    """Reads the side tables of a run."""

    def __init__(
        self,
        client: Client,
        scrubber: Scrubber,
        redactor: Redactor,
        run_id: str,
        *,
        clock: Clock,
        timestamps: Timestamps = Timestamps.KEEP,
    ) -> None:
        self._client = client
        self._scrubber = scrubber
        self._redactor = redactor
        self._run_id = run_id
        self._timestamps = timestamps
        self._clock = clock

    async def read(
        self,
        table: SideTable,
        put: Put,
        connection_ids: Iterable[str] = (),
        *,
        workers: int,
        organization_id: str | None = None,
    ) -> TableEnd:
        """Put every row of a table, each key once, and return how the table ended.

        A table per connection is read for `connection_ids`, which are canonical and unique, by `workers` concurrent
        tasks. `organization_id` is that of the run, for rows that name none. Raises only a `CollectorError`, which ends
        the run, and the exceptions of `put`: in an exception group for a table per connection.
        """
        rows = RowNormalizer(
            table,
            self._redactor,
            run_id=self._run_id,
            organization_id=organization_id,
            timestamps=self._timestamps,
        )
        endpoint = _Endpoint(table, rows, self._client, self._scrubber, clock=self._clock)
        progress = TableProgress(table, put)
        if table.is_per_connection:
            return await _Connections(table, endpoint, progress).read(connection_ids, workers)
        return await _read_pages(table, endpoint, progress)


class _Endpoint:
    """Requests the endpoint of a table, and makes rows of its replies."""

    def __init__(
        self, table: SideTable, rows: RowNormalizer, client: Client, scrubber: Scrubber, *, clock: Clock
    ) -> None:
        self._table = table
        self._rows = rows
        self._client = client
        self._scrubber = scrubber
        self._wall_time = clock.wall_time

    async def get(self, target: str, connection_id: str = "") -> _Answer:
        """The rows of one reply. Raises only a `CollectorError`."""

        async def read(reply: Reply, _number: int) -> Batch | _Refused:
            if reply.status != 200:
                return _Refused(reply.status, error_text(reply, self._scrubber))
            require_json(reply)
            return self._batch(reply.body, connection_id)

        try:
            return await self._client.get(Request(target, endpoint=self._table.endpoint, is_optional=True), read)
        except ConfigError as error:  # connections were read, so only this endpoint redirects
            return _Refused(_REDIRECTED, str(error))
        except GaveUp as end:
            if isinstance(end.failure, Unauthorized):
                return _Refused(_UNAUTHORIZED, end.failure.reason)
            reason = f"{end.failure.reason[:MAX_ERROR_LENGTH]} (attempts: {end.attempts})"
            return _Failed(reason, isinstance(end.failure, TooLarge))

    def _batch(self, body: bytes, connection_id: str) -> Batch:
        """The rows in a body. Raises only `BadPayload`."""
        at = stamp(self._wall_time())
        page = read_page(self._scrubber.scrub_body(body), is_list=self._table.is_list)
        name, rows = self._table.name, list[NormalizedRow]()
        for item in page.items:
            row = self._rows.normalize(item, collected_at=at, connection_id=connection_id)
            if row is not None:
                nuls = nul_paths(body, row.row)
                rows.append(row._replace(nuls=tuple(f"{name}.{path}" for path in nuls)) if nuls else row)
        repairs = tuple(f"{name}.{Redactor.path_of(keys)}" for keys in page.repairs)
        return Batch(rows, len(page.items) - len(rows), page.next_token, repairs)


async def _read_pages(table: SideTable, endpoint: _Endpoint, progress: TableProgress) -> TableEnd:
    """Read a list from its first page to its last."""
    cursor = PageCursor(table.endpoint, is_paged=table.is_paged)
    while True:
        answer = await endpoint.get(cursor.target)
        if isinstance(answer, _Failed) and answer.is_too_large and cursor.shrink():
            continue
        if isinstance(answer, _Refused) and cursor.page == 1 and answer.status in _UNAVAILABLE:
            return progress.end(TableStatus.UNAVAILABLE, _unavailable(table, answer))
        if not isinstance(answer, Batch):
            problem = f"page {cursor.page} of GET {table.endpoint} failed: {answer.reason}; rows are missing; {_RERUN}"
            return progress.end(TableStatus.PARTIAL, problem)
        new_rows = await progress.add(answer)
        if not answer.next_token:
            return progress.end(TableStatus.COMPLETE)
        if endless := cursor.advance(answer.next_token, has_new_rows=new_rows > 0):
            problem = f"GET {table.endpoint}: {endless}, so rows may be missing; report it to the server's operator"
            return progress.end(TableStatus.PARTIAL, problem)


class _Connections:
    """Reads an endpoint below each connection."""

    def __init__(self, table: SideTable, endpoint: _Endpoint, progress: TableProgress) -> None:
        self._table = table
        self._endpoint = endpoint
        self._progress = progress
        self._refused = 0
        self._failed = 0
        self._first_refused: _Refused | None = None
        self._first_failed: _Failed | None = None

    async def read(self, connection_ids: Iterable[str], workers: int) -> TableEnd:
        """Read the rows of these connections with a fixed crew of workers, which share one iterator."""
        queue = iter(connection_ids)

        async def work() -> None:
            for connection_id in queue:  # `next` runs between awaits, so it is atomic
                await self._read_one(connection_id)
                if self._is_hopeless:
                    return

        async with anyio.create_task_group() as tasks:
            for _ in range(workers):
                tasks.start_soon(work)
        return self._end()

    async def _read_one(self, connection_id: str) -> None:
        answer = await self._endpoint.get(self._table.endpoint.replace("{id}", connection_id), connection_id)
        if isinstance(answer, Batch):
            await self._progress.add(answer)
            if not answer.next_token:
                return
            answer = _Failed("a page token, although the endpoint is not documented to have pages")
        if isinstance(answer, _Refused):
            self._refused += 1
            self._first_refused = self._first_refused or answer
        else:
            self._failed += 1
            self._first_failed = self._first_failed or answer

    @property
    def _is_hopeless(self) -> bool:
        """Has none of the first connections succeeded?"""
        return not self._progress.replies and self._refused + self._failed >= _FIRST_REPLIES

    def _end(self) -> TableEnd:
        if self._first_failed is not None:
            rest = "; no further connection was requested" if self._is_hopeless else ""
            problem = (
                f"connections without a complete reply from GET {self._table.endpoint}: {self._failed}, the first "
                f"with {self._first_failed.reason}; their rows are missing{rest}; {_RERUN}"
            )
            return self._progress.end(TableStatus.PARTIAL, problem, skipped=self._refused)
        if self._first_refused is not None and not self._progress.replies:
            return self._progress.end(
                TableStatus.UNAVAILABLE, _unavailable(self._table, self._first_refused), skipped=self._refused
            )
        return self._progress.end(TableStatus.COMPLETE, skipped=self._refused)


def _unavailable(table: SideTable, refused: _Refused) -> str:
    """Why a table is unavailable, and what to do."""
    use = "use a key with this permission" if refused.status == 403 else "check that the server offers it"
    return f"GET {table.endpoint} returned {refused.reason}; the table is empty; {use}, or omit the table"
