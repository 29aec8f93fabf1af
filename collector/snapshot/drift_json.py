"""The drift in a manifest, encoded and decoded, and the check that it fits the shape. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.model.ids import is_canonical
from collector.model.record import Json
from collector.model.record_fields import JSON_TYPES
from collector.model.shape import MAX_IDS, Shape
from collector.snapshot.drift import Change, Drift, DriftReport
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
    for kind in Drift._fields:
        _require_shape(found[kind].elements(), getattr(drift, kind), shape)
    return report


def fails_by_drift(manifest: JsonNode) -> bool:
    """Did the drift in a manifest end its run with exit code 3? An earlier version has no drift."""
    found = manifest.get("drift")
    return found is not None and found[_FAILS].flag()


def _change(found: JsonNode) -> Change:
    ids = tuple(node.text() for node in found["ids"].elements())
    if not 0 < len(ids) <= MAX_IDS or not all(map(is_canonical, ids)):
        found["ids"].reject(f"not 1 to {MAX_IDS} ids")
    before, after = _names(found["before"]), _names(found["after"])
    return Change(found["type"].text(), found["path"].text(), before, after, found["records"].count(), ids)


def _names(found: JsonNode) -> tuple[str, ...]:
    names = tuple(node.text() for node in found.elements())
    if list(names) != sorted(set(names)) or not JSON_TYPES.issuperset(names):
        found.reject("not JSON types in alphabetical order")
    return names


def _require_shape(nodes: Sequence[JsonNode], changes: Sequence[Change], shape: Shape) -> None:
    """Raise `Malformed` unless the types after each change are those of the field in the shape; none if it is gone."""
    for node, change in zip(nodes, changes, strict=True):
        of_type = shape.types.get(change.type_id)
        types = of_type.fields.get(change.path, {}) if of_type else {}
        if of_type is None or change.after != tuple(sorted(types)):
            node["after"].reject("not the types of this field in shape")
