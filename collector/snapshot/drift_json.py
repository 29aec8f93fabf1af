"""The drift in a manifest, encoded and decoded, and the check that it fits the shape. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from collector.model.ids import is_canonical
from collector.model.record import Json
from collector.model.record_fields import JSON_TYPES, NULL
from collector.model.shape import MAX_IDS, Shape
from collector.snapshot.drift import Change, Drift, DriftReport, together
from collector.snapshot.json_document import JsonNode

_FAILS: Final = "fails"


def drift_as_json(report: DriftReport) -> dict[str, Json]:
    """The drift as a JSON object."""
    changes = {kind: [_change_as_json(each) for each in found] for kind, found in report.drift._asdict().items()}
    return {"previous": report.previous or None, "reason": report.reason, _FAILS: report.fails, **changes}


def _change_as_json(change: Change) -> dict[str, Json]:
    return {
        "type": change.type_id,
        "path": change.path,
        "before": list(change.before),
        "after": list(change.after),
        "records": change.records,
        "ids": list(change.ids),
    }


def decode_drift(found: JsonNode, shape: Shape) -> DriftReport:
    """Decode the drift of records that have this shape. Raises only `Malformed`."""
    previous = "" if found["previous"].value is None else found["previous"].text()
    drift = Drift(*(tuple(map(_change, found[kind].elements())) for kind in Drift._fields))
    report = DriftReport(previous, found["reason"].text(), found[_FAILS].flag(), drift)
    if bool(report.previous) == bool(report.reason):
        found["reason"].reject("must be empty if, and only if, there is a previous run")
    if drift.total and not report.previous:
        found["previous"].reject("null, but there are changes")
    if report.fails and not drift.total:
        found[_FAILS].reject("true, but there are no changes")
    for kind, is_of_kind in _KINDS.items():
        _require_changes(found[kind], getattr(drift, kind), is_of_kind, shape)
    return report


def fails_by_drift(manifest: JsonNode) -> bool:
    """Did the drift in a manifest end its run with exit code 3? An earlier version has no drift."""
    found = manifest.get("drift")
    return found is not None and found[_FAILS].flag()


def _change(found: JsonNode) -> Change:
    ids = tuple(node.text() for node in found["ids"].elements())
    if not 0 < len(ids) <= MAX_IDS or not all(map(is_canonical, ids)) or list(ids) != sorted(set(ids)):
        found["ids"].reject(f"not 1 to {MAX_IDS} distinct ids in alphabetical order")
    if found["records"].count() < len(ids):
        found["records"].reject("fewer than its ids")
    before, after = _names(found["before"]), _names(found["after"])
    return Change(found["type"].text(), found["path"].text(), before, after, found["records"].count(), ids)


def _names(found: JsonNode) -> tuple[str, ...]:
    names = tuple(node.text() for node in found.elements())
    if list(names) != sorted(set(names)) or not JSON_TYPES.issuperset(names):
        found.reject("not JSON types in alphabetical order")
    return names


def _other_types(change: Change) -> set[str]:
    """The types after a change that show it."""
    return set(change.after) - set(change.before) - ({NULL} if change.before else set())


_KINDS: Final[dict[str, Callable[[Change], bool]]] = {
    "new": lambda change: not change.before and bool(change.after),
    "gone": lambda change: bool(change.before) and not change.after,
    "retyped": lambda change: bool(change.before) and bool(_other_types(change)),
}


def _require_changes(
    found: JsonNode, changes: Sequence[Change], is_of_kind: Callable[[Change], bool], shape: Shape
) -> None:
    """Raise `Malformed` unless the changes are in order, of this kind, and agree with the shape."""
    places = [(change.type_id, change.path) for change in changes]
    if places != sorted(set(places)):
        found.reject("not distinct fields, sorted by type and path")
    for node, change in zip(found.elements(), changes, strict=True):
        if not is_of_kind(change):
            node["before"].reject("does not fit the types after the change")
        _require_shape(node, change, shape)


def _require_shape(node: JsonNode, change: Change, shape: Shape) -> None:
    """Raise `Malformed` unless the field has the types, records and ids of the shape; no types if it is gone."""
    of_type = shape.types.get(change.type_id)
    types = of_type.fields.get(change.path, {}) if of_type else {}
    if of_type is None or change.after != tuple(sorted(types)):
        node["after"].reject("not the types of this field in shape")
    if not change.after:
        return
    seen = together([types[name] for name in _other_types(change)])
    if (change.records, change.ids) != seen:
        node["records"].reject("not those of this field in shape, with their ids")
