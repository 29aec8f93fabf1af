"""The index of several organizations, which is the manifest of their manifests, and its encoding.

It lists the organizations of one run, each with its status, exit code, account and files. Its own status, exit code and
sums follow from these entries. `checked_index` decodes it.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from collector.model.control_chars import json_escaped
from collector.model.errors import ExitCode
from collector.model.ledger import RequestCount
from collector.model.record import Json
from collector.snapshot.run_account import (
    NO_FACTS,
    RunAccount,
    decode_manifest,
    outcomes_as_json,
    requests_as_json,
    sum_of_inputs,
    sum_of_outcomes,
    sum_of_requests,
)

FORMAT: Final = "collector.organizations/1"


class OrganizationStatus(StrEnum):
    """The status of an organization: that of its manifest, or the reason why it has none."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    STOPPED = "stopped"
    FAILED = "failed"
    NOT_STARTED = "not_started"


_UNFINISHED: Final = {OrganizationStatus.STOPPED, OrganizationStatus.FAILED, OrganizationStatus.NOT_STARTED}


class OrganizationResult(NamedTuple):
    """The end of one organization's run. At least one of `id` and `label` is given; `name` is that in the API's list.

    - `error`: the message of the failure that ended the run.
    - `manifest`: the content of its manifest; None if it ended before it had one.
    - `manifest_path`: None if the manifest was not written, as for a stream.
    - `is_kept`: an earlier, interrupted process of this run had already completed the organization.
    - `requests`: those that its run sent. With a manifest, the count in the manifest applies.
    """

    id: str | None
    label: str | None
    name: str | None
    exit_code: int
    error: str | None = None
    manifest: bytes | None = None
    manifest_path: Path | None = None
    is_started: bool = True
    is_kept: bool = False
    requests: RequestCount | None = None


class IndexReport(NamedTuple):
    """The facts of a run of several organizations that its index records. Times are RFC 3339 UTC.

    `requests` are those outside the organizations, such as those for the list of organizations.
    """

    run_id: str
    version: str
    base_url: str
    api_version: str
    started_at: str
    finished_at: str
    duration_s: float
    requests: RequestCount
    organizations: Sequence[OrganizationResult]


class ManifestEntry(NamedTuple):
    """The manifest of an organization. `path` is relative to the index."""

    path: str
    bytes: int
    sha256: str


class OrganizationEntry(NamedTuple):
    """An organization in an index. `account` repeats its manifest, with paths that are relative to the index."""

    id: str | None
    label: str | None
    name: str | None
    status: OrganizationStatus
    exit_code: int
    error: str | None
    is_kept: bool
    account: RunAccount | None
    manifest: ManifestEntry | None

    @property
    def title(self) -> str:
        """The label or the id, for messages."""
        return self.label or self.id or ""

    @property
    def failed_to_close(self) -> bool:
        """Did its run finish, and then fail to close its files? Its manifest does not state that."""
        return bool(self.error) and self.status not in _UNFINISHED and self.exit_code == ExitCode.OUTPUT

    def as_json(self) -> dict[str, Json]:
        """The entry in an index."""
        account = self.account
        return {
            "id": self.id,
            "label": self.label,
            "name": self.name,
            "status": str(self.status),
            "exit_code": self.exit_code,
            "error": self.error,
            "kept": self.is_kept,
            **(account.facts_as_json() if account else NO_FACTS),
            "manifest": self.manifest._asdict() if self.manifest else None,
            "files": account.files_as_json() if account else [],
        }


