"""Measures the cost of redaction: microseconds per record with and without it, and of the token search alone.

The reference record is the example on the endpoint's page of the API. Host, names and ids differ between records, as
in an organization. Runs with and without redaction alternate; the result is the median CPU time of the rounds. Then
the script searches texts of several kinds for issuers' tokens. This script only measures: it has no pass or fail.

python bench/redaction.py [--records 20000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from typing import Any, Final

import orjson

from collector.model.outcome import Masked
from collector.polytomic.normalize import normalize
from collector.redaction.detect.tokens import mask_tokens
from collector.redaction.redactor import Redactor

TEXTS: Final = {
    "name": "Finance warehouse of the EMEA team",
    "host": "postgres-123.eu-central-1.rds.amazonaws.com",
    "url": "https://connect-assets.example.com/logos/postgresql.svg",
    "sql": "SELECT id, email, created_at FROM public.customers WHERE updated_at > :since ORDER BY id LIMIT 1000",
    "error": "dial tcp 10.2.3.4:5432: connect: connection refused (the server closed the connection) after 30s",
    "near": "sk-learn-pipeline re_engagement_campaign_2024 secret_santa_staging s.monthly.report access denied",
}
TEXTS["long"] = " ".join(TEXTS.values()) * 10


class NullRedactor(Redactor):
    """A redactor that does not mask."""

    def redact_configuration(self, configuration: dict[str, Any], type_id: str | None, masked: Masked) -> None:
        pass

    def redact_elsewhere(self, values: dict[str, Any], path: str, masked: Masked) -> None:
        pass

    def redact_texts(self, record: dict[str, Any], masked: Masked) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    bodies = [orjson.dumps(reference(number)) for number in range(options.records)]
    rounds = [(_cost(bodies, Redactor()), _cost(bodies, NullRedactor())) for _ in range(options.rounds)]
    costs = [redacted - plain for redacted, plain in rounds]
    print(f"redaction: {statistics.median(costs):.1f} µs per record ({min(costs):.1f} … {max(costs):.1f})")
    ratio = statistics.median(redacted / plain for redacted, plain in rounds)
    print(f"normalize with redaction: {ratio:.2f} × the time without it")
    for kind, text in TEXTS.items():
        print(f"tokens in {kind} ({len(text)} characters): {_search_cost(text, options.rounds):.2f} µs")


def _cost(bodies: list[bytes], redactor: Redactor) -> float:
    documents = [orjson.loads(body) for body in bodies]
    began = time.process_time()
    for data in documents:
        normalize(data, data["id"], redactor, collected_at="2026-01-02T03:04:05.000000Z", run_id="run")
    return (time.process_time() - began) / len(bodies) * 1e6


def _search_cost(text: str, rounds: int) -> float:
    calls = max(1, 200_000 // len(text))
    costs = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            mask_tokens(text, lambda _secret, _rule: "")
        costs.append((time.process_time() - began) / calls * 1e6)
    return min(costs)


def reference(number: int) -> dict[str, Any]:
    """Return the example connection of the API reference, with names that depend on `number`."""
    actor = {"id": "12345678-1234-1234-1234-123456789012", "name": f"John Doe {number % 50}", "type": "user"}
    return {
        "api_calls_last_24_hours": 2021,
        "configuration": {
            "database": f"example{number}",
            "hostname": f"postgres-{number}.example.com",
            "password": "********",
            "port": 5432,
            "username": "user",
            "ssl": True,
            "ssh": False,
            "client_certs": False,
            "change_detection": False,
        },
        "created_at": "2024-01-15T09:30:00Z",
        "created_by": actor,
        "id": str(uuid.UUID(int=number, version=4)),
        "name": f"My Postgres Connection {number}",
        "organization_id": "248df4b7-aa70-47b8-a036-33ac447e668d",
        "policies": ["248df4b7-aa70-47b8-a036-33ac447e668d"],
        "saved": True,
        "status": "healthy",
        "status_error": "",
        "type": {
            "id": "postgresql",
            "logo_url": "https://connect-assets.polytomic.com/logos/postgresql.svg",
            "name": "PostgreSQL",
            "operations": ["bulksyncsource"],
        },
        "updated_at": "2024-01-15T09:30:00Z",
        "updated_by": dict(actor),
    }


if __name__ == "__main__":
    main()
