"""Replies of the API without HTTP: a status and a body, complete or in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain, islice
from typing import Final

import orjson

from collector.model.record import Json

_BATCH_SIZE: Final = 64
"""Connections built before the event loop runs again: about one millisecond of work."""

_PADDING_BYTES: Final = 9 << 20


JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a body: either complete, or an iterator that produces pieces on demand."""

    status: int
    body: bytes | Iterator[bytes]
    content_type: str = JSON

    def padded(self) -> Reply:
        """The same JSON, followed by 9 MiB of spaces."""
        if isinstance(self.body, bytes):
            return Reply(self.status, self.body + b" " * _PADDING_BYTES)
        return Reply(self.status, chain(self.body, (b" " * _PADDING_BYTES,)))


def data_reply(data: Json) -> Reply:
    """An object in the envelope of the API."""
    return Reply(200, orjson.dumps({"data": data}))


def list_reply(items: Sequence[Json]) -> Reply:
    """A short list in the envelope of the API, which has null for an empty list."""
    return data_reply(list(items) or None)


def streamed_list_reply(items: Iterable[Json]) -> Reply:
    """A list of any length in the envelope of the API, produced in pieces while it is sent."""
    pieces = _pieces(items)
    first = next(pieces, None)
    return Reply(200, b'{"data":null}' if first is None else chain((b'{"data":[' + first,), pieces, (b"]}",)))


def _pieces(items: Iterable[Json]) -> Iterator[bytes]:
    iterator, opening = iter(items), b""
    while batch := [orjson.dumps(item) for item in islice(iterator, _BATCH_SIZE)]:
        yield opening + b",".join(batch)
        opening = b","


def error_reply(status: int, message: str) -> Reply:
    """An error in the form that the API documents."""
    error = {"key": _error_key(status), "message": message, "metadata": {}, "status": status}
    return Reply(status, orjson.dumps(error))


def _error_key(status: int) -> str:
    try:
        return HTTPStatus(status).name.lower()
    except ValueError:
        return "error"
