"""Drift: the fields that are new, gone or of another type since the previous run, per connection type. Pure.

Three rules keep changes of the data from being reported as changes of the form:

- null and an empty array reveal neither a type nor the fields below them;
- a connection type is compared only if both runs have records of it;
- a field is gone only if the run collected a connection that had it, and none that had it failed.

The runs are compared with all fields that are known: those of the previous records, and those of earlier ones that no
run since then could judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from collector.model.record_fields import NULL, OBJECT
from collector.model.shape import NONE_SEEN, Seen, Shape, TypeShape


class Change(NamedTuple):
    """A field of one connection type that has changed, with its JSON types before and after.

    `records` is the number of records, and `ids` are the first ones, that show the change: records of this run or, for
    a field that is gone, of the earlier run that had it.
    """

    type_id: str
    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    records: int
    ids: tuple[str, ...]


class Drift(NamedTuple):
    """The changed fields, sorted by type and path."""

    new: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()
    retyped: tuple[Change, ...] = ()

    @property
    def total(self) -> int:
        """The number of changed fields."""
        return sum(map(len, self))


class DriftReport(NamedTuple):
    """The drift as the manifest records it.

    `previous` is the id of the run that this one was compared with; empty if it was not compared, for the `reason`.
    `fails`: the run ends with exit code 3 because of its drift.
    """

    previous: str = ""
    reason: str = ""
    fails: bool = False
    drift: Drift = Drift()


NOT_COMPARED: Final = DriftReport(reason="not compared")

IsCollected: TypeAlias = Callable[[str], bool | None]
"""Was the connection with this id collected? None: the run did not include it, such as a deleted one."""


def compare(known: Shape, found: Shape, is_collected: IsCollected) -> Drift:
    """Compare the shape of this run's records with the `known` fields."""
    new: list[Change] = []
    gone: list[Change] = []
    retyped: list[Change] = []
    for type_id, before, after in _compared_types(known, found):
        if not before.left_out:
            new.extend(_new(type_id, before, after))
        if not after.left_out:
            gone.extend(_gone(type_id, before, after, is_collected))
        retyped.extend(_retyped(type_id, before, after))
    return Drift(tuple(new), tuple(gone), tuple(retyped))


def _compared_types(known: Shape, found: Shape) -> Iterator[tuple[str, TypeShape, TypeShape]]:
    for type_id, after in sorted(found.types.items()):
        before = known.types.get(type_id)
        if before is not None:
            yield type_id, before, after


def _new(type_id: str, before: TypeShape, after: TypeShape) -> Iterator[Change]:
    for path, types in sorted(after.fields.items()):
        if path not in before.fields and _was_visible(path, before, after):
            yield Change(type_id, path, (), _names(types), *together(types.values()))


def _was_visible(path: str, before: TypeShape, after: TypeShape) -> bool:
    """Would the earlier records have shown the field? Not if what contains it was null or an empty array in all."""
    container = _container(path, after.fields)
    if container is None:
        return True
    if container not in before.fields:
        return _was_visible(container, before, after)
    return _shows(path, container, before.fields[container])


def _gone(type_id: str, before: TypeShape, after: TypeShape, is_collected: IsCollected) -> Iterator[Change]:
    for path, types in sorted(before.fields.items()):
        if path in after.fields:
            continue
        container = _container(path, before.fields)
        if container and not _shows(path, container, after.fields.get(container, {})):
            continue
        records, ids = together(types.values())
        states = {id_: is_collected(id_) for id_ in ids}
        if True in states.values() and False not in states.values():
            shown = tuple(id_ for id_, state in states.items() if state)
            yield Change(type_id, path, _names(types), (), records, shown)


def _shows(path: str, container: str, types: Collection[str]) -> bool:
    """Do values of these types at `container` show whether they contain `path`? An empty array does not."""
    return OBJECT in types and not path.startswith(f"{container}[]")


def _container(path: str, fields: Collection[str]) -> str | None:
    """The longest of `fields` that contains `path`. A key may contain a dot, so it is not found from the path alone."""
    for end in range(len(path) - 1, 0, -1):
        if path[end] in ".[" and path[:end] in fields:
            return path[:end]
    return None


def _retyped(type_id: str, before: TypeShape, after: TypeShape) -> Iterator[Change]:
    for path, types in sorted(after.fields.items()):
        earlier = before.fields.get(path, {}).keys() - {NULL}
        others = {name: seen for name, seen in types.items() if name not in earlier and name != NULL}
        if earlier and others:
            yield Change(type_id, path, tuple(sorted(earlier)), _names(types), *together(others.values()))


def remember(known: Shape, found: Shape, drift: Drift) -> Shape:
    """The known fields and types that no record of this run shows, and that are neither gone nor of another type."""
    changed: defaultdict[str, set[str]] = defaultdict(set)
    for each in (*drift.gone, *drift.retyped):
        changed[each.type_id].add(each.path)
    kept: dict[str, TypeShape] = {}
    for type_id, before in known.types.items():
        after = found.types.get(type_id)
        rest = before if after is None else _without(before, after, changed[type_id])
        if rest.fields:
            kept[type_id] = rest
    return Shape(kept)


def _without(before: TypeShape, after: TypeShape, changed: Collection[str]) -> TypeShape:
    rest = TypeShape()
    inside = tuple(f"{path}{mark}" for path in changed for mark in ".[")
    for path, types in before.fields.items():
        if path in changed or (path not in after.fields and path.startswith(inside)):
            continue
        for name in types.keys() - after.fields.get(path, {}).keys():
            rest.add(path, name, types[name])
    counts = (before.seen, *(seen for types in rest.fields.values() for seen in types.values()))
    rest.seen = max(counts, key=lambda seen: seen.records)
    return rest


def _names(types: Mapping[str, Seen]) -> tuple[str, ...]:
    return tuple(sorted(types))


def together(seen: Collection[Seen]) -> Seen:
    """The records of several types of one field; a record with several types in an array counts more than once."""
    total = NONE_SEEN
    for each in seen:
        total = total.plus(each)
    return total
