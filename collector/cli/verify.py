"""`collector verify`: does a snapshot still match its manifest?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from collector.cli.console import print_message
from collector.model.errors import ExitCode
from collector.snapshot.verify import verify

app = App(
    name="verify",
    help_epilogue=(
        "Reads every byte, packed or not, and sends nothing. Exit codes: 0 it matches; 8 it does not, and standard "
        "error says where first; 2 it cannot be read."
    ),
)


@app.default
def verify_snapshot(snapshot: Annotated[Path, Parameter(help="The file that collect wrote with -o.")], /) -> int:
    """Compare a snapshot, or what an unfinished run left, with the manifest and the errors file beside it."""
    found = verify(snapshot)
    errors = f"{found.errors} errors in {found.errors_file}" if found.errors_file else f"{found.errors} errors"
    print_message(
        f"{snapshot}: matches its manifest: {found.records} records, {errors}, {found.bytes} bytes, "
        f"sha256 {found.sha256}, {found.status}"
    )
    for note in found.notes:
        print_message(note)
    return ExitCode.OK
