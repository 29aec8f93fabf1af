"""No secret of one corpus is left in a line, and hardly any plain value of the other is masked.

Each case takes the path of a run: the body of a reply in, a line of the snapshot out. See `secret_corpus`,
`plain_corpus`.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

import pytest

from collector.model.record import Record
from collector.polytomic.envelope import read_data
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.snapshot.lines import encode
from tests.support.plain_corpus import TYPES, PlainCase, plain_cases, plain_fields
from tests.support.secret_corpus import (
    DEPTHS,
    MARKS,
    MASK,
    NAMES,
    SHAPES_OF_A_VALUE,
    UNMARKED,
    SecretCase,
    secret_cases,
    spelled,
)

ID: Final = "248df4b7-aa70-47b8-a036-33ac447e668d"
AT: Final = "2026-01-15T09:30:00.000000Z"
REDACTOR: Final = Redactor()
SHORTEST_LEAK: Final = 6
"""A secret leaks if this many of its first or last characters, or a chunk of twice as many, are readable."""

Case: TypeAlias = SecretCase | PlainCase


def body_of(case: Case) -> bytes:
    """The reply of the API for the connection of a case."""
    connection = {
        "id": ID,
        "name": case.name,
        "type": {"id": case.type_id, "name": "A type", "operations": ["read"]},
        "status": "healthy" if case.status_error is None else "unhealthy",
        "status_error": case.status_error,
        "configuration": case.configuration,
    }
    return json.dumps({"data": connection}).encode()


def record_of(case: Case) -> tuple[Record, bytes, int]:
    """The record of a case, its line, and the number of masked values."""
    data = read_data(body_of(case))
    record, masked, _ = normalize(data, ID, REDACTOR, collected_at=AT, run_id="run-1")
    return record, encode(record), len(masked)


class Collected(NamedTuple):
    """A case and its result."""

    case: Case
    record: Record
    line: bytes
    masked: int


@cache
def collected_secrets() -> tuple[Collected, ...]:
    return tuple(Collected(case, *record_of(case)) for case in secret_cases())


@cache
def collected_plain() -> tuple[Collected, ...]:
    return tuple(Collected(case, *record_of(case)) for case in plain_cases())


def texts(value: Any) -> Iterator[str]:
    """Every text in a value: keys, scalars, and texts inside them as JSON or percent-encoded."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value
        if "%" in value:
            yield unquote_plus(value)
        if value.lstrip()[:1] in ("{", "[", '"'):
            try:
                yield from texts(json.loads(value))
            except ValueError:
                return
    else:
        yield str(value)


def everything_in(line: bytes) -> str:
    """A line, followed by every text that can be decoded from it."""
    return "\0".join((line.decode(), *texts(json.loads(line))))


def pieces(secret: str) -> Iterator[str]:
    """The pieces of a secret that count as a leak."""
    yield secret[:SHORTEST_LEAK]
    yield secret[-SHORTEST_LEAK:]
    chunk = 2 * SHORTEST_LEAK
    yield from (secret[start : start + chunk] for start in range(0, len(secret) - chunk, chunk))


def leaks(secrets: Iterable[str], readable: str) -> list[str]:
    """The secrets with a readable piece."""
    return [secret for secret in secrets if any(piece in readable for piece in pieces(secret))]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The scalars of a value, each with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def leaves_of(connection: Record | Case) -> dict[str, Any]:
    """The scalars of a case or of its record that the corpus covers."""
    if isinstance(connection, dict):
        found = (connection["configuration"], connection["name"], connection["status_error"])
    else:
        found = (connection.configuration, connection.name, connection.status_error)
    configuration, name, error = found
    return {**dict(leaves(configuration)), "name": name, "status_error": error}


def labels_of(cases: Iterable[Case]) -> list[str]:
    """The labels of cases."""
    return [case.label for case in cases]


def grouped(failures: dict[str, str], tried: Iterable[str]) -> str:
    """Failing labels by group, with the number of tested labels."""
    sizes = Counter(label.partition("/")[0] for label in tried)
    by_group: dict[str, list[str]] = defaultdict(list)
    for label, why in failures.items():
        by_group[label.partition("/")[0]].append(f"  {label}: {why}")
    lines = [f"{len(failures)} fail of {sizes.total()}"]
    for group, failing in by_group.items():
        lines += [f"{group}: {len(failing)} of {sizes[group]}", *failing]
    return "\n".join(lines)


# Requirements on the redaction.


def test_no_secret_of_the_corpus_remains_in_a_line() -> None:
    failures: dict[str, str] = {}
    for case, _, line, _ in collected_secrets():
        assert isinstance(case, SecretCase)
        if left := leaks(case.secrets, everything_in(line)):
            failures[case.label] = f"{left} in {line.decode()[:1000]}" if len(failures) < 20 else "also"
    assert not failures, grouped(failures, labels_of(secret_cases()))


def test_the_text_around_a_secret_stays() -> None:
    failures = {}
    for case, _, line, _ in collected_secrets():
        assert isinstance(case, SecretCase)
        readable = everything_in(line)
        if gone := [stay for stay in case.stays if stay not in readable]:
            failures[case.label] = str(gone)
    assert not failures, grouped(failures, labels_of(secret_cases()))


def test_no_mask_reveals_the_length_of_a_secret() -> None:
    told = re.compile(r"([*\u2022\u25cfxX#.])\1{5}")
    failures = {case.label: line.decode() for case, _, line, _ in collected_secrets() if told.search(line.decode())}
    assert not failures, grouped(failures, labels_of(secret_cases()))


