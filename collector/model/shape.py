"""The shape of records: the fields of each connection type, with the JSON types and the number of their values. Pure.

The result does not depend on the order of the records. Beyond a limit, the first fields in alphabetical order are kept,
and the rest is counted as left out. Sample ids are the first ones in alphabetical order.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from collector.model.record_fields import MAX_PATH_LENGTH, RecordFields

MAX_IDS: Final = 3
MAX_TYPES: Final = 1000
MAX_FIELDS: Final = 1000  # of one type
MAX_ALL_FIELDS: Final = 30_000  # of all types, so that a manifest stays below some 20 MB
_MAX_PENDING: Final = 50_000  # fields of records that are not yet added to their types


class Seen(NamedTuple):
    """The number of records that have a field, and the first ids among them."""

    records: int = 0
    ids: tuple[str, ...] = ()

    def plus(self, other: Seen) -> Seen:
        """Both groups of records together."""
        ids = self.ids
        if other.ids and (len(ids) < MAX_IDS or other.ids[0] < ids[-1]):
            ids = tuple(sorted({*ids, *other.ids})[:MAX_IDS])
        return Seen(self.records + other.records, ids)


NONE_SEEN: Final = Seen()


@dataclass(slots=True)
class TypeShape:
    """The records of one connection type, and their fields: path → JSON type → records.

    `left_out` counts the values beyond the limits, each in every record that has it.
    """

    seen: Seen = NONE_SEEN
    fields: dict[str, dict[str, Seen]] = field(default_factory=dict)
    left_out: int = 0

    def add(self, path: str, name: str, seen: Seen) -> None:
        """Add records in which the field at `path` has the JSON type `name`."""
        types = self.fields.get(path)
        if types is None:
            self.fields[path] = {name: seen}
        else:
            before = types.get(name)
            types[name] = seen if before is None else before.plus(seen)

    def trim(self) -> None:
        """Keep the limit of fields."""
        if len(self.fields) > MAX_FIELDS:
            for path in sorted(self.fields)[MAX_FIELDS:]:
                self.left_out += sum(seen.records for seen in self.fields.pop(path).values())

    def __iadd__(self, other: TypeShape) -> TypeShape:
        self.seen = self.seen.plus(other.seen)
        self.left_out += other.left_out
        for path, types in other.fields.items():
            for name, seen in types.items():
                self.add(path, name, seen)
        self.trim()
        return self


class _Pending:
    """Records of one form that are not yet added to their type."""

    __slots__ = ("ids", "records")

    def __init__(self) -> None:
        self.records = 0
        self.ids: list[str] = []

    def add(self, records: int, ids: Iterable[str]) -> None:
        self.records += records
        for id_ in ids:
            if len(self.ids) < MAX_IDS or id_ < self.ids[-1]:
                insort(self.ids, id_)
                del self.ids[MAX_IDS:]


def _first_id(of_form: tuple[RecordFields, _Pending]) -> str:
    return of_form[1].ids[0]


class Shape:
    """Accumulates the shape of records. Adding a record of a known form costs one look-up."""

    __slots__ = ("_end", "_left_out", "_pending", "_pending_fields", "_types")

    def __init__(self, types: Mapping[str, TypeShape] | None = None, left_out: int = 0) -> None:
        self._types = dict(types or {})
        self._left_out = left_out
        self._end: str | None = None  # the first type beyond the limits, which leaves out all types from there
        self._pending: dict[RecordFields, _Pending] = {}
        self._pending_fields = 0

    def add(self, id_: str, fields: RecordFields) -> None:
        """Add a record with these fields."""
        self._pending_of(fields).add(1, (id_,))

    def _pending_of(self, fields: RecordFields) -> _Pending:
        found = self._pending.get(fields)
        if found is None:
            self._pending_fields += len(fields.fields) + 1
            if self._pending_fields > _MAX_PENDING:
                self._settle()
            found = self._pending[fields] = _Pending()
        return found

    @property
    def types(self) -> Mapping[str, TypeShape]:
        """The shape of each connection type by its id, which is empty for records without a type."""
        self._settle()
        return self._types

    @property
    def left_out(self) -> int:
        """The number of records of types beyond the limit."""
        self._settle()
        return self._left_out

    def _settle(self) -> None:
        in_order = sorted(self._pending.items(), key=_first_id)  # so that later ids rarely replace earlier ones
        for fields, pending in in_order:
            seen = Seen(pending.records, tuple(pending.ids))
            if len(fields.type_id) > MAX_PATH_LENGTH or (self._end is not None and fields.type_id >= self._end):
                self._left_out += pending.records
                continue
            found = self._types.setdefault(fields.type_id, TypeShape())
            found.seen = found.seen.plus(seen)
            found.left_out += fields.left_out * pending.records
            for path, name in fields.fields:
                found.add(path, name, seen)
            found.trim()
        self._pending.clear()
        self._pending_fields = 0
        self._trim()

    def _trim(self) -> None:
        """Keep the limits of types and of their fields together: the types that fit, up to the first that does not."""
        fields = 0
        for place, type_id in enumerate(sorted(self._types)):
            fields += len(self._types[type_id].fields)
            if place >= MAX_TYPES or fields > MAX_ALL_FIELDS or (self._end is not None and type_id >= self._end):
                self._end = type_id if self._end is None else min(self._end, type_id)
                self._left_out += self._types.pop(type_id).seen.records

    def __iadd__(self, other: Shape) -> Shape:
        for fields, pending in other._pending.items():
            self._pending_of(fields).add(pending.records, pending.ids)
        for type_id, shape in other._types.items():
            found = self._types.setdefault(type_id, TypeShape())
            found += shape
        self._left_out += other._left_out
        if other._end is not None:
            self._end = other._end if self._end is None else min(self._end, other._end)
        self._trim()
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Shape):
            return NotImplemented
        return (self.types, self.left_out) == (other.types, other.left_out)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<Shape of {len(self.types)} types>"
