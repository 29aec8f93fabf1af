"""The reference lists the rules that the manifest names."""

from __future__ import annotations

import re
from pathlib import Path

from collector.redaction.detect import reasons

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "masking.md"


def test_the_reference_lists_every_rule() -> None:
    rules = {value for name, value in vars(reasons).items() if name.isupper()}
    listed = set(re.findall(r"^\| `([^`]+)` \|", REFERENCE.read_text(), re.MULTILINE))
    assert listed == rules | {"token:ISSUER"}
    assert reasons.token("github") == "token:github"
