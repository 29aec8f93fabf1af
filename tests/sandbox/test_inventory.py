"""An organization of any size, computed on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import islice

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.catalogue import catalogue
from collector.sandbox.fake_values import CANARY
from collector.sandbox.id_scheme import MAX_SIZE
from collector.sandbox.inventory import Inventory
from collector.sandbox.type_templates import Connection

TYPES = len(catalogue())
sizes = st.integers(1, MAX_SIZE)


@given(st.data(), sizes, st.integers())
def test_ids_and_indexes_convert_to_each_other(data: st.DataObject, size: int, seed: int) -> None:
    inventory = Inventory(size, seed)
    index = data.draw(st.integers(0, size - 1))
    assert inventory.index_of(inventory.id_at(index)) == index
    assert inventory.connection(index)["id"] == inventory.id_at(index)


@given(st.data(), st.integers(0, MAX_SIZE - 1))
def test_an_id_beyond_the_size_is_unknown(data: st.DataObject, size: int) -> None:
    beyond = Inventory(MAX_SIZE).id_at(data.draw(st.integers(size, MAX_SIZE - 1)))
    assert Inventory(size).index_of(beyond) is None


@given(sizes, sizes, st.integers())
def test_a_connection_does_not_depend_on_the_size(size: int, other: int, seed: int) -> None:
    index = min(size, other) - 1
    assert Inventory(size, seed).connection(index) == Inventory(other, seed).connection(index)


def test_ids_are_computed_lazily_in_index_order() -> None:
    inventory = Inventory(MAX_SIZE)
    assert list(islice(inventory.ids(), 3)) == [inventory.id_at(index) for index in range(3)]


def test_all_ids_of_an_inventory_are_distinct() -> None:
    assert len(set(Inventory(20_000, seed=3).ids())) == len(Inventory(20_000, seed=3)) == 20_000


@pytest.mark.parametrize("size", [-1, MAX_SIZE + 1])
def test_a_size_outside_the_range_of_indexes_is_rejected(size: int) -> None:
    with pytest.raises(ValueError, match=f"^{size} connections"):
        Inventory(size)


@pytest.mark.parametrize("index", [-1, 5])
def test_an_index_outside_the_inventory_is_rejected(index: int) -> None:
    with pytest.raises(IndexError, match="an inventory of 5 connections"):
        Inventory(5).id_at(index)
    with pytest.raises(IndexError, match="an inventory of 5 connections"):
        Inventory(5).connection(index)


def test_without_churn_every_generation_is_the_same() -> None:
    first, later = Inventory(300), Inventory(300, generation=9)
    assert [later.connection(index) for index in range(300)] == [first.connection(index) for index in range(300)]


@given(st.integers(0, 300), st.floats(0.001, 1), st.integers(0, 9), st.integers(0, 9))
def test_ids_lengths_and_indexes_of_a_generation_agree(size: int, churn: float, generation: int, seed: int) -> None:
    inventory = Inventory(size, seed, churn=churn, generation=generation)
    indexes = list(inventory.indexes())
    assert len(inventory) == len(indexes) == len(set(inventory.ids()))
    assert [inventory.index_of(id) for id in inventory.ids()] == indexes
    assert [inventory.connection(index)["id"] for index in indexes] == list(inventory.ids())


def test_a_vanished_connection_is_unknown_but_keeps_its_id() -> None:
    before, after = (Inventory(300, churn=0.1, generation=generation) for generation in (0, 1))
    vanished = [index for index in before.indexes() if not after.exists(index)]
    assert len(vanished) == 10
    for index in vanished:
        assert after.index_of(before.id_at(index)) is None
        assert after.id_at(index) == before.id_at(index)
        with pytest.raises(IndexError):
            after.connection(index)


def test_changed_and_new_connections_say_so_in_their_times_and_the_others_stay() -> None:
    before, after = (Inventory(900, seed=7, churn=0.1, generation=generation) for generation in (1, 2))
    kept = [index for index in after.indexes() if before.exists(index)]
    pairs = [(before.connection(index), after.connection(index)) for index in kept]
    changed = [(old, new) for old, new in pairs if old != new]
    assert 30 <= len(changed) <= 33
    assert all(new["updated_at"] > old["updated_at"] for old, new in changed)
    names = {key for old, new in changed for key in new if new[key] != old.get(key)}
    assert names >= {"name", "configuration", "status", "status_error", "updated_at", "updated_by"}
    latest = max(old["updated_at"] for old, _ in pairs)
    new = [after.connection(index) for index in after.indexes() if index >= 930]
    assert len(new) == 30
    assert all(connection["created_at"] == connection["updated_at"] > latest[:10] for connection in new)


def test_the_same_seed_gives_the_same_changes_and_another_seed_others() -> None:
    one, same, other = (Inventory(300, seed, churn=0.3, generation=3) for seed in (1, 1, 2))
    assert list(map(one.connection, one.indexes())) == list(map(same.connection, same.indexes()))
    assert list(one.indexes()) != list(other.indexes())


def test_changes_beyond_the_range_of_indexes_are_rejected() -> None:
    with pytest.raises(ValueError, match="at generation 1 exceed"):
        Inventory(MAX_SIZE, churn=0.5, generation=1)


def test_a_huge_inventory_changes_without_a_table() -> None:
    inventory = Inventory(2**31, churn=0.1, generation=5)
    assert len(list(islice(inventory.ids(), 100))) == 100


def test_each_call_returns_a_new_connection_object() -> None:
    inventory = Inventory(TYPES)
    for index in range(TYPES):
        before = orjson.dumps(inventory.connection(index))
        _mutate(inventory.connection(index))
        assert orjson.dumps(inventory.connection(index)) == before


def test_any_247_consecutive_connections_cover_all_types() -> None:
    inventory = Inventory(3 * TYPES, seed=5)
    for start in (0, 100, TYPES + 1):
        types = {inventory.connection(index)["type"]["id"] for index in range(start, start + TYPES)}
        assert types == {connection_type.id for connection_type in catalogue()}


def test_the_connections_of_a_seed_never_change() -> None:
    """Users and other tests rely on them."""
    inventory, digest = Inventory(1_000, seed=7), sha256()
    for index in range(1_000):
        digest.update(orjson.dumps(inventory.connection(index)))
    assert digest.hexdigest() == "943690f5e9a5647ed4c8f7f42f1b6b45e37681b03b465f6b6162c07d1e712c74"


def test_names_are_unique_within_the_organization() -> None:
    inventory = Inventory(5_000)
    assert len({inventory.connection(index)["name"] for index in range(5_000)}) == 5_000


def test_another_connection_exists_even_in_an_inventory_of_one() -> None:
    inventory = Inventory(1)
    assert inventory.other_connection(0)["id"] != inventory.id_at(0)
    assert inventory.other_connection(MAX_SIZE - 1)["id"] == inventory.id_at(0)


def test_most_connections_are_healthy_and_the_rest_have_various_statuses() -> None:
    statuses = Counter(connection["status"] for connection in _sample())
    assert statuses.total() * 0.8 < statuses["healthy"] < statuses.total()
    assert len(statuses) > 5
    assert all("status_error" in c for c in _sample() if c["status"] != "healthy")


@pytest.mark.parametrize(
    "is_rare",
    [
        pytest.param(lambda c: c["configuration"] is None, id="no configuration"),
        pytest.param(lambda c: c["type"]["operations"] is None, id="no operations"),
        pytest.param(lambda c: c["api_calls_last_24_hours"] is None, id="no call count"),
        pytest.param(lambda c: "parent_connection_id" in c, id="a shared copy"),
        pytest.param(lambda c: c.get("rate_limit"), id="a rate limit"),
        pytest.param(lambda c: "rate_limit" in c and c["rate_limit"] is None, id="a null rate limit"),
        pytest.param(lambda c: "created_by" not in c, id="no creator"),
        pytest.param(lambda c: "healthcheck_interval" in c, id="an undocumented key"),
        pytest.param(lambda c: not c["saved"], id="not saved"),
        pytest.param(lambda c: len(c["policies"]) > 1, id="several policies"),
        pytest.param(lambda c: CANARY in c.get("status_error", ""), id="a password in the status"),
        pytest.param(lambda c: "." in c["created_at"], id="a fraction of a second"),
        pytest.param(lambda c: c["updated_at"].endswith("+02:00"), id="another time zone"),
    ],
)
def test_every_rare_form_occurs_in_fewer_than_half_of_the_connections(is_rare: Callable[[Connection], object]) -> None:
    matches = sum(1 for connection in _sample() if is_rare(connection))
    assert 0 < matches < len(_sample()) / 2


def test_a_shared_copy_has_a_parent_of_the_same_type() -> None:
    inventory = Inventory(5_000)
    copies = [c for c in map(inventory.connection, range(5_000)) if "parent_connection_id" in c]
    for copy in copies:
        parent = inventory.index_of(copy["parent_connection_id"])
        assert parent is not None
        assert inventory.connection(parent)["type"]["id"] == copy["type"]["id"]
        assert inventory.id_at(parent) != copy["id"]


def test_connections_are_updated_after_they_are_created() -> None:
    for connection in _sample():
        created, updated = (connection[key][:19] for key in ("created_at", "updated_at"))
        assert datetime.fromisoformat("2019-01-01") <= datetime.fromisoformat(created)
        assert created <= updated < "2027"


def test_a_few_dozen_users_update_all_connections() -> None:
    users = {connection["updated_by"]["id"] for connection in _sample()}
    assert 20 < len(users) < 50


@cache
def _sample() -> list[Connection]:
    inventory = Inventory(2_000, seed=1)
    return [inventory.connection(index) for index in range(2_000)]


def _mutate(value: object) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            _mutate(inner)
        value["spoilt"] = True
    elif isinstance(value, list):
        for inner in value:
            _mutate(inner)
        value.append("spoilt")
