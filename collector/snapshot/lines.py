"""Encode outcomes as JSON lines and decode such lines. Pure."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

import orjson

from collector.model.control_chars import json_escaped
from collector.model.ids import is_canonical
from collector.model.ledger import TallyEntry
from collector.model.outcome import Outcome, OutcomeKind, Redaction
from collector.model.record import (
    SCHEMA,
    Json,
    Record,
    count_texts,
    nul_paths,
    sent_times,
)
from collector.model.record_fields import fields_of
from collector.model.record_form import ConfigurationAs, RecordForm
from collector.model.side_tables import SIDE_TABLES, TABLE_SCHEMA
from collector.model.strict_json import NotJson, parse_own
from collector.model.timestamps import is_utc
from collector.redaction.detect.masks import masked_paths as paths_in
from collector.redaction.detect.reasons import UNKNOWN
from collector.snapshot.line_form import form_problem
from collector.snapshot.line_types import RECORDS, has_only_texts, type_problem

_ROW_KEYS: Final = {table.name: tuple(field.name for field in table.fields) for table in SIDE_TABLES.values()}
_TIMES: Final = sent_times()
_ROW_TIMES: Final = {table.name: sent_times(table.fields) for table in SIDE_TABLES.values()}
_CONFIGURATION: Final = "configuration"


def encode(record: Record | dict[str, Json]) -> bytes:
    """Encode `record` as one JSON line, safe for readers that split at any Unicode line end. Integers stay exact."""
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        line = _with_huge_integers(record)
    return json_escaped(line)


def _with_huge_integers(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def encode_as(configuration_as: ConfigurationAs, record: Record | dict[str, Json]) -> bytes:
    """Encode a record, or a row of a side table, as `encode` does, with its configuration in this form.

    Its text is the JSON that the object would have in the line.
    """
    configuration = record.get(_CONFIGURATION)
    if configuration_as is ConfigurationAs.OBJECT or configuration is None:
        return encode(record)
    try:
        line = orjson.dumps(
            {**record, _CONFIGURATION: _text_of(encode(configuration))}, option=orjson.OPT_APPEND_NEWLINE
        )
    except orjson.JSONEncodeError:
        text = _text_of(json_escaped(_with_huge_integers(configuration)))
        line = _with_huge_integers({**record, _CONFIGURATION: text})
    return json_escaped(line)


def _text_of(line: bytes) -> str:
    return line.decode().removesuffix("\n")


class EncodedOutcome(NamedTuple):
    """An outcome, and the line of its record; empty without a record."""

    outcome: Outcome
    line: bytes = b""


def encode_outcome(outcome: Outcome, form: RecordForm) -> EncodedOutcome:
    """Encode the record of an outcome. One that exceeds the limit becomes an outcome without a record."""
    if outcome.record is None:
        return EncodedOutcome(outcome)
    line = encode_as(form.configuration_as, outcome.record)
    size = len(line) - 1
    if form.max_bytes and size > form.max_bytes:
        return EncodedOutcome(_too_large(outcome, size, form.max_bytes))
    return EncodedOutcome(outcome, line)


def _too_large(outcome: Outcome, size: int, limit: int) -> Outcome:
    reason = (
        f"the record has {size} bytes, more than the {limit} of --max-record-bytes; raise that limit (0 removes it) if "
        "your loader accepts longer records"
    )
    return Outcome(
        outcome.id,
        OutcomeKind.TOO_LARGE,
        outcome.attempts,
        outcome.at,
        http_status=outcome.http_status,
        error=reason,
        retried_s=outcome.retried_s,
    )


def error_line(outcome: Outcome) -> bytes:
    """Encode an outcome that is not ok as a line of the errors file."""
    return encode(
        {
            "id": outcome.id,
            "outcome": str(outcome.kind),
            "http_status": outcome.http_status,
            "error": outcome.error,
            "attempts": outcome.attempts,
            "at": outcome.at,
        }
    )


_TEXT: Final = (str,)
_ERROR_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "id": _TEXT,
    "outcome": _TEXT,
    "http_status": (int, type(None)),
    "error": _TEXT,
    "attempts": (int,),
    "at": _TEXT,
}
_FAILURES: Final = frozenset(OutcomeKind) - {OutcomeKind.OK, OutcomeKind.NOT_ATTEMPTED}
_MASK_START: Final = b"[REDACTED"
_MASK_TEXT: Final = _MASK_START.decode()
_CONTAINERS: Final = (dict, list)


class InvalidLine(Exception):
    """A line is not a record or not an error. The message gives the reason and never quotes the line."""


def read_record(line: bytes, form: RecordForm | None = None) -> Record:
    """Decode a record from a line without its line feed; its configuration is an object in every form.

    Raises only `InvalidLine`, also for a record that does not have the given `form`.
    """
    record = _parse_object(line)
    _require_schema(record.get("_schema"), SCHEMA)
    if problem := type_problem(RECORDS, record):
        raise InvalidLine(problem)
    if form is not None and (problem := form_problem(form, record, _TIMES, len(line))):
        raise InvalidLine(problem)
    _parse_configuration(record)
    if not is_canonical(record["id"]):
        raise InvalidLine("invalid id")
    if not is_utc(record["_collected_at"]):
        raise InvalidLine("_collected_at is not a UTC time")
    return record


def _require_schema(found: Json, known: int) -> None:
    """Raise `InvalidLine` for another version of the schema; a value of another type is left to later checks."""
    if type(found) is not int or found == known:
        return
    if found > known:
        raise InvalidLine(
            f"its schema is that of a later version of collector; update collector: this version reads schema {known}"
        )
    raise InvalidLine(f"the schema is not {known}")


def _parse_object(line: bytes) -> Record:
    if not (line.startswith(b"{") and line.endswith(b"}")):
        raise InvalidLine("not a JSON object" if line else "an empty line")
    try:
        return parse_own(line)  # type: ignore[no-any-return]  # it begins with a brace, so it is an object
    except NotJson as reason:
        raise InvalidLine(str(reason)) from None


def _parse_configuration(record: dict[str, Json]) -> None:
    """Replace a configuration that is text with the object in it. Raises `InvalidLine` unless it is one."""
    text = record.get(_CONFIGURATION)
    if type(text) is not str:
        return
    try:
        record[_CONFIGURATION] = _parse_object(text.encode())
    except InvalidLine as reason:
        raise InvalidLine(f"{_CONFIGURATION} is text, but not the JSON of an object: {reason}") from None


def has_only_text_lists(record: Record) -> bool:
    """Do the record's arrays contain only text?"""
    return has_only_texts(RECORDS, record)


