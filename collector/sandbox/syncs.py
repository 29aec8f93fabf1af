"""Bulk syncs, model syncs and models, each computed on demand from its position in a list.

Every fourth connection is the source of a bulk sync, every third the source of a model, every fifth the target of a
model sync. Ids of connections, users and policies are those of the inventory. An object whose connection does not exist
does not exist either. The latest change comes first, as the API reference promises.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from collector.model.record import Json
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.fake_values import DATABASES, WORDS, Entropy, url_with_password
from collector.sandbox.inventory import Inventory
from collector.sandbox.organization import recent_time
from collector.sandbox.pagination import Page

_BULK_SYNC, _MODEL_SYNC, _MODEL = "bulk sync", "model sync", "model"
_BULK_STRIDE: Final = 4
_MODEL_STRIDE: Final = 3
_TARGET_STRIDE: Final = 5
_FIRST_TARGET: Final = 2
"""Distances between the connections that are a source or a target, and the index of the first target."""

_FREQUENCIES = ("hourly", "daily", "weekly", "manual", "continuous")
_MODES = ("updateOrCreate", "create", "update", "enrich", "replace")
_CALLBACK = url_with_password("callback")


class Syncs:
    """The syncs and models of one inventory."""

    def __init__(self, inventory: Inventory) -> None:
        size = inventory.size
        self._inventory = inventory
        self._organization = inventory.organization
        self._bulk_syncs = -(-size // _BULK_STRIDE)
        self._models = -(-size // _MODEL_STRIDE)
        self._model_syncs = -(-(size - _FIRST_TARGET) // _TARGET_STRIDE) if size > _FIRST_TARGET else 0

    def __repr__(self) -> str:
        return f"<Syncs of {self._inventory!r}>"

    def page(self, endpoint: Endpoint, page: Page) -> tuple[list[Json], int | None]:
        """The items of one page, and the position at which the next page starts, if there is one."""
        count, exists, make = {
            Endpoint.BULK_SYNCS: (self._bulk_syncs, self._has_bulk_sync, self.bulk_sync),
            Endpoint.MODEL_SYNCS: (self._model_syncs, self._model_numbers, self.model_sync),
            Endpoint.MODELS: (self._models, self._has_model, self.model),
        }[endpoint]
        existing = (number for number in range(page.start, count) if exists(number))
        items = [make(number) for number in islice(existing, page.limit)]
        return items, next(existing, None)

    def bulk_sync(self, number: int) -> dict[str, Json]:
        """The bulk sync at a position."""
        entropy = self._inventory.entropy(_BULK_SYNC, number)
        source, destination = self._ends(number)
        return {
            **self._common(_BULK_SYNC, number, entropy),
            "active": entropy[0] < 200,
            "mode": ("snapshot", "replicate", "append")[entropy[1] % 3],
            "source_connection_id": self._inventory.id_at(source),
            "source_configuration": {"callback": _CALLBACK(entropy)} if entropy[2] < 20 else None,
            "destination_connection_id": self._inventory.id_at(destination),
            "destination_configuration": {"schema": DATABASES[entropy[3] % len(DATABASES)]},
            "policies": self._organization.policies(entropy),
            "automatically_add_new_fields": "all",
            "automatically_add_new_objects": "none",
            "concurrency_limit": 1 + entropy[4] % 8 if entropy[4] < 64 else None,
            "disable_record_timestamps": False,
            "normalize_names": "enabled",
            "default_schedule": {"frequency": _FREQUENCIES[entropy[5] % len(_FREQUENCIES)]},
            "additional_schedules": [],
        }

    def model_sync(self, number: int) -> dict[str, Json]:
        """The model sync at a position."""
        entropy = self._inventory.entropy(_MODEL_SYNC, number)
        return {
            **self._common(_MODEL_SYNC, number, entropy),
            "active": entropy[0] < 200,
            "mode": _MODES[entropy[1] % len(_MODES)],
            "model_ids": [self._id(_MODEL, model) for model in self._model_numbers(number)],
            "target_connection_id": self._inventory.id_at(self._target(number)),
            "target_object": WORDS[entropy[2] % len(WORDS)],
            "only_enrich_updates": False,
            "skip_initial_backfill": entropy[3] < 30,
            "sync_all_records": entropy[4] < 30,
            "schedule": {"frequency": _FREQUENCIES[entropy[5] % len(_FREQUENCIES)]},
        }

    def model(self, number: int) -> dict[str, Json]:
        """The model at a position."""
        entropy = self._inventory.entropy(_MODEL, number)
        enricher = {"connection_id": self._inventory.id_at(self._source(number)), "mappings": {"email": "email"}}
        return {
            **self._common(_MODEL, number, entropy),
            "connection_id": self._inventory.id_at(self._source(number)),
            "type": "table",
            "configuration": _model_configuration(entropy),
            "fields": [{"name": name, "label": name.title(), "type": "string"} for name in ("id", "email")],
            "identifier": "id",
            "enricher": enricher if entropy[1] < 20 else None,
            "labels": [],
            "policies": self._organization.policies(entropy),
            "relations": [],
            "tracking_columns": ["email"] if entropy[2] < 60 else [],
            "version": 1 + entropy[3] % 9,
        }

    def using(self, index: int) -> Iterator[tuple[str, dict[str, Json]]]:
        """The syncs that read from, or write to, the connection at an index: `bulk` or `model`, and the sync."""
        number, rest = divmod(index, _BULK_STRIDE)
        if rest == 0 and number < self._bulk_syncs and self._has_bulk_sync(number):
            yield "bulk", self.bulk_sync(number)
        number, rest = divmod(index - _FIRST_TARGET, _TARGET_STRIDE)
        if rest == 0 and 0 <= number < self._model_syncs and self._model_numbers(number):
            yield "model", self.model_sync(number)

    def _common(self, kind: str, number: int, entropy: Entropy) -> dict[str, Json]:
        return {
            "id": self._id(kind, number),
            "organization_id": self._organization.id,
            "name": f"{WORDS[entropy[40] % len(WORDS)].title()} {kind} {number + 1}",
            **self._organization.audit_fields(entropy),
            "updated_at": recent_time(number, entropy),
        }

    def _id(self, kind: str, number: int) -> str:
        return self._organization.uuid(f"{kind} {number}")

    def _ends(self, number: int) -> tuple[int, int]:
        """The indexes of a bulk sync's connections. One in ten connections that can be a destination is one."""
        destination = 1 + _BULK_STRIDE * (number % max(1, self._bulk_syncs // 10))
        return _BULK_STRIDE * number, destination % self._inventory.size

    def _has_bulk_sync(self, number: int) -> bool:
        return all(map(self._inventory.exists, self._ends(number)))

    def _source(self, model: int) -> int:
        return _MODEL_STRIDE * model

    def _has_model(self, number: int) -> bool:
        return self._inventory.exists(self._source(number))

    def _target(self, model_sync: int) -> int:
        return _FIRST_TARGET + _TARGET_STRIDE * model_sync

    def _model_numbers(self, model_sync: int) -> list[int]:
        """The models of a model sync, one or two. Empty if the sync does not exist."""
        if not self._inventory.exists(self._target(model_sync)):
            return []
        numbers = {model_sync % self._models, model_sync * (1 + model_sync % 2) % self._models}
        return sorted(filter(self._has_model, numbers))


def _model_configuration(entropy: Entropy) -> dict[str, Json]:
    """A table, and for a few models a URL with a password."""
    table = {"table": WORDS[entropy[0] % len(WORDS)]}
    return {**table, "callback": _CALLBACK(entropy)} if entropy[4] < 12 else table
