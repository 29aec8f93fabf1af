"""The index of several organizations, decoded and checked: its parts agree with each other. Pure."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from collector.model.errors import ExitCode
from collector.model.ledger import RequestCount, exit_code_of, status_of
from collector.model.record import Json
from collector.snapshot.json_document import JsonNode, parse
from collector.snapshot.organizations_index import (
    FORMAT,
    Index,
    ManifestEntry,
    OrganizationEntry,
    OrganizationStatus,
    sent_for,
)
from collector.snapshot.run_account import REQUEST_COUNTS, RunAccount, decode_account, decode_requests, sum_of_requests

_START: Final = re.compile(rb'\s*\{\s*"format"\s*:\s*"collector\.organizations/')
_WITHOUT_ACCOUNT: Final = {OrganizationStatus.FAILED, OrganizationStatus.NOT_STARTED}


def is_index(start: bytes) -> bool:
    """Does a file that starts with these bytes claim to be an index? Its first key is `format`."""
    return _START.match(start) is not None


def decode(content: bytes) -> Index:
    """Decode an index and check that its parts agree. Raises only `Malformed`."""
    found = parse(content)
    if found["format"].value != FORMAT:
        found["format"].reject(f"not {FORMAT}")
    _require_run_facts(found)
    entries = found["organizations"].elements()
    organizations = tuple(map(_organization, entries))
    _require_distinct(entries, organizations)
    index = Index(found["run_id"].text(), decode_requests(found["requests"]), organizations)
    _require_derived(found, index)
    return index


def _require_run_facts(found: JsonNode) -> None:
    """Raise `Malformed` unless the facts about the run are present and have the expected types."""
    tool, source = found["tool"], found["source"]
    for text in (tool["name"], tool["version"], source["base_url"], source["api_version"]):
        text.text()
    for timestamp in (found["started_at"], found["finished_at"]):
        timestamp.utc()
    found["duration_s"].seconds()


def _organization(found: JsonNode) -> OrganizationEntry:
    entry = OrganizationEntry(
        id=_text_or_none(found["id"]),
        label=_text_or_none(found["label"]),
        name=_text_or_none(found["name"]),
        status=_status(found["status"]),
        exit_code=found["exit_code"].count(),
        error=_text_or_none(found["error"]),
        is_kept=found["kept"].flag(),
        account=decode_account(found),
        manifest=_manifest(found["manifest"]),
    )
    _require_consistent(found, entry)
    return entry


def _text_or_none(found: JsonNode) -> str | None:
    return None if found.value is None else found.text()


def _status(found: JsonNode) -> OrganizationStatus:
    if (status := found.text()) not in set(OrganizationStatus):
        found.reject("not a status of an organization")
    return OrganizationStatus(status)


def _manifest(found: JsonNode) -> ManifestEntry | None:
    if found.value is None:
        return None
    return ManifestEntry(found["path"].path(), found["bytes"].count(), found["sha256"].text())


def _require_consistent(found: JsonNode, entry: OrganizationEntry) -> None:
    """Raise `Malformed` unless the parts of the entry agree with each other."""
    if not entry.title:
        found.reject("has neither an id nor a label")
    if entry.account is None:
        _require_no_run(found, entry)
    else:
        _require_account(found, entry, entry.account)
    if entry.status is not OrganizationStatus.COMPLETE and entry.exit_code == ExitCode.OK:
        found["exit_code"].reject(f"0, but the organization is {entry.status}")


def _require_no_run(found: JsonNode, entry: OrganizationEntry) -> None:
    if entry.status not in _WITHOUT_ACCOUNT:
        found["status"].reject(f"{entry.status}, but the organization has no account")
    if entry.manifest is not None:
        found["manifest"].reject("has a value, but the organization has no account")
    if entry.is_kept:
        found["kept"].reject("true, but the organization has no account")


def _require_account(found: JsonNode, entry: OrganizationEntry, account: RunAccount) -> None:
    if entry.status in _WITHOUT_ACCOUNT:
        found["status"].reject(f"{entry.status}, but the organization has an account")
    if entry.id and account.organization_id and entry.id.lower() != account.organization_id.lower():
        found["organization_id"].reject(f"the records belong to {account.organization_id}, not to {entry.id}")
    if not account.adds_up:
        found["input"].reject("does not add up with the outcomes")
    if entry.manifest is None and account.paths and not account.is_of_stream:
        found["manifest"].reject("null, but the organization has files")
    if entry.status is OrganizationStatus.STOPPED:
        return
    status, code = status_of(account.ledger, finished=True), exit_code_of(account.ledger)
    if entry.status != status:
        found["status"].reject(f"{entry.status}, but the account implies {status}")
    if entry.exit_code != code and not entry.failed_to_close:
        found["exit_code"].reject(f"{entry.exit_code}, but the account implies {code:d}")


def _require_distinct(entries: Sequence[JsonNode], organizations: Sequence[OrganizationEntry]) -> None:
    """Raise `Malformed` if two organizations have the same id, label or file."""
    known: set[Hashable] = set()
    for found, entry in zip(entries, organizations, strict=True):
        for noun, value in _identities(entry):
            if (noun, value) in known:
                found.reject(f"has the {noun} {value}, which the index lists twice")
            known.add((noun, value))


def _identities(entry: OrganizationEntry) -> Iterator[tuple[str, str]]:
    yield from (("id", entry.id),) if entry.id else ()
    yield from (("label", entry.label),) if entry.label else ()
    yield from (("file", entry.manifest.path),) if entry.manifest else ()
    yield from (("file", path) for path in (entry.account.paths if entry.account else ()))


def _require_derived(found: JsonNode, index: Index) -> None:
    """Raise `Malformed` unless the status, the exit code and the sums follow from the organizations."""
    if found["status"].text() != index.status:
        found["status"].reject(f"not {index.status}, which follows from the organizations")
    if found["exit_code"].count() != index.exit_code:
        found["exit_code"].reject(f"not {index.exit_code}, which follows from the organizations")
    account = found["account"]
    for part, sums in index.account_as_json().items():
        _require_sums(account[part], sums)
    _require_sum_of_requests(found["requests"], index)


def _require_sums(found: JsonNode, sums: Json) -> None:
    for key, count in sums.items():
        if found[key].count() != count:
            found[key].reject(f"not {count}, which is the sum of the organizations")


def _require_sum_of_requests(found: JsonNode, index: Index) -> None:
    """The run also sent requests outside the organizations, so that it has at least those of the organizations."""
    sent = sum_of_requests(sent_for(index.organizations))
    if not _covers(index.requests, sent):
        found.reject("fewer than those of the organizations")


def _covers(total: RequestCount, part: RequestCount) -> bool:
    has_all = all(getattr(total, key) >= getattr(part, key) for key in REQUEST_COUNTS)
    return has_all and total.by_status >= part.by_status
