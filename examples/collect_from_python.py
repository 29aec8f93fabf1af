"""Collect from Python: one outcome a connection, as they come.

Runs as it is, against the sandbox API in this process; leave `serve` away and set POLYTOMIC_API_KEY for your own.
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
        types: Counter[str] = Counter()
        async for outcome in collector.collect(inventory.ids(), settings, environ={"POLYTOMIC_API_KEY": sandbox.key}):
            if outcome.record is not None:
                types[outcome.record["status"]] += 1
            else:
                print(outcome.id, outcome.kind, outcome.error)
    print(dict(types))


if __name__ == "__main__":
    asyncio.run(main())
