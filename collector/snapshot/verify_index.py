"""Verify that the index of several organizations matches their manifests, and these their files.

It compares the parts of the index with each other, each entry with the manifest that it lists, and each manifest with
its files, as `verify` does. Of records that went to a stream, it compares the errors file with the entry.
Reads every byte, writes no file and sends no request.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from collector.model.errors import Damaged, InputError
from collector.model.outcome import OutcomeKind
from collector.model.record import Json
from collector.snapshot.checked_index import decode, is_index
from collector.snapshot.converted import IdColumn
from collector.snapshot.errors_file import check_errors_of_stream
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import FileSet, Stage, file_sets
from collector.snapshot.organizations_index import Index, ManifestEntry, OrganizationEntry
from collector.snapshot.run_account import RunAccount, RunEnd, decode_manifest
from collector.snapshot.snapshot_file import open_regular, reject
from collector.snapshot.verified import Verified
from collector.snapshot.verify import verify

_START_BYTES: Final = 4096
_MAX_TITLE_CHARS: Final = 200
_REMEDY: Final = "restore the index or collect all organizations again"
_RESTORE: Final = "restore the manifest or collect again"
_RESUMED: Final = "a later run may have resumed the organization, so the index is out of date"


class VerifiedOrganization(NamedTuple):
    """The result for an organization: `records` and `errors` are 0 if it ended before it had an account.

    `files` are its files that were compared; None if it has no manifest. If its records went to a stream, `errors_file`
    was compared. With a `failure` its files do not match, or cannot be read.
    """

    title: str
    status: str
    exit_code: int
    error: str | None
    has_account: bool
    records: int
    errors: int
    files: Verified | None
    errors_file: Path | None = None
    failure: Damaged | InputError | None = None


class VerifiedIndex(NamedTuple):
    """The result for an index that does not contradict itself. `notes` state what could not be compared."""

    status: str
    exit_code: int
    organizations: tuple[VerifiedOrganization, ...]
    notes: tuple[str, ...]

    @property
    def failures(self) -> list[Damaged | InputError]:
        """The failures of the organizations that have one."""
        return [each.failure for each in self.organizations if each.failure]

    @property
    def has_manifests(self) -> bool:
        """Has any organization been compared with its manifest?"""
        return any(each.files for each in self.organizations)


def is_index_file(path: Path) -> bool:
    """Does the file at `path` claim to be an index? False for a file that cannot be read."""
    try:
        return os.path.isfile(path) and _starts_as_index(path)
    except (OSError, ValueError):
        return False


def _starts_as_index(path: Path) -> bool:
    with path.open("rb") as file:
        return is_index(file.read(_START_BYTES))


def verify_index(path: Path, read_ids: IdColumn | None = None) -> VerifiedIndex:
    """Compare the index at `path` with the manifests that it lists, and each of these with its files.

    A failure of an organization is part of its result. Raises `Damaged` for an index that is malformed or contradicts
    itself, and `InputError` for one that cannot be read.
    """
    index = _read(path)
    folder = (Path(os.path.realpath(path)) if os.path.islink(path) else path).parent
    organizations = tuple(_verified(each, path, folder, read_ids) for each in index.organizations)
    file_notes = [note for each in organizations if each.files for note in each.files.notes]
    notes = (*_notes_on_accounts(path, index), *file_notes)
    return VerifiedIndex(index.status, index.exit_code, organizations, notes)


def _read(path: Path) -> Index:
    with open_regular(path) as file:
        content = file.file.read()
    try:
        return decode(content)
    except Malformed as why:
        reject(path, f"{why}, so the index cannot be verified", _REMEDY)


def _notes_on_accounts(path: Path, index: Index) -> Iterator[str]:
    """Notes on the organizations whose records were not compared."""
    without = [each for each in index.organizations if each.account and not each.manifest]
    if streams := sum(each.account is not None and each.account.is_of_stream for each in without):
        yield (
            f"{path}: the records of {streams} organizations were not compared, because they went to a stream; to "
            "verify records, collect with -o FILE"
        )
    for each in without:
        if each.account and not each.account.is_of_stream:
            yield f"{path}: organization {_title(each)} left no files, so only its account was checked"


def _verified(entry: OrganizationEntry, index: Path, folder: Path, read_ids: IdColumn | None) -> VerifiedOrganization:
    account, files, errors_file, failure = entry.account, None, None, None
    try:
        files = _verified_files(entry, index, folder, read_ids)
        errors_file = _verified_errors(account, folder)
    except (Damaged, InputError) as why:
        failure = why
    return VerifiedOrganization(
        title=_title(entry),
        status=str(entry.status),
        exit_code=entry.exit_code,
        error=entry.error,
        has_account=account is not None,
        records=account.outcomes[OutcomeKind.OK] if account else 0,
        errors=account.ledger.failed if account else 0,
        files=files,
        errors_file=errors_file,
        failure=failure,
    )


def _title(entry: OrganizationEntry) -> str:
    return entry.title[:_MAX_TITLE_CHARS]


def _verified_errors(account: RunAccount | None, folder: Path) -> Path | None:
    """The errors file of records that went to a stream, compared with its entry; None without one."""
    if account is None or account.errors_of_stream is None:
        return None
    path = folder / account.errors_of_stream.path
    check_errors_of_stream(path, account.errors_of_stream, account.failed)
    return path


def _verified_files(entry: OrganizationEntry, index: Path, folder: Path, read_ids: IdColumn | None) -> Verified | None:
    """The files of an organization, compared with each other; None without a manifest."""
    listed = _listed(entry, index, folder)
    return listed and _verify(listed, read_ids)


class _Listed(NamedTuple):
    """An entry of the index, and the files that it lists."""

    index_path: Path
    entry: OrganizationEntry
    account: RunAccount
    manifest: ManifestEntry
    files: FileSet


def _listed(entry: OrganizationEntry, index: Path, folder: Path) -> _Listed | None:
    """The files of an organization that has a manifest. Raises `Damaged` unless its name is that which they imply."""
    account, manifest = entry.account, entry.manifest
    if account is None or manifest is None:
        return None
    if not (account.files and Path(account.files[0].path).name):
        reject(index, f"lists the manifest {manifest.path}, but no records", _REMEDY)
    sets = file_sets(folder / account.files[0].path)
    files = next((each for each in sets if os.path.lexists(each.manifest)), sets[0])
    if files.manifest != folder / manifest.path:
        reject(index, f"lists {manifest.path} as the manifest of {files.records}, not {files.manifest}", _REMEDY)
    return _Listed(index, entry, account, manifest, files)


def _verify(listed: _Listed, read_ids: IdColumn | None) -> Verified:
    _require_same_facts(listed, _read_manifest(listed))
    return verify(listed.files.records, read_ids)


def _read_manifest(listed: _Listed) -> RunEnd:
    """The manifest, which has the size and the digest that the index states."""
    path = listed.files.manifest
    if not os.path.lexists(path):
        _reject_missing(listed)
    with open_regular(path) as file:
        content = file.file.read()
    try:
        found = decode_manifest(content)
    except Malformed as why:
        reject(path, f"{why}, so the organization cannot be verified", _RESTORE)
    if (len(content), hashlib.sha256(content).hexdigest()) != (listed.manifest.bytes, listed.manifest.sha256):
        _reject_changed(listed, found)
    return found


def _reject_missing(listed: _Listed) -> NoReturn:
    path = listed.files.manifest
    if listed.files.stage is Stage.PUBLISHED:
        reject(path, "does not exist, so the organization cannot be verified", _RESTORE)
    reject(path, f"does not exist; {_RESUMED}", _remedy(listed))


def _reject_changed(listed: _Listed, found: RunEnd) -> NoReturn:
    path, run_id = listed.files.manifest, listed.account.run_id
    if found.account.run_id != run_id:
        later = f"belongs to run {found.account.run_id}, and the index lists run {run_id}"
        reject(path, f"{later}; another run replaced the files, so the index is out of date", _remedy(listed))
    if listed.files.stage is not Stage.PUBLISHED:
        reject(path, f"differs from the index; {_RESUMED}", _remedy(listed))
    reject(path, f"bytes 0 to {path.stat().st_size}: its size or SHA-256 digest is not that in the index", _RESTORE)


def _remedy(listed: _Listed) -> str:
    """The next step for an index that is out of date."""
    name = listed.files.listed_records.removesuffix(".partial")
    snapshot = listed.files.records.with_name(name)
    return f"collect all organizations again, or verify {snapshot} alone"


def _require_same_facts(listed: _Listed, found: RunEnd) -> None:
    """Raise `Damaged` unless the entry repeats the manifest."""
    entry, account = listed.entry, found.account.with_paths_through(os.path.dirname(listed.manifest.path))
    stated = {"status": str(entry.status), "exit_code": entry.exit_code, **_facts(listed.account)}
    expected = {"status": found.status, "exit_code": found.exit_code, **_facts(account)}
    if entry.failed_to_close:
        stated["exit_code"] = found.exit_code
    for key, value in expected.items():
        if stated[key] != value:
            reject(listed.index_path, f"{key}: not that of {listed.files.manifest}", _REMEDY)


def _facts(account: RunAccount) -> dict[str, Json]:
    return {**account.facts_as_json(), "files": account.files_as_json()}
