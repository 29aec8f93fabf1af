"""`collector verify`: compare a snapshot with its manifest, or an index with those of its organizations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from collector.cli.console import print_message
from collector.cli.slips import reject_other_file
from collector.model.errors import ExitCode
from collector.snapshot.verify import Verified, verify
from collector.snapshot.verify_index import VerifiedOrganization, is_index_file, verify_index

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
  0    the snapshot matches its manifest, or the index its manifests
  2    the file is missing or cannot be read
  8    it does not match its manifest, or has none; the message says why""",
)


@app.default
def verify_snapshot(
    snapshot: Annotated[
        Path,
        Parameter(help="The file that collect -o wrote; .gz and .zst too. Or the index of several organizations."),
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
    found = verify(snapshot)
    print_message(f"{snapshot}: matches its manifest: {_figures(found)}, {found.status}")
    for note in found.notes:
        print_message(note)
    return ExitCode.OK


def _verify_organizations(index: Path) -> None:
    found = verify_index(index)
    for each in found.organizations:
        print_message(f"{each.title}: {_result(each)}")
    records = sum(each.records for each in found.organizations)
    errors = sum(each.errors for each in found.organizations)
    print_message(
        f"{index}: matches its manifests: {len(found.organizations)} organizations, {records} records, "
        f"{errors} errors, {found.status}, exit code {found.exit_code}"
    )
    for note in found.notes:
        print_message(note)


def _result(found: VerifiedOrganization) -> str:
    """`complete: 12 records, 0 errors, 3456 bytes, sha256 ...`, or why it has no records."""
    status = found.status.replace("_", " ")
    if found.files:
        return f"{status}: {_figures(found.files)}"
    if found.has_account:
        return f"{status}: {found.records} records, {found.errors} errors, not compared"
    return f"{status}, exit code {found.exit_code}" + (f": {found.error}" if found.error else "")


def _figures(found: Verified) -> str:
    errors = f"{found.errors} errors in {found.errors_file}" if found.errors_file else f"{found.errors} errors"
    return f"{found.records} records, {errors}, {found.bytes} bytes, sha256 {found.sha256}"
