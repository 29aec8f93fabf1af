"""Asks an advisory service for known vulnerabilities of everything the locks pin: passed, FAILED, or NOT RUN.

python .ci/audit.py PIP_AUDIT LOCK...   exit code 0: passed, 1: failed, 77: not run

pip-audit says with one exit code that it found something and that it could not ask; and without `--strict` it exits 0
when it could audit nothing. So its JSON decides: passed is only what names every pin and no vulnerability.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

NOT_RUN = 77
"""What Automake's test drivers exit with for a skipped test."""

SECONDS = 60
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)([ ]*;)?", re.MULTILINE)


def main() -> int:
    tool, *locks = sys.argv[1:]
    worst = 0
    for lock in locks:
        code, text = decide(unconditional(Path(lock).read_text()), *ask(tool, lock))
        print(f"{Path(lock).name}: {text}")
        worst = code if worst == 0 or code == 1 else worst
        if code == NOT_RUN:
            break  # who did not answer for one lock would be waited for again
    return worst


def ask(tool: str, lock: str) -> tuple[int | None, str, str]:
    """pip-audit's exit code (None when it was stopped), output and errors."""
    arguments = ["--strict", "--vulnerability-service", "osv", "--format", "json", "--desc", "off", "--disable-pip"]
    command = [tool, *arguments, "--require-hashes", "--timeout", "10", "--progress-spinner", "off", "-r", lock]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, "", f"no end after {SECONDS} s"
    return done.returncode, done.stdout, done.stderr


def unconditional(lock: str) -> set[str]:
    """The names that a lock pins whatever the system and the Python."""
    return {canonical(name) for name, _, marker in PIN.findall(lock) if not marker}


def decide(pinned: set[str], code: int | None, output: str, errors: str) -> tuple[int, str]:
    """What an answer of pip-audit means, and how to say it."""
    answers = dependencies(output)
    if found := [f"{each['name']} {each['version']}: {ids(each)}" for each in answers if each.get("vulns")]:
        return 1, "audit FAILED: " + "; ".join(found)
    skipped = [f"{each['name']}: {each['skip_reason']}" for each in answers if "skip_reason" in each]
    left = pinned - {canonical(each["name"]) for each in answers}
    if code == 0 and not skipped and pinned and not left:
        return 0, f"audit passed: no known vulnerability in {len(answers)} distributions"
    if skipped:
        return NOT_RUN, "audit NOT RUN: " + "; ".join(skipped)
    if code == 0:
        return NOT_RUN, f"audit NOT RUN: no answer for {len(left)} of {len(pinned)} pins"
    return NOT_RUN, f"audit NOT RUN: {reason(errors)}"


def dependencies(output: str) -> list[dict[str, Any]]:
    """What pip-audit says of each distribution; nothing when it printed no JSON."""
    try:
        found: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    return found


def ids(dependency: dict[str, Any]) -> str:
    return ", ".join(sorted({vulnerability["id"] for vulnerability in dependency["vulns"]}))


def reason(errors: str) -> str:
    """The last line of its errors, without the wrapping of the HTTP library."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    last = lines[-1] if lines else "pip-audit said nothing"
    inner = re.search(r"Caused by \w+\(\"?(.*?)\"?\)\)$", last)
    return inner.group(1) if inner else last


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
