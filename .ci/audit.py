"""Queries an advisory service for known vulnerabilities of all pins in the locks: passed, FAILED, or NOT RUN.

python .ci/audit.py PIP_AUDIT LOCK...   exit code 0: passed, 1: failed, 77: not run

The exit code of pip-audit is ambiguous: 1 means a vulnerability or an unreachable service, and without `--strict` it
exits with 0 when it audited no package. Its JSON output decides instead. The audit passes only if the output names
every pin and reports no vulnerability.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

NOT_RUN = 77
"""Exit code of a skipped test, as in Automake's test drivers."""

TIMEOUT_SECONDS = 60
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)([ ]*;)?", re.MULTILINE)


def main() -> int:
    tool, *locks = sys.argv[1:]
    worst = 0
    for lock in locks:
        code, text = decide(unconditional(Path(lock).read_text()), *ask(tool, lock))
        print(f"{Path(lock).name}: {text}")
        worst = code if worst == 0 or code == 1 else worst
        if code == NOT_RUN:
            break  # an unavailable service would cost the same wait again for each further lock
    return worst


def ask(tool: str, lock: str) -> tuple[int | None, str, str]:
    """Run pip-audit. Returns its exit code (None after a timeout), its output and its errors."""
    arguments = ["--strict", "--vulnerability-service", "osv", "--format", "json", "--desc", "off", "--disable-pip"]
    command = [tool, *arguments, "--require-hashes", "--timeout", "10", "--progress-spinner", "off", "-r", lock]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, "", f"timeout after {TIMEOUT_SECONDS} s"
    return done.returncode, done.stdout, done.stderr


def unconditional(lock: str) -> set[str]:
    """The names that a lock pins for all systems and Python versions."""
    return {canonical(name) for name, _, marker in PIN.findall(lock) if not marker}


def decide(pinned: set[str], code: int | None, output: str, errors: str) -> tuple[int, str]:
    """The exit code and the message for a result of pip-audit."""
    results = dependencies(output)
    if found := [f"{each['name']} {each['version']}: {ids(each)}" for each in results if each.get("vulns")]:
        return 1, "audit FAILED: " + "; ".join(found)
    skipped = [f"{each['name']}: {each['skip_reason']}" for each in results if "skip_reason" in each]
    left = pinned - {canonical(each["name"]) for each in results}
    if code == 0 and not skipped and pinned and not left:
        return 0, f"audit passed: no known vulnerability in {len(results)} distributions"
    if skipped:
        return NOT_RUN, "audit NOT RUN: " + "; ".join(skipped)
    if code == 0:
        return NOT_RUN, f"audit NOT RUN: no result for {len(left)} of {len(pinned)} pins"
    return NOT_RUN, f"audit NOT RUN: {reason(errors)}"


def dependencies(output: str) -> list[dict[str, Any]]:
    """The distributions in the output of pip-audit; an empty list when the output is not valid JSON."""
    try:
        found: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    return found


def ids(dependency: dict[str, Any]) -> str:
    return ", ".join(sorted({vulnerability["id"] for vulnerability in dependency["vulns"]}))


def reason(errors: str) -> str:
    """The last line of the errors, without the wrapping that the HTTP library adds."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    last = lines[-1] if lines else "pip-audit printed no error"
    inner = re.search(r"Caused by \w+\(\"?(.*?)\"?\)\)$", last)
    return inner.group(1) if inner else last


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
