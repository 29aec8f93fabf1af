"""Run SQL in chdb-core and print the result: `python run_chdb.py SCRIPT QUERY`, in the environment of that package."""

from __future__ import annotations

import sys
from pathlib import Path

from chdb.session import Session


def main() -> None:
    script, query = (Path(argument).read_text() for argument in sys.argv[1:3])
    session = Session(sys.argv[3])
    for statement in script.split(";\n"):
        if statement.strip():
            session.query(statement)
    sys.stdout.buffer.write(bytes(session.query(query, "JSONEachRow").bytes()))


main()
