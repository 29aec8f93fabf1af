"""Pairs of names and values in every spelling, and descriptions that only mention secrets."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from collector.model.outcome import Redaction
from collector.model.secret import REDACTED
from collector.redaction.redactor import Redactor

SECRET = "hunter2Xq"
PAIRS: list[Any] = [
    *([{name: "api-key", value: SECRET}] for name, value in (("name", "value"), ("Name", "Value"), ("KEY", "VALUE"))),
    *([{name: "password", value: SECRET}] for name, value in (("k", "v"), ("param", "val"), ("id", "content"))),
    [{"value": SECRET, "name": "client_secret"}],
    [{"option": "sasl.password", "setting": SECRET}],
    {"left": "password", "right": SECRET},
    {"first": "api_token", "second": SECRET},
    [["X-Api-Key", SECRET], ["Accept", "x"]],
    [["password", SECRET]],
    ["--user", "etl", "--password", SECRET],
    {"name": "anything", "value": SECRET, "secret": True},
    {"name": "anything", "value": SECRET, "type": "password"},
    {"key": SECRET, "value": None},
    {"kty": "oct", "k": SECRET},
    {"kty": "RSA", "n": "public", "d": SECRET},
    {"type": "string", "default": SECRET},
]
PLAIN: list[Any] = [
    [["password", "varchar"], ["token", "text"]],
    ["password", "email"],
    {"type": "object", "properties": {"password": {"type": "string", "minLength": 8}, "token": {"type": "string"}}},
    {"properties": {"password": {"type": "keyword", "index": False}}},
    {"password": {"ui:widget": "password"}},
    {"query": {"match": {"message": "invalid api key"}}},
    {"secretKeyRef": {"name": "pg-credentials", "key": "password"}},
    {"token": "varchar(255)", "password_hash": "char(60)"},
    {"kty": "EC", "crv": "P-256", "x": "7LQj_M47X-0LQGhyUEUnav1aUrTGWgdeFgFeiJtPevA", "kid": "k1"},
    {"label": "Rotated tokens", "value": "act_128027677728322"},
]


def redacted(value: Any, field: str = "field1") -> tuple[Any, list[Redaction]]:
    masked: list[Redaction] = []
    configuration = {field: deepcopy(value)}
    Redactor().redact_configuration(configuration, "no_such_type", masked)
    return configuration[field], masked


@pytest.mark.parametrize("pair", PAIRS[:-1], ids=str)
def test_the_value_of_a_pair_is_masked_and_its_name_stays(pair: Any) -> None:
    found, masked = redacted(pair)
    assert SECRET not in str(found)
    assert str(found).count(REDACTED) == len(masked) == 1
    assert str(found).replace(REDACTED, SECRET) == str(pair)


def test_the_example_in_a_schema_of_a_secret_is_masked() -> None:
    found, masked = redacted(PAIRS[-1], "password")
    assert found == {"type": "string", "default": REDACTED}
    assert [each.path for each in masked] == ["configuration.password.default"]


@pytest.mark.parametrize("value", PLAIN, ids=str)
def test_a_reference_to_a_secret_stays(value: Any) -> None:
    assert redacted(value) == (value, [])


def test_a_service_account_stays_in_the_field_of_its_key() -> None:
    address = "etl@acme-prod.iam.gserviceaccount.com"
    assert redacted(address, "service_account") == (address, [])
    assert redacted('{"private_key": "x"}', "service_account")[1]
