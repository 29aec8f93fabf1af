"""Writes the bill of materials of the wheel and of all that run.txt pins: CycloneDX JSON, the same bytes every time.

python .ci/sbom.py CYCLONEDX_PY OUT.json   run by an interpreter that has the runtime closure installed

cyclonedx-py reads names, versions and hashes from the lock. What it cannot know from there is added here: the version
of the wheel itself, and who needs whom. What speaks of lines of the lock is left out.
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
OWN = "polytomic-collector"


def main() -> int:
    tool, out = sys.argv[1:]
    bill = completed(made_by(tool))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n")
    print(f"{len(bill['components'])} components")
    return 0


def made_by(tool: str) -> dict[str, Any]:
    """What cyclonedx-py says of the lock."""
    arguments = ["--pyproject", "pyproject.toml", "--output-reproducible", "--spec-version", "1.6", "--of", "JSON"]
    command = [tool, "requirements", *arguments, "requirements/run.txt"]
    # Its only warning is that the own component has no dependencies, which are added here.
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONWARNINGS": "ignore"}, stdout=subprocess.PIPE, check=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def completed(bill: dict[str, Any]) -> dict[str, Any]:
    """The bill with references that say what they refer to, the own version, and the dependencies."""
    own = bill["metadata"]["component"]
    own["version"] = metadata.version(OWN)
    own["purl"] = own["bom-ref"] = f"pkg:pypi/{OWN}@{own['version']}"
    for component in bill["components"]:
        component.pop("description")
        component["bom-ref"] = component["purl"]
    references = {each["name"]: each["bom-ref"] for each in [own, *bill["components"]]}
    bill["dependencies"] = [
        {"ref": reference, "dependsOn": sorted(references[other] for other in needs(name) & references.keys())}
        for name, reference in sorted(references.items())
    ]
    return bill


def needs(name: str) -> set[str]:
    """The distributions that an installed one requires without an extra, as it says itself, on any Python."""
    requirements = map(Requirement, metadata.requires(name) or [])
    return {canonicalize_name(each.name) for each in requirements if "extra" not in str(each.marker or "")}


if __name__ == "__main__":
    sys.exit(main())
