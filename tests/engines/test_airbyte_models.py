"""Airbyte's own models accept every message of the source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.model.side_tables import SIDE_TABLES
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.conftest import Calling
from tests.engines.foreign import program, run

pytestmark = pytest.mark.engines

VALIDATE = """
import collections, json, sys
from airbyte_protocol.models import AirbyteMessage, ConfiguredAirbyteCatalog

if len(sys.argv) > 1:
    ConfiguredAirbyteCatalog.parse_file(sys.argv[1])
counts = collections.Counter()
for line in sys.stdin:
    sent = json.loads(line)
    message = AirbyteMessage.parse_obj(sent)
    unknown = sent[{"CONNECTION_STATUS": "connectionStatus"}.get(sent["type"], sent["type"].lower())].keys() - set(
        getattr(message, {"CONNECTION_STATUS": "connectionStatus"}.get(sent["type"], sent["type"].lower())).__fields__
    )
    assert not unknown, unknown
    counts[message.type.value] += 1
print(json.dumps(counts))
"""


def counts(messages: bytes, folder: Path, *arguments: str) -> dict[str, int]:
    """The number of messages by type, once the models have accepted them."""
    found: dict[str, int] = json.loads(
        run([program("airbyte"), "-c", VALIDATE, *arguments], folder=folder, env={}, stdin=messages)
    )
    return found


async def test_every_message_of_every_command_is_valid(call: Calling, tmp_path: Path) -> None:
    command = ("tap", "--output-format", "airbyte")
    path = tmp_path / "config.json"
    async with serve(Inventory(80, seed=4)) as sandbox:
        path.write_text(json.dumps({"base_url": sandbox.url, "rate": 0, "api_key": SANDBOX_KEY}))
        path.chmod(0o600)
        spec = await call(*command, "spec")
        check = await call(*command, "check", "--config", "config.json")
        catalog = await call(*command, "discover")
        streams = json.loads(catalog.out)["catalog"]["streams"]
        both = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        (tmp_path / "catalog.json").write_text(json.dumps({"streams": [{"stream": each, **both} for each in streams]}))
        read = await call(*command, "read", "--config", "config.json", "--catalog", "catalog.json")
    assert read.code == 0, read.err
    assert counts(spec.out, tmp_path) == {"SPEC": 1}
    assert counts(check.out, tmp_path) == {"CONNECTION_STATUS": 1}
    assert counts(catalog.out, tmp_path) == {"CATALOG": 1}
    found = counts(read.out, tmp_path, "catalog.json")
    not_empty = {each["record"]["stream"] for each in map(json.loads, read.out.splitlines()) if "record" in each}
    assert found["RECORD"] > 80 * 2
    assert found["STATE"] == len(SIDE_TABLES) + 1
    assert found["TRACE"] == 2 * (len(SIDE_TABLES) + 1) + len(not_empty)  # an empty stream is never RUNNING


async def test_the_messages_of_a_partial_run_and_of_a_refused_key_are_valid(call: Calling, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for key, faults, traces in ((SANDBOX_KEY, "404=0.3", 4), ("another-key-0123456789", "", 1)):
        async with serve(Inventory(60, seed=4), faults=Faults.parse(faults)) as sandbox:
            path.write_text(json.dumps({"base_url": sandbox.url, "rate": 0, "api_key": key}))
            path.chmod(0o600)
            done = await call("tap", "--output-format", "airbyte", "read", "--config", "config.json")
        assert done.code != 0
        assert counts(done.out, tmp_path)["TRACE"] == traces
