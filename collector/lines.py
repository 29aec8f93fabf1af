"""Lines of JSON: what an outcome becomes in a file. Pure; the way back is `record_line`."""

from __future__ import annotations

import json
import re
from typing import Final

import orjson

from collector.model import Json, Outcome, Record

UNSAFE: Final = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""A range of characters, as regular expressions write it: what ends a line for some reader (NEL, LS, PS),
moves a terminal's cursor (DEL, C1), or turns the direction of text (Unicode Bidirectional Algorithm, UAX 9). Escaped,
as JSON allows for any."""

_UNSAFE: Final = re.compile(f"[{UNSAFE}]")


def encode(record: Record | dict[str, Json]) -> bytes:
    """One JSON line, safe for readers that split at any Unicode line end. Integers survive exactly."""
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    return escaped(line)


def escaped(text: bytes) -> bytes:
    """JSON with every character escaped that ends a line for some reader, or that a terminal takes for a command."""
    if text.isascii() and b"\x7f" not in text:
        return text
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()


def error_line(outcome: Outcome) -> bytes:
    """The line of the errors file for an outcome that is not ok."""
    return encode(
        {
            "id": outcome.id,
            "outcome": str(outcome.kind),
            "http_status": outcome.http_status,
            "error": outcome.error,
            "attempts": outcome.attempts,
            "at": outcome.at,
        }
    )
