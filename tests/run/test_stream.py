"""`collector.collect`: outcomes as an async iterator."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

import collector
from collector.model.record_form import ConfigurationAs, Timestamps
from collector.run.settings import Output
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from tests.support.scripted_server import answer, connection, ids, serving

[ONE] = ids(1)
KEY = {"POLYTOMIC_API_KEY": "sandbox-key"}


def settings_for(url: str, concurrency: int = 8) -> collector.Settings:
    return collector.Settings(api=collector.Api(base_url=url), limits=collector.Limits(rate=0, concurrency=concurrency))


async def test_every_id_yields_one_outcome_regardless_of_case() -> None:
    inventory = Inventory(50, seed=1)
    ids = list(inventory.ids())
    async with serve(inventory, faults=Faults.parse("500=0.1")) as sandbox:
        outcomes = collector.collect([*ids, ids[0].upper()], settings_for(sandbox.url), environ=KEY)
        found = [outcome async for outcome in outcomes]
    assert sorted(outcome.id for outcome in found) == sorted(ids)
    assert {outcome.kind for outcome in found} == {collector.OutcomeKind.OK}


async def test_a_missing_connection_is_an_outcome() -> None:
    async with serve(Inventory(3, seed=1)) as sandbox:
        other_connection = "00000000-0000-4000-8000-000000000000"
        found = [
            outcome async for outcome in collector.collect([other_connection], settings_for(sandbox.url), environ=KEY)
        ]
    assert [(outcome.kind, outcome.http_status, outcome.record) for outcome in found] == [("not_found", 404, None)]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [("../../x", "item 1 of ids is not a connection id"), (5, "item 1 of ids has type int; ids must be strings")],
)
async def test_an_invalid_id_is_rejected_before_any_request(wrong: Any, why: str) -> None:
    async with serve(Inventory(3, seed=1)) as sandbox:
        outcomes = collector.collect([wrong, *Inventory(3, seed=1).ids()], settings_for(sandbox.url), environ=KEY)
        with pytest.raises(collector.InputError, match=why):
            await anext(outcomes)
        assert sandbox.log.summary().total == 0


async def test_a_rejected_key_is_raised_after_few_requests() -> None:
    inventory = Inventory(100, seed=1)
    async with serve(inventory) as sandbox:
        outcomes = collector.collect(inventory.ids(), settings_for(sandbox.url), environ={"POLYTOMIC_API_KEY": "wrong"})
        with pytest.raises(collector.KeyRefused):
            await anext(outcomes)
        assert sandbox.log.summary().total <= 8 + 1


async def test_an_outage_longer_than_the_limit_is_raised() -> None:
    inventory = Inventory(100, seed=1)
    settings = collector.Settings(limits=collector.Limits(rate=0, outage_limit=1.0, share_quota=False))
    async with serve(inventory, faults=Faults.parse("503=1")) as sandbox:
        outcomes = collector.collect(
            inventory.ids(), replace(settings, api=collector.Api(base_url=sandbox.url)), environ=KEY
        )
        with pytest.raises(collector.RunStopped, match="longer than --outage-limit 1: HTTP 503"):
            await anext(outcomes)


async def test_the_shared_quota_leaves_no_descriptor_open() -> None:
    inventory = Inventory(3, seed=1)
    async with serve(inventory) as sandbox:
        settings = collector.Settings(api=collector.Api(base_url=sandbox.url), limits=collector.Limits(rate=100))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            assert len([one async for one in collector.collect(inventory.ids(), settings, environ=KEY)]) == 3
        assert len(os.listdir("/proc/self/fd")) <= before + 2  # the server closes its ends later


async def test_a_missing_key_is_a_config_error() -> None:
    with pytest.raises(collector.ConfigError, match="no API key"):
        await anext(collector.collect(Inventory(1).ids(), environ={}))


async def test_without_ids_there_are_no_outcomes() -> None:
    assert [outcome async for outcome in collector.collect([], environ=KEY)] == []


async def test_a_consumer_that_stops_early_leaves_no_task_behind() -> None:
    inventory = Inventory(200, seed=1)
    async with serve(inventory, faults=Faults.parse("latency=5ms")) as sandbox:
        before = asyncio.all_tasks()
        async with aclosing(collector.collect(inventory.ids(), settings_for(sandbox.url), environ=KEY)) as outcomes:
            await anext(outcomes)
        assert not [task for task in asyncio.all_tasks() - before if "produce" in repr(task)]
        assert sandbox.log.summary().per_id.ids < 200


async def test_a_slow_consumer_delays_the_requests() -> None:
    inventory = Inventory(100, seed=1)
    async with (
        serve(inventory) as sandbox,
        aclosing(collector.collect(inventory.ids(), settings_for(sandbox.url, 4), environ=KEY)) as outcomes,
    ):
        await anext(outcomes)
        for _ in range(200):  # lets the producer run ahead if it can
            await asyncio.sleep(0)
        assert sandbox.log.summary().total <= 2 * 4 + 1


async def test_the_settings_of_the_output_do_not_apply() -> None:
    """They are about files: the iterator yields every record as it is."""
    output = Output(max_record_bytes=1, configuration_as=ConfigurationAs.STRING, timestamps=Timestamps.STRICT)
    async with serving(answer(connection(ONE, created_at="soon"))) as server:
        settings = replace(settings_for(server.url), output=output)
        [found] = [outcome async for outcome in collector.collect([ONE], settings, environ=KEY)]
    assert found.record is not None
    assert found.record["created_at"] == "soon"
    assert found.record["configuration"]["hostname"] == "db.example"
