"""Chooses the column that holds the ids, by the names of the columns. Pure.

Messages list the columns, because they are needed to choose one. A name that contains an id or looks like a key is not
shown: a file without a header begins with data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from collector.client.auth.key_shape import looks_like_api_key
from collector.model.control_chars import printable
from collector.model.ids import ids_in
from collector.run.ids.csv_quoting import strip_quotes
from collector.run.ids.id_cells import UnreadableIds

_USUAL_NAMES: Final = frozenset({"id", "connection_id", "connection id", "connection-id", "connectionid"})
_USUALLY: Final = "'id', 'connection_id' or 'Connection ID'"
_MAX_SHOWN_LENGTH: Final = 40
_MAX_SHOWN_COLUMNS: Final = 20
_LONG_WORD: Final = re.compile(r"(?=[^\s,;]*[0-9])[^\s,;]{20,}")  # with a digit: rather a value than a name


def matching_columns(names: Sequence[str], column: str | None) -> list[int]:
    """The indices of the columns that may hold the ids: those named `column`, else those with a usual name.

    Surrounding spaces and quotes do not count, nor does case unless a name matches `column` exactly.
    """
    bare = [strip_quotes(name) for name in names]
    if column is None:
        return [at for at, name in enumerate(bare) if " ".join(name.casefold().split()) in _USUAL_NAMES]
    for fold in (str, str.casefold):
        found = [at for at, name in enumerate(bare) if fold(name) == fold(column.strip())]
        if found:
            return found
    return []


def require_column(names: Sequence[str], column: str | None) -> int:
    """The index of the column that holds the ids. Raises `UnreadableIds` unless exactly one may hold them."""
    found = matching_columns(names, column)
    if len(found) == 1:
        return found[0]
    if not any(map(strip_quotes, names)):
        raise UnreadableIds("it has no header; a table begins with its column names")
    if not found:
        wanted = _USUALLY if column is None else repr(column)
        raise UnreadableIds(
            f"none of its {len(names)} columns ({_listed(names)}) is named {wanted}; choose one with --ids-column"
        )
    if column is not None or len({strip_quotes(names[at]) for at in found}) == 1:
        raise UnreadableIds(f"{len(found)} of its columns are named {column or names[found[0]]!r}; rename all but one")
    raise UnreadableIds(
        f"{len(found)} of its columns ({_listed([names[at] for at in found])}) may hold the ids; "
        "choose one with --ids-column"
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MAX_SHOWN_COLUMNS
    return ", ".join(map(_shown, names[:_MAX_SHOWN_COLUMNS])) + (f" and {more} more" if more > 0 else "")


def _shown(name: str) -> str:
    name = strip_quotes(name)
    if ids_in(name) or looks_like_api_key(name) or _LONG_WORD.search(name):
        return "(not shown)"
    text = printable(name)
    return f"'{text[:_MAX_SHOWN_LENGTH]}…'" if len(text) > _MAX_SHOWN_LENGTH else f"'{text}'"
