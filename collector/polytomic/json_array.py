"""The items of the API's lists, `{"data": [...]}`, parsed while the body arrives. Pure."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator

from collector.client.failures import BadPayload
from collector.model.json_array import ArrayScanner
from collector.model.strict_json import NotJson


async def items_in(chunks: AsyncIterator[bytes]) -> AsyncIterator[object]:
    """Yield the values of the array under `data`; nothing for null. Raises `BadPayload`."""
    scanner = ArrayScanner()
    decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
    try:
        async for chunk in chunks:
            for item in scanner.feed(decode(chunk)):
                yield item
        for item in scanner.close():
            yield item
    except NotJson as reason:
        raise BadPayload(str(reason), 200) from None
