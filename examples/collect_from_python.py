"""Collect from Python: iterate over one outcome per connection, in the order of arrival.

Runs without changes against the sandbox API in this process. For your own data, omit `serve` and set POLYTOMIC_API_KEY.
"""

import asyncio
from collections import Counter

import collector
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve


async def main() -> None:
    inventory = Inventory(100, seed=7)
    async with serve(inventory, faults=Faults.parse("500=0.05")) as sandbox:
        settings = collector.Settings(
            api=collector.Api(base_url=sandbox.url),
            limits=collector.Limits(rate=200, concurrency=8),
        )
        statuses: Counter[str] = Counter()
        async for outcome in collector.collect(inventory.ids(), settings, environ={"POLYTOMIC_API_KEY": sandbox.key}):
            if outcome.record is not None:
                statuses[outcome.record["status"]] += 1
            else:
                print(outcome.id, outcome.kind, outcome.error)
    print(dict(statuses))


if __name__ == "__main__":
    asyncio.run(main())
