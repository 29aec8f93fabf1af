"""Strict JSON parsing: values that a parser could lose silently are rejected, or repaired and reported. Pure."""

from __future__ import annotations

import json
import math
import re

import orjson

from collector.model.json_repair import JsonPath, parse_repaired
from collector.model.record import Json

MAX_DEPTH = 100
"""Maximum nesting depth of a body."""

_BOM = b"\xef\xbb\xbf"
_SCAN_TABLE = bytes.maketrans(b"123456789{", b"000000000[")  # digits and openings in one pass, for two checks
_LONG_NUMBER = b"0" * 19  # the shortest integer that may not fit 64 bits
_LONG_RUN = re.compile(rb"[0-9]{19,}")


class NotJson(ValueError):
    """The text is not acceptable JSON; the message gives the reason."""


def parse_tolerantly(body: bytes) -> tuple[Json, list[JsonPath]]:
    """Any JSON value, and the paths of the values that were repaired.

    Rejects NaN, infinities and nesting deeper than `MAX_DEPTH`. Integers are exact. `json_repair` lists the repairs. A
    byte order mark is accepted, and the last of duplicate keys wins. Raises only `NotJson`.
    """
    try:
        return parse(body), []
    except NotJson as rejection:
        try:
            document, repairs = parse_repaired(body.removeprefix(_BOM))
        except (ValueError, RecursionError):
            raise rejection from None
        if _is_deeper(document, MAX_DEPTH):
            raise
        return document, repairs


def parse(body: bytes) -> Json:
    """Any JSON value that needs no repair. Raises only `NotJson`."""
    document, openings = _parsed(body)
    # The count of openings bounds the depth, so only unusual bodies are walked.
    if openings > MAX_DEPTH and _is_deeper(document, MAX_DEPTH):
        raise NotJson(f"the body is nested deeper than {MAX_DEPTH}")
    return document


def parse_own(line: bytes) -> Json:
    """A JSON value that the collector wrote: `parse`, without its limit of depth. Raises only `NotJson`."""
    return _parsed(line)[0]


def _parsed(body: bytes) -> tuple[Json, int]:
    """The JSON value, and how many arrays and objects it has at most."""
    if not body:
        raise NotJson("the body is empty")
    body = body.removeprefix(_BOM)
    scan = body.translate(_SCAN_TABLE)
    try:
        document = _parse_exactly(body) if _LONG_NUMBER in scan else orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"the body is not JSON: {_first_line(error)}") from None
    return document, scan.count(b"[")


def _parse_exactly(body: bytes) -> Json:
    """Parse JSON with integers so long that orjson would convert them to floats or reject them."""
    orjson.loads(_LONG_RUN.sub(b"0", body))  # rejects all other invalid JSON; the `json` module is too lenient
    return json.loads(body, parse_float=_finite_float)


def _finite_float(digits: str) -> float:
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
