"""The parts that all connections of one type share, and the names of connections."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from collector.model.record import Json
from collector.sandbox.catalogue import ConnectionType, catalogue
from collector.sandbox.configuration import configuration_factory
from collector.sandbox.fake_values import Entropy

Connection: TypeAlias = dict[str, Json]

_TEAMS = ("Finance", "Sales", "Marketing", "Support", "Product", "Data", "Operations", "Vertrieb München")
_STAGES = ("production", "production", "staging", "EU", "US", "sandbox", "legacy", '"do not touch"')


class TypeTemplate:
    """The parts that all connections of one type share."""

    def __init__(self, connection_type: ConnectionType) -> None:
        self._name = connection_type.name
        self._type = {
            "id": connection_type.id,
            "name": connection_type.name,
            "logo_url": connection_type.logo_url,
        }
        self._operations = connection_type.operations
        self.configuration = configuration_factory(connection_type)

    def type(self, entropy: Entropy) -> Connection:
        """The `type` object. Its operations are null for a few connections."""
        return {**self._type, "operations": list(self._operations) if entropy[7] > 1 else None}

    def name(self, entropy: Entropy, index: int) -> str:
        """A name that is unique within the organization."""
        team, stage = _TEAMS[entropy[8] % len(_TEAMS)], _STAGES[entropy[9] % len(_STAGES)]
        return f"{self._name} {team} {stage} {index + 1}"


@cache
def type_templates() -> tuple[TypeTemplate, ...]:
    """The templates of all types, in the order of the catalogue."""
    return tuple(TypeTemplate(connection_type) for connection_type in catalogue())
