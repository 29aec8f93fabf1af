"""Pages of a list: parses `page_token` and `limit`, and makes the token of the next page.

Sources: the API reference's "List Bulk Syncs", "List Model Syncs" and "List Models". A limit above 50 is reduced to 50;
one below 1 means 50. A token is opaque, and valid only for its list. Like the documented example it is plain base64, so
a client that does not percent-encode it sends another one.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qs

MAX_LIMIT: Final = 50
"""Default and maximum of the items on one page."""

_TAG_SIZE: Final = 9
"""Bytes."""


class PageError(ValueError):
    """An invalid `page_token` or `limit`. The message says which."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its number from 1, the position of its first item, and the most items it may have."""

    number: int = 1
    start: int = 0
    limit: int = MAX_LIMIT


def parse_page(query: str, list_name: str) -> Page | PageError:
    """The page that a query string requests from a list."""
    parameters = parse_qs(query, keep_blank_values=True)
    try:
        number, start = _decode(parameters["page_token"][-1], list_name) if "page_token" in parameters else (1, 0)
        return Page(number, start, _limit(parameters["limit"][-1]) if "limit" in parameters else MAX_LIMIT)
    except PageError as error:
        return error


def page_token(page: Page, next_start: int, list_name: str) -> str:
    """The token of the page after `page`."""
    position = f"{page.number + 1}.{next_start}".encode()
    return b64encode(_tag(position, list_name) + position).decode()


def _decode(token: str, list_name: str) -> tuple[int, int]:
    try:
        raw = b64decode(token, validate=True)
    except (Error, ValueError):
        raise PageError("invalid page_token") from None
    tag, position = raw[:_TAG_SIZE], raw[_TAG_SIZE:]
    if tag != _tag(position, list_name):
        raise PageError("invalid page_token")
    number, _, start = position.partition(b".")
    return int(number), int(start)


def _tag(position: bytes, list_name: str) -> bytes:
    return blake2b(position, digest_size=_TAG_SIZE, key=list_name.encode()[:64]).digest()


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError:
        raise PageError("invalid limit; use a whole number") from None
    return min(limit, MAX_LIMIT) if limit > 0 else MAX_LIMIT
