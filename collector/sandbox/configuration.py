"""The configuration of a connection, as the server shows it: masked where the vendor's schema says so.

Built once a type into a flat plan; filling it in for one connection is a single pass. What a real server might not
mask (`Field.unmasked_secret`, `Field.may_embed_secret`) is not masked here either, and carries `CANARY`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from collector.model.record import Json
from collector.sandbox.catalogue import ConnectionType, Field
from collector.sandbox.fake_values import Entropy, Maker, fake_value, one_of, position, secret_text, url_with_password

Configuration: TypeAlias = dict[str, Json]

MASKS: Final = ("", "", *("*" * length for length in (6, 8, 8, 8, 8, 8, 10, 12, 16, 20, 24, 25, 32, 40)))
"""How the server shows a sensitive string: never of one length, and empty when it is not set."""

_ALWAYS, _USUALLY, _OFTEN = 256, 230, 176
_AUTHENTICATION: Final = ("basic", "header", "query", "oauth")
"""Siblings of which the user fills in one."""


class _Part(NamedTuple):
    """A key is there when `low <= entropy[gate] < high`."""

    name: str
    gate: int
    low: int
    high: int
    make: Maker


def configurator(connection_type: ConnectionType) -> Callable[[Entropy], Configuration]:
    """What makes the configurations of a type: the same entropy always gives an equal, separate object."""
    return _object(connection_type.fields)


def _object(fields: Sequence[Field]) -> Callable[[Entropy], Configuration]:
    parts = [_part(field) for field in fields]
    return lambda entropy: {name: make(entropy) for name, gate, low, high, make in parts if low <= entropy[gate] < high}


def _part(field: Field) -> _Part:
    if field.name in _AUTHENTICATION:
        share = _ALWAYS // len(_AUTHENTICATION)
        low = share * _AUTHENTICATION.index(field.name)
        gate = position(field.path.removesuffix(field.name) + "authentication")
        return _Part(field.name, gate, low, low + share, _maker(field))
    return _Part(field.name, position(f"{field.path}?"), 0, _presence(field), _maker(field))


def _presence(field: Field) -> int:
    if field.masked:
        return _USUALLY
    return _ALWAYS if field.required or "." in field.path else _OFTEN


def _maker(field: Field) -> Maker:
    if field.masked:
        return one_of(MASKS, field.path)
    if field.unmasked_secret:
        return secret_text(field.path)
    if field.may_embed_secret:
        return _sometimes(field.path, _embedded(field), fake_value(field))
    if field.children:
        return _array(field) if field.type == "array" else _object(field.children)
    return fake_value(field)


def _array(field: Field) -> Maker:
    item, at = _object(field.children), position(field.path)

    def items(entropy: Entropy) -> list[Configuration]:
        return [item(entropy[turn:] + entropy[:turn]) for turn in range(1 + entropy[at] % 3)]

    return items


def _sometimes(path: str, seldom: Maker, usual: Maker) -> Maker:
    at = position(f"{path}!")
    return lambda entropy: seldom(entropy) if entropy[at] < 96 else usual(entropy)


def _embedded(field: Field) -> Maker:
    url = url_with_password(field.path)
    if field.type == "object":
        return lambda entropy: {"callback": url(entropy)}
    if field.name.endswith("body"):
        return lambda entropy: f'{{"callback": "{url(entropy)}"}}'
    if field.name == "params":
        return lambda entropy: f"appName=sync&proxy={url(entropy)}"
    return url
