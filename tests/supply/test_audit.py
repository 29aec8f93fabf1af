"""The audit passes only with a result for every pin. An unavailable service is neither a pass nor a failure.

The outputs below are shortened from real ones of pip-audit 2.10.1: for a clean lock, for a vulnerability, without a
route to the service, and without `--strict` against an index that has none of the packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.supply import LOCKS, ROOT, script

AUDIT = script("audit")
PINNED = {"idna", "rich-rst"}

CLEAN = (
    '{"dependencies": [{"name": "idna", "version": "3.20", "vulns": []}, '
    '{"name": "rich-rst", "version": "2.2.0", "vulns": []}], "fixes": []}\n'
)
VULNERABLE = (
    '{"dependencies": [{"name": "idna", "version": "3.14", "vulns": [{"id": "PYSEC-2026-215", '
    '"fix_versions": ["3.15"], "aliases": []}]}, {"name": "rich-rst", "version": "2.2.0", "vulns": []}], "fixes": []}\n'
)
SKIPPED = (
    '{"dependencies": [{"name": "idna", "skip_reason": "Dependency not found on PyPI and could not be audited: '
    'idna (3.20)"}, {"name": "rich-rst", "version": "2.2.0", "vulns": []}], "fixes": []}\n'
)
NO_ROUTE = (
    "Traceback (most recent call last):\n"
    "    raise ConnectionError(e, request=request)\n"
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.osv.dev', port=443): Max retries exceeded with "
    "url: /v1/query (Caused by NameResolutionError(\"HTTPSConnection(host='api.osv.dev', port=443): Failed to resolve "
    "'api.osv.dev' ([Errno -2] Name or service not known)\"))\n"
)
STRICT = "ERROR:pip_audit._cli:idna: Dependency not found on PyPI and could not be audited: idna (3.20)\n"


def test_a_result_for_every_pin_and_no_vulnerability_passes() -> None:
    assert AUDIT.decide(PINNED, 0, CLEAN, "No known vulnerabilities found\n") == (
        0,
        "audit passed: no known vulnerability in 2 distributions",
    )


def test_a_known_vulnerability_fails_the_audit_and_is_named() -> None:
    assert AUDIT.decide(PINNED, 1, VULNERABLE, "Found 1 known vulnerability in 1 package\n") == (
        1,
        "audit FAILED: idna 3.14: PYSEC-2026-215",
    )


def test_a_vulnerability_fails_the_audit_even_with_exit_code_zero() -> None:
    assert AUDIT.decide(PINNED, 0, VULNERABLE, "")[0] == 1


def test_an_unreachable_service_is_reported_as_not_run_with_the_reason() -> None:
    assert AUDIT.decide(PINNED, 1, "", NO_ROUTE) == (
        77,
        "audit NOT RUN: HTTPSConnection(host='api.osv.dev', port=443): Failed to resolve 'api.osv.dev' "
        "([Errno -2] Name or service not known)",
    )


def test_a_skipped_distribution_is_reported_as_not_run_even_with_exit_code_zero() -> None:
    code, text = AUDIT.decide(PINNED, 0, SKIPPED, "No known vulnerabilities found\n")
    assert code == 77
    assert text.startswith("audit NOT RUN: idna: Dependency not found")


def test_a_skipped_distribution_under_strict_is_reported_as_not_run() -> None:
    assert AUDIT.decide(PINNED, 1, "", STRICT) == (77, "audit NOT RUN: " + STRICT.strip())


def test_a_pin_without_a_result_is_reported_as_not_run() -> None:
    assert AUDIT.decide(PINNED | {"anyio"}, 0, CLEAN, "") == (77, "audit NOT RUN: no result for 1 of 3 pins")


@pytest.mark.parametrize("output", ["", "{", "[]", "null", '{"fixes": []}', '{"dependencies": []}'])
def test_exit_code_zero_without_results_is_reported_as_not_run(output: str) -> None:
    assert AUDIT.decide(PINNED, 0, output, "")[0] == 77


def test_a_lock_without_pins_is_reported_as_not_run() -> None:
    assert AUDIT.decide(set(), 0, '{"dependencies": [], "fixes": []}', "")[0] == 77


def test_a_timeout_is_reported_as_not_run() -> None:
    assert AUDIT.decide(PINNED, None, "", "timeout after 60 s") == (77, "audit NOT RUN: timeout after 60 s")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_pins_for_other_systems_are_not_required_in_the_results(lock: Path) -> None:
    names = AUDIT.unconditional(lock.read_text())
    assert len(names) >= (1 if lock.stem.startswith("engine") else 8)
    assert "colorama" not in names


@pytest.mark.parametrize(
    ("output", "code", "status"), [(CLEAN, 0, "passed"), (VULNERABLE, 1, "FAILED"), ("", 77, "NOT RUN")]
)
def test_the_exit_code_of_the_script_matches_its_message(tmp_path: Path, output: str, code: int, status: str) -> None:
    """Runs against a fake pip-audit with the output and exit code of the real one."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!{sys.executable}\nimport sys\nprint({output!r})\nsys.exit({0 if code == 0 else 1})\n")
    tool.chmod(0o700)
    lock = tmp_path / "run.txt"
    lock.write_text("idna==3.20 \\\n    --hash=sha256:00\nrich-rst==2.2.0 \\\n    --hash=sha256:00\n")
    command = [sys.executable, str(ROOT / ".ci/audit.py"), str(tool), str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == code
    assert done.stdout.startswith(f"run.txt: audit {status}")