def test_at_most_one_percent_of_the_plain_values_are_masked() -> None:
    """Each key and value counts once, so that frequent values do not dilute the rate."""
    failures: dict[str, str] = {}
    values, changed, tried = set(), set(), list[str]()
    for case, record, _, _ in collected_plain():
        kept = leaves_of(record)
        for path, value in leaves_of(case).items():
            tried.append(case.label)
            values.add(leaf := (path.rpartition(".")[2], repr(value)))
            if repr(kept.get(path)) != repr(value):
                changed.add(leaf)
                failures[f"{case.label} {path}"] = f"{value!r} became {kept.get(path)!r}"
    report = f"{len(changed)} of {len(values)} values; {grouped(failures, tried)}"
    print(report)  # also on success, for review
    assert len(changed) <= len(values) / 100, report


@pytest.mark.parametrize("collected", [collected_secrets, collected_plain])
def test_every_value_with_a_mask_is_counted(collected: Callable[[], tuple[Collected, ...]]) -> None:
    failures = {}
    for case, record, _, masked in collected():
        if (found := sum(MASK in str(value) for _, value in leaves(record))) != masked:
            failures[case.label] = f"{masked} were counted, {found} are there"
    assert not failures, grouped(failures, labels_of(each.case for each in collected()))


@pytest.mark.parametrize("collected", [collected_secrets, collected_plain])
def test_redaction_is_idempotent(collected: Callable[[], tuple[Collected, ...]]) -> None:
    failures = {}
    for case, record, _, masked in collected():
        again = SecretCase(
            case.label, case.type_id, record["configuration"], (), (), record["status_error"], record["name"]
        )
        second, _, masked_again = record_of(again)
        if (leaves_of(second), masked_again) != (leaves_of(record), masked):
            failures[case.label] = f"{leaves_of(record)} became {leaves_of(second)}"
    assert not failures, grouped(failures, labels_of(each.case for each in collected()))


# Requirements on the corpora.


def test_the_corpus_of_secrets_is_as_large_as_promised() -> None:
    labels = Counter(case.label for case in secret_cases())
    assert set(labels.values()) == {1}
    prefixes = Counter("/".join(label.split("/")[:2]) for label in labels)
    verdicts = {f"marked/{type_id}.{field}" for type_id, fields in MARKS.items() for field in fields}
    assert (len(MARKS), len(verdicts), len(NAMES)) == (247, 404, 65)
    assert {prefix: prefixes[prefix] for prefix in verdicts} == dict.fromkeys(verdicts, 12)
    groups = {"secret": "unmarked", "identifier_marked_elsewhere_or_credential_id": "unmarked"}
    for type_id, by_group in UNMARKED.items():
        for group, paths in by_group.items():
            for path in paths:
                assert prefixes[f"{groups.get(group, 'embed')}/{type_id}.{path}"] >= 5, (type_id, path)
    for name in NAMES:
        assert prefixes[f"name/{name}"] == len(spelled(name)) * len(DEPTHS) * len(SHAPES_OF_A_VALUE)
    assert len(labels) > 15_000


def test_the_corpus_of_plain_values_is_as_large_as_promised() -> None:
    cases = list(plain_cases())
    assert set(Counter(case.label for case in cases).values()) == {1}
    values = {repr(value) for case in cases for value in leaves_of(case).values()}
    assert len(values) > 5_000
    assert len(TYPES) == 247
    with_plain_fields = {type_id for type_id in TYPES if plain_fields(type_id)}
    by_schema = {case.type_id: set(case.configuration) for case in cases if case.label.startswith("schema/")}
    assert set(by_schema) == set(TYPES)
    for type_id in with_plain_fields:
        names = {field["name"].partition(".")[0].removesuffix("[]") for field in plain_fields(type_id)}
        assert by_schema[type_id] == names


def test_no_plain_value_is_in_a_field_known_to_be_secret() -> None:
    wrong = {}
    for case in plain_cases():
        for path, value in leaves(case.configuration):
            field = re.sub(r"\[\d+\]", "[]", path).removeprefix(".")
            known = {*MARKS.get(case.type_id, ()), *chain(*UNMARKED.get(case.type_id, {}).values())}
            if field in known and value is not None:
                wrong[case.label] = path
            if field.rpartition(".")[2] in NAMES and value is not None:
                wrong[case.label] = path
    assert not wrong, grouped(wrong, labels_of(plain_cases()))


def test_every_secret_of_the_corpus_reaches_the_record_and_can_be_masked_alone() -> None:
    """Otherwise the corpus could pass, or fail, for any redaction."""
    wrong = {}
    for case in secret_cases():
        before = everything_in(body_of(case))
        after = before.replace("\\\\", "\\")
        for secret in sorted(case.secrets, key=len, reverse=True):
            after = after.replace(secret, MASK).replace(json.dumps(secret)[1:-1], MASK)
        missing = [secret for secret in case.secrets if secret not in before]
        stays = [stay for stay in case.stays if stay.rpartition(":")[0] not in before.replace('": ', '":')]
        if missing or stays or leaks(case.secrets, after):
            wrong[case.label] = f"{missing} {stays} {leaks(case.secrets, after)}"
    assert not wrong, grouped(wrong, labels_of(secret_cases()))


def test_the_corpora_are_deterministic() -> None:
    assert list(secret_cases()) == list(secret_cases())
    assert list(plain_cases()) == list(plain_cases())
