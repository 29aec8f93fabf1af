"""The envelope of one reply of the API: JSON, with an object under `data`. Pure."""

from __future__ import annotations

from collector.client.failures import BadPayload
from collector.client.messages import Reply
from collector.model.json_repair import JsonPath
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse_tolerantly

_PAGES = ("html", "xml")  # also application/xhtml+xml


def require_json(reply: Reply) -> None:
    """Raise `BadPayload` for a reply that says it is a page: a sign-in, or a gateway's error.

    Proxies strip and rewrite the type. Every other body proves itself: it is whole JSON of the id asked for, or not.
    """
    if reply.headers.get("Content-Type") == "application/json":
        return
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type.endswith(_PAGES):
        raise BadPayload(f"the body is {media_type!r}, not JSON", reply.status)


def read_data(body: bytes, repairs: list[JsonPath] | None = None) -> dict[str, Json]:
    """The object under `data` in `body`. Paths below it of values that were repaired are appended to `repairs`.

    What is read and what is repaired is told in `strict_json.parse_tolerantly`. Raises `BadPayload`, never anything
    else.
    """
    try:
        document, changed = parse_tolerantly(body)
    except NotJson as reason:
        raise BadPayload(str(reason), 200) from None
    if not isinstance(document, dict):
        raise BadPayload(f"the body is a JSON {type(document).__name__}, not an object", 200)
    data = document.get("data")
    if not isinstance(data, dict):
        raise BadPayload("the body has no object under 'data'", 200)
    if changed and repairs is not None:
        repairs.extend(path[1:] for path in changed if path[0] == "data")
    return data
