"""Writes the bill of materials of the wheel and all pins of run.txt as CycloneDX JSON, reproducible byte for byte.

python .ci/sbom.py CYCLONEDX_PY OUT.json   needs an interpreter with all packages of run.txt

cyclonedx-py reads names, versions and hashes from the lock. This script adds the version of the wheel and the
dependencies between the packages, which the lock does not contain. It removes references to lines of the lock.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = "polytomic-collector"


def main() -> int:
    tool, out = sys.argv[1:]
    bill = completed(bill_from(tool))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n")
    print(f"{len(bill['components'])} components")
    return 0


def bill_from(tool: str) -> dict[str, Any]:
    """The output of cyclonedx-py for the runtime lock."""
    arguments = ["--pyproject", "pyproject.toml", "--output-reproducible", "--spec-version", "1.6", "--of", "JSON"]
    command = [tool, "requirements", *arguments, "requirements/run.txt"]
    # Its only warning is that the wheel's component has no dependencies. `completed` adds them.
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONWARNINGS": "ignore"}, stdout=subprocess.PIPE, check=True)
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def completed(bill: dict[str, Any]) -> dict[str, Any]:
    """The bill with package URLs as references, the version of the wheel, and the dependencies."""
    wheel = bill["metadata"]["component"]
    wheel["version"] = metadata.version(PROJECT)
    wheel["purl"] = wheel["bom-ref"] = f"pkg:pypi/{PROJECT}@{wheel['version']}"
    for component in bill["components"]:
        component.pop("description")
        component["bom-ref"] = component["purl"]
    references = {each["name"]: each["bom-ref"] for each in [wheel, *bill["components"]]}
    bill["dependencies"] = [
        {"ref": reference, "dependsOn": sorted(references[other] for other in needs(name) & references.keys())}
        for name, reference in sorted(references.items())
    ]
    return bill


def needs(name: str) -> set[str]:
    """The distributions that an installed one requires by its metadata, without extras, on any Python version."""
    requirements = map(Requirement, metadata.requires(name) or [])
    return {canonicalize_name(each.name) for each in requirements if "extra" not in str(each.marker or "")}


if __name__ == "__main__":
    sys.exit(main())
