"""The API's replies, without a socket."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.sandbox.api import Api
from collector.sandbox.deployment import Deployment
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import READER_KEY, SANDBOX_KEY
from collector.sandbox.replies import Reply
from collector.sandbox.request_log import Target

INVENTORY = Inventory(300, seed=2)
API = Api(Deployment(INVENTORY))
WITH_KEY = f"Bearer {SANDBOX_KEY}"
UNKNOWN_UUID = "248df4b7-aa70-47b8-a036-33ac447e668d"


def _get(path: str, method: str = "GET", authorization: str | None = WITH_KEY) -> tuple[int, Json]:
    path, _, query = path.partition("?")
    reply = API.reply_to(API.route(path, query, authorization), method)
    return reply.status, orjson.loads(_body(reply))


def _body(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)


def _basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@given(st.integers(0, len(INVENTORY) - 1), st.booleans())
def test_an_id_in_upper_or_lower_case_returns_its_connection(index: int, upper: bool) -> None:
    id = INVENTORY.id_at(index)
    path = f"/api/connections/{id.upper() if upper else id}"
    assert _get(path) == (200, {"data": INVENTORY.connection(index)})


def test_a_percent_encoded_id_returns_its_connection() -> None:
    id = INVENTORY.id_at(0)
    assert _get(f"/api/connections/%{ord(id[0]):02x}{id[1:]}")[0] == 200


@given(st.uuids())
def test_an_unknown_id_is_not_found(id: UUID) -> None:
    status, error = _get(f"/api/connections/{id}")
    assert (status, error["status"], error["key"]) == (404, 404, "not_found")


@pytest.mark.parametrize("id", ["x", "248df4b7aa7047b8a03633ac447e668d", f"%7B{UNKNOWN_UUID}%7D", UNKNOWN_UUID + "0"])
def test_a_malformed_id_is_a_bad_request(id: str) -> None:
    status, error = _get(f"/api/connections/{id}")
    assert (status, error["status"], error["key"]) == (400, 400, "bad_request")


def test_the_list_contains_every_connection_once_in_index_order() -> None:
    status, body = _get("/api/connections")
    assert status == 200
    assert body == {"data": [INVENTORY.connection(index) for index in range(len(INVENTORY))]}


@pytest.mark.parametrize("size", [1, 63, 64, 65, 128])
def test_a_list_of_any_size_is_complete_json(size: int) -> None:
    api = Api(Deployment(Inventory(size)))
    reply = api.reply_to(api.route("/api/connections", authorization=WITH_KEY), "GET")
    assert len(orjson.loads(_body(reply))["data"]) == size


def test_an_empty_inventory_lists_null() -> None:
    api = Api(Deployment(Inventory(0)))
    assert _body(api.reply_to(api.route("/api/connections", authorization=WITH_KEY), "GET")) == b'{"data":null}'


def test_the_list_is_produced_piece_by_piece() -> None:
    reply = Api(Deployment(Inventory(2**32))).reply_to(API.route("/api/connections", authorization=WITH_KEY), "GET")
    assert isinstance(reply.body, Iterator)
    assert next(reply.body).startswith(b'{"data":[{"id":')


@pytest.mark.parametrize(
    "authorization",
    [
        WITH_KEY,
        f"bearer {SANDBOX_KEY}",
        _basic(f"{INVENTORY.organization_id}:{SANDBOX_KEY}"),
        _basic(f"{SANDBOX_KEY}:"),
    ],
)
@pytest.mark.parametrize("path", [f"/api/connections/{INVENTORY.id_at(0)}", "/api/connections", "/api/me"])
def test_the_documented_credentials_are_accepted(path: str, authorization: str) -> None:
    assert _get(path, authorization=authorization)[0] == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        SANDBOX_KEY,
        f"Token {SANDBOX_KEY}",
        f"Bearer {b64encode(SANDBOX_KEY.encode()).decode()}",
        _basic(f":{SANDBOX_KEY}"),
        _basic(f"{UNKNOWN_UUID}:{SANDBOX_KEY}"),
        _basic(f"{SANDBOX_KEY}:x"),
        "Basic not-base64",
    ],
)
@pytest.mark.parametrize("path", [f"/api/connections/{UNKNOWN_UUID}", "/api/connections", "/api/me"])
def test_all_other_credentials_are_unauthorized(path: str, authorization: str | None) -> None:
    status, error = _get(path, authorization=authorization)
    assert status == 401
    assert error == {
        "key": "unauthorized",
        "message": "invalid or unknown API key",
        "metadata": {},
        "status": 401,
    }


def test_the_list_of_types_is_public() -> None:
    status, body = _get("/api/connection_types", authorization=None)
    assert status == 200
    assert len(body["data"]) == 247


def test_the_schema_of_a_type_requires_a_key() -> None:
    status, body = _get("/api/connection_types/postgresql")
    assert status == 200
    assert _get("/api/connection_types/postgresql", authorization=None)[0] == 401
    assert body["properties"]["password"]["sensitive"] is True
    assert _get("/api/connection_types/nosuch")[0] == 404


@pytest.mark.parametrize(
    ("authorization", "flag"),
    [
        (WITH_KEY, "is_user"),
        (_basic(f"{INVENTORY.organization_id}:{SANDBOX_KEY}"), "is_organization"),
        (_basic(f"{SANDBOX_KEY}:"), "is_system"),
    ],
)
def test_me_reports_the_scope_of_the_key(authorization: str, flag: str) -> None:
    _, body = _get("/api/me", authorization=authorization)
    assert [name for name, value in body["data"].items() if value is True] == [flag]
    assert ("id" in body["data"]) == (flag == "is_user")
    assert body["data"]["organization_id"] == INVENTORY.organization_id


@pytest.mark.parametrize("path", ["/api/organization/users", "/api/permissions/policies", "/api/permissions/roles"])
def test_a_user_who_is_not_an_administrator_may_not_read_users_roles_and_policies(path: str) -> None:
    status, error = _get(path, authorization=f"Bearer {READER_KEY}")
    assert (status, error["key"]) == (403, "forbidden")
    assert _get(path)[0] == 200
    assert _get("/api/connections", authorization=f"Bearer {READER_KEY}") == _get("/api/connections")


@pytest.mark.parametrize("key", [SANDBOX_KEY, READER_KEY])
def test_the_user_of_a_key_is_in_the_list_of_users(key: str) -> None:
    me = _get("/api/me", authorization=f"Bearer {key}")[1]["data"]
    (user,) = [user for user in _get("/api/organization/users")[1]["data"] if user["id"] == me["id"]]
    assert (user["email"], user["role"]) == (me["email"], me["role"])


def test_the_organization_is_that_of_the_key() -> None:
    me = _get("/api/me")[1]["data"]
    assert _get("/api/organization") == (
        200,
        {"data": {"id": me["organization_id"], "name": me["organization_name"]}},
    )


@pytest.mark.parametrize("end", ["shared", "schemas/status", "usage"])
def test_the_endpoints_below_a_connection_reject_ids_as_the_connection_does(end: str) -> None:
    assert _get(f"/api/connections/{INVENTORY.id_at(0)}/{end}", authorization=None)[0] == 401
    assert _get(f"/api/connections/{INVENTORY.id_at(0).upper()}/{end}")[0] == 200
    assert _get(f"/api/connections/{UNKNOWN_UUID}/{end}")[0] == 404
    assert _get(f"/api/connections/x/{end}")[0] == 400


def test_each_copy_of_a_connection_is_listed_as_shared_by_its_parent() -> None:
    for connection in map(INVENTORY.connection, range(len(INVENTORY))):
        status, body = _get(f"/api/connections/{connection['id']}/shared")
        if "parent_connection_id" in connection:
            assert (status, body["status"]) == (422, 422)
            shared = _get(f"/api/connections/{connection['parent_connection_id']}/shared")
            assert shared == (200, {"data": [connection]})
        else:
            assert status == 200
            assert body["data"] is None or {item["parent_connection_id"] for item in body["data"]} == {connection["id"]}


@pytest.mark.parametrize("path", ["/api/bulk/syncs", "/api/syncs", "/api/models"])
@pytest.mark.parametrize("limit", [None, 1, 7, 50, 51, 0, -3])
def test_the_pages_of_a_list_contain_each_item_once(path: str, limit: int | None) -> None:
    query = "" if limit is None else f"limit={limit}"
    pages = list(_pages(path, query))
    items = [item for page in pages for item in page]
    assert (
        len(items)
        == len({item["id"] for item in items})
        == {"bulk": 75, "syncs": 60, "models": 100}[path.split("/")[2]]
    )
    size = limit if limit and 0 < limit < 50 else 50
    assert {len(page) for page in pages[:-1]} <= {size}
    assert 0 < len(pages[-1]) <= size


def _pages(path: str, query: str) -> Iterator[list[Json]]:
    status, body = _get(f"{path}?{query}")
    assert status == 200
    yield body["data"]
    while token := body["pagination"].get("next_page_token"):
        status, body = _get(f"{path}?{query}&page_token={quote(token, safe='')}")
        assert status == 200
        yield body["data"]


@pytest.mark.parametrize(
    "query", ["page_token=", "page_token=x", "page_token=MQ%3D%3D", "limit=", "limit=many", "limit=1.5"]
)
def test_an_invalid_page_is_a_bad_request(query: str) -> None:
    status, error = _get(f"/api/syncs?{query}")
    assert (status, error["key"]) == (400, "bad_request")
    assert query.partition("=")[0] in error["message"]


def test_a_page_token_is_valid_for_its_own_list_only() -> None:
    token = quote(_get("/api/models")[1]["pagination"]["next_page_token"], safe="")
    assert _get(f"/api/models?page_token={token}")[0] == 200
    assert _get(f"/api/syncs?page_token={token}")[0] == 400


def test_an_inventory_without_connections_has_null_lists_of_syncs() -> None:
    api = Api(Deployment(Inventory(0)))
    for path in ("/api/bulk/syncs", "/api/syncs", "/api/models"):
        body = _body(api.reply_to(api.route(path, authorization=WITH_KEY), "GET"))
        assert orjson.loads(body) == {"data": None, "pagination": {}}


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/", "/api/connections/", "/api/me/", f"/api/connections/{UNKNOWN_UUID}/schemas"]
)
def test_other_paths_are_not_found(path: str) -> None:
    assert _get(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_other_methods_are_not_allowed(method: str) -> None:
    assert _get(f"/api/connections/{INVENTORY.id_at(0)}", method)[0] == 405


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"/api/connections/{INVENTORY.id_at(5)}", f"/api/connections/{INVENTORY.id_at(5)}"),
        (f"/api/connections/{INVENTORY.id_at(5).upper()}", f"/api/connections/{INVENTORY.id_at(5)}"),
        (f"/api/connections/{UNKNOWN_UUID}", "/api/connections/{unknown}"),
        ("/api/connections/x", "/api/connections/{unknown}"),
        ("/api/connections", "/api/connections"),
        ("/api/me", "/api/me"),
        ("/api/connection_types", "/api/connection_types"),
        ("/api/connection_types/s3", "/api/connection_types/s3"),
        ("/api/connection_types/x", "/api/connection_types/{unknown}"),
        (f"/api/connections/{INVENTORY.id_at(5)}/usage", f"/api/connections/{INVENTORY.id_at(5)}/usage"),
        ("/api/connections/x/schemas/status", "/api/connections/{unknown}/schemas/status"),
        ("/api/connections//usage", "other"),
        ("/api/bulk/syncs", "/api/bulk/syncs"),
        ("/elsewhere", "other"),
    ],
)
def test_each_target_has_one_path_in_the_log(path: str, logged: str) -> None:
    assert API.path(API.route(path).target) == logged


def test_only_the_reply_for_a_connection_is_replaced_by_another_connection() -> None:
    path = f"/api/connections/{INVENTORY.id_at(5)}"
    route = API.route(path, authorization=WITH_KEY)
    other_connection = API.other_connection(route, API.reply_to(route, "GET"))
    assert orjson.loads(_body(other_connection))["data"]["id"] != INVENTORY.id_at(5)
    me = API.route("/api/me", authorization=WITH_KEY)
    assert API.other_connection(me, API.reply_to(me, "GET")) == API.reply_to(me, "GET")
    unauthorized = API.reply_to(API.route(path), "GET")
    assert API.other_connection(route, unauthorized) is unauthorized


@pytest.mark.parametrize("path", ["/api/me", "/api/connections"])
def test_a_padded_reply_is_the_same_json_in_more_than_nine_mebibytes(path: str) -> None:
    reply = API.reply_to(API.route(path, authorization=WITH_KEY), "GET").padded()
    body = _body(reply)
    assert len(body) > 9 * 1024 * 1024
    assert orjson.loads(body) == _get(path)[1]


def test_all_unknown_ids_share_one_target_and_so_do_all_unknown_paths() -> None:
    assert API.route("/api/connections/x").target == Target(Endpoint.CONNECTION)
    assert API.route("/a").target == API.route("/b").target == Target(Endpoint.OTHER)
