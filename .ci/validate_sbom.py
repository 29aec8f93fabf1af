"""Validates a bill of materials against the CycloneDX 1.6 schema.

python .ci/validate_sbom.py FILE   needs the interpreter of the check tools (.venv/tools)
"""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(sys.argv[1]).read_text()):
    sys.exit(f"{sys.argv[1]}: invalid CycloneDX 1.6: {error}")
