"""The keys of the tap's configuration, a JSON object: their schema, and a check of a given one. Pure."""

from __future__ import annotations

import difflib
from typing import Any, Final, NamedTuple

from collector.model.errors import ConfigError
from collector.model.record import Json
from collector.model.side_tables import SIDE_TABLES
from collector.model.strict_json import NotJson, parse

API_KEY: Final = "api_key"
_TEXT: Final[dict[str, Json]] = {"type": "string"}
_TEXTS: Final[dict[str, Json]] = {"type": "array", "items": {"type": "string"}}
_FLAG: Final[dict[str, Json]] = {"type": "boolean"}
_NUMBER: Final[dict[str, Json]] = {"type": "number"}
_INTEGER: Final[dict[str, Json]] = {"type": "integer"}
_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "array": (list,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
}


class ConfigKey(NamedTuple):
    """One key: its JSON Schema, and the section and name of the setting that it fills; none for a key of the tap."""

    name: str
    schema: dict[str, Json]
    about: str
    setting: tuple[str, str] | None = None


KEYS: Final = (
    ConfigKey(API_KEY, _TEXT, "API key; then no other user may read the file. Not needed if POLYTOMIC_API_KEY is set."),
    ConfigKey("key_file", _TEXT, "File that holds the key.", ("api", "key_file")),
    ConfigKey("key_command", _TEXT, "Command that prints the key.", ("api", "key_command")),
    ConfigKey("base_url", _TEXT, "Address of the API.", ("api", "base_url")),
    ConfigKey("organization_id", _TEXT, "Organization, with a partner or deployment key.", ("api", "organization_id")),
    ConfigKey("ca_file", _TEXT, "Trust these certificates (PEM), not the system's.", ("api", "ca_file")),
    ConfigKey("proxy", _TEXT, "HTTP proxy.", ("api", "proxy")),
    ConfigKey("allow_http", _FLAG, "Send the key unencrypted to a host other than this one.", ("api", "allow_http")),
    ConfigKey("ids", _TEXTS, "Connections to collect; all if unset. With ids, no row is marked as deleted."),
    ConfigKey(
        "tables",
        {"type": "array", "items": {"type": "string", "enum": list(SIDE_TABLES)}},
        "Side tables that are streams too, unless a catalog selects the streams.",
        ("tables", "include"),
    ),
    ConfigKey("type", _TEXTS, "Only connections of these types; !TYPE excludes one.", ("filter", "type")),
    ConfigKey("status", _TEXTS, "Only connections with these statuses.", ("filter", "status")),
    ConfigKey("name", _TEXTS, "Only connections with these names, such as prod-*.", ("filter", "name")),
    ConfigKey("start_date", _TEXT, "Only connections changed since this date.", ("filter", "updated_since")),
    ConfigKey("rate", _NUMBER, "Ceiling in requests/s.", ("limits", "rate")),
    ConfigKey("concurrency", _INTEGER, "Ceiling of requests in flight.", ("limits", "concurrency")),
    ConfigKey("max_duration", _NUMBER, "Stop after this many seconds.", ("limits", "max_duration")),
    ConfigKey("max_attempts", _INTEGER, "Requests per id, the first included.", ("retry", "max_attempts")),
    ConfigKey("max_record_bytes", _INTEGER, "Limit for the JSON of a record.", ("output", "max_record_bytes")),
    ConfigKey("redact_also", _TEXTS, "Mask these fields too.", ("redact", "also")),
    ConfigKey("redact_keep", _TEXTS, "Do not mask these fields.", ("redact", "keep")),
    ConfigKey(
        "fingerprint_key_file", _TEXT, "Key file for fingerprints of secrets.", ("redact", "fingerprint_key_file")
    ),
)
_BY_NAME: Final = {key.name: key for key in KEYS}


def config_schema() -> dict[str, Json]:
    """The JSON Schema of the configuration. No key is required: the environment may hold the API key."""
    secret = {"airbyte_secret": True, "writeOnly": True}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Polytomic connections",
        "type": "object",
        "properties": {
            key.name: {**key.schema, "description": key.about, **(secret if key.name == API_KEY else {})}
            for key in KEYS
        },
        "additionalProperties": False,
    }


def read_config(content: bytes, path: str) -> dict[str, Any]:
    """The values of a configuration, without those that are null. Raises `ConfigError`, which shows no value."""
    try:
        found = parse(content)
    except NotJson:
        raise ConfigError(f"--config {path}: not JSON; write one object, such as {{}}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"--config {path}: not a JSON object; write one object, such as {{}}")
    values = {name: value for name, value in found.items() if value is not None}
    for name, value in values.items():
        _check(name, value, path)
    if values.get("ids") == []:
        raise ConfigError(f"--config {path}: ids is empty; remove it to collect every connection")
    if sum(name in values for name in (API_KEY, "key_file", "key_command")) > 1:
        raise ConfigError(f"--config {path}: has several sources of the key; keep one")
    return values


def _check(name: str, value: Json, path: str) -> None:
    key = _BY_NAME.get(name)
    if key is None:
        close = difflib.get_close_matches(name, list(_BY_NAME), n=1)
        advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(_BY_NAME)}"
        raise ConfigError(f"--config {path}: has an unknown key; {advice}")
    if not _is_of_type(value, key.schema):
        items = " of texts" if key.schema["type"] == "array" else ""
        raise ConfigError(f"--config {path}: {name} has another type; give: {key.schema['type']}{items}")


def _is_of_type(value: Json, schema: dict[str, Json]) -> bool:
    if type(value) not in _PYTHON_TYPES[schema["type"]]:
        return False
    return not isinstance(value, list) or all(type(item) is str for item in value)
