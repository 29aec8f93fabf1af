"""One response body, read strictly: the JSON object under `data`.

Knows JSON and the API's envelope; knows nothing of connections, and nothing of how the bytes came.
"""

from __future__ import annotations

import json
import math
import re

import orjson

from collector.errors import BadPayload
from collector.model import Json
from collector.repair import JsonPath, parse_repaired

MAX_DEPTH = 100
"""Deepest nesting of a body that is read."""

_BOM = b"\xef\xbb\xbf"
_OUTLINE = bytes.maketrans(b"123456789{", b"000000000[")  # what is asked of a body twice, in one pass
_LONG_NUMBER = b"0" * 19  # the first length at which an integer may not fit 64 bits
_LONG_RUN = re.compile(rb"[0-9]{19,}")


def read_data(body: bytes, repairs: list[JsonPath] | None = None) -> dict[str, Json]:
    """The object under `data` in `body`. Paths below it of values that were repaired are appended to `repairs`.

    Stricter than a JSON parser where silence would lose something: NaN, infinities and nesting below `MAX_DEPTH` are
    refused. Integers survive exactly. For what is repaired instead see `repair`. A byte order mark is tolerated, the
    last of duplicate keys wins. Raises `BadPayload`, never anything else.
    """
    document, changed = parse_tolerantly(body)
    if not isinstance(document, dict):
        raise BadPayload(f"the body is a JSON {type(document).__name__}, not an object", 200)
    data = document.get("data")
    if not isinstance(data, dict):
        raise BadPayload("the body has no object under 'data'", 200)
    if changed and repairs is not None:
        repairs.extend(path[1:] for path in changed if path[0] == "data")
    return data


def parse_tolerantly(body: bytes) -> tuple[Json, list[JsonPath]]:
    """Any JSON value, by the rules of `read_data`, and the paths of the values that were repaired."""
    try:
        return parse(body), []
    except BadPayload as refusal:
        try:
            document, repairs = parse_repaired(body.removeprefix(_BOM))
        except (ValueError, RecursionError):
            raise refusal from None
        if _is_deeper(document, MAX_DEPTH):
            raise
        return document, repairs


def parse(body: bytes) -> Json:
    """Any JSON value in which nothing needs a repair. Raises `BadPayload`, never anything else."""
    if not body:
        raise BadPayload("the body is empty", 200)
    body = body.removeprefix(_BOM)
    outline = body.translate(_OUTLINE)
    try:
        document = _exact(body) if _LONG_NUMBER in outline else orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"the body is not JSON: {_first_line(error)}", 200) from None
    # The count of openings bounds the depth, so the walk is for odd bodies only.
    if outline.count(b"[") > MAX_DEPTH and _is_deeper(document, MAX_DEPTH):
        raise BadPayload(f"the body is nested deeper than {MAX_DEPTH}", 200)
    return document


def _exact(body: bytes) -> Json:
    """The same where a number is so long that orjson would make a float of an integer, or refuse it."""
    orjson.loads(_LONG_RUN.sub(b"0", body))  # which judges all but those numbers; the slower parser is too lenient
    return json.loads(body, parse_float=_finite)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number overflows")
    return value


def _is_deeper(document: Json, depth: int) -> bool:
    level = [document]
    for _ in range(depth):
        level = [child for value in level for child in _children(value)]
    return any(isinstance(value, dict | list) for value in level)


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
