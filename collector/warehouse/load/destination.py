"""The destination of a load: a URL without a password. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from collector.model.errors import ConfigError

_DATASET: Final = re.compile(r"[a-z][a-z0-9_]{0,50}")
_INSTEAD: Final = (
    "other users of this host can read it; revoke it if it is real, remove it from the URL, and use --password-file, "
    "--password-command or COLLECTOR_LOAD_PASSWORD"
)
_EXAMPLES: Final = {
    "duckdb": "duckdb:///inventory.duckdb",
    "postgresql": "postgresql://user@host:5432/database",
    "snowflake": "snowflake://user@account/database?warehouse=name",
    "bigquery": "bigquery://project",
}
_ALIASES: Final = {"postgres": "postgresql"}
_HARMLESS_PARAMETERS: Final = frozenset(("passfile", "sslkey"))
_SECRET_PARAMETERS: Final = re.compile(r"pass|secret|token|key|credential")


class Kind(StrEnum):
    """The database systems that `load` writes to."""

    DUCKDB = "duckdb"
    POSTGRES = "postgresql"
    SNOWFLAKE = "snowflake"
    BIGQUERY = "bigquery"


class Destination(NamedTuple):
    """A database and the schema in it. `dataset` is the name of the schema. The URL never contains a password."""

    kind: Kind
    url: str
    dataset: str
    host: str = ""
    port: int | None = None
    user: str = ""
    database: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def takes_password(self) -> bool:
        """Does the system authenticate its users by a password?"""
        return self.kind in (Kind.POSTGRES, Kind.SNOWFLAKE)

    @property
    def stores_nul(self) -> bool:
        """Can text and JSON contain a NUL character?"""
        return self.kind is not Kind.POSTGRES


def parse_destination(url: str, dataset: str) -> Destination:
    """Parse the value of `--to`. Raises `ConfigError`, whose text does not contain a password."""
    scheme, separator, _ = url.partition("://")
    kind = _ALIASES.get(scheme, scheme)
    if not separator or kind not in set(Kind):
        raise ConfigError(f"--to: not the URL of a database; use for example {' or '.join(_EXAMPLES.values())}")
    if not _DATASET.fullmatch(dataset):
        raise ConfigError("--dataset: use lower case letters, digits and _, at most 51, and begin with a letter")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"--to: not a valid URL; use for example {_EXAMPLES[kind]}") from None
    if "\0" in unquote(url):
        raise ConfigError("--to: the URL has a NUL character; remove it")
    _reject_secrets(parts)
    if parts.fragment or url.endswith("#"):
        raise ConfigError("--to: # begins a fragment, which a database does not have; write %23 for the character #")
    return _PARSERS[Kind(kind)](parts, port, dataset)


def _reject_secrets(parts: SplitResult) -> None:
    if parts.password is not None:
        raise ConfigError(f"--to contains a password (not shown); {_INSTEAD}")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name.lower() not in _HARMLESS_PARAMETERS and _SECRET_PARAMETERS.search(name.lower()):
            raise ConfigError(f"--to has the parameter {name}, which may be a secret (not shown); {_INSTEAD}")


def _duckdb(parts: SplitResult, _port: int | None, dataset: str) -> Destination:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or parts.query or not path:
        raise ConfigError(
            "--to: duckdb:///FILE names a file relative to the current folder, duckdb:////FOLDER/FILE an absolute one"
        )
    if path.startswith(":"):
        raise ConfigError(f"--to: {path} would be lost at the end of the load; name a file: {_EXAMPLES['duckdb']}")
    catalog = path.rpartition("/")[2].partition(".")[0].lower()
    if catalog in (dataset, f"{dataset}_staging"):
        raise ConfigError(
            f"--to: DuckDB cannot tell the file {path} from the schema {catalog} in it; use another file name, or "
            "another --dataset"
        )
    return Destination(Kind.DUCKDB, f"duckdb:///{path}", dataset, database=path)


def _server(kind: Kind, parts: SplitResult, port: int | None, dataset: str) -> Destination:
    database = unquote(parts.path.strip("/"))
    host, user = parts.hostname or "", unquote(parts.username or "")
    parameters = tuple(parse_qsl(parts.query, keep_blank_values=True))
    if not (database and user and (host or dict(parameters).get("host"))):
        raise ConfigError(f"--to: the user, the host or the database is missing; use {_EXAMPLES[kind]}")
    if "/" in parts.path.strip("/"):
        raise ConfigError(
            f"--to: the path names more than a database; use {_EXAMPLES[kind]}; --dataset names the schema"
        )
    name = f"[{host}]" if ":" in host else host
    url = f"{kind}://{user}@{name}{f':{port}' if port else ''}/{database}"
    return Destination(kind, url, dataset, host, port, user, database, parameters)


def _postgres(parts: SplitResult, port: int | None, dataset: str) -> Destination:
    return _server(Kind.POSTGRES, parts, port, dataset)


def _snowflake(parts: SplitResult, port: int | None, dataset: str) -> Destination:
    return _server(Kind.SNOWFLAKE, parts, port, dataset)


def _bigquery(parts: SplitResult, _port: int | None, dataset: str) -> Destination:
    if not parts.hostname or parts.path.strip("/") or parts.username:
        raise ConfigError(f"--to: use {_EXAMPLES['bigquery']}; --dataset names the data set")
    parameters = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return Destination(
        Kind.BIGQUERY, f"bigquery://{parts.hostname}", dataset, database=parts.hostname, parameters=parameters
    )


_PARSERS: Final = {
    Kind.DUCKDB: _duckdb,
    Kind.POSTGRES: _postgres,
    Kind.SNOWFLAKE: _snowflake,
    Kind.BIGQUERY: _bigquery,
}
