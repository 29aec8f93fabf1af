"""`collector export`: a finished snapshot as Parquet, CSV or JSON Lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from collector.cli.console import print_message
from collector.cli.interrupts import noted_signals
from collector.cli.slips import reject_other_file
from collector.cli.stdout import writing
from collector.model.errors import ExitCode, UsageError
from collector.snapshot.file_format import FileFormat, format_of, format_problem
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.parts import PLACEHOLDER, is_partitioned
from collector.snapshot.sinks.part_files import PART_BYTES, PartLimits
from collector.snapshot.sinks.target import require_free_target
from collector.storage.compression import compression_of
from collector.warehouse.columns import CONNECTIONS
from collector.warehouse.exports.export import Form, export_file, export_parts, export_stream, filled

_STDOUT: Final = "-"

app = App(
    name="export",
    usage="collector export SNAPSHOT -o FILE [OPTIONS]",
    help_prologue="""\
Write a finished snapshot as Parquet, CSV or JSON Lines. Sends no requests.

Examples:
  collector export connections.jsonl -o connections.parquet
  collector export connections.jsonl -o connections.csv.gz
  collector export connections.jsonl --table users -o users.parquet
  collector export connections.jsonl --format csv -o - | head
  collector export connections.jsonl -o 'out/dt={date}/c-{part}.parquet'""",
    help_epilogue="""\
The snapshot is verified on the way. A file that exists stays until the new one
is whole. {date} (of the run), {run_id} and {organization_id} in the path are
those of the snapshot. {part} numbers files of limited size; the file _SUCCESS
follows them, and a folder that has it is not written again.

Exit codes:
  0    the file is written, and the snapshot matches its manifest
  2    usage; the snapshot is missing, unfinished or cannot be read
  6    cannot write
  7    another process writes this file
  8    the snapshot does not match, or has no manifest; the message says why
  129, 130, 141, 143   interrupted by a signal""",
)


@app.default
def export(
    snapshot: Annotated[Path, Parameter(help="A snapshot in JSON Lines; .gz and .zst too.")],
    /,
    *,
    output: Annotated[
        str,
        Parameter(
            name=("--output", "-o"),
            metavar="FILE",
            allow_leading_hyphen=True,
            help="FILE.parquet, FILE.csv or FILE.jsonl, the last two also with .gz or .zst; - is standard output.",
        ),
    ],
    format: Annotated[
        FileFormat | None, Parameter(help="The format, if the name of the output does not tell it.")
    ] = None,
    table: Annotated[str, Parameter(metavar="NAME", help="The side table to write, such as users.")] = CONNECTIONS,
    part_bytes: Annotated[
        int, Parameter(metavar="N", help="With {part} in --output: limit for the bytes of each file; 0 removes it.")
    ] = PART_BYTES,
    part_records: Annotated[
        int, Parameter(metavar="N", help="With {part} in --output: limit for the rows of each file; 0 is no limit.")
    ] = 0,
) -> int:
    """Export one table of a snapshot, and report its size on stderr."""
    _require_limits(output, part_bytes=part_bytes, part_records=part_records)
    form = Form(table, _format(output, format), compression_of(output))
    form.require_usable()
    reject_other_file(snapshot)
    if output == _STDOUT:
        return _to_stdout(snapshot, form)
    target = require_free_target(filled(output, snapshot))
    is_parted, limits = SnapshotPaths(target).is_partitioned, PartLimits(part_bytes, part_records)
    with noted_signals() as check:
        if is_parted:
            done = export_parts(snapshot, target, form, print_message, check, limits=limits)
        else:
            done = export_file(snapshot, target, form, print_message, check)
    where = f" in {done.parts} part{'s' if done.parts != 1 else ''}" if is_parted else ""
    print_message(f"{target}: {done.rows} rows of {table}{where}, {done.bytes} bytes, sha256 {done.sha256}")
    for note in done.verified.notes:
        print_message(note)
    return ExitCode.OK


def _require_limits(output: str, *, part_bytes: int, part_records: int) -> None:
    """Raise `UsageError` for limits of parts that are out of range, or have no effect."""
    limits = {"--part-bytes": (part_bytes, PART_BYTES), "--part-records": (part_records, 0)}
    for option, (value, default) in limits.items():
        if not 0 <= value < 2**53:
            raise UsageError(f"{option}: not from 0 to {2**53 - 1}; correct it")
        if value != default and not is_partitioned(output):
            raise UsageError(
                f"{option}: the name in --output has no {PLACEHOLDER}; write it in, as in "
                f"connections-{PLACEHOLDER}.jsonl"
            )


def _format(output: str, given: FileFormat | None) -> FileFormat:
    """The format of the output. Raises `UsageError` if nothing tells it, or if the name tells another."""
    if problem := format_problem(output):
        raise UsageError(f"--output {output}: {problem}")
    told = format_of(output.rstrip("/"))
    if given is None and told is None:
        raise UsageError(
            f"--output {output}: cannot derive the format from the name; add --format parquet, csv or jsonl, or end "
            "it in .parquet, .csv or .jsonl"
        )
    if given is not None and told is not None and given is not told:
        raise UsageError(f"--output {output}: the name tells {told}, but --format is {given}; change one of the two")
    if given is FileFormat.PARQUET and compression_of(output).value:
        raise UsageError(f"--output {output}: Parquet is compressed inside; remove the suffix of the compression")
    return given or told or FileFormat.JSONL


def _to_stdout(snapshot: Path, form: Form) -> int:
    stdout = sys.stdout
    if stdout is None:
        raise UsageError("standard output is closed; name a file with --output")
    if form.format is FileFormat.PARQUET and stdout.isatty():
        raise UsageError("Parquet is binary, and standard output is a terminal; name a file with --output")
    return writing(partial(_stream, snapshot, stdout.buffer.write, form))


class _Refused(Exception):
    """The system refused to write. Not an OSError, which a reader of the snapshot would take for its own."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def _stream(snapshot: Path, write: Callable[[bytes], object], form: Form) -> None:
    """Export to a stream. Raises the OSError of `write` besides the errors of `export_stream`."""

    def write_or_refuse(block: bytes) -> None:
        try:
            write(block)
        except OSError as error:
            raise _Refused(error) from None

    try:
        verified = export_stream(snapshot, write_or_refuse, form)
    except _Refused as refused:
        raise refused.error from None
    for note in verified.notes:
        print_message(note)
