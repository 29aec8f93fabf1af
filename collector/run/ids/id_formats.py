"""The formats of ids files, and how a name or the first characters determine one. Pure."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from collector.model.id_notation import written_id
from collector.model.json_array import begins_envelope
from collector.run.ids.table_header import begins_table


class IdsFormat(StrEnum):
    """The format of an ids file; `auto` determines it by name or content."""

    AUTO = "auto"
    TEXT = "text"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    JSON = "json"
    PARQUET = "parquet"


PARQUET_MAGIC: Final = b"PAR1"

_BY_SUFFIX: Final = {
    ".csv": IdsFormat.CSV,
    ".tsv": IdsFormat.TSV,
    ".tab": IdsFormat.TSV,
    ".jsonl": IdsFormat.JSONL,
    ".ndjson": IdsFormat.JSONL,
    ".json": IdsFormat.JSON,
    ".parquet": IdsFormat.PARQUET,
    ".pq": IdsFormat.PARQUET,
}
_ARRAY: Final = re.compile(r'\[\s*(?:["{\]]|\Z)')  # `[` may also begin a heading or a range in a text


def format_named(name: str) -> IdsFormat:
    """The format that the suffix of a name without compression stands for; `AUTO` for any other suffix."""
    return _BY_SUFFIX.get(PurePath(name.lower()).suffix, IdsFormat.AUTO)


def format_of_content(start: str, column: str | None) -> IdsFormat:
    """The format of a text that begins with `start`; `column` names the column of ids in a table."""
    bare = start.lstrip()
    if _ARRAY.match(bare) or begins_envelope(bare):
        return IdsFormat.JSON
    if bare.startswith("{") and written_id(_first_line(bare)) is None:
        return IdsFormat.JSONL
    return IdsFormat.CSV if begins_table(bare, column) else IdsFormat.TEXT


def format_of_json(start: str) -> IdsFormat:
    """The format of a `.json` file that begins with `start`: many programs give this suffix to JSON Lines too."""
    bare = start.lstrip()
    is_lines = bare.startswith("{") and not begins_envelope(bare) and _is_object(_first_line(bare))
    return IdsFormat.JSONL if is_lines else IdsFormat.JSON


def _first_line(text: str) -> str:
    return re.split(r"[\r\n]", text, maxsplit=1)[0]


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line, strict=False, parse_int=str), dict)
    except (ValueError, RecursionError):
        return False
