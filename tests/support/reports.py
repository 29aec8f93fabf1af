"""Fake run reports, for tests that vary one value of a manifest."""

from __future__ import annotations

from typing import Any

from collector.model.ledger import Ledger
from collector.model.throughput import Throughput
from collector.snapshot.manifest import RunReport

AT = "2026-01-01T00:00:00.000000Z"


def report(ledger: Ledger | None = None, **changes: Any) -> RunReport:
    """The report of a finished run, with `changes` to its fields."""
    return RunReport(
        **{
            "run_id": "20260101T000000Z-0badcafe",
            "version": "1.2.3",
            "base_url": "https://app.polytomic.com",
            "api_version": "2025-09-18",
            "ids_digest": "d" * 64,
            "started_at": AT,
            "finished_at": AT,
            "duration_s": 1.0,
            "ledger": ledger or Ledger(),
            "finished": True,
            "exit_code": 0,
            "pace": Throughput(),
            **changes,
        }
    )
