"""The version of a row: a hash of its content, without the keys that differ in every run. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Final

import orjson

from collector.model.record import Json

_SIZE: Final = 16  # bytes
_UNDERSCORE: Final = "_"


def row_hash(organization: str, row: dict[str, Json]) -> str:
    """A hash of the row in the organization of its snapshot, without the keys that begin with an underscore.

    The order of keys does not matter. Call it after `fitting.fit`, so that the form of timestamps does not matter.
    """
    content = {name: value for name, value in row.items() if not name.startswith(_UNDERSCORE)}
    return hashlib.blake2b(_canonical(content), digest_size=_SIZE, key=organization.encode()[:64]).hexdigest()


def _canonical(content: dict[str, Json]) -> bytes:
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
