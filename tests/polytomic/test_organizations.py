"""The list of organizations: `GET /api/organizations`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import BadPayload
from collector.client.messages import Reply, Request
from collector.model.errors import ConfigError, KeyRefused, RunStopped
from collector.polytomic.organizations import ListedOrganization, page_in, read_organizations
from collector.redaction.scrubber import Scrubber
from tests.model.test_strict_json import dumped, json_values
from tests.support.canary import KEY, Search, forms_of
from tests.support.clock import Clock
from tests.support.governor_harness import make_client, make_governor

JSON = {"Content-Type": "application/json"}
FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "AAAAAAAA-2222-4222-8222-222222222222"
LIST = json.dumps({"data": [{"id": FIRST, "name": "Acme"}, {"id": SECOND, "name": None}]}).encode()
FOUND = [ListedOrganization(FIRST, "Acme"), ListedOrganization(SECOND)]

texts = st.text(max_size=5)
organizations = st.lists(
    st.fixed_dictionaries({"id": texts.filter(bool)}, optional={"name": st.none() | texts, "sso_domain": json_values})
)


def reply(status: int, body: bytes = b"{}", headers: dict[str, str] = JSON) -> Reply:
    return Reply(status, headers, body)


class Api:
    """Answers each request for the list with the next of these replies; the last one repeats."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.requests = 0

    async def __call__(self, request: Request) -> Reply:
        assert request.target == "/api/organizations"
        self.requests += 1
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    async def read(self) -> list[ListedOrganization]:
        return await read_organizations(make_client(self, make_governor(), Clock()), Scrubber([KEY]))


async def test_the_list_has_ids_verbatim_and_names_in_its_order() -> None:
    api = Api(reply(200, LIST))
    assert await api.read() == FOUND
    assert api.requests == 1


class Pages:
    """Serves pages of one organization each; a token is the number of its page."""

    def __init__(self, *next_tokens: str) -> None:
        self._next_tokens = next_tokens
        self.targets: list[str] = []

    async def __call__(self, request: Request) -> Reply:
        self.targets.append(request.target)
        page = int(request.target.rpartition("=")[2] or 0) if "=" in request.target else 0
        token = self._next_tokens[page]
        return reply(200, dumped({"data": [{"id": f"org-{page}"}], "pagination": {"next_page_token": token}}))

    async def read(self) -> list[ListedOrganization]:
        return await read_organizations(make_client(self, make_governor(), Clock()), Scrubber([KEY]))


async def test_a_list_with_pages_is_read_to_its_last_one() -> None:
    pages = Pages("1", "2", "")
    assert [each.id for each in await pages.read()] == ["org-0", "org-1", "org-2"]
    assert pages.targets == ["/api/organizations", *(f"/api/organizations?page_token={page}" for page in (1, 2))]


async def test_a_page_token_that_comes_twice_ends_the_run_instead_of_missing_organizations() -> None:
    with pytest.raises(
        RunStopped, match="page 3 repeats the token of an earlier page, so organizations may be missing"
    ):
        await Pages("1", "2", "1").read()


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":[]}'])
async def test_an_empty_list_has_no_organization(body: bytes) -> None:
    assert await Api(reply(200, body)).read() == []


@pytest.mark.parametrize("name", [None, "", 3, ["a"]])
def test_a_name_that_is_not_text_is_absent(name: Any) -> None:
    assert page_in(dumped({"data": [{"id": "a", "name": name}]})).organizations == [ListedOrganization("a")]


