"""Errors of dlt and of database drivers, translated into messages that name the cause and the next step.

The drivers have no common classes of errors, and dlt quotes their texts. So the text of the innermost error decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from collector.model.errors import CollectorError, ConfigError, KeyRefused, OutputError, OutputLocked, UsageError
from collector.warehouse.load.destination import Destination

_MAX_CHARS: Final = 300


class _Cause(NamedTuple):
    pattern: re.Pattern[str]
    error: type[CollectorError]
    summary: str


def _cause(pattern: str, error: type[CollectorError], summary: str) -> _Cause:
    return _Cause(re.compile(pattern, re.IGNORECASE), error, summary)


_CAUSES: Final = (
    _cause(
        r"could not set lock|conflicting lock|already opened in|unique file handle conflict",
        OutputLocked,
        "another process has the file open; close it and try again",
    ),
    _cause(
        r"password authentication failed|no password supplied|authentication failed|incorrect username or password",
        KeyRefused,
        "the server refuses the user or the password; correct --password-file, --password-command, "
        "COLLECTOR_LOAD_PASSWORD or ~/.pgpass",
    ),
    _cause(
        r"no pg_hba.conf entry",
        ConfigError,
        "the server does not admit this user from this host; add a rule to its pg_hba.conf",
    ),
    _cause(
        r"invalid (dsn|sslmode|uri|connection option|integer value)",
        ConfigError,
        "a parameter of --to is wrong; correct it",
    ),
    _cause(r'database "[^"]*" does not exist', ConfigError, "the database does not exist; create it"),
    _cause(r'role "[^"]*" does not exist', ConfigError, "the user does not exist; create it"),
    _cause(
        r"no space left|disk full|could not extend|disk quota|file size limit|file too large",
        OutputError,
        "the disk is full; free some space and load again",
    ),
    _cause(
        r"read-only|read only",
        OutputError,
        "the database is read-only; use one that can be written",
    ),
    _cause(
        r"permission denied|access denied|insufficient privilege|must be owner|not authorized",
        OutputError,
        "permission denied; grant the user the right to create tables in the schema",
    ),
    _cause(
        r"connection refused|could not (connect|translate)|connection to server|timeout expired|name or service|"
        r"no route to host|server closed the connection|terminating connection|connection already closed",
        OutputError,
        "the server cannot be reached, or closed the connection; check the host and the port, and load again",
    ),
    _cause(
        r"not a valid duckdb database|unable to read the database file|newer version of duckdb",
        ConfigError,
        "the file is not a database of this version of DuckDB; name another file",
    ),
    _cause(
        r"cannot open (file|database)|no such file or directory|is a directory",
        OutputError,
        "the file cannot be opened; make its folder, or use duckdb:////FOLDER/FILE for an absolute path",
    ),
    _cause(
        r"out of memory|failed to allocate",
        OutputError,
        "the database ran out of memory; free some and load again",
    ),
    _cause(
        r'(column|relation|table) .*does not exist|does not have a column|undefined(column|table)|"[^"]*" not found|'
        r"datatypemismatch|is of type .* but expression|conversion error|not.null constraint|catalog error|"
        r"cannot be cast|invalid input syntax|violates",
        UsageError,
        "a table differs from what the collector made, as after a change by hand; undo the change, or load all "
        "snapshots into another --dataset",
    ),
)


@contextmanager
def translated(destination: Destination) -> Iterator[None]:
    """Raise errors of dlt and drivers as those of the collector. Its own errors pass unchanged."""
    try:
        yield
    except CollectorError:
        raise
    except (OSError, MemoryError) as error:
        raise OutputError(f"{destination.url}: {_first_line(error)}; correct it and load again") from None
    except Exception as error:
        raise failure(destination, error) from None


def failure(destination: Destination, error: BaseException) -> CollectorError:
    """The error of the collector for an error of dlt or a driver."""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, CollectorError):
            return each
    if not any(_is_foreign(each) for each in chain):
        raise error
    text = "\n".join(str(each) for each in chain)
    detail = _first_line(chain[-1])
    for cause in _CAUSES:
        if cause.pattern.search(text):
            return cause.error(f"{destination.url}: {cause.summary} ({detail})")
    return OutputError(f"{destination.url}: the load failed: {detail}; the same command loads it again")


def _is_foreign(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in {"dlt", "duckdb", "_duckdb", "psycopg2", "google", "snowflake"}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, the innermost last."""
    seen: set[int] = set()
    pending: BaseException | None = error
    while pending is not None and id(pending) not in seen:
        seen.add(id(pending))
        yield pending
        inner = getattr(pending, "dbapi_exception", None) or getattr(pending, "exception", None)
        pending = inner if isinstance(inner, BaseException) else pending.__cause__ or pending.__context__


def _first_line(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)[:_MAX_CHARS]
