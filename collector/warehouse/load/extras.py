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
    _require(f"a load into {kind}", ("dlt", "pyarrow", _DRIVERS[kind]), _EXTRAS[kind])


def require_modules(*names: str) -> None:
    """Raise `UsageError` unless these modules, which the extra `load` has, are installed."""
    _require("dlt_resource", names, "load")


def _require(purpose: str, names: tuple[str, ...], extra: str) -> None:
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        raise UsageError(
            f"{purpose} needs {', '.join(missing)}, which is not installed; install it: "
            f"pip install 'polytomic-collector[{extra}]'"
        )


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
