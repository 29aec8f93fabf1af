"""Write docs/reference/side-tables.md: the fields of the side tables, generated from the tables in the code.

python .ci/side_tables_reference.py            write the page
python .ci/side_tables_reference.py --check    exit code 1 when the page does not match the code
"""

import sys
from pathlib import Path

from page import write_or_check
from record_reference import row

from collector.model.side_tables import SHARED, SIDE_TABLES, TABLE_SCHEMA, SideTable, TableStatus
from collector.polytomic.enrichment import _FIRST_REPLIES
from collector.polytomic.page_cursor import PAGE_SIZE

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "side-tables.md"

STATUSES = {
    TableStatus.COMPLETE: "every row was read",
    TableStatus.UNAVAILABLE: "the key may not read the endpoint, or the server does not offer it; the table is empty",
    TableStatus.PARTIAL: "rows are missing, because a request failed or the server did not end its list",
}


def page_of() -> str:
    overview = "".join(map(overview_row, SIDE_TABLES.values()))
    statuses = "".join(f"| `{status}` | {STATUSES[status]} |\n" for status in TableStatus)
    return f"""\
# Side tables

Schema {TABLE_SCHEMA}. `python .ci/side_tables_reference.py` generates this page from the tables in
`collector/model/side_tables.py`, and a test checks that it is current. Records contain the ids of policies and users,
and syncs contain the ids of connections. A row of these tables describes such an id.

| table | endpoint | requests | key | rows |
|---|---|---|---|---|
{overview}
Every key of a row is always present, in the order below. A row that comes on two pages is written once. Two
organizations may have rows with the same key, so `organization_id` is part of the key where tables are combined.

## Status of a table

| status | meaning |
|---|---|
{statuses}
An endpoint that refuses the key (401 or 403), redirects, or does not exist costs only its table. Before a 401 ends the
run, a connection that was answered before is requested again.

A connection that the server answers with an error, such as HTTP 404 for a type without a schema, is skipped and
counted. The table is unavailable if each of the first {_FIRST_REPLIES} connections is skipped, or each connection
if there are fewer.

## Values

The rules of a [record](record.md#values) apply, with these additions:

- **`organization_id`** is that of the run where the API sends none, such as for built-in roles. In `shared` it is null
  then.
- **Nested objects and arrays** keep the names and the times of the API, redacted. Arrays are never null.
- **Omitted on purpose**: {not_kept()}. They are values of the
  customer's data.

{sections()}"""


def overview_row(table: SideTable) -> str:
    requests = "per connection" if table.is_per_connection else f"per {PAGE_SIZE} rows" if table.is_paged else "one"
    key = ", ".join(f"`{name}`" for name in table.key)
    return f"| [`{table.name}`](#{table.name}) | `{table.endpoint}` | {requests} | {key} | {table.about} |\n"


def not_kept() -> str:
    paths = [f"{table.name}.{'.'.join(path)}" for table in SIDE_TABLES.values() for path in table.not_kept]
    return " and ".join(f"`{path.replace('.[]', '[]')}`" for path in paths)


def sections() -> str:
    return "\n".join(map(section, SIDE_TABLES.values()))


def section(table: SideTable) -> str:
    if table is SHARED:
        return f"## {table.name}\n\nEach row is a [record](record.md). `parent_connection_id` is never null.\n"
    rows = "".join(map(row, table.fields))
    return f"""\
## {table.name}

| key | type | null? | field of the API | meaning |
|---|---|---|---|---|
{rows}"""


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page_of(), sys.argv[1:]))
