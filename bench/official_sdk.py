"""Fetches the same ids with the asynchronous client of the official SDK.

python official_sdk.py BASE_URL IDS_FILE OUTPUT CONCURRENCY
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from polytomic import AsyncPolytomic


async def fetch_ids(client: AsyncPolytomic, ids: Iterator[str], output: BinaryIO) -> None:
    for connection_id in ids:
        envelope = await client.connections.get(connection_id)
        assert envelope.data is not None
        output.write(envelope.data.json().encode() + b"\n")


async def main(base_url: str, ids_file: str, path: str, concurrency: str) -> None:
    ids = iter(Path(ids_file).read_text().split())  # noqa: ASYNC240  # once, before the first request
    client = AsyncPolytomic(base_url=base_url, token="sandbox-key")
    with open(path, "wb") as output:  # noqa: ASYNC230  # part of the measurement
        await asyncio.gather(*(fetch_ids(client, ids, output) for _ in range(int(concurrency))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
