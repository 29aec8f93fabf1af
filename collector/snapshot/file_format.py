"""The format of a file of records, derived from its name. Pure."""

from __future__ import annotations

from enum import StrEnum

from collector.storage.compression import compression_of


class FileFormat(StrEnum):
    """The format of a file of records; the value is its suffix without the dot."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def is_converted(self) -> bool:
        """Is a snapshot of this format made from the complete journal of its run?"""
        return self is not FileFormat.JSONL


def format_problem(name: str) -> str | None:
    """The reason why no file may have this name, and the next step: it tells a format and contradicts it."""
    compression = compression_of(name)
    if compression.value and compression.strip(name).lower().endswith(f".{FileFormat.PARQUET}"):
        return "Parquet is compressed inside; end the name in .parquet"
    return None


def strip_format(name: str) -> str:
    """`name`, which has no suffix of a compression, without the suffix of a format."""
    return next((name.removesuffix(f".{each}") for each in FileFormat if name.endswith(f".{each}")), name)


def format_of(name: str) -> FileFormat | None:
    """The format that a name tells, in upper or lower case, before the suffix of a compression. None if it does not.

    Parquet is compressed inside, so `.parquet.gz` is not a name of it.
    """
    compression = compression_of(name)
    bare = compression.strip(name).lower()
    found = next((each for each in FileFormat if bare.endswith(f".{each}")), None)
    return None if found is FileFormat.PARQUET and compression.value else found
