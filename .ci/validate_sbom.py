"""Holds a bill of materials against the schema of CycloneDX 1.6.

python .ci/validate_sbom.py FILE   run by the tools' interpreter
"""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(sys.argv[1]).read_text()):
    sys.exit(f"{sys.argv[1]}: not CycloneDX 1.6: {fault}")
