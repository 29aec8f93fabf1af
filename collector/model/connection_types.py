"""The packaged lists of connection types: their fields, and which of them hold secrets. Read once.

Sources: the fields marked as sensitive in Polytomic's Terraform provider and in the 2025-09-18 connection type schemas.
Secret fields that neither marks were found by reading both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from collector.model.record import Json


@cache
def connection_types() -> Mapping[str | None, Json]:
    """Type id → its `name`, whether it uses OAuth, and its `fields`: a flat list with dotted names."""
    return _packaged("connection_types.json")


@cache
def sensitive_fields() -> Mapping[str | None, Json]:
    """Type id → paths of the fields that are marked as sensitive. `_names` lists the bare names of all of them."""
    return _packaged("sensitive_fields.json")


@cache
def unmarked_secret_fields() -> Mapping[str | None, Json]:
    """Type id → paths of unmarked fields that hold secrets, by kind; see `docs/reference/masking.md`."""
    return _packaged("unmarked_secret_fields.json")


def _packaged(name: str) -> Mapping[str | None, Json]:
    lists: Mapping[str | None, Json] = json.loads((files("collector.model") / "data" / name).read_bytes())
    return lists
