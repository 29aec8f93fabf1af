"""Observations about one connection: its API calls in the last 24 hours, and the state of its schema cache.

Sources: the API reference's "Get Connection Usage" and "Get Schema Status".
"""

from __future__ import annotations

from collector.model.record import Json
from collector.sandbox.inventory import Inventory
from collector.sandbox.organization import recent_time
from collector.sandbox.syncs import Syncs


def usage(inventory: Inventory, syncs: Syncs, index: int) -> dict[str, Json]:
    """The API calls of a connection in total and, for two thirds of the connections that report any, by sync.

    The total is that of the connection itself. A server that cannot attribute calls reports no syncs.
    """
    entropy = inventory.entropy("usage", index)
    calls = inventory.connection(index)["api_calls_last_24_hours"]
    by_sync = list(syncs.using(index)) if calls is not None and entropy[0] % 3 else []
    return {
        "connectionId": inventory.id_at(index),
        "callsLast24h": calls,
        "reportsSyncStats": bool(by_sync),
        "bySync": [
            _sync_usage(kind, sync, calls // (2 + number), entropy[1]) for number, (kind, sync) in enumerate(by_sync)
        ],
    }


def _sync_usage(kind: str, sync: dict[str, Json], calls: int, share: int) -> dict[str, Json]:
    bulk = calls * share // 256
    return {
        "syncId": sync["id"],
        "syncName": sync["name"],
        "syncType": kind,
        "totalCalls": calls,
        "lastRunAt": sync["updated_at"] if sync["active"] else None,
        "categories": [
            {"key": "bulk", "label": "Bulk API", "calls": bulk},
            {"key": "rest", "label": "REST API", "calls": calls - bulk},
        ],
    }


def schema_status(inventory: Inventory, index: int) -> dict[str, Json]:
    """The state of a connection's schema cache. During a first refresh, or before one, times are missing."""
    entropy = inventory.entropy("schema status", index)
    started = recent_time(1 + entropy[0], entropy)
    if entropy[1] < 10:
        return {"cache_status": "refreshing", "last_refresh_started": started}
    if entropy[1] < 20:
        return {"cache_status": "cached"}
    finished = recent_time(entropy[0], entropy)
    return {"cache_status": "fresh", "last_refresh_started": started, "last_refresh_finished": finished}
