"""Syncs and models refer to the inventory."""

from __future__ import annotations

from functools import cache

import pytest

from collector.model.record import Json
from collector.sandbox.endpoints import PAGINATED, Endpoint
from collector.sandbox.fake_values import CANARY
from collector.sandbox.inventory import Inventory
from collector.sandbox.pagination import Page
from collector.sandbox.syncs import Syncs

INVENTORY = Inventory(2_000, seed=4)
SYNCS = Syncs(INVENTORY)


@cache
def _items(endpoint: Endpoint) -> list[Json]:
    items, _ = SYNCS.page(endpoint, Page(limit=10_000))
    return items


@pytest.mark.parametrize("endpoint", PAGINATED)
def test_items_refer_to_existing_connections_users_and_policies(endpoint: Endpoint) -> None:
    users = {user["id"] for user in INVENTORY.organization.users}
    policies = set(INVENTORY.organization.policy_ids)
    for item in _items(endpoint):
        ids = [value for key, value in item.items() if key.endswith("connection_id")]
        assert ids
        assert all(INVENTORY.index_of(id) is not None for id in ids)
        assert item["updated_by"]["id"] in users
        assert set(item.get("policies", ())) <= policies
        assert item["organization_id"] == INVENTORY.organization_id


@pytest.mark.parametrize("endpoint", PAGINATED)
def test_the_latest_change_comes_first_and_after_the_creation(endpoint: Endpoint) -> None:
    times = [item["updated_at"] for item in _items(endpoint)]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times) > 100
    assert all(item["created_at"][:19] <= item["updated_at"][:19] for item in _items(endpoint))


def test_model_syncs_refer_to_models() -> None:
    models = {model["id"] for model in _items(Endpoint.MODELS)}
    counts = {len(sync["model_ids"]) for sync in _items(Endpoint.MODEL_SYNCS)}
    assert all(set(sync["model_ids"]) <= models for sync in _items(Endpoint.MODEL_SYNCS))
    assert counts == {1, 2}


def test_the_syncs_that_use_a_connection_are_those_that_name_it() -> None:
    bulk = {sync["source_connection_id"]: sync for sync in _items(Endpoint.BULK_SYNCS)}
    model = {sync["target_connection_id"]: sync for sync in _items(Endpoint.MODEL_SYNCS)}
    for index in range(len(INVENTORY)):
        id = INVENTORY.id_at(index)
        expected = [(kind, syncs[id]) for kind, syncs in (("bulk", bulk), ("model", model)) if id in syncs]
        assert list(SYNCS.using(index)) == expected


@pytest.mark.parametrize(
    ("endpoint", "field"), [(Endpoint.BULK_SYNCS, "source_configuration"), (Endpoint.MODELS, "configuration")]
)
def test_a_few_configurations_contain_a_fake_secret(endpoint: Endpoint, field: str) -> None:
    with_secret = [item for item in _items(endpoint) if CANARY in str(item)]
    assert 0 < len(with_secret) < len(_items(endpoint)) / 4
    assert all(CANARY in str(item[field]) for item in with_secret)


@pytest.mark.parametrize("size", range(8))
def test_small_inventories_have_syncs_of_existing_connections(size: int) -> None:
    syncs = Syncs(Inventory(size))
    for endpoint in PAGINATED:
        items, next_start = syncs.page(endpoint, Page())
        assert next_start is None
        assert len(items) <= size


def test_pages_of_a_huge_inventory_are_computed_lazily() -> None:
    items, next_start = Syncs(Inventory(2**32)).page(Endpoint.BULK_SYNCS, Page(limit=3))
    assert (len(items), next_start) == (3, 3)


@pytest.mark.parametrize("endpoint", PAGINATED)
def test_after_changes_items_refer_to_existing_connections_and_keep_their_ids(endpoint: Endpoint) -> None:
    inventory = Inventory(2_000, seed=4, churn=0.2, generation=2)
    items, _ = Syncs(inventory).page(endpoint, Page(limit=10_000))
    for item in items:
        ids = [value for key, value in item.items() if key.endswith("connection_id")]
        assert all(inventory.index_of(id) is not None for id in ids)
    assert {item["id"] for item in items} < {item["id"] for item in _items(endpoint)}
    first, next_start = Syncs(inventory).page(endpoint, Page(limit=7))
    rest, _ = Syncs(inventory).page(endpoint, Page(2, next_start or 0, 10_000))
    assert [*first, *rest] == items