def test_an_organization_that_is_listed_twice_in_any_case_counts_once() -> None:
    items = [{"id": "b"}, {"id": FIRST.upper(), "name": "Acme"}, {"id": FIRST, "name": "later"}, {"id": "b"}]
    expected = [ListedOrganization("b"), ListedOrganization(FIRST.upper(), "Acme")]
    assert page_in(dumped({"data": items})).organizations == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty"),
        (b"[]", "the body is a JSON list, not an object"),
        (b"{}", "the body has no array under 'data'"),
        (b'{"data":{"id":"a"}}', "the body has no array under 'data'"),
        (b'{"data":"a"}', "the body has no array under 'data'"),
        (b'{"data":["a"]}', "item 1 of the list of organizations has no id"),
        (b'{"data":[{"id":"a"},null]}', "item 2 of the list of organizations has no id"),
        (b'{"data":[{"name":"Acme"}]}', "item 1 of the list of organizations has no id"),
        (b'{"data":[{"id":""}]}', "item 1 of the list of organizations has no id"),
        (b'{"data":[{"id":7}]}', "item 1 of the list of organizations has no id"),
    ],
)
def test_a_body_that_is_not_a_list_of_organizations_is_rejected_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload) as caught:
        page_in(body)
    assert caught.value.reason.startswith(reason)


@given(st.binary() | json_values.map(dumped) | json_values.map(lambda value: dumped({"data": value})))
def test_any_body_raises_at_most_a_bad_payload(body: bytes) -> None:
    with suppress(BadPayload):
        for each in page_in(body).organizations:
            assert isinstance(each.id, str)
            assert each.id


@given(organizations)
def test_every_listed_organization_is_found_once_in_order(items: list[dict[str, Any]]) -> None:
    found = [each.id for each in page_in(dumped({"data": items})).organizations]
    assert [each.lower() for each in found] == list(dict.fromkeys(each["id"].lower() for each in items))
    assert set(found) <= {each["id"] for each in items}


async def test_a_key_that_the_api_rejects_twice_is_refused() -> None:
    api = Api(reply(401))
    with pytest.raises(KeyRefused):
        await api.read()
    assert api.requests == 2  # the second one confirms the first


async def test_a_key_that_may_not_list_organizations_is_refused_at_once_with_the_remedy() -> None:
    api = Api(reply(403))
    with pytest.raises(KeyRefused) as caught:
        await api.read()
    assert api.requests == 1
    assert "HTTP 403" in str(caught.value)
    assert "not a partner's or deployment key" in str(caught.value)
    assert "[[organizations]] of the configuration file" in str(caught.value)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_a_server_without_the_list_is_a_configuration_error(status: int) -> None:
    api = Api(reply(status))
    with pytest.raises(ConfigError, match=rf"does not list organizations \(HTTP {status}\); check --base-url"):
        await api.read()
    assert api.requests == 1


@pytest.mark.parametrize(
    "first",
    [
        reply(500),
        reply(503),
        reply(429, headers={**JSON, "Retry-After": "1"}),
        reply(200, b'{"data":'),
        reply(200, b'{"data":["a"]}'),
        reply(200, LIST, {"Content-Type": "text/html"}),
    ],
)
async def test_a_passing_fault_is_retried(first: Reply) -> None:
    api = Api(first, reply(200, LIST))
    assert await api.read() == FOUND
    assert api.requests == 2


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (reply(200, b"<html>", {"Content-Type": "text/html"}), "the body is 'text/html', not JSON"),
        (reply(200, b'{"data":[3]}'), "item 1 of the list of organizations has no id"),
        (reply(200, b'{"data":{}}'), "the body has no array under 'data'"),
    ],
)
async def test_a_list_that_stays_unreadable_stops_the_run_with_the_reason(last: Reply, reason: str) -> None:
    api = Api(last)
    with pytest.raises(RunStopped) as caught:
        await api.read()
    assert str(caught.value).startswith(
        f"the list of organizations is unavailable after {api.requests} attempts: {reason}; run again later, or name"
    )
    assert api.requests > 1


@pytest.mark.parametrize("form", forms_of(KEY).values(), ids=forms_of(KEY).keys())
async def test_a_list_that_repeats_the_key_is_masked(form: str) -> None:
    body = dumped({"data": [{"id": form, "name": f"Acme {form}"}]})
    search = Search((KEY,))
    for each in await Api(reply(200, body)).read():
        search.look("an id and a name", f"{each.id} {each.name}".encode())
    assert search.hits == []
