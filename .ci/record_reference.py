"""Write docs/reference/record.md: the fields of a record, generated from the table in the code.

python .ci/record_reference.py            write the page
python .ci/record_reference.py --check    exit code 1 when the page does not match the table
"""

import sys
from pathlib import Path

from page import write_or_check

from collector.model.record import NOT_KEPT, RECORD, SCHEMA, Field

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "record.md"


def page_of() -> str:
    left_out = " and ".join(f"`{'.'.join(path)}`" for path in NOT_KEPT)
    rows = "".join(map(row, RECORD))
    return f"""\
# Record

Schema {SCHEMA}. `python .ci/record_reference.py` generates this page from the table in `collector/model/record.py`, and
a test checks that it is current. Every key is always present, in this order.

| key | type | null? | field of the API | meaning |
|---|---|---|---|---|
{rows}
## Values

- **Arrays** are never null.
- **Timestamps** are RFC 3339 in UTC with microseconds. One that has no offset, or is not a date and time, stays as the
  API sent it and is counted. With `--timestamps strict` it is null, and its text is in `extra`.
- **`configuration`** is an object or null. With `--configuration-as string` it is the JSON of the object as text.
- **Unexpected types**: the key is null, and the value is in `extra`, under its original name and nesting.
- **`extra`** also holds every field that this schema does not know. It is `{{}}` when the API sends known fields only.
  {left_out} are omitted on purpose: they are pictures of the type, the same for
  all its connections.
- **Numbers**: integers are exact. A number beyond a double, and an integer of too many [digits](limits.md#replies),
  becomes text. The manifest counts it as `repaired`.
- **Text** is UTF-8. Invalid bytes and lone surrogates become U+FFFD and count as `repaired`. Characters that some
  readers take for a line end, or a terminal for a command, are escaped.
- **Secrets** are replaced by `"[REDACTED]"`: see [Masking rules](masking.md).

Within a major schema, keys are only added.
"""


def row(field: Field) -> str:
    source = f"`{field.source}`" if field.source else ""
    return (
        f"| `{field.name}` | {field.kind.value} | {'yes' if field.is_nullable else 'no'} | {source} | {field.about} |\n"
    )


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page_of(), sys.argv[1:]))
