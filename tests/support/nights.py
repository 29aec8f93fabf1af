"""Snapshots of several nights, and the history that they imply, computed without the code under test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.cli.collect import run_and_report
from collector.cli.progress import ConsoleReporter
from collector.cli.progress_display import LineDisplay
from collector.model.record import Record
from collector.model.side_tables import TableStatus
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.run.ids.id_input import read_ids
from collector.run.settings import Api, Ids, Limits, Log, Output, Settings, Tables
from collector.sandbox.deployment import Deployment
from collector.sandbox.faults import Faults
from collector.sandbox.server import serve
from tests.support.snapshots import write_snapshot

ORGANIZATION: Final = "00000000-0000-4000-9000-000000000001"
WITH: Final = ("users", "models", "roles")


def connection_id(number: int) -> str:
    """A canonical id."""
    return f"00000000-0000-4000-8000-{number:012x}"


def started_at(night: int) -> str:
    """The start of the run of a night."""
    return f"2026-01-{night:02}T00:00:00.000000Z"


def write_night(
    path: Path,
    night: int,
    connections: Mapping[int, Mapping[str, Any]],
    *,
    of_all: bool = True,
    organization: str | None = ORGANIZATION,
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    table_status: TableStatus = TableStatus.COMPLETE,
) -> Path:
    """Write a finished snapshot of the connections, which are numbered. `of_all` says that these are all."""
    run_id = f"202601{night:02}T000000Z-{night:08x}"
    records = (
        _record({"organization_id": organization, **connection}, number, night, run_id)
        for number, connection in connections.items()
    )
    rows = {name: [{**row, "_run_id": run_id} for row in table] for name, table in (tables or {}).items()}
    return write_snapshot(
        path,
        records,
        rows,
        table_status=table_status,
        run_id=run_id,
        started_at=started_at(night),
        selection={"all": True} if of_all else {},
    )


def _record(connection: Mapping[str, Any], number: int, night: int, run_id: str) -> Record:
    one = connection_id(number)
    return normalize({**connection, "id": one}, one, Redactor(), collected_at=started_at(night), run_id=run_id)[0]


def user(number: int, email: str) -> dict[str, Any]:
    """A row of the side table `users`."""
    return {
        "id": connection_id(number),
        "email": email,
        "organization_id": ORGANIZATION,
        "role": None,
        "role_ids": [],
        "harbor_only": None,
        "harbor_ids": [],
        "extra": {},
        "_collected_at": started_at(1),
        "_run_id": "",
        "_schema": 1,
    }


async def collect_nights(folder: Path, size: int) -> list[Path]:
    """Collect the sandbox on four nights with changes between them. The second run is partial."""
    paths = []
    for night, (generation, faults) in enumerate([(0, ""), (1, "404@connection=0.3"), (1, ""), (2, "")]):
        paths.append(folder / f"night{night}.jsonl")
        deployment = Deployment.of_size(1, size, seed=7, churn=0.15, generation=generation)
        async with serve(deployment, faults=Faults.parse(faults)) as sandbox:
            code = await _collect(paths[-1], sandbox.url, sandbox.key)
        assert code == (3 if faults else 0)
    return paths


async def _collect(path: Path, url: str, key: str) -> int:
    settings = Settings(
        api=Api(base_url=url),
        ids=Ids(all=True),
        limits=Limits(rate=0),
        output=Output(path=str(path)),
        log=Log(quiet=True),
        tables=Tables(include=WITH),
    )
    reporter = ConsoleReporter(LineDisplay())
    return await run_and_report(settings, read_ids([], (), column="id"), reporter, {"POLYTOMIC_API_KEY": key})


class Version(NamedTuple):
    """One version of a row: its values without the `_` columns as JSON, and its validity."""

    key: str
    content: str
    valid_from: str
    valid_to: str | None


def implied_history(snapshots: Iterable[Path], table: str = "") -> set[Version]:
    """The versions that the snapshots imply, in their order."""
    closed: set[Version] = set()
    current: dict[str, Version] = {}
    for path in snapshots:
        manifest = json.loads(path.with_suffix(".manifest.json").read_text())
        file = path.with_suffix(f".{table}.jsonl") if table else path
        moment = manifest["started_at"]
        found = {row["id"]: content_of(row) for row in map(json.loads, file.read_text().splitlines())}
        is_whole = manifest["status"] == "complete" and manifest["source"].get("all", False)
        for key, version in list(current.items()):
            if (is_whole and key not in found) or (key in found and found[key] != version.content):
                closed.add(current.pop(key)._replace(valid_to=moment))
        for key, content in found.items():
            current.setdefault(key, Version(key, content, moment, None))
    return closed | set(current.values())


def content_of(row: Mapping[str, Any]) -> str:
    """The values of a row without its `_` keys, comparable."""
    return json.dumps({name: value for name, value in row.items() if not name.startswith("_")}, sort_keys=True)
