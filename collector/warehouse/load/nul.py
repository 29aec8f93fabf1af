r"""NUL characters, which Postgres cannot store: each becomes the six characters `\u0000`, in text and in JSON alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from collector.warehouse.columns import ColumnType, Table

if TYPE_CHECKING:
    import pyarrow as pa

_ESCAPED: Final = r"\u0000"
_IN_JSON: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL character, and not an escaped backslash before `u0000`."""


class NulEscaper:
    """Escapes NUL characters in batches, and counts the values that had any."""

    def __init__(self) -> None:
        self.values = 0

    def escape(self, table: Table, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without NUL characters."""
        for index, column in enumerate(table.columns):
            if column.type in (ColumnType.TEXT, ColumnType.JSON):
                found = self._escaped(batch.column(index), is_json=column.type is ColumnType.JSON)
                if found is not None:
                    batch = batch.set_column(index, batch.schema.field(index), found)
        return batch

    def _escaped(self, texts: pa.Array, *, is_json: bool) -> pa.Array | None:
        import pyarrow as pa  # noqa: PLC0415  # optional, slow to import
        import pyarrow.compute as pc  # noqa: PLC0415

        suspects = pc.match_substring(texts, _ESCAPED if is_json else "\0")
        if not pc.any(suspects).as_py():
            return None
        escape = escape_json if is_json else escape_text
        values = texts.to_pylist()
        escaped = [None if value is None else escape(value) for value in values]
        self.values += sum(old != new for old, new in zip(values, escaped, strict=True))
        return pa.array(escaped, pa.string())


def escape_text(text: str) -> str:
    """The text with each NUL character escaped."""
    return text.replace("\0", _ESCAPED)


def escape_json(text: str) -> str:
    """The JSON with each NUL character in its strings replaced by an escaped backslash and `u0000`."""
    return _IN_JSON.sub(r"\1\\\\u0000", text)
