"""The sandbox's replies conform to the OpenAPI document, or to the one derived from the official SDK.

The second has what the first lacks. Its schemas accept null and unknown fields everywhere, so these tests check that
the fields are documented, too.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from jsonschema import Draft202012Validator
from yarl import URL

from collector.model.record import Json
from collector.sandbox.catalogue import catalogue
from collector.sandbox.deployment import Deployment
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import DEPLOYMENT_KEY, PARTNER_KEY, READER_KEY, SANDBOX_KEY, Callers
from collector.sandbox.server import FAULTS_HEADER, serve
from tests.sandbox.client import basic_authorization, get_json, open_session

_DATA = Path(__file__).parents[1] / "data"
_UNKNOWN_UUID = "248df4b7-aa70-47b8-a036-33ac447e668d"


@cache
def _document(name: str) -> dict[str, Json]:
    document: dict[str, Json] = json.loads((_DATA / name).read_bytes())
    return document


@cache
def _validator(path: str, status: int) -> Draft202012Validator:
    """Validator of the body of this reply. A status that the document does not list is an `ApiError`."""
    strict, derived = map(_document, ("polytomic-openapi.json", "polytomic-openapi-sdk.json"))
    document = strict if path in strict["paths"] else _without_unknown_fields(derived)
    responses = document["paths"][path]["get"]["responses"]
    documented = responses["200"] if status == 200 else next(responses[code] for code in responses if code != "200")
    schema = {**documented["content"]["application/json"]["schema"], "components": document["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _without_unknown_fields(document: dict[str, Json]) -> dict[str, Json]:
    """The document, accepting documented fields only, and the `pagination` that its text but no schema mentions."""
    schemas = {
        name: {"additionalProperties": False, **schema} for name, schema in document["components"]["schemas"].items()
    }
    for name in ("BulkSyncListEnvelope", "ModelListResponseEnvelope"):
        pagination = schemas["ListSyncResponseEnvelope"]["properties"]["pagination"]
        schemas[name] = {**schemas[name], "properties": {**schemas[name]["properties"], "pagination": pagination}}
    return {**document, "components": {"schemas": schemas}}


async def _validate(session: ClientSession, path: str, template: str, status: int, faults: str = "") -> None:
    url = URL(path, encoded=True)
    async with session.get(url, headers={FAULTS_HEADER: faults}) as response:
        assert response.status == status
        assert response.content_type == "application/json"
        _validator(template, status).validate(await response.json())


async def test_connections_of_all_types_are_as_documented(session: ClientSession, inventory: Inventory) -> None:
    seen = set()
    for index in range(2 * len(catalogue())):
        path = f"/api/connections/{inventory.id_at(index)}"
        await _validate(session, path, "/api/connections/{id}", 200)
        seen.add(inventory.connection(index)["type"]["id"])
    assert len(seen) == 247


async def test_the_schemas_of_all_types_are_as_documented(session: ClientSession) -> None:
    for connection_type in catalogue():
        path = f"/api/connection_types/{connection_type.id}"
        await _validate(session, path, "/api/connection_types/{id}", 200)


@pytest.mark.parametrize("end", ["shared", "schemas/status", "usage"])
async def test_the_endpoints_below_a_connection_are_as_documented(
    session: ClientSession, inventory: Inventory, end: str
) -> None:
    for index in range(2 * len(catalogue())):
        status = 422 if end == "shared" and inventory.is_copy(index) else 200
        path = f"/api/connections/{inventory.id_at(index)}/{end}"
        await _validate(session, path, f"/api/connections/{{id}}/{end}", status)


@pytest.mark.parametrize("path", ["/api/bulk/syncs", "/api/syncs", "/api/models"])
async def test_every_page_is_as_documented(session: ClientSession, path: str) -> None:
    token, pages = "", 0
    while True:
        page = f"{path}?page_token={quote(token, safe='')}" if token else path
        await _validate(session, page, path, 200)
        body = await get_json(session, page)
        token, pages = body["pagination"].get("next_page_token", ""), pages + 1
        if not token:
            break
    assert pages > 1


@pytest.mark.parametrize("query", ["page_token=x", "limit=x"])
async def test_the_error_for_an_invalid_page_is_as_documented(session: ClientSession, query: str) -> None:
    await _validate(session, f"/api/syncs?{query}", "/api/syncs", 400)


_DEPLOYMENT = Deployment.of_size(3, 250, seed=7)
_OWNER, _CHILD = _DEPLOYMENT.organization_ids[:2]
_KEYS = [
    *(f"Bearer {key}" for key in (SANDBOX_KEY, "sandbox-key-3", READER_KEY, PARTNER_KEY, DEPLOYMENT_KEY)),
    *(basic_authorization(id, key) for id in (_OWNER, _CHILD) for key in (PARTNER_KEY, DEPLOYMENT_KEY)),
    *(basic_authorization(key, "") for key in (SANDBOX_KEY, DEPLOYMENT_KEY)),
    "Bearer wrong",
]


@pytest.mark.parametrize("authorization", _KEYS)
async def test_every_reply_to_every_kind_of_key_is_as_documented(authorization: str) -> None:
    caller = Callers(_DEPLOYMENT.organization_ids).caller(authorization)
    parent = _DEPLOYMENT.inventories[caller.organization].id_at(0)
    async with serve(_DEPLOYMENT) as sandbox, open_session(sandbox, Authorization=authorization) as session:
        for endpoint in Endpoint:
            if endpoint not in (Endpoint.OTHER, Endpoint.TYPE, Endpoint.STATUS):
                path = endpoint.template.replace("{organization}", _OWNER)
                id = _CHILD if endpoint is Endpoint.PARTNER_ORGANIZATION else parent
                template = endpoint.template.replace(
                    "{organization}/connections/{id}", "{org_id}/connections/{connection_id}"
                )
                status = 401 if caller.scope is None else 403
                if caller.may_read(endpoint):
                    status = 403 if endpoint is Endpoint.SHARED and caller.organization else 200
                await _validate(session, path.replace("{id}", id), template, status)


@pytest.mark.parametrize(("id", "status"), [(_UNKNOWN_UUID, 404), ("x", 400)])
async def test_the_errors_for_invalid_and_unknown_ids_are_as_documented(
    session: ClientSession, id: str, status: int
) -> None:
    await _validate(session, f"/api/connections/{id}", "/api/connections/{id}", status)


async def test_the_error_for_an_unknown_type_is_as_documented(session: ClientSession) -> None:
    await _validate(session, "/api/connection_types/x", "/api/connection_types/{id}", 404)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 529])
async def test_injected_errors_are_as_documented(session: ClientSession, status: int) -> None:
    path = f"/api/connections/{_UNKNOWN_UUID}"
    await _validate(session, path, "/api/connections/{id}", status, faults=f"{status}=1")


def test_only_the_documented_fields_and_the_rate_limit_are_null() -> None:
    inventory = Inventory(3_000, seed=11)
    null = {
        key
        for connection in map(inventory.connection, range(len(inventory)))
        for key, value in connection.items()
        if value is None
    }
    assert null == {"configuration", "api_calls_last_24_hours", "rate_limit"}
