"""All organizations of one server: first the partner's owner organization, then its children."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.model.record import Json
from collector.sandbox.inventory import Inventory
from collector.sandbox.syncs import Syncs

MAX_ORGANIZATIONS: Final = 1_000


class Deployment:
    """The organizations with these inventories. Their positions, from 0, identify them inside the sandbox."""

    def __init__(self, owner: Inventory, *children: Inventory) -> None:
        self.inventories: Final = (owner, *children)
        self.syncs: Final = tuple(map(Syncs, self.inventories))
        self._positions = {each.organization_id: position for position, each in enumerate(self.inventories)}

    @staticmethod
    def of_size(
        organizations: int, connections: int, seed: int = 0, *, churn: float = 0.0, generation: int = 0
    ) -> Deployment:
        """Organizations with the same number of connections each. Raises `ValueError` for a number out of range."""
        if not 1 <= organizations <= MAX_ORGANIZATIONS:
            raise ValueError(f"{organizations} organizations are outside the range 1 to {MAX_ORGANIZATIONS}")
        numbers = range(1, organizations + 1)
        return Deployment(
            *(
                Inventory(connections, seed, organization=number, churn=churn, generation=generation)
                for number in numbers
            )
        )

    def __repr__(self) -> str:
        return f"<Deployment of {len(self.inventories)} organizations, the first with {self.inventories[0]!r}>"

    @property
    def generation(self) -> int:
        """How often the connections have changed."""
        return self.inventories[0].generation

    @property
    def is_constant(self) -> bool:
        """Do the connections stay as they are?"""
        return not any(inventory.churn for inventory in self.inventories)

    def advanced(self) -> Deployment:
        """The next generation of all organizations."""
        return Deployment(*(inventory.at(inventory.generation + 1) for inventory in self.inventories))

    @property
    def organization_ids(self) -> list[str]:
        """The ids of all organizations."""
        return list(self._positions)

    def position_of(self, organization_id: str) -> int | None:
        """The position of an organization, or None without such an organization."""
        return self._positions.get(organization_id.lower())

    def organizations(self) -> list[dict[str, Json]]:
        """All organizations as the API lists them."""
        return [self.organization(position) for position in range(len(self.inventories))]

    def organization(self, position: int) -> dict[str, Json]:
        """The organization at a position as the API returns it. Every second one has single sign-on."""
        organization = self.inventories[position].organization
        described: dict[str, Json] = {"id": organization.id, "name": organization.name}
        return described if position % 2 == 0 else {**described, "sso_domain": organization.domain}

    def copies_of(self, index: int) -> Iterator[dict[str, Json]]:
        """The shared copies, in all organizations, of the owner's connection at an index."""
        for inventory in self.inventories:
            copy = inventory.copy_of(index)
            if copy is not None:
                yield inventory.connection(copy)
