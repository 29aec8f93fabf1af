"""Discovery: the ids `GET /api/connections` names.

The list comes in one body, unpaginated and of any size, so it is read as it comes: an item is parsed, its id taken,
and the item forgotten. Knows the list's envelope; knows nothing of what becomes of the ids.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from collector.asking import Asker
from collector.errors import AttemptFailed, BadPayload, InputError, RunStopped
from collector.fetch import require_json
from collector.model import OutcomeKind, Reply, Request
from collector.pacing import Pacer
from collector.retrying import judge

MAX_LIST_BYTES = 1024 * 1024 * 1024
"""Largest list that is read; it is never in memory as a whole."""

_LIST = Request("/api/connections")
_HEAD = re.compile(r'\s*\{\s*"data"\s*:\s*(\[|null)')
_AFTER_ITEM = re.compile(r"\s*(?:,\s*|(?=\]))")

Stream = Callable[..., AbstractAsyncContextManager[tuple[Reply, AsyncIterator[bytes]]]]


async def list_ids(stream: Stream, asker: Asker, pacer: Pacer, *, wall: Callable[[], float]) -> list[str | None]:
    """The id of every connection the key may list, as it came; None for an item without one.

    A body that breaks off is asked for again from its start. Raises `RunStopped` when there is no whole list to be
    had, and `InputError` when the API does not give this key one.
    """

    async def attempt(_number: int) -> list[str | None]:
        await pacer.wait()
        async with stream(_LIST, cap=MAX_LIST_BYTES) as (reply, chunks):
            kind = judge(reply, wall())
            if kind is not OutcomeKind.OK:
                raise InputError(
                    f"--all: GET {_LIST.target} was answered with HTTP {reply.status}; name the ids instead"
                )
            require_json(reply)
            return [_id_of(item) async for item in _items(chunks)]

    try:
        return await asker.ask(attempt, _LIST)
    except AttemptFailed as failure:
        raise RunStopped(f"--all: no list of connections after {failure.attempts} attempts: {failure.reason}") from None


def _id_of(item: object) -> str | None:
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) and found else None


async def _items(chunks: AsyncIterator[bytes]) -> AsyncIterator[object]:
    """The values of the array under `data`, one at a time; none for null. Raises `BadPayload`."""
    scan = _ArrayScanner()
    async for chunk in chunks:
        for item in scan.feed(chunk):
            yield item
    for item in scan.close():
        yield item


class _ArrayScanner:
    """Takes the items off `{"data": [...]}` while its text is still coming in."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._parse = json.JSONDecoder().raw_decode
        self._text = ""
        self._is_inside = False
        self._is_done = False
        self._enough = 0  # characters before another try is worth its while

    def feed(self, chunk: bytes) -> list[object]:
        """The items that `chunk` completes."""
        try:
            self._text += self._decode(chunk)
        except UnicodeDecodeError:
            raise BadPayload("the list is not UTF-8", 200) from None
        if len(self._text) < self._enough:
            return []
        if not self._is_inside and not self._is_done:
            self._enter()
        return self._take() if self._is_inside else []

    def close(self) -> list[object]:
        """The items that were left. Raises `BadPayload` unless array (or null) and the object around it are whole."""
        self._enough = 0
        items = self.feed(b"")
        if not self._is_done or not self._text.rstrip().endswith("}"):
            raise BadPayload("the list is not whole, or not a list of connections", 200)
        return items

    def _enter(self) -> None:
        head = _HEAD.match(self._text)
        if head is None:
            if len(self._text) > 4096:
                raise BadPayload("the list has no array under 'data'", 200)
            return
        self._is_inside, self._is_done = head[1] == "[", head[1] == "null"
        self._text = self._text[head.end() :]

    def _take(self) -> list[object]:
        items: list[object] = []
        at = len(self._text) - len(self._text.lstrip())
        while at < len(self._text):
            if self._text[at] == "]":
                self._is_inside, self._is_done = False, True
                break
            try:
                item, end = self._parse(self._text, at)
            except (ValueError, RecursionError):
                break  # not whole yet, or never: `close` tells
            after = _AFTER_ITEM.match(self._text, end)
            if after is None:
                break  # a number may go on in the next chunk
            items.append(item)
            at = after.end()
        self._text = self._text[at:]
        # An item larger than a chunk would be parsed anew with every chunk; wait for twice as much instead.
        self._enough = 0 if items else 2 * len(self._text)
        return items
