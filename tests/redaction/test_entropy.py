"""Random-looking words, and names and numbers that are not random."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable

import pytest

from collector.redaction.detect.entropy import looks_random, mask_random

ALPHABETS = {
    "hex": "0123456789abcdef",
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "base36": string.ascii_lowercase + string.digits,
    "base62": string.ascii_letters + string.digits,
    "base64 for URLs": string.ascii_letters + string.digits + "-_",
    "letters": string.ascii_letters,
}
MADE_UP = [
    "acme-data-lake-prod-us-east-1-123456789012",
    "MyProductionWarehouseConnection2024",
    "dataWarehouseV2Prod01",
    "us-east-1-prod-v2-db1-r5",
    "companyproductiondatalake01",
    "terraform-20240101123456789",
    "acme-analytics-prod-3f2a1",
    "SYSADMIN_ROLE_PRODUCTION_V2",
    "customer_subscription_history_2023",
    "polytomic-service-account-prod",
    "postgresql_replication_slot_01",
    "salesforce_opportunity_line_items",
    "IncludeDeletedRecords",
    "snowflake_warehouse_xl",
    "last_modified_timestamp_utc",
    "AWSGlueServiceRoleDefault",
    "OrganizationAccountAccessRole",
    "ANALYTICS_TRANSFORMER_WH",
    "httpsproxyinternalexample",
    "marketingcampaignexports2026",
    "us_west_2_replica_readonly_user",
    "Kundenstammdatenbank",
    "supply_chain-secret_santa-staging",
    "20260115T093000Z",
    "12345678901234567890",
    "entwicklungsumgebung2",
]


def hashed(text: str, _rule: str) -> str:
    return "#"


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS.keys())
@pytest.mark.parametrize(("length", "most_missed"), [(20, 30), (24, 15), (32, 3), (40, 1), (64, 1)])
def test_random_keys_are_rarely_missed(alphabet: str, length: int, most_missed: int) -> None:
    rng = random.Random(5)
    random_texts = ["".join(rng.choice(alphabet) for _ in range(length)) for _ in range(1000)]
    assert sum(not looks_random(text) for text in random_texts) <= most_missed


@pytest.mark.parametrize("size", [16, 24, 30, 32, 48])
def test_random_base64_with_slashes_and_padding_is_rarely_missed(size: int) -> None:
    rng = random.Random(size)
    random_texts = [base64.b64encode(rng.randbytes(size)).decode() for _ in range(1000)]
    assert sum(mask_random(text, hashed) == text for text in random_texts) <= (15 if size == 16 else 3)


@pytest.mark.parametrize("text", MADE_UP)
def test_names_and_numbers_do_not_look_random(text: str) -> None:
    assert mask_random(text, hashed) == text


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_a_uuid_is_random_and_not_a_secret(spell: Callable[[str], str]) -> None:
    rng = random.Random(1)
    for _ in range(100):
        text = spell(str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        assert mask_random(text, hashed) == text


def test_a_part_of_a_host_name_is_not_a_secret() -> None:
    host = "blue-harbor.cluster-c2xm3bz9u8cy.eu-central-1.rds.amazonaws.com:5432"
    assert mask_random(host, hashed) == host


def test_only_the_random_word_is_masked() -> None:
    word = "9f86d081884c7d659a2feaa0c55ad015"
    assert mask_random(f"see {word}, please", hashed) == "see #, please"


def test_a_short_word_never_looks_random() -> None:
    assert not looks_random("9f86d081884c7d659a2"[:19])
