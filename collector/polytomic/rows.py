"""One item of the API → one row of a side table. Pure: the time is an argument.

A row has every field of its table, with a value of its type or null. Unknown fields, and known fields of an unexpected
type, are kept in `extra`, redacted, under their original names and nesting.
"""

from __future__ import annotations

from typing import NamedTuple

from collector.client.failures import BadPayload
from collector.model.ids import canonical_id
from collector.model.outcome import Masked, Redaction
from collector.model.record import Json, Kind, count_texts, names_of, sent_times
from collector.model.record_form import Timestamps
from collector.model.secret import REDACTED
from collector.model.side_tables import SHARED, TABLE_SCHEMA, Row, SideTable
from collector.polytomic.normalize import normalize
from collector.polytomic.typed_fields import (
    expected_in,
    lower_id,
    normalize_sent_times,
    take,
    take_nested,
    take_texts,
)
from collector.redaction.redactor import Redactor, text_fields


class NormalizedRow(NamedTuple):
    """A row, and the values of its key before masking. The other fields are those of `Outcome`.

    Their paths begin with the table's name.
    """

    row: Row
    key: tuple[str, ...]
    redactions: tuple[Redaction, ...]
    unparsed_timestamps: int
    repairs: tuple[str, ...] = ()
    nuls: tuple[str, ...] = ()


class _Fields:
    """The fields of a table, by the step that fills or changes them."""

    def __init__(self, table: SideTable) -> None:
        own_id = table.key[0] if table.is_per_connection else None
        self.names = tuple(field.name for field in table.fields)
        self.own_id_source = next((field.source for field in table.fields if field.name == own_id), None)
        sent = [field for field in table.fields if field.name != own_id]
        sources = {field.name: field.source or "" for field in sent}
        parents = dict.fromkeys(source.rpartition(".")[0] for source in sources.values())
        self.top_level = expected_in(sent, "")
        self.nested = tuple((parent, expected_in(sent, parent)) for parent in parents if parent)
        self.arrays_of_texts = tuple((sources[name], name) for name in names_of(Kind.IDS, Kind.TEXTS, fields=sent))
        self.ids = names_of(Kind.ID, fields=sent)
        self.arrays_of_ids = names_of(Kind.IDS, fields=sent)
        self.arrays = names_of(Kind.ARRAY, fields=sent)
        self.objects = tuple(name for name in names_of(Kind.OBJECT, fields=sent) if sources[name])
        self.configurations = tuple(name for name in self.objects if name.endswith("configuration"))
        self.times = sent_times(sent)
        self.texts = text_fields(sent)


class RowNormalizer:
    """Makes rows of one table. `organization_id` is that of the run, for rows that name none."""

    def __init__(
        self,
        table: SideTable,
        redactor: Redactor,
        *,
        run_id: str,
        organization_id: str | None,
        timestamps: Timestamps = Timestamps.KEEP,
    ) -> None:
        self._table = table
        self._timestamps = timestamps
        self._fields = _Fields(table)
        self._redactor = redactor
        self._run_id = run_id
        self._organization_id = organization_id

    def normalize(self, item: Json, *, collected_at: str, connection_id: str = "") -> NormalizedRow | None:
        """The row of an item, which is consumed; None if it has no text under `id` and so no key.

        `connection_id` is the requested connection of a table that is read per connection. Raises only `BadPayload`, if
        the item is of another connection.
        """
        if not isinstance(item, dict):
            return None
        if self._table is SHARED:
            return self._copy(item, connection_id, collected_at)
        row, key = self._take(item, connection_id)
        if key is None:
            return None
        unparsed = normalize_sent_times(row, self._fields.times, self._timestamps)
        masked = self._redact(row)
        unparsed += count_texts(row["extra"], self._fields.times)
        in_texts: Masked = []
        self._redactor.redact_fields(row, self._fields.texts, in_texts)
        row["organization_id"] = row["organization_id"] or self._organization_id
        row["_collected_at"], row["_run_id"], row["_schema"] = collected_at, self._run_id, TABLE_SCHEMA
        return NormalizedRow(row, key, (*masked, *self._below_table(in_texts)), unparsed)

    def _take(self, item: dict[str, Json], connection_id: str) -> tuple[Row, tuple[str, ...] | None]:
        """The row with all values of the item, not yet redacted, and its key if it has one."""
        fields = self._fields
        row: Row = dict.fromkeys(fields.names)
        if connection_id:
            row[self._table.key[0]] = connection_id
            if fields.own_id_source:
                _take_connection(item, fields.own_id_source, connection_id)
        for parent, expected in fields.nested:
            take_nested(item, row, parent, expected)
        take(item, row, fields.top_level)
        for source, name in fields.arrays_of_texts:
            row[name] = take_texts(item, source)
        for name in fields.ids:
            row[name] = lower_id(row[name])
        for name in fields.arrays_of_ids:
            row[name] = list(map(lower_id, row[name]))
        for name in fields.arrays:
            row[name] = row[name] or []
        for path in self._table.not_kept:
            _discard(row, path)
        row["extra"] = item
        key = tuple(row[name] for name in self._table.key)
        return row, key if all(key) else None

    def _redact(self, row: Row) -> Masked:
        """Mask the secrets in objects and arrays."""
        masked: Masked = []
        table, fields, extra = self._table.name, self._fields, row["extra"]
        for name in fields.configurations:
            if name in extra:  # not an object
                extra[name] = REDACTED  # `redact_elsewhere` counts it as masked by the server
        self._redactor.redact_elsewhere(extra, f"{table}.extra", masked)
        for name in fields.objects:
            if row[name]:
                self._redactor.redact_elsewhere(row[name], f"{table}.{name}", masked)
        arrays = {name: row[name] for name in fields.arrays}
        self._redactor.redact_arrays(arrays, table, masked, self._table.known_safe)
        row.update(arrays)
        return masked

    def _copy(self, item: dict[str, Json], parent_id: str, collected_at: str) -> NormalizedRow | None:
        """The record of a copy in another organization."""
        found = item.get("id")
        connection_id = canonical_id(found) if isinstance(found, str) else None
        if connection_id is None:
            return None
        _take_connection(item, "parent_connection_id", parent_id)
        row, redactions, unparsed = normalize(
            item,
            connection_id,
            self._redactor,
            collected_at=collected_at,
            run_id=self._run_id,
            timestamps=self._timestamps,
        )
        row["parent_connection_id"] = parent_id
        return NormalizedRow(row, (parent_id, connection_id), self._below_table(redactions), unparsed)

    def _below_table(self, masked: Masked | tuple[Redaction, ...]) -> tuple[Redaction, ...]:
        return tuple(Redaction(f"{self._table.name}.{path}", rule) for path, rule in masked)


def _take_connection(item: dict[str, Json], key: str, connection_id: str) -> None:
    """Remove the id of the requested connection from its item. Raises `BadPayload` for another id."""
    found = item.pop(key, None)
    if isinstance(found, str) and lower_id(found) != connection_id:
        raise BadPayload("the body is of another connection", 200)
    if found is not None and not isinstance(found, str):
        item[key] = found


def _discard(value: Json, path: tuple[str, ...]) -> None:
    """Remove the values at a path, in which `[]` stands for each item of an array."""
    key, *rest = path
    if key == "[]":
        for item in value if isinstance(value, list) else ():
            _discard(item, tuple(rest))
    elif isinstance(value, dict) and rest:
        _discard(value.get(key), tuple(rest))
    elif isinstance(value, dict):
        value.pop(key, None)
