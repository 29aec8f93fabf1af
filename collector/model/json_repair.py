"""Parses JSON with values that strict parsers reject, and reports the repaired values. Pure.

The repairs: a lone surrogate and invalid UTF-8 become U+FFFD (Unicode Standard, section 3.9, "substitution"). A number
beyond a double, and an integer longer than Python converts, become their text. An unescaped control character is
accepted unchanged. All other invalid JSON (RFC 8259) is rejected, including NaN and infinities.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, TypeAlias

from collector.model.record import Json

JsonPath: TypeAlias = tuple[str, ...]
"""The keys from the root to a value; `[]` stands for any item of an array."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_UTF_8: Final = re.compile("[\udc80-\udcff]+")  # as decoded by `surrogateescape`
_LONE_SURROGATE: Final = "\udfff"


class _Digits(str):
    """A number that is kept as its text."""

    __slots__ = ()


def parse_repaired(body: bytes) -> tuple[Json, list[JsonPath]]:
    """The JSON value in `body`, and the path of each repaired value or key.

    Raises ValueError for invalid JSON that has no repair, and RecursionError for nesting beyond Python's stack.
    """
    text = _NOT_UTF_8.sub(_surrogates, body.decode("utf-8", "surrogateescape"))
    value = json.loads(
        text, parse_float=_parse_float, parse_int=_parse_int, parse_constant=_reject_constant, strict=False
    )
    repairs: list[JsonPath] = []
    return _repaired(value, (), repairs), repairs


def _surrogates(found: re.Match[str]) -> str:
    """Invalid UTF-8 as lone surrogates: those that it encodes (CESU-8), or one per invalid character."""
    raw = found[0].encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return _LONE_SURROGATE * len(raw.decode("utf-8", "replace"))


def _repaired(value: Json, path: JsonPath, repairs: list[JsonPath]) -> Json:
    if type(value) is dict:
        return _object(value, path, repairs)
    if type(value) is list:
        inside = (*path, "[]")
        return [_repaired(item, inside, repairs) for item in value]
    if type(value) is _Digits:
        repairs.append(path)
        return str(value)
    if type(value) is str and _SURROGATE.search(value):
        repairs.append(path)
        return _without_surrogates(value)
    return value


def _object(values: dict[str, Json], path: JsonPath, repairs: list[JsonPath]) -> dict[str, Json]:
    """Repair keys and values. A key that becomes equal to another gets a number."""
    repaired: dict[str, Json] = {}
    for key, value in values.items():
        name = key
        if _SURROGATE.search(key):
            name = _unused(_without_surrogates(key), values, repaired)
            repairs.append((*path, name))
        repaired[name] = _repaired(value, (*path, name), repairs)
    return repaired


def _unused(key: str, *taken: dict[str, Json]) -> str:
    name, number = key, 1
    while any(name in values for values in taken):
        number += 1
        name = f"{key} {number}"
    return name


def _without_surrogates(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate. A pair encoded as two characters (CESU-8) becomes one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _parse_float(digits: str) -> Json:
    value = float(digits)
    return _Digits(digits) if math.isinf(value) else value


def _parse_int(digits: str) -> Json:
    try:
        return int(digits)
    except ValueError:  # longer than `sys.get_int_max_str_digits`
        return _Digits(digits)


def _reject_constant(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")
