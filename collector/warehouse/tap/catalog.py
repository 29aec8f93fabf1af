"""Catalogs of both protocols: what the tap offers, and which streams and fields a catalog selects. Pure.

The stream of connections is always offered, and selected by default. Every side table is a further stream.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from collector.model.errors import ConfigError
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse
from collector.warehouse.columns import CONNECTIONS, TABLES, Table
from collector.warehouse.schema.airbyte import airbyte_stream
from collector.warehouse.schema.singer import singer_schema
from collector.warehouse.tap.streams import Stream

_FULL_TABLE: Final = "FULL_TABLE"
_FULL_REFRESH: Final = "full_refresh"


def singer_catalog(tables: Iterable[str] = ()) -> dict[str, Json]:
    """The catalog that --discover prints. Connections and these side tables are selected by default."""
    selected = {CONNECTIONS, *tables}
    return {"streams": [_entry(table, is_default=table.name in selected) for table in TABLES.values()]}


def _entry(table: Table, *, is_default: bool) -> dict[str, Json]:
    stream = {
        "inclusion": "available",
        "selected-by-default": is_default,
        "table-key-properties": list(table.key),
        "forced-replication-method": _FULL_TABLE,
    }
    columns = [
        {
            "breadcrumb": ["properties", column.name],
            "metadata": {"inclusion": "automatic" if column.name in table.key else "available"},
        }
        for column in table.columns
    ]
    return {
        "tap_stream_id": table.name,
        **singer_schema(table),
        "replication_method": _FULL_TABLE,
        "metadata": [{"breadcrumb": [], "metadata": stream}, *columns],
    }


def airbyte_catalog() -> list[dict[str, Json]]:
    """The streams that `discover` prints."""
    return [airbyte_stream(table) for table in TABLES.values()]


def default_streams(tables: Iterable[str] = ()) -> list[Stream]:
    """The streams without a catalog: connections, and these side tables."""
    return [Stream(TABLES[name]) for name in (CONNECTIONS, *tables)]


def singer_selection(content: bytes, path: str, tables: Iterable[str] = ()) -> list[Stream]:
    """The streams and fields that a Singer catalog selects. Raises `ConfigError`.

    These side tables are selected unless the catalog says otherwise.
    """
    defaults = {CONNECTIONS, *tables}
    chosen = [_selected(entry, path, defaults) for entry in _streams_of(content, path)]
    return _ordered([stream for stream in chosen if stream is not None], path)


def _selected(entry: Mapping[str, Any], path: str, defaults: set[str]) -> Stream | None:
    name = entry.get("tap_stream_id", entry.get("stream"))
    metadata = _metadata_of(entry, path)
    root = metadata.get((), {})
    schema = entry.get("schema")
    places = (root, entry, schema if isinstance(schema, dict) else {})
    said = [each["selected"] for each in places if each.get("selected") is not None]
    _require_flags(said, name, path)
    is_default = isinstance(name, str) and (name in defaults or root.get("selected-by-default"))
    if not (said[0] if said else is_default):
        return None
    table = _table_named(name, path)
    method = root.get("replication-method", entry.get("replication_method")) or _FULL_TABLE
    if method != _FULL_TABLE:
        raise ConfigError(f"--catalog {path}: the stream {table.name} is always read whole; set {_FULL_TABLE}")
    _require_flags([each["selected"] for each in metadata.values() if each.get("selected") is not None], name, path)
    return Stream(table, _fields_of(table, metadata))


def _require_flags(said: Iterable[object], stream: object, path: str) -> None:
    if not all(isinstance(each, bool) for each in said):
        raise ConfigError(
            f"--catalog {path}: selected in the stream {stream} must be true or false; write a new catalog with "
            "--discover"
        )


def _metadata_of(entry: Mapping[str, Any], path: str) -> dict[tuple[str, ...], dict[str, Any]]:
    try:
        return {tuple(each["breadcrumb"]): dict(each["metadata"]) for each in entry.get("metadata") or ()}
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"--catalog {path}: invalid metadata; write a new catalog with --discover") from None


def _fields_of(table: Table, metadata: Mapping[tuple[str, ...], Mapping[str, Any]]) -> tuple[str, ...] | None:
    """The fields to emit; None if none is deselected. The key is always emitted."""
    names = [column.name for column in table.columns]
    dropped = {
        name for name in names if name not in table.key and _is_deselected(metadata.get(("properties", name), {}))
    }
    return tuple(name for name in names if name not in dropped) if dropped else None


def _is_deselected(field: Mapping[str, Any]) -> bool:
    said = field.get("selected")
    return said is False or (said is None and field.get("selected-by-default") is False)


def airbyte_selection(content: bytes, path: str) -> list[Stream]:
    """The streams of a configured Airbyte catalog. Raises `ConfigError`."""
    chosen = []
    for entry in _streams_of(content, path):
        stream = entry.get("stream")
        table = _table_named(stream.get("name") if isinstance(stream, dict) else None, path)
        if entry.get("sync_mode", _FULL_REFRESH) != _FULL_REFRESH:
            raise ConfigError(f"--catalog {path}: the stream {table.name} is always read whole; set {_FULL_REFRESH}")
        chosen.append(Stream(table))
    return _ordered(chosen, path)


def _streams_of(content: bytes, path: str) -> list[dict[str, Any]]:
    try:
        found = parse(content)
    except NotJson as reason:
        raise ConfigError(f"--catalog {path}: not JSON: {reason}; write a new catalog with --discover") from None
    streams = found.get("streams") if isinstance(found, dict) else None
    if not isinstance(streams, list) or not all(isinstance(each, dict) for each in streams):
        raise ConfigError(f"--catalog {path}: without a list of streams; write a new catalog with --discover")
    return streams


def _table_named(name: object, path: str) -> Table:
    if isinstance(name, str) and name in TABLES:
        return TABLES[name]
    close = difflib.get_close_matches(name, list(TABLES), n=1) if isinstance(name, str) else []
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(TABLES)}"
    raise ConfigError(f"--catalog {path}: selects a stream that the tap does not have; {advice}")


def _ordered(streams: list[Stream], path: str) -> list[Stream]:
    """The streams in the order of the run, connections first."""
    by_name = {stream.name: stream for stream in streams}
    if CONNECTIONS not in by_name:
        raise ConfigError(f"--catalog {path}: does not select {CONNECTIONS}, which every run reads; select it")
    return [by_name[name] for name in TABLES if name in by_name]
