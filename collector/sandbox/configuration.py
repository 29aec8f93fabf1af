"""The configuration of a connection as the server returns it: fields that the vendor's schema marks are masked.

Each type is compiled once into a flat plan, which produces a configuration in a single pass. Secrets that a real
server might leave unmasked (`Field.unmasked_secret`, `Field.may_embed_secret`) are unmasked here too and contain
`CANARY`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from collector.model.record import Json
from collector.sandbox.catalogue import ConnectionType, Field
from collector.sandbox.fake_values import (
    Entropy,
    ValueFactory,
    entropy_offset,
    fake_secret,
    fake_value,
    one_of,
    url_with_password,
)

Configuration: TypeAlias = dict[str, Json]

MASKS: Final = ("", "", *("*" * length for length in (6, 8, 8, 8, 8, 8, 10, 12, 16, 20, 24, 25, 32, 40)))
"""Masks that the server substitutes for a sensitive string: of varying length, and empty when no value is set."""

_ALWAYS, _USUALLY, _OFTEN = 256, 230, 176
"""Of the 256 values of a byte of entropy, the number for which a field is present."""

_AUTHENTICATION: Final = ("basic", "header", "query", "oauth")
"""Sibling fields, exactly one of which is present."""


class _FieldPlan(NamedTuple):
    """How to produce one key. It is present when `low <= entropy[gate] < high`."""

    name: str
    gate: int
    low: int
    high: int
    make: ValueFactory


def configuration_factory(connection_type: ConnectionType) -> Callable[[Entropy], Configuration]:
    """A function that builds configurations of this type. Equal entropy gives equal, separate objects."""
    return _object_factory(connection_type.fields)


def _object_factory(fields: Sequence[Field]) -> Callable[[Entropy], Configuration]:
    plans = [_plan_field(field) for field in fields]
    return lambda entropy: {name: make(entropy) for name, gate, low, high, make in plans if low <= entropy[gate] < high}


def _plan_field(field: Field) -> _FieldPlan:
    if field.name in _AUTHENTICATION:
        share = _ALWAYS // len(_AUTHENTICATION)
        low = share * _AUTHENTICATION.index(field.name)
        gate = entropy_offset(field.path.removesuffix(field.name) + "authentication")
        return _FieldPlan(field.name, gate, low, low + share, _value_factory(field))
    return _FieldPlan(field.name, entropy_offset(f"{field.path}?"), 0, _presence_limit(field), _value_factory(field))


def _presence_limit(field: Field) -> int:
    if field.masked:
        return _USUALLY
    return _ALWAYS if field.required or "." in field.path else _OFTEN


def _value_factory(field: Field) -> ValueFactory:
    if field.masked:
        return one_of(MASKS, field.path)
    if field.unmasked_secret:
        return fake_secret(field.path)
    if field.may_embed_secret:
        return _rare_or_usual(field.path, _with_embedded_secret(field), fake_value(field))
    if field.children:
        return _array_factory(field) if field.type == "array" else _object_factory(field.children)
    return fake_value(field)


def _array_factory(field: Field) -> ValueFactory:
    item, offset = _object_factory(field.children), entropy_offset(field.path)

    def items(entropy: Entropy) -> list[Configuration]:
        return [item(entropy[rotation:] + entropy[:rotation]) for rotation in range(1 + entropy[offset] % 3)]

    return items


def _rare_or_usual(path: str, rare: ValueFactory, usual: ValueFactory) -> ValueFactory:
    offset = entropy_offset(f"{path}!")
    return lambda entropy: rare(entropy) if entropy[offset] < 96 else usual(entropy)


def _with_embedded_secret(field: Field) -> ValueFactory:
    url = url_with_password(field.path)
    if field.type == "object":
        return lambda entropy: {"callback": url(entropy)}
    if field.name.endswith("body"):
        return lambda entropy: f'{{"callback": "{url(entropy)}"}}'
    if field.name == "params":
        return lambda entropy: f"appName=sync&proxy={url(entropy)}"
    return url