class Index(NamedTuple):
    """The organizations of an index. `requests` are those of the run, without those of kept organizations."""

    run_id: str
    requests: RequestCount
    organizations: tuple[OrganizationEntry, ...]

    @property
    def status(self) -> str:
        """`complete` (every organization is, with exit code 0), `stopped` (one did not finish) or `partial`."""
        if any(each.status in _UNFINISHED for each in self.organizations):
            return "stopped"
        is_complete = all((each.status, each.exit_code) == ("complete", 0) for each in self.organizations)
        return "complete" if is_complete else "partial"

    @property
    def exit_code(self) -> int:
        """The exit code of the run."""
        return common_exit_code([each.exit_code for each in self.organizations])

    @property
    def accounts(self) -> list[RunAccount]:
        """The accounts of the organizations that have one."""
        return [each.account for each in self.organizations if each.account]

    def account_as_json(self) -> dict[str, Json]:
        """The numbers of organizations by status, and the sums of their accounts."""
        statuses = Counter(each.status for each in self.organizations)
        return {
            "organizations": {"total": statuses.total(), **{str(each): statuses[each] for each in OrganizationStatus}},
            "input": sum_of_inputs(self.accounts),
            "outcomes": outcomes_as_json(sum_of_outcomes(self.accounts)),
        }


def common_exit_code(codes: Collection[int]) -> int:
    """The exit code of a run of organizations that ended with these: the common one, else 3; 0 without any."""
    first, *others = set(codes) or {int(ExitCode.OK)}
    return int(ExitCode.INCOMPLETE if others else first)


def sent_for(entries: Sequence[OrganizationEntry]) -> list[RequestCount]:
    """The requests of each organization that this process collected."""
    return [each.account.requests for each in entries if each.account and not each.is_kept]


def _without_manifest(results: Sequence[OrganizationResult]) -> list[RequestCount]:
    """The requests of each organization whose run ended before it had a manifest."""
    return [each.requests for each in results if each.requests and each.manifest is None]


def encode(report: IndexReport, path: Path) -> bytes:
    """Encode the index that is written to `path`: paths in it are relative to its folder, with links resolved."""
    folder = os.path.realpath(path.parent)
    results = tuple(map(_as_written, report.organizations))
    entries = tuple(_entry_of(each, folder) for each in results)
    requests = [report.requests, *sent_for(entries), *_without_manifest(results)]
    index = Index(report.run_id, sum_of_requests(requests), entries)
    document: dict[str, Any] = {
        "format": FORMAT,
        "run_id": report.run_id,
        "tool": {"name": "collector", "version": report.version},
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "duration_s": round(report.duration_s, 3),
        "status": index.status,
        "exit_code": index.exit_code,
        "source": {"base_url": report.base_url, "api_version": report.api_version},
        "account": index.account_as_json(),
        "requests": requests_as_json(index.requests),
        "organizations": [entry.as_json() for entry in entries],
    }
    return json_escaped(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _as_written(result: OrganizationResult) -> OrganizationResult:
    """The result without a manifest that lists files and could not be written, such as after a bug."""
    if result.manifest is None or result.manifest_path is not None:
        return result
    account = decode_manifest(result.manifest).account
    return result if account.is_of_stream or not account.paths else result._replace(manifest=None)


def _entry_of(result: OrganizationResult, folder: str) -> OrganizationEntry:
    if result.manifest is None:
        status = OrganizationStatus.FAILED if result.is_started else OrganizationStatus.NOT_STARTED
        return _entry(result, status, None, None)
    found = decode_manifest(result.manifest)
    status = OrganizationStatus(found.status)
    if result.manifest_path is None:  # without a manifest, a stream states the absolute path of its errors file
        return _entry(result, status, found.account.with_paths_from(folder), None)
    path = os.path.relpath(os.path.realpath(result.manifest_path), folder)
    listed = ManifestEntry(path, len(result.manifest), hashlib.sha256(result.manifest).hexdigest())
    return _entry(result, status, found.account.with_paths_through(os.path.dirname(path)), listed)


def _entry(
    result: OrganizationResult, status: OrganizationStatus, account: RunAccount | None, manifest: ManifestEntry | None
) -> OrganizationEntry:
    return OrganizationEntry(
        id=result.id,
        label=result.label,
        name=_encodable(result.name),
        status=status,
        exit_code=int(result.exit_code),
        error=_encodable(result.error),
        is_kept=result.is_kept,
        account=account,
        manifest=manifest,
    )


def _encodable(text: str | None) -> str | None:
    """The text with surrogates escaped, which a message may have from the name of a file."""
    return text and text.encode(errors="backslashreplace").decode()
