"""`collector verify`: compare a snapshot with its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from collector.cli.console import print_message
from collector.cli.slips import reject_other_file
from collector.model.errors import ExitCode
from collector.snapshot.verify import verify

app = App(
    name="verify",
    usage="collector verify SNAPSHOT",
    help_prologue="""\
Compare a snapshot with its manifest, byte for byte. Sends no requests.

Example:
  collector verify connections.jsonl""",
    help_epilogue="""\
Exit codes:
  0    the snapshot matches its manifest
  2    the file is missing or cannot be read
  8    it does not match its manifest, or has none; the message says why""",
)


@app.default
def verify_snapshot(
    snapshot: Annotated[Path, Parameter(help="The file that collect -o wrote; .gz and .zst too.")], /
) -> int:
    """Compare a snapshot, or the files of an unfinished run, with the manifest and the errors file beside it."""
    reject_other_file(snapshot)
    found = verify(snapshot)
    errors = f"{found.errors} errors in {found.errors_file}" if found.errors_file else f"{found.errors} errors"
    print_message(
        f"{snapshot}: matches its manifest: {found.records} records, {errors}, {found.bytes} bytes, "
        f"sha256 {found.sha256}, {found.status}"
    )
    for note in found.notes:
        print_message(note)
    return ExitCode.OK
