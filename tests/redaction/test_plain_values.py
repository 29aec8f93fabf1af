"""Plain values, and errors without a secret, written without sight of the code: hardly any is masked.

`plain_values.json` holds a field's name and a value by kind, and texts of errors by kind. A value is the only one in
the configuration of a type that no schema knows, so that its name and form alone decide.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from collector.model.outcome import Redaction
from collector.polytomic.normalize import normalize
from collector.redaction.detect.field_names import NameSignal, name_signal
from collector.redaction.detect.masks import is_servers_mask
from collector.redaction.redactor import Redactor

CORPUS: Final = json.loads((Path(__file__).parent / "plain_values.json").read_bytes())
ID: Final = "248df4b7-aa70-47b8-a036-33ac447e668d"
REDACTOR: Final = Redactor()


def masked_in(**fields: Any) -> tuple[Redaction, ...]:
    data = {"id": ID, "type": {"id": "customsource", "name": "Custom"}, **fields}
    _, masked, _ = normalize(json.loads(json.dumps(data)), ID, REDACTOR, collected_at="", run_id="")
    return masked


def is_plain(name: str, value: Any) -> bool:
    """Neither a field that Polytomic marks for some type, nor a mask."""
    return name_signal(name) is not NameSignal.LISTED and not (isinstance(value, str) and is_servers_mask(value))


def report(found: list[tuple[str, Any, tuple[Redaction, ...]]], total: int) -> str:
    kinds = Counter(kind for kind, _, _ in found)
    lines = [f"{kind}: {[one.rule for one in masked]} {value!r}" for kind, value, masked in found]
    return "\n".join([f"{len(found)} of {total} masked: {dict(kinds)}", *lines])


def test_plain_values_are_rarely_masked() -> None:
    cases = [
        (kind, name, value) for kind, rows in CORPUS["fields"].items() for name, value in rows if is_plain(name, value)
    ]
    found = [
        (f"{kind}.{name}", value, masked)
        for kind, name, value in cases
        if (masked := masked_in(configuration={name: value}))
    ]
    print(report(found, len(cases)))
    assert len(found) <= LARGEST_SHARE["fields"] * len(cases), report(found, len(cases))


def test_words_of_errors_are_rarely_masked() -> None:
    cases = [(kind, text) for kind, texts in CORPUS["error_texts"].items() for text in texts]
    found = [(kind, text, masked) for kind, text in cases if (masked := masked_in(status_error=text))]
    print(report(found, len(cases)))
    assert len(found) <= LARGEST_SHARE["error_texts"] * len(cases), report(found, len(cases))


LARGEST_SHARE: Final = {"fields": 0.01, "error_texts": 0.02}


@pytest.mark.parametrize(("part", "kinds", "values"), [("fields", 40, 1500), ("error_texts", 18, 350)])
def test_the_corpus_is_as_large_as_promised(part: str, kinds: int, values: int) -> None:
    assert len(CORPUS[part]) >= kinds
    assert sum(map(len, CORPUS[part].values())) >= values
