"""Files of several organizations, written by the file sink, and their index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector.model.errors import ExitCode
from collector.model.ids import IdSet
from collector.model.ledger import InputCount, Ledger, RequestCount, exit_code_of
from collector.model.outcome import Outcome
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import encode as manifest_of
from collector.snapshot.organizations_index import IndexReport, OrganizationResult
from collector.snapshot.organizations_index import encode as index_of
from collector.snapshot.sinks.resume import Resume, RunHeader
from collector.snapshot.sinks.target import sink_for
from collector.snapshot.verify_index import VerifiedIndex, verify_index
from tests.snapshot.test_crash_states import outcome
from tests.support.encoded import encoded
from tests.support.reports import AT, report
from tests.support.scripted_server import ids

RUN = report().run_id
INDEX = "organizations.manifest.json"


def outcomes_of(organization_id: str, wanted: Sequence[str], run_id: str = RUN) -> list[Outcome]:
    """An outcome for each id, whose record belongs to the organization."""
    found = [outcome(one, run_id) for one in wanted]
    return [
        each._replace(record={**each.record, "organization_id": organization_id}) if each.record else each
        for each in found
    ]


async def collect_organization(
    path: Path, organization_id: str, wanted: Sequence[str], *, run_id: str = RUN, stops_after: int | None = None
) -> OrganizationResult:
    """Write the files of one organization, published or, if its run stops after some ids, unfinished."""
    sink = sink_for(str(path), errors=None, manifest=None, warn=lambda _: None, backlog=1, resume=Resume.AUTO)
    id_set, ledger = IdSet(), Ledger(InputCount(unique=len(wanted)), RequestCount(sent=len(wanted)))
    for one in wanted:
        id_set.add(one)
    is_finished = stops_after is None
    await sink.open()
    await sink.begin(RunHeader(run_id, AT, id_set.digest(), "https://api.example", "2025-09-18", 1), id_set)
    for each in outcomes_of(organization_id, wanted, run_id)[:stops_after]:
        sink.writer.put(*encoded(each))
        ledger.add(each)
    await sink.writer.finish(is_complete=is_finished)
    ledger.reconcile(finished=is_finished, written=sink.writer.committed)
    code = int(exit_code_of(ledger) if is_finished else ExitCode.STOPPED)
    facts: dict[str, Any] = {"finished": is_finished, "exit_code": code, "ids_digest": id_set.digest()}
    run_report = report(ledger, run_id=run_id, organization_id=organization_id, **facts)
    manifest = manifest_of(run_report, sink.file_entries(finished=is_finished))
    await (sink.publish(manifest) if is_finished else sink.leave(manifest))
    await sink.close()
    paths = SnapshotPaths(path)
    error = None if is_finished else "stopped by SIGTERM"
    return OrganizationResult(
        *(organization_id, None, f"Organization {organization_id[:8]}", code, error, manifest),
        manifest_path=paths.manifest if is_finished else paths.partial_manifest,
    )


def as_stream(result: OrganizationResult, errors: Path | None = None) -> OrganizationResult:
    """The result of an organization as if its records had gone to a stream, and its errors, if any, to this file."""
    manifest = json.loads(result.manifest or b"")
    for entry, path in zip(manifest["files"], filter(None, ("-", errors)), strict=True):
        entry["path"] = str(path)
    return result._replace(manifest=json.dumps(manifest).encode(), manifest_path=None)


def write_index(path: Path, organizations: Sequence[OrganizationResult]) -> Path:
    """Write the index of organizations that were collected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    index_report = IndexReport(
        *(RUN, "1.2.3", "https://api.example", "2025-09-18", AT, AT, 1.0),
        requests=RequestCount(sent=1),
        organizations=organizations,
    )
    path.write_bytes(index_of(index_report, path))
    return path


FIRST, SECOND, THIRD, FOURTH = ids(4, 900)


async def collect_organizations(folder: Path) -> Path:
    """Four organizations: a complete one, one with an errors file, one that stopped, and one whose key was refused."""
    failed = OrganizationResult(FOURTH, "fourth", None, 4, "the API rejects the key")
    return write_index(
        folder / INDEX,
        [
            await collect_organization(folder / FIRST / "c.jsonl.gz", FIRST, ids(3)),
            await collect_organization(folder / f"{SECOND}.jsonl", SECOND, ids(5)),
            await collect_organization(folder / f"{THIRD}.jsonl", THIRD, ids(3), stops_after=2),
            failed,
        ],
    )


def require_match(index: Path) -> VerifiedIndex:
    """Verify an index. Raises the first failure, of the index or of an organization."""
    found = verify_index(index)
    for failure in found.failures:
        raise failure
    return found
