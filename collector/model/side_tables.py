"""The schemas of the side tables, which name what the ids in records stand for, and how a table ended. Pure.

Each row has every field of its table. The first fields are the table's key.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from collector.model.ledger import Tally
from collector.model.record import AUDIT_FIELDS, LAST_FIELDS, RECORD, Field, Json, Kind

TABLE_SCHEMA: Final = 1
"""Major version of the rows. Within a major version, tables and keys are only added."""

Row: TypeAlias = dict[str, Json]
"""One row as written: the keys of its table's `fields`."""


class SideTable(NamedTuple):
    """One side table.

    - `endpoint`: the path that the rows come from. `{id}` stands for a connection, and the table is then read once for
      each connection.
    - `key`: the fields that identify a row within an organization.
    - `is_list`: a reply contains an array of items; otherwise it contains one.
    - `is_paged`: the list arrives in pages.
    - `not_kept`: paths that are deliberately discarded; `[]` stands for each item of an array.
    - `known_safe`: paths in its arrays that are not secrets, although their names suggest it.
    """

    name: str
    endpoint: str
    about: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ("id",)
    is_list: bool = True
    is_paged: bool = False
    not_kept: tuple[tuple[str, ...], ...] = ()
    known_safe: tuple[str, ...] = ()

    @property
    def is_per_connection(self) -> bool:
        """Is the endpoint requested once for each connection?"""
        return "{id}" in self.endpoint


def _id(about: str) -> Field:
    return Field("id", Kind.ID, "id", about, is_nullable=False)


def _connection(source: str | None = None) -> Field:
    return Field("connection_id", Kind.ID, source, "the connection", is_nullable=False)


def _array(name: str, about: str, source: str | None = None) -> Field:
    return Field(name, Kind.ARRAY, source or name, about, is_nullable=False)


def _ids(name: str, about: str) -> Field:
    return Field(name, Kind.IDS, name, about, is_nullable=False)


_NAME: Final = Field("name", Kind.TEXT, "name", "its name")
_ORGANIZATION: Final = Field("organization_id", Kind.ID, "organization_id", "the organization it belongs to")
_OBSERVED_ORGANIZATION: Final = Field("organization_id", Kind.ID, "organization_id", "the organization of the run")
_SYSTEM: Final = Field("system", Kind.FLAG, "system", "is it built in?")
_ACTIVE: Final = Field("active", Kind.FLAG, "active", "does it run?")
_POLICIES: Final = _ids("policies", "the policies that apply to it")

_POLICY_TABLE: Final = SideTable(
    "policies",
    "/api/permissions/policies",
    "permission policies, which the array `policies` of a connection names by id",
    (
        _id("the policy"),
        _NAME,
        _ORGANIZATION,
        _SYSTEM,
        _array("policy_actions", "which roles (`role_ids`) may do which `action`"),
        *LAST_FIELDS,
    ),
)

_USER_TABLE: Final = SideTable(
    "users",
    "/api/organization/users",
    "users, which `created_by_id` and `updated_by_id` name",
    (
        _id("the user"),
        Field("email", Kind.TEXT, "email", "email address"),
        _ORGANIZATION,
        Field("role", Kind.TEXT, "role", "role in a word; deprecated by the API"),
        _ids("role_ids", "the roles of the user"),
        Field("harbor_only", Kind.FLAG, "harbor_only", "may the user only use Harbor?"),
        _ids("harbor_ids", "the harbors of the user"),
        *LAST_FIELDS,
    ),
)

_ROLE_TABLE: Final = SideTable(
    "roles",
    "/api/permissions/roles",
    "roles, which users and policies name by id",
    (_id("the role"), _NAME, _ORGANIZATION, _SYSTEM, *LAST_FIELDS),
)

_BULK_SYNC_TABLE: Final = SideTable(
    "bulk_syncs",
    "/api/bulk/syncs",
    "syncs that copy whole objects from one connection to another",
    (
        _id("the sync"),
        _NAME,
        _ORGANIZATION,
        _ACTIVE,
        Field("mode", Kind.TEXT, "mode", "how data is written, such as `replicate`"),
        Field("source_connection_id", Kind.ID, "source_connection_id", "the connection it reads from"),
        Field("destination_connection_id", Kind.ID, "destination_connection_id", "the connection it writes to"),
        _POLICIES,
        Field("automatically_add_new_fields", Kind.TEXT, "automatically_add_new_fields", "are new fields synced?"),
        Field("automatically_add_new_objects", Kind.TEXT, "automatically_add_new_objects", "are new objects synced?"),
        Field("normalize_names", Kind.TEXT, "normalize_names", "how names in the destination are normalized"),
        Field("disable_record_timestamps", Kind.FLAG, "disable_record_timestamps", "are its time columns left out?"),
        Field("concurrency_limit", Kind.COUNT, "concurrency_limit", "limit of objects at once"),
        Field("resync_concurrency_limit", Kind.COUNT, "resync_concurrency_limit", "the same for a full resync"),
        Field("data_cutoff_timestamp", Kind.TIME, "data_cutoff_timestamp", "older data is not synced"),
        Field("default_schedule", Kind.OBJECT, "default_schedule", "when it runs, redacted"),
        _array("additional_schedules", "further schedules, redacted"),
        *AUDIT_FIELDS,
        Field("source_configuration", Kind.OBJECT, "source_configuration", "its settings of the source, redacted"),
        Field("destination_configuration", Kind.OBJECT, "destination_configuration", "of the destination, redacted"),
        *LAST_FIELDS,
    ),
    is_paged=True,
)

