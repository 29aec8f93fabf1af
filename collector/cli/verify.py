"""`collector verify`: compare a snapshot with its manifest, or an index with those of its organizations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from collector.cli.console import print_message
from collector.cli.slips import reject_other_file
from collector.model.errors import Damaged, ExitCode, InputError
from collector.snapshot.verified import Verified
from collector.snapshot.verify import verify
from collector.snapshot.verify_index import VerifiedIndex, VerifiedOrganization, is_index_file, verify_index
from collector.warehouse.exports.id_column import read_ids

app = App(
    name="verify",
    usage="collector verify SNAPSHOT",
    help_prologue="""\
Compare a snapshot with its manifest, byte for byte. Sends no requests.

Examples:
  collector verify connections.jsonl
  collector verify organizations.manifest.json""",
    help_epilogue="""\
Exit codes:
  0    the snapshot matches its manifest, or each organization of the index
  2    a file is missing or cannot be read
  8    a file does not match, or has no manifest; the message says why""",
)


@app.default
def verify_snapshot(
    snapshot: Annotated[
        Path,
        Parameter(help="A snapshot; a folder, manifest or part of a partition; or the index of several organizations."),
    ],
    /,
) -> int:
    """Compare a snapshot, or the files of an unfinished run, with the manifest and the errors file beside it.

    The index of several organizations is compared with the files of each of them.
    """
    if is_index_file(snapshot):
        _verify_organizations(snapshot)
        return ExitCode.OK
    reject_other_file(snapshot)
    found = verify(snapshot, read_ids)
    print_message(f"{snapshot}: matches its manifest: {_figures(found)}, {found.status}")
    for note in found.notes:
        print_message(note)
    return ExitCode.OK


def _verify_organizations(index: Path) -> None:
    found = verify_index(index, read_ids)
    for each in found.organizations:
        print_message(f"{each.title}: {_result(each)}")
    if not found.failures:
        print_message(f"{index}: {_sums(found)}")
    for note in found.notes:
        print_message(note)
    _require_no_failure(index, found)


def _require_no_failure(index: Path, found: VerifiedIndex) -> None:
    """Raise `Damaged` for any organization that does not match, else `InputError` for any that cannot be read."""
    if found.failures:
        is_damaged = any(isinstance(each, Damaged) for each in found.failures)
        raise (Damaged if is_damaged else InputError)(
            f"{index}: the files of {len(found.failures)} of {len(found.organizations)} organizations do not match or "
            "cannot be read; do not load these files; the lines above give the next step for each"
        )


def _sums(found: VerifiedIndex) -> str:
    records = sum(each.records for each in found.organizations)
    errors = sum(each.errors for each in found.organizations)
    verdict = "matches its manifests" if found.has_manifests else "its accounts add up"
    return (
        f"{verdict}: {len(found.organizations)} organizations, {records} records, {errors} errors, {found.status}, "
        f"exit code {found.exit_code}"
    )


def _result(found: VerifiedOrganization) -> str:
    """`complete: 12 records, 0 errors, 3456 bytes, sha256 ...`, or why it has no records or does not match."""
    if found.failure:
        verdict = "does not match" if isinstance(found.failure, Damaged) else "cannot be verified"
        return f"{verdict}: {found.failure}"
    status = found.status.replace("_", " ")
    if found.files:
        return f"{status}: {_figures(found.files)}"
    if found.errors_file:
        return f"{status}: {found.records} records, not compared, {found.errors} errors in {found.errors_file}"
    if found.has_account:
        return f"{status}: {found.records} records, {found.errors} errors, not compared"
    return f"{status}, exit code {found.exit_code}" + (f": {found.error}" if found.error else "")


def _figures(found: Verified) -> str:
    errors = f"{found.errors} errors in {found.errors_file}" if found.errors_file else f"{found.errors} errors"
    return f"{found.records} records, {errors}, {found.bytes} bytes, sha256 {found.sha256}"
