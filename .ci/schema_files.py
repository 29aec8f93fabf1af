"""Write collector/warehouse/data/TABLE.schema.json, the JSON Schema of each table, from the code.

python .ci/schema_files.py            write them
python .ci/schema_files.py --check    exit code 1 when one of them is not what the code says
"""

import sys
from pathlib import Path

from page import write_or_check

from collector.warehouse.columns import TABLES
from collector.warehouse.schema.formats import SchemaFormat, schema_text

FOLDER = Path(__file__).parent.parent / "collector" / "warehouse" / "data"


def main(arguments: list[str]) -> int:
    texts = {FOLDER / f"{name}.schema.json": schema_text(SchemaFormat.JSONSCHEMA, name) for name in TABLES}
    return max([write_or_check(path, text, arguments) for path, text in texts.items()])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