_MODEL_SYNC_TABLE: Final = SideTable(
    "model_syncs",
    "/api/syncs",
    "syncs that write the fields of models to a connection",
    (
        _id("the sync"),
        _NAME,
        _ORGANIZATION,
        _ACTIVE,
        Field("mode", Kind.TEXT, "mode", "how data is written, such as `updateOrCreate`"),
        _ids("model_ids", "the models it reads"),
        Field("target_connection_id", Kind.ID, "target_connection_id", "the connection it writes to"),
        Field("target_object", Kind.TEXT, "target_object", "the object it writes to"),
        Field("only_enrich_updates", Kind.FLAG, "only_enrich_updates", "are only updates enriched?"),
        Field("skip_initial_backfill", Kind.FLAG, "skip_initial_backfill", "does it skip the rows of its first run?"),
        Field("sync_all_records", Kind.FLAG, "sync_all_records", "does it write rows that did not change?"),
        Field("schedule", Kind.OBJECT, "schedule", "when it runs, redacted"),
        *AUDIT_FIELDS,
        *LAST_FIELDS,
    ),
    is_paged=True,
)

_MODEL_TABLE: Final = SideTable(
    "models",
    "/api/models",
    "models, which link a model sync to the connection it reads from",
    (
        _id("the model"),
        _NAME,
        _ORGANIZATION,
        Field("type", Kind.TEXT, "type", "how it selects rows, such as `table`"),
        Field("connection_id", Kind.ID, "connection_id", "the connection it reads from"),
        Field("enricher_connection_id", Kind.ID, "enricher.connection_id", "the connection that enriches its rows"),
        Field("identifier", Kind.TEXT, "identifier", "the field that identifies a row"),
        Field("version", Kind.COUNT, "version", "number of its revision"),
        _POLICIES,
        Field("tracking_columns", Kind.TEXTS, "tracking_columns", "columns that reveal a change", is_nullable=False),
        _array("fields", "its fields, redacted"),
        _array("relations", "its relations to other models, redacted"),
        _array("labels", "its labels, redacted"),
        *AUDIT_FIELDS,
        Field("configuration", Kind.OBJECT, "configuration", "its settings, redacted"),
        Field("enricher", Kind.OBJECT, "enricher", "further settings of the enrichment, redacted"),
        *LAST_FIELDS,
    ),
    is_paged=True,
    not_kept=(("fields", "[]", "example"), ("enricher", "fields", "[]", "example")),  # values of the customer's data
)

_SCHEMA_STATUS_TABLE: Final = SideTable(
    "schema_status",
    "/api/connections/{id}/schemas/status",
    "the state of each connection's schema cache",
    (
        _connection(),
        _OBSERVED_ORGANIZATION,
        Field("cache_status", Kind.TEXT, "cache_status", "such as `fresh`, `cached` or `refreshing`"),
        Field("last_refresh_started", Kind.TIME, "last_refresh_started", "start of the last refresh"),
        Field("last_refresh_finished", Kind.TIME, "last_refresh_finished", "end of the last refresh"),
        *LAST_FIELDS,
    ),
    key=("connection_id",),
    is_list=False,
)

_USAGE_TABLE: Final = SideTable(
    "usage",
    "/api/connections/{id}/usage",
    "the calls to each connection's system within 24 hours, in total and by sync",
    (
        _connection("connectionId"),
        _OBSERVED_ORGANIZATION,
        Field("calls_last_24_hours", Kind.COUNT, "callsLast24h", "calls to the system, if counted"),
        Field("reports_sync_stats", Kind.FLAG, "reportsSyncStats", "are the calls known by sync?"),
        _array("by_sync", "per sync, with the names of the API: `syncId`, `syncType`, `totalCalls`, …", "bySync"),
        *LAST_FIELDS,
    ),
    key=("connection_id",),
    is_list=False,
    known_safe=("by_sync[].categories[].key",),  # the name of a kind of call, such as `bulk`
)

SHARED: Final = SideTable(
    "shared",
    "/api/connections/{id}/shared",
    "the copies of each connection in other organizations, as records",
    tuple(field._replace(is_nullable=False) if field.name == "parent_connection_id" else field for field in RECORD),
    key=("parent_connection_id", "id"),
)
"""Its rows are records, with the configuration masked by the connection's type."""

SIDE_TABLES: Final = {
    table.name: table
    for table in (
        *(_POLICY_TABLE, _USER_TABLE, _ROLE_TABLE),
        *(_BULK_SYNC_TABLE, _MODEL_SYNC_TABLE, _MODEL_TABLE),
        *(_SCHEMA_STATUS_TABLE, _USAGE_TABLE, SHARED),
    )
}
"""Every side table by its name."""


class TableStatus(StrEnum):
    """How the reading of a table ended. A closed list."""

    COMPLETE = "complete"
    UNAVAILABLE = "unavailable"
    """The key may not read it, or the server does not know it. The table is empty."""
    PARTIAL = "partial"
    """Rows are missing."""


class TableEnd(NamedTuple):
    """The end of a table.

    - `reason`: of a table that is not complete, as the text of a warning.
    - `pages`: the replies that were read, each of which may have no rows.
    - `skipped`: the connections that the server answered with an error such as 404.
    - `duplicates`: rows that came again on a later page; only the first of them is written.
    - `tally`: the counts of masked, repaired and other values in its rows. Their paths begin with the table's name.
    """

    status: TableStatus
    rows: int
    pages: int
    reason: str
    skipped: int
    duplicates: int
    tally: Tally
