"""The envelope of an API reply: a JSON object with an object under `data`. Pure."""

from __future__ import annotations

from collector.client.failures import BadPayload
from collector.client.messages import Reply
from collector.model.json_repair import JsonPath
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse_tolerantly

_PAGE_TYPES = ("html", "xml")  # also application/xhtml+xml


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
    try:
        document, repaired = parse_tolerantly(body)
    except NotJson as reason:
        raise BadPayload(str(reason), 200) from None
    if not isinstance(document, dict):
        raise BadPayload(f"the body is a JSON {type(document).__name__}, not an object", 200)
    data = document.get("data")
    if not isinstance(data, dict):
        raise BadPayload("the body has no object under 'data'", 200)
    if repaired and repairs is not None:
        repairs.extend(path[1:] for path in repaired if path[0] == "data")
    return data
