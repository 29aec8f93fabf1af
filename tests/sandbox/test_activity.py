"""API calls and schema status of a connection."""

from __future__ import annotations

from datetime import datetime

from collector.sandbox.activity import schema_status, usage
from collector.sandbox.inventory import Inventory
from collector.sandbox.syncs import Syncs

INVENTORY = Inventory(600, seed=5)
SYNCS = Syncs(INVENTORY)
USAGES = [usage(INVENTORY, SYNCS, index) for index in range(600)]


def test_the_total_is_that_of_the_connection() -> None:
    for index, each in enumerate(USAGES):
        assert each["connectionId"] == INVENTORY.id_at(index)
        assert each["callsLast24h"] == INVENTORY.connection(index)["api_calls_last_24_hours"]
    assert any(each["callsLast24h"] is None for each in USAGES)


def test_the_calls_by_sync_are_part_of_the_total_and_the_sum_of_their_categories() -> None:
    for each in USAGES:
        totals = [sync["totalCalls"] for sync in each["bySync"]]
        assert totals == sorted(totals, reverse=True)
        assert sum(totals) <= (each["callsLast24h"] or 0)
        assert all(sync["totalCalls"] == sum(c["calls"] for c in sync["categories"]) for sync in each["bySync"])
    assert {len(each["bySync"]) for each in USAGES} == {0, 1, 2}


def test_only_a_server_that_attributes_calls_reports_syncs() -> None:
    assert all(each["reportsSyncStats"] is bool(each["bySync"]) for each in USAGES)
    assert {sync["syncType"] for each in USAGES for sync in each["bySync"]} == {"bulk", "model"}


def test_a_fresh_schema_finished_its_refresh_after_it_started() -> None:
    statuses = [schema_status(INVENTORY, index) for index in range(600)]
    assert {status["cache_status"] for status in statuses} == {"fresh", "refreshing", "cached"}
    for status in statuses:
        if status["cache_status"] == "fresh":
            started, finished = (status[f"last_refresh_{end}"] for end in ("started", "finished"))
            assert datetime.fromisoformat(started) < datetime.fromisoformat(finished)
        else:
            assert "last_refresh_finished" not in status
