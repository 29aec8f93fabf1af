"""The baseline, a minimal loop: reads, parses and writes, without limits, retries or accounting.

python plain_loop.py BASE_URL IDS_FILE OUTPUT CONCURRENCY
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import aiohttp
import orjson


async def fetch_ids(session: aiohttp.ClientSession, base_url: str, ids: Iterator[str], output: BinaryIO) -> None:
    for connection_id in ids:
        async with session.get(f"{base_url}/api/connections/{connection_id}") as response:
            document = orjson.loads(await response.read())
        output.write(orjson.dumps(document["data"]) + b"\n")


async def main(base_url: str, ids_file: str, path: str, concurrency: str) -> None:
    ids = iter(Path(ids_file).read_text().split())  # noqa: ASYNC240  # once, before the first request
    headers = {"Authorization": "Bearer sandbox-key", "X-Polytomic-Version": "2025-09-18"}
    with open(path, "wb") as output:  # noqa: ASYNC230  # part of the measurement
        async with aiohttp.ClientSession(headers=headers) as session:
            await asyncio.gather(*(fetch_ids(session, base_url, ids, output) for _ in range(int(concurrency))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
