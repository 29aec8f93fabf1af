"""An independent check of a Singer tap's output, also of one that was cut off at any line."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from jsonschema import Draft7Validator, FormatChecker


class Singer(NamedTuple):
    """The messages of a tap. `active` are the streams that were activated, and `state` is the last one."""

    records: dict[str, list[dict[str, Any]]]
    active: set[str]
    state: dict[str, Any] | None
    kinds: list[str]


def check_singer(out: bytes) -> Singer:
    """Read whole lines, and assert what the specification demands of every prefix of a tap's output."""
    assert out == b"" or out.endswith(b"\n")
    validators: dict[str, Draft7Validator] = {}
    keys: dict[str, list[str]] = {}
    found = Singer({}, set(), None, [])
    for line in out.splitlines():
        message = json.loads(line)
        kind, name = message["type"], message.get("stream")
        found.kinds.append(kind)
        if kind == "SCHEMA":
            Draft7Validator.check_schema(message["schema"])
            validators[name] = Draft7Validator(message["schema"], format_checker=FormatChecker())
            keys[name], found.records[name] = message["key_properties"], []
            assert set(keys[name]) <= message["schema"]["properties"].keys()
        elif kind == "RECORD":
            assert found.active == set(), "a record after ACTIVATE_VERSION"
            validators[name].validate(message["record"])
            assert FormatChecker().conforms(message["time_extracted"], "date-time")
            found.records[name].append(message["record"])
        elif kind == "ACTIVATE_VERSION":
            assert name in validators
            found.active.add(name)
        else:
            assert kind == "STATE"
            found = found._replace(state=message["value"])
            assert isinstance(found.state, dict)
    versions = {message.get("version") for message in map(json.loads, out.splitlines())} - {None}
    assert len(versions) <= 1
    for name, records in found.records.items():
        identities = [tuple(record[key] for key in keys[name]) for record in records]
        assert len(set(identities)) == len(identities)
    return found


def whole_lines(out: bytes) -> bytes:
    """The output without a last line that was cut off."""
    return out[: out.rfind(b"\n") + 1]
