"""The items of the API's lists, `{"data": [...]}`, parsed while the body arrives. Pure."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator
from typing import NamedTuple

from collector.client.failures import BadPayload
from collector.model.json_array import ArrayScanner, parse_item
from collector.model.strict_json import NotJson


class Item(NamedTuple):
    """One item of a list: its value, in which numbers are texts, and its JSON (bytes that are not UTF-8 escaped)."""

    value: object
    text: str


async def items_in(chunks: AsyncIterator[bytes]) -> AsyncIterator[Item]:
    """Yield the items of the array under `data`; nothing for null. Raises `BadPayload`."""
    scanner = ArrayScanner(_parse)
    decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
    try:
        async for chunk in chunks:
            for item in scanner.feed(decode(chunk)):
                yield item
        for item in scanner.close():
            yield item
    except NotJson as reason:
        raise BadPayload(str(reason), 200) from None


def _parse(text: str, at: int) -> tuple[Item, int]:
    value, end = parse_item(text, at)
    return Item(value, text[at:end]), end