def tally_entry_of_line(line: bytes, record: Record) -> TallyEntry:
    """The tally entry of a record, as far as its line preserves it: without repairs, and with unknown rules."""
    masked = [Redaction(path, UNKNOWN) for path in masked_paths(line, record)]
    return TallyEntry(
        *(OutcomeKind.OK, masked, count_unparsed(record)),
        nuls=nul_paths(line, record),
        id=record["id"],
        fields=fields_of(record),
    )


def masked_paths(line: bytes, record: Record) -> list[str]:
    """The paths of the record's masked values, in the notation of `redactor`."""
    if _MASK_START not in line:
        return []
    return [
        path
        for key, value in record.items()
        if type(value) in _CONTAINERS or (type(value) is str and _MASK_TEXT in value)
        for path in paths_in(key, value)
    ]


def count_unparsed(record: Record) -> int:
    """Count the record's invalid timestamps, which stay as the API sent them, in their fields or in `extra`."""
    count = _is_unparsed(record["created_at"]) + _is_unparsed(record["updated_at"])
    if extra := record["extra"]:
        count += count_texts(extra, _TIMES)
    if limit := record["rate_limit"]:
        count += _is_unparsed(limit.get("limited_since")) + _is_unparsed(limit.get("expires_at"))
    return count


def _is_unparsed(timestamp: Json) -> bool:
    return type(timestamp) is str and not is_utc(timestamp)


def read_error(line: bytes) -> tuple[str, OutcomeKind]:
    """The id and the outcome of an errors file's line without its line feed. Raises only `InvalidLine`."""
    try:
        found: Json = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidLine(f"invalid JSON ({error.msg})") from None
    if type(found) is not dict or found.keys() != _ERROR_TYPES.keys():
        raise InvalidLine("the keys are not those of an error")
    for key, kinds in _ERROR_TYPES.items():
        if type(found[key]) not in kinds:
            raise InvalidLine(f"{key} is of type {type(found[key]).__name__}")
    if not is_canonical(found["id"]):
        raise InvalidLine("invalid id")
    if found["outcome"] not in _FAILURES or not is_utc(found["at"]) or found["attempts"] < 1:
        raise InvalidLine("invalid outcome, time or number of attempts")
    return found["id"], OutcomeKind(found["outcome"])


def read_row(line: bytes, table: str, form: RecordForm | None = None) -> dict[str, Json]:
    """Decode a row from a line without its line feed; its configuration, if any, is an object in every form.

    Raises `InvalidLine` unless it is an object with the keys and types of that table, and has the given `form`.
    """
    row = _parse_object(line)
    _require_schema(row.get("_schema"), TABLE_SCHEMA)
    if tuple(row) != _ROW_KEYS[table]:
        raise InvalidLine(f"not a row of {table}")
    if problem := type_problem(table, row):
        raise InvalidLine(problem)
    if not has_only_texts(table, row):
        raise InvalidLine("an array contains a value that is not text")
    if form is not None and (problem := form_problem(form, row, _ROW_TIMES[table])):
        raise InvalidLine(problem)
    _parse_configuration(row)
    return row
