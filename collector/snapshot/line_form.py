"""Compares the form of a record or a row, as its line has it, with the form that its manifest states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from collector.model.record import Json
from collector.model.record_form import ConfigurationAs, RecordForm, Timestamps
from collector.model.timestamps import is_utc

_CONFIGURATION_TYPES: Final = {ConfigurationAs.OBJECT: dict, ConfigurationAs.STRING: str}


def form_problem(form: RecordForm, values: Mapping[str, Json], times: Iterable[str], size: int = 0) -> str | None:
    """The first difference of a record or a row from `form`, or None.

    `times` names its timestamps of the API. `size` is that of its JSON, if it is limited.
    """
    if form.max_bytes and size > form.max_bytes:
        return f"it has {size} bytes, but its manifest states max_record_bytes {form.max_bytes}"
    found = type(values.get("configuration"))
    if found is not _CONFIGURATION_TYPES[form.configuration_as] and found is not type(None):
        return f"configuration is of type {found.__name__}, but its manifest states {form.configuration_as}"
    if form.timestamps is Timestamps.STRICT:
        for name in times:
            if not _is_time_or_null(values[name]):
                return f"{name} is not RFC 3339, but its manifest states strict timestamps"
    return None


def _is_time_or_null(value: Json) -> bool:
    return value is None or (type(value) is str and is_utc(value))
