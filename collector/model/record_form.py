"""The form in which records are written: choices of the user that do not change which values were collected. Pure."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import NamedTuple

from collector.model.record import Json


class ConfigurationAs(StrEnum):
    """The JSON type of the field `configuration`. null stays null."""

    OBJECT = "object"
    STRING = "string"
    """Text: the compact JSON of the object."""


class Timestamps(StrEnum):
    """The treatment of a timestamp of the API that is not RFC 3339."""

    KEEP = "keep"
    """It stays in its field, verbatim."""
    STRICT = "strict"
    """Its field is null, and `extra` holds the text under the field's name."""


class Order(StrEnum):
    """The order of the records."""

    COMPLETION = "completion"
    INPUT = "input"
    """The order of the ids, except for those that succeed later."""


class RecordForm(NamedTuple):
    """The form of every record of a run. `max_bytes` is the limit for the JSON of one; 0 means none."""

    max_bytes: int = 0
    configuration_as: ConfigurationAs = ConfigurationAs.OBJECT
    timestamps: Timestamps = Timestamps.KEEP

    def as_json(self) -> dict[str, Json]:
        """The form under the names of its settings."""
        return {
            "max_record_bytes": self.max_bytes,
            "configuration_as": str(self.configuration_as),
            "timestamps": str(self.timestamps),
        }

    def as_text(self) -> str:
        """Text that distinguishes different forms."""
        return json.dumps(self.as_json(), sort_keys=True)
