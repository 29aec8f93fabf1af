"""Verify that a snapshot matches its manifest. Reads every byte, writes no file and sends no request.

It compares:

- each line with the schema, the form of records and the run id, and that no id occurs twice;
- the number of records and bytes, and the digest;
- the masked values, the organization and the shape of the records;
- the errors file with the counted outcomes;
- the rows, bytes and digest of each side table;
- the ids of records and errors with the digest of the requested ids;
- the manifest's status and exit code with its own account.
"""

from __future__ import annotations

from pathlib import Path

from collector.snapshot.converted import IdColumn, verify_converted
from collector.snapshot.reader import open_any, read_manifest_of_file
from collector.snapshot.verified import Verified


def verify(path: Path, read_ids: IdColumn | None = None) -> Verified:
    """Compare the snapshot at `path`, compressed or not, with the manifest, errors file and side tables beside it.

    The `partial` files of an unfinished or quarantined run are compared with their own manifest. In a snapshot of
    another format than JSON Lines, `read_ids` reads the ids: see `converted`.

    Raises `Damaged` with the first mismatch and its position, and `InputError` for files that cannot be read.
    """
    if read_ids is not None and (checked := read_manifest_of_file(path)).files.format.is_converted:
        return verify_converted(checked, read_ids)
    with open_any(path) as reader:
        return reader.finish()
