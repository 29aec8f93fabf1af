"""The caller in replies of `GET /api/me`: every field may be missing or of another type."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import BadPayload
from collector.client.messages import Reply
from collector.polytomic.caller import Caller, caller_in


def reply(data: object, media_type: str = "application/json") -> Reply:
    return Reply(200, {"Content-Type": media_type}, json.dumps({"data": data}).encode())


def test_a_user_is_described_with_the_mode_of_the_credential() -> None:
    found = caller_in(
        reply(
            {
                "email": "ada@example.com",
                "is_user": True,
                "is_system": False,
                "organization_id": "1",
                "organization_name": "Example",
                "role": "admin",
                "credential": {"mode": "read_only"},
            }
        )
    )
    assert found == Caller("user", "ada@example.com", "1", "Example", "admin", "read_only")


VALUES = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
)
NAMES = st.sampled_from([*Caller._fields, "is_user", "is_partner", "is_system", "is_organization", "credential"])


@given(st.dictionaries(NAMES, VALUES))
def test_any_object_is_a_caller_whose_fields_are_texts_or_none(data: dict[str, Any]) -> None:
    assert all(value is None or (isinstance(value, str) and value) for value in caller_in(reply(data)))


@pytest.mark.parametrize("data", [None, [], "text", 1])
def test_a_body_without_an_object_is_unusable(data: object) -> None:
    with pytest.raises(BadPayload):
        caller_in(reply(data))


def test_a_page_is_unusable() -> None:
    with pytest.raises(BadPayload, match="not JSON"):
        caller_in(reply({}, "text/html"))
