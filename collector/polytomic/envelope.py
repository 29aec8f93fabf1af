"""The envelope of an API reply: a JSON object with an object or an array under `data`, or with an error. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from collector.client.failures import BadPayload
from collector.client.messages import Reply
from collector.model.json_repair import JsonPath
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.redaction.scrubber import Scrubber

MAX_ERROR_LENGTH: Final = 300
"""Maximum length of an error's text."""

_PAGE_TYPES = ("html", "xml")  # also application/xhtml+xml


class Page(NamedTuple):
    """The items of a reply, which may be one page of a list.

    - `next_token`: the token of the next page, verbatim; empty for the last page.
    - `repairs`: the paths of repaired values, relative to their item.
    """

    items: list[Json]
    next_token: str = ""
    repairs: tuple[JsonPath, ...] = ()


def require_json(reply: Reply) -> None:
    """Raise `BadPayload` if the media type is that of a page, such as a sign-in form or a gateway's error.

    Any other media type passes, because proxies strip and rewrite it: the parser checks the body instead.
    """
    if reply.headers.get("Content-Type") == "application/json":
        return
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type.endswith(_PAGE_TYPES):
        raise BadPayload(f"the body is {media_type!r}, not JSON", reply.status)


def read_data(body: bytes, repairs: list[JsonPath] | None = None) -> dict[str, Json]:
    """The object under `data` in `body`. Appends the paths of repaired values, relative to `data`, to `repairs`.

    `strict_json.parse_tolerantly` documents the accepted JSON and the repairs. Raises only `BadPayload`.
    """
    document, repaired = _parse_object(body)
    data = document.get("data")
    if not isinstance(data, dict):
        raise BadPayload("the body has no object under 'data'", 200)
    if repaired and repairs is not None:
        repairs.extend(path[1:] for path in repaired if path[0] == "data")
    return data


def read_page(body: bytes, *, is_list: bool) -> Page:
    """The items under `data` in `body`: an array, or one object unless it `is_list`. null is neither.

    Raises only `BadPayload`.
    """
    document, repaired = _parse_object(body)
    data = document.get("data", ...)
    items = [] if data is None else data if is_list else [data]
    if not isinstance(items, list) or not (is_list or all(isinstance(item, dict) for item in items)):
        raise BadPayload(f"the body has no {'array' if is_list else 'object'} under 'data'", 200)
    depth = 2 if is_list else 1
    repairs = tuple(path[depth:] for path in repaired if path[0] == "data" and len(path) > depth)
    return Page(items, _next_token(document.get("pagination")), repairs)


def _next_token(pagination: Json) -> str:
    token = pagination.get("next_page_token") if isinstance(pagination, dict) else pagination
    if token is None:
        return ""
    if not isinstance(pagination, dict) or not isinstance(token, str):
        raise BadPayload("the body has a page token that is not text", 200)
    return token


def error_text(reply: Reply, scrubber: Scrubber) -> str:
    """The status and the API's message, in either of its two forms, such as `HTTP 404: connection not found`."""
    try:
        # Scrub before truncating: a truncated key would no longer match.
        body, _ = parse_tolerantly(scrubber.scrub_body(reply.body))
    except NotJson:
        body = None
    error = body.get("error", body) if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    text = f"{reply.summary}: {message}" if isinstance(message, str) and message else reply.summary
    return scrubber.scrub(text[: 10 * MAX_ERROR_LENGTH])[:MAX_ERROR_LENGTH]


def _parse_object(body: bytes) -> tuple[dict[str, Json], list[JsonPath]]:
    try:
        document, repaired = parse_tolerantly(body)
    except NotJson as reason:
        raise BadPayload(str(reason), 200) from None
    if not isinstance(document, dict):
        raise BadPayload(f"the body is a JSON {type(document).__name__}, not an object", 200)
    return document, repaired
