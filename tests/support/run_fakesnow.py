"""Run SQL in fakesnow and print the rows: `python run_fakesnow.py SCRIPT QUERY`, in the environment of that package."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import fakesnow
import snowflake.connector


def main() -> None:
    script, query = (Path(argument).read_text() for argument in sys.argv[1:3])
    with fakesnow.patch(), snowflake.connector.connect(database="d", schema="s") as connection:
        cursor = connection.cursor()
        for statement in script.split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        for row in cursor.execute(query).fetchall():
            print(json.dumps(row, default=_value))


def _value(value: datetime | Decimal) -> str | int:
    if isinstance(value, Decimal):
        return int(value)
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


main()
