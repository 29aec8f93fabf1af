"""The databases as dlt sees them: the credentials, and the settings of the connection."""

from __future__ import annotations

import os
from typing import Any, Final

from collector.model.errors import ConfigError
from collector.model.secret import Secret
from collector.warehouse.load.destination import Destination, Kind

_DUCKDB_CONFIG: Final = {
    "autoinstall_known_extensions": False,  # nothing is downloaded
    "autoload_known_extensions": False,
    "preserve_insertion_order": False,  # it costs memory
}
_POSTGRES_OPTIONS: Final = "-c work_mem=256MB -c timezone=UTC"
"""The comparison of versions needs a hash table of them, and takes quadratic time without it."""


_MAGIC: Final = b"DUCK"
_MAGIC_AT: Final = 8


class _Verbatim(str):
    """Text whose spaces at the ends are part of it: dlt strips a password."""

    __slots__ = ()

    def strip(self, _characters: str | None = None, /) -> str:
        return self


def dlt_destination(destination: Destination, password: Secret | None) -> Any:
    """The destination for a pipeline of dlt. Does not connect."""
    return _FACTORIES[destination.kind](destination, password)


def _duckdb(destination: Destination, _password: Secret | None) -> Any:
    import dlt  # noqa: PLC0415  # optional, slow to import
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials  # noqa: PLC0415

    path = os.path.abspath(destination.database)  # dlt moves a relative one
    _require_database(destination, path)
    credentials = DuckDbCredentials(path)
    credentials.global_config = dict(_DUCKDB_CONFIG)
    return dlt.destinations.duckdb(credentials, replace_strategy="insert-from-staging")


def _require_database(destination: Destination, path: str) -> None:
    """Raise `ConfigError` for a file of another kind: DuckDB opens files of data, and forgets what is written."""
    try:
        with open(path, "rb") as file:
            head = file.read(_MAGIC_AT + len(_MAGIC))
    except OSError:
        return  # DuckDB creates it, or says why not
    if head and head[_MAGIC_AT:] != _MAGIC:
        raise ConfigError(f"{destination.url}: the file exists and is not a database of DuckDB; name another file")


def _postgres(destination: Destination, password: Secret | None) -> Any:
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials  # noqa: PLC0415

    from collector.warehouse.load.postgres_copy import CopyingPostgres  # noqa: PLC0415  # imports dlt

    credentials: Any = PostgresCredentials()
    _fill(credentials, destination, password)
    query = dict(destination.parameters)
    if timeout := query.get("connect_timeout"):  # dlt would replace it
        credentials.connect_timeout = timeout
    query["options"] = f"{query.get('options', '')} {_POSTGRES_OPTIONS}".strip()
    query.setdefault("application_name", "collector")
    credentials.query = query
    return CopyingPostgres(credentials, replace_strategy="insert-from-staging")


def _snowflake(destination: Destination, password: Secret | None) -> Any:
    import dlt  # noqa: PLC0415
    from dlt.destinations.impl.snowflake.configuration import SnowflakeCredentials  # noqa: PLC0415

    credentials = SnowflakeCredentials()
    _fill(credentials, destination, password)
    for name, value in destination.parameters:
        setattr(credentials, name, value)
    return dlt.destinations.snowflake(credentials, replace_strategy="insert-from-staging")


def _bigquery(destination: Destination, _password: Secret | None) -> Any:
    """The credentials are those that Google's own programs use, such as GOOGLE_APPLICATION_CREDENTIALS."""
    import dlt  # noqa: PLC0415

    location = dict(destination.parameters).get("location", "US")
    return dlt.destinations.bigquery(
        project_id=destination.database, location=location, replace_strategy="insert-from-staging"
    )


def _fill(credentials: Any, destination: Destination, password: Secret | None) -> None:
    credentials.username = destination.user
    # dlt requires a password. libpq treats an empty one as missing, and then reads ~/.pgpass.
    credentials.password = _Verbatim(password.reveal()) if password else ""
    credentials.host = destination.host
    credentials.database = destination.database
    if destination.port:
        credentials.port = destination.port


_FACTORIES: Final = {
    Kind.DUCKDB: _duckdb,
    Kind.POSTGRES: _postgres,
    Kind.SNOWFLAKE: _snowflake,
    Kind.BIGQUERY: _bigquery,
}
