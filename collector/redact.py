"""Which values are secrets; the one place that masks.

First line of defence, by what is known beforehand: whatever the server masked itself, every field Polytomic's own
schemas mark as sensitive for a connection type, every field known to hold a credential without such a mark, and
any key, at any depth and of any type, whose name is marked for some type. (Source of both lists: the field marks
of Polytomic's Terraform provider and the 2025-09-18 connection type schemas, carried in `collector/data`.)

A masked value becomes `REDACTED` whatever it was, an empty string too, since a length is a fact about a secret.
null stays null: it says that nothing is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Final, TypeAlias, Union

from collector.model import Json

REDACTED: Final = "[REDACTED]"

_USERINFO = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,30}://)[^/\s]+@")
_MASK_CHARACTERS = "*•●"
_MASK_STARTS = frozenset("*•●[")
_NESTING = frozenset((dict, list))
_MOST_REMEMBERED = 4096


def scrub_urls(text: str) -> str:
    """`text` with the user and password of every URL in it masked."""
    return _USERINFO.sub(rf"\1{REDACTED}@", text)


def redact(configuration: dict[str, Json], type_id: str | None) -> int:
    """Mask the secrets of a connection's configuration, in place; returns how many values were masked."""
    return _redact_object(configuration, _marks_by_type().get(type_id or "", _BY_NAME))


def redact_unknown(values: dict[str, Json]) -> int:
    """The same for fields outside of a configuration, which no schema describes."""
    return _redact_object(values, _BY_NAME)


def is_secret_name(key: str) -> bool:
    """Is a field of this name marked for some connection type? Case and separators do not matter."""
    return _squash(key) in _secret_names()


class _Whole:
    """The verdict that a value is a secret as a whole."""


_WHOLE: Final = _Whole()

Verdict: TypeAlias = Union["_Marks", _Whole, None]
"""A secret as a whole, secret in parts, or plain."""


class _Marks(dict[str, Verdict]):
    """Key → verdict on its value, for one kind of object; an array stands for its items.

    A key that no schema marks is judged by its name when it is first met, and remembered.
    """

    def __missing__(self, key: str) -> Verdict:
        verdict = _WHOLE if is_secret_name(key) else None
        if len(self) < _MOST_REMEMBERED:  # keys come from outside
            self[key] = verdict
        return verdict

    is_array = False

    def mark(self, path: str) -> None:
        """Mark a field by its path, such as `auth.query[].value`."""
        *parents, leaf = path.split(".")
        node = self
        for key in parents:
            inside = node.setdefault(key.removesuffix("[]"), _Marks())
            if not isinstance(inside, _Marks):  # all of it is marked already
                return
            node = inside
            node.is_array = key.endswith("[]")
        node[leaf] = _WHOLE


_BY_NAME: Final = _Marks()


def _redact_object(values: dict[str, Json], marks: _Marks) -> int:
    count = 0
    for key, value in values.items():
        verdict = marks[key]
        kind = type(value)
        if verdict is None and kind not in _NESTING and (kind is not str or value[:1] not in _MASK_STARTS):
            continue  # the way of nearly all values, without a call
        values[key], masked = _redact_value(value, verdict)
        count += masked
    return count


def _redact_value(value: Json, verdict: Verdict) -> tuple[Json, int]:
    if value is None:
        return None, 0
    kind = type(value)
    if verdict is _WHOLE or kind is str:
        # Text where the schema has marks deeper down may be those fields in another form.
        return (REDACTED, 1) if verdict is not None or _is_mask(value) else (value, 0)
    if kind is dict and isinstance(verdict, _Marks) and verdict.is_array:
        return REDACTED, 1  # so may an object where it has an array
    if kind is dict:
        return value, _redact_object(value, verdict if isinstance(verdict, _Marks) else _BY_NAME)
    if kind is list:
        pairs = [_redact_item(item, verdict) for item in value]
        return [item for item, _ in pairs], sum(masked for _, masked in pairs)
    return (value, 0) if verdict is None else (REDACTED, 1)


def _redact_item(item: Json, verdict: Verdict) -> tuple[Json, int]:
    if type(item) is dict and isinstance(verdict, _Marks):
        return item, _redact_object(item, verdict)
    return _redact_value(item, verdict)


def _is_mask(text: str) -> bool:
    return text[:1] in _MASK_STARTS and (text == REDACTED or not text.strip(_MASK_CHARACTERS))


def _squash(key: str) -> str:
    return "".join(filter(str.isalnum, key)).lower()


@cache
def _secret_names() -> frozenset[str]:
    return frozenset(map(_squash, _load("sensitive_fields.json")["_names"]))


@cache
def _marks_by_type() -> Mapping[str, _Marks]:
    marked, unmarked = _load("sensitive_fields.json"), _load("unmarked_secret_fields.json")
    by_type: dict[str, _Marks] = {}
    for type_id in (marked.keys() | unmarked.keys()) - {"_names"}:
        by_type[type_id] = _Marks()
        for path in chain(marked.get(type_id, ()), *unmarked.get(type_id, {}).values()):
            by_type[type_id].mark(path)
    return by_type


def _load(name: str) -> Mapping[str, Json]:
    loaded: Mapping[str, Json] = json.loads((files("collector") / "data" / name).read_bytes())
    return loaded
