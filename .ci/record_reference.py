"""Write docs/record.md: the fields of a record, from the one table that the code has of them.

python .ci/record_reference.py            write it
python .ci/record_reference.py --check    exit code 1 when it is not what the table says
"""

import sys
from pathlib import Path

from page import write_or_check

from collector.model.record import NOT_KEPT, RECORD, SCHEMA, Field

PAGE = Path(__file__).parent.parent / "docs" / "record.md"


def page_of() -> str:
    left_out = " and ".join(f"`{'.'.join(path)}`" for path in NOT_KEPT)
    rows = "".join(map(row, RECORD))
    return f"""\
# The record, schema {SCHEMA}

Made from the table in `collector/model/record.py` by `python .ci/record_reference.py`; a test compares them. Every key
is always present, in this order.

| key | type | null? | from the API's | what it is |
|---|---|---|---|---|
{rows}
An array is never null. A value of another type than its field's is null in the record and stays in `extra`, under the
name and nesting it came with; so does every field that this schema does not know. Of what the API is known to send
nothing is extra: then `extra` is `{{}}`. {left_out} are known too and left out on purpose: they are
pictures of the type, the same for all its connections.
"""


def row(field: Field) -> str:
    source = f"`{field.source}`" if field.source else ""
    return (
        f"| `{field.name}` | {field.kind.value} | {'yes' if field.is_nullable else 'no'} | {source} | {field.about} |\n"
    )


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page_of(), sys.argv[1:]))
