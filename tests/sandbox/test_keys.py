"""The keys of the sandbox and what each may read."""

from __future__ import annotations

import pytest

from collector.sandbox.endpoints import Endpoint
from collector.sandbox.keys import (
    ANONYMOUS,
    DEPLOYMENT_KEY,
    PARTNER_KEY,
    READER_KEY,
    SANDBOX_KEY,
    Caller,
    Callers,
    KeyScope,
    numbered,
)
from tests.sandbox.client import basic_authorization

IDS = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
CALLERS = Callers(IDS)
PARTNER_ENDPOINTS = {Endpoint.ORGANIZATIONS, Endpoint.PARTNER_ORGANIZATION, Endpoint.PARTNER_SHARED}


@pytest.mark.parametrize(
    ("authorization", "caller"),
    [
        (f"Bearer {SANDBOX_KEY}", Caller(KeyScope.USER, 0)),
        ("Bearer sandbox-key-2", Caller(KeyScope.USER, 1)),
        (f"Bearer {READER_KEY}", Caller(KeyScope.READER, 0)),
        ("Bearer sandbox-reader-key-2", Caller(KeyScope.READER, 1)),
        (f"Bearer {PARTNER_KEY}", Caller(KeyScope.PARTNER)),
        (f"Bearer {DEPLOYMENT_KEY}", Caller(KeyScope.SYSTEM)),
        (basic_authorization(DEPLOYMENT_KEY, ""), Caller(KeyScope.DEPLOYMENT)),
        (basic_authorization(IDS[0], PARTNER_KEY), Caller(KeyScope.ORGANIZATION, 0)),
        (basic_authorization(IDS[1], PARTNER_KEY), Caller(KeyScope.ORGANIZATION, 1)),
        (basic_authorization(IDS[1], DEPLOYMENT_KEY), Caller(KeyScope.ORGANIZATION, 1)),
        (basic_authorization(IDS[0], SANDBOX_KEY), Caller(KeyScope.ORGANIZATION, 0)),
        (f"bearer  {SANDBOX_KEY} ", Caller(KeyScope.USER, 0)),
        (basic_authorization(IDS[1], SANDBOX_KEY), ANONYMOUS),
        (basic_authorization(IDS[1], "sandbox-key-2"), ANONYMOUS),
        (basic_authorization(PARTNER_KEY, ""), ANONYMOUS),
        ("Bearer sandbox-key-1", ANONYMOUS),
        ("Bearer sandbox-key-3", ANONYMOUS),
        ("Bearer Sandbox-key", ANONYMOUS),
        ("", ANONYMOUS),
        (None, ANONYMOUS),
    ],
)
def test_a_header_belongs_to_one_caller(authorization: str | None, caller: Caller) -> None:
    assert CALLERS.caller(authorization) == caller


def test_only_a_partner_or_deployment_key_alone_may_read_the_organizations() -> None:
    for scope in KeyScope:
        may_read = {endpoint for endpoint in PARTNER_ENDPOINTS if Caller(scope).may_read(endpoint)}
        allowed = scope in (KeyScope.PARTNER, KeyScope.SYSTEM, KeyScope.DEPLOYMENT)
        assert may_read == (PARTNER_ENDPOINTS if allowed else set())


def test_a_partner_key_as_a_bearer_token_may_not_read_connections() -> None:
    for scope in (KeyScope.PARTNER, KeyScope.SYSTEM):
        readable = {endpoint for endpoint in Endpoint if Caller(scope).may_read(endpoint)}
        assert readable == PARTNER_ENDPOINTS | {Endpoint.ME, Endpoint.TYPES, Endpoint.STATUS}


def test_without_a_key_only_the_list_of_types_and_the_status_are_readable() -> None:
    assert {endpoint for endpoint in Endpoint if ANONYMOUS.may_read(endpoint)} == {Endpoint.TYPES, Endpoint.STATUS}


def test_keys_are_numbered_from_the_second_organization() -> None:
    assert [numbered("key", position) for position in range(3)] == ["key", "key-2", "key-3"]
