"""Known-safe values stay; other random words are masked."""

from __future__ import annotations

import base64
from random import Random
from string import ascii_letters, digits

import pytest

from collector.redaction.detect.known_safe import is_known_safe, is_position, known_safe_spans
from collector.redaction.redactor import Redactor

DICE = Random(3)
HEX, BASE62, CROCKFORD = "0123456789abcdef", digits + ascii_letters, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def run(alphabet: str, length: int) -> str:
    return "".join(DICE.choice(alphabet) for _ in range(length))


KINDS = {
    "arn": f"arn:aws:kms:us-east-1:123456789012:key/{run(HEX, 32)}",
    "azure": f"/subscriptions/{run(HEX, 32)}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/x",
    "google": "projects/acme-prod-314159/datasets/ANALYTICS_US",
    "subnet": f"subnet-0{run(HEX, 16)}",
    "digest": f"ghcr.io/acme/etl@sha256:{run(HEX, 64)}",
    "ulid": f"01{run(CROCKFORD, 24)}",
    "typeid": f"user_01{run(CROCKFORD.lower(), 24)}",
    "pod": "etl-worker-7d9f8b6c5d-x2x9k",
    "ethereum": f"0x{run(HEX, 40)}",
    "public key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{run(BASE62, 43)} etl@acme",
    "trace": f"00-{run(HEX, 32)}-{run(HEX, 16)}-01",
    "mail": f"{run(BASE62, 26)}@group.calendar.google.com",
    "multipart etag": f"{run(HEX, 32)}-83",
    "cursor": base64.b64encode(b"cursor:v2:2024-01-15T09:30:12Z:48211").decode(),
    "cursor of an object": base64.b64encode(b'{"id": 123456, "after": "2024-01-15"}').decode(),
}


@pytest.mark.parametrize("value", KINDS.values(), ids=KINDS.keys())
def test_a_known_safe_value_stays_under_any_name(value: str) -> None:
    masked: list[object] = []
    configuration = {"extra1": value}
    Redactor().redact_configuration(configuration, "no_such_type", masked)  # type: ignore[arg-type]  # only its length counts
    assert (configuration, masked) == ({"extra1": value}, [])


@pytest.mark.parametrize("alphabet", [HEX, BASE62, CROCKFORD])
@pytest.mark.parametrize("length", [20, 24, 32, 40, 64])
def test_a_random_word_is_not_known_safe(alphabet: str, length: int) -> None:
    rng = Random(length)
    words = ["".join(rng.choice(alphabet) for _ in range(length)) for _ in range(500)]
    assert sum(map(is_known_safe, words)) <= (100 if (alphabet, length) == (HEX, 24) else 5)


def test_a_user_and_password_in_base64_are_not_a_location() -> None:
    assert not is_position(base64.b64encode(b"etl:correct horse battery").decode())
    assert not is_position(base64.b64encode(b'{"password": "correct horse"}').decode())


def test_a_word_before_an_id_makes_it_known_safe() -> None:
    text = f"request id {run(HEX, 32)} failed"
    assert known_safe_spans(text)
