"""The packages that a destination needs, and the extra that installs them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from collector.model.errors import UsageError
from collector.warehouse.load.destination import Kind

_EXTRAS: Final = {Kind.DUCKDB: "load", Kind.POSTGRES: "load", Kind.SNOWFLAKE: "snowflake", Kind.BIGQUERY: "bigquery"}
_DRIVERS: Final = {
    Kind.DUCKDB: "duckdb",
    Kind.POSTGRES: "psycopg2",
    Kind.SNOWFLAKE: "snowflake.connector",
    Kind.BIGQUERY: "google.cloud.bigquery",
}


def require_packages(kind: Kind) -> None:
    """Raise `UsageError`, which names the extra to install, unless dlt, pyarrow and the driver are installed."""
    missing = [name for name in ("dlt", "pyarrow", _DRIVERS[kind]) if not _is_installed(name)]
    if missing:
        raise UsageError(
            f"a load into {kind} needs {', '.join(missing)}, which is not installed; install it: "
            f"pip install 'polytomic-collector[{_EXTRAS[kind]}]'"
        )


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
