"""Detection of text that looks like a key."""

from __future__ import annotations

import base64
import random
import string
import uuid
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.auth.key_shape import has_mixed_runs, looks_like_api_key
from collector.run.identity import new_identity

WORDS = [
    *("connections", "snapshot", "inventory", "polytomic", "production", "staging", "backup", "nightly", "export"),
    *("errors", "manifest", "warehouse", "eu", "west", "us", "east", "customer", "data"),
    *("final", "old", "new", "copy", "report", "daily", "archive", "collector", "audit"),
    *("team", "ids", "list", "key", "secret", "token"),
]

words = st.sampled_from(WORDS)
dates = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1))
stamps = st.builds(
    lambda date, form: date.strftime(form), dates, st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%Y%m%dT%H%M%SZ"])
)
numbers = st.integers(0, 99999).map(str)
pieces = words | words.map(str.title) | words.map(str.upper) | stamps | numbers
names = st.builds(
    lambda first, rest, separator: separator.join([first, *rest]),
    words,
    st.lists(pieces, max_size=4),
    st.sampled_from(["-", "_", " ", "."]),
)


@given(names)
def test_a_name_of_words_dates_and_numbers_is_not_a_key(name: str) -> None:
    assert not looks_like_api_key(name)


@given(st.lists(words.map(str.title), min_size=1, max_size=6).map("".join))
def test_a_name_in_camel_case_is_not_a_key(name: str) -> None:
    assert not looks_like_api_key(name)


@given(st.uuids(), st.sampled_from(["{}", "{:}", "urn:uuid:{}", "{{{}}}"]))
def test_an_id_is_not_a_key_in_any_notation(one: uuid.UUID, form: str) -> None:
    assert not looks_like_api_key(form.format(one))
    assert not looks_like_api_key(form.format(one).upper())
    assert not looks_like_api_key(one.hex)


@given(st.lists(st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=40), min_size=2).map(".".join))
def test_a_host_or_file_name_is_not_a_key(name: str) -> None:
    assert not looks_like_api_key(name) or name.startswith("eyJ")


@given(st.text(string.ascii_letters + string.digits, min_size=20, max_size=60), names)
def test_a_path_is_not_a_key_even_with_random_parts(random_name: str, folder: str) -> None:
    assert not looks_like_api_key(f"{folder}/{random_name}")
    assert not looks_like_api_key(f"/{random_name}")


@given(st.floats(0, 4e9))
def test_a_run_id_is_not_a_key(now: float) -> None:
    assert not looks_like_api_key(new_identity(now).run_id)
    assert not looks_like_api_key(f"connections-{new_identity(now).run_id}")


@pytest.mark.parametrize(
    "text", ["", "-", "2025-09-18", "auto", "1e5", "https://app.polytomic.com", "localhost:8080", "service:user"]
)
def test_values_of_settings_are_not_keys(text: str) -> None:
    assert not looks_like_api_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE1A2B3C4D",
        "Bearer abc",
        "bearer  x",
        "Basic b3JnOmtleQ==",
        "Authorization: Bearer x",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ],
)
def test_a_credential_is_recognized_by_its_form(text: str) -> None:
    assert looks_like_api_key(text)


@pytest.mark.parametrize(
    "form", [string.ascii_letters + string.digits, string.hexdigits[:16]], ids=["letters and digits", "hexadecimal"]
)
def test_nearly_every_random_text_of_forty_characters_looks_random(form: str) -> None:
    rng = random.Random(451)
    samples = ["".join(rng.choices(form, k=40)) for _ in range(1000)]
    assert sum(map(has_mixed_runs, samples)) >= 990


def test_most_base64_looks_random() -> None:
    rng = random.Random(451)
    samples = [base64.urlsafe_b64encode(rng.randbytes(30)).decode() for _ in range(1000)]
    assert sum(map(has_mixed_runs, samples)) >= 850
