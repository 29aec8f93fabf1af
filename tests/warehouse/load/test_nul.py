r"""Each NUL character becomes the six characters `\u0000`, and no other text changes."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Field, Kind
from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.load.nul import NulEscaper, escape_json, escape_text

_TEXT = st.lists(st.sampled_from(["\0", "\\", "u0000", "\\u0000", '"', "a", "\U0001f600", "\n"])).map("".join)
_JSON = st.recursive(
    st.none() | st.integers() | _TEXT, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=8
)


def escaped(value: Any) -> Any:
    """The value with each NUL character of its texts escaped."""
    match value:
        case str():
            return value.replace("\0", "\\u0000")
        case list():
            return [escaped(each) for each in value]
        case dict():
            return {escaped(name): escaped(each) for name, each in value.items()}
        case _:
            return value


@given(value=_JSON)
def test_json_is_escaped_inside_its_texts_only(value: Any) -> None:
    assert json.loads(escape_json(json.dumps(value))) == escaped(value)


@given(texts=st.lists(st.none() | _TEXT), values=st.data())
def test_a_batch_is_escaped_and_its_values_are_counted(texts: list[str | None], values: st.DataObject) -> None:
    jsons = [values.draw(_JSON) for _ in texts]
    names = [("name", ColumnType.TEXT), ("extra", ColumnType.JSON)]
    table = Table(
        "t", "", ("name",), tuple(Column(Field(name, Kind.TEXT, None, ""), type_) for name, type_ in names), 1
    )
    encoded = [json.dumps(value) for value in jsons]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(texts, pa.string()), pa.array(encoded, pa.string())], ["name", "extra"]
    )
    escaper = NulEscaper()
    found = escaper.escape(table, batch)
    assert found.column(0).to_pylist() == [text if text is None else escape_text(text) for text in texts]
    assert [json.loads(each) for each in found.column(1).to_pylist()] == [escaped(value) for value in jsons]
    assert escaper.values == sum("\0" in (text or "") for text in texts) + sum(
        escaped(value) != value for value in jsons
    )
