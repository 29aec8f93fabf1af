"""The API's replies, without a socket."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.sandbox.api import SANDBOX_KEY, Api, Reply
from collector.sandbox.inventory import Inventory
from collector.sandbox.request_log import Endpoint, Target

INVENTORY = Inventory(300, seed=2)
API = Api(INVENTORY)
WITH_KEY = f"Bearer {SANDBOX_KEY}"
UNKNOWN_UUID = "248df4b7-aa70-47b8-a036-33ac447e668d"


def _get(path: str, method: str = "GET", authorization: str | None = WITH_KEY) -> tuple[int, Json]:
    reply = API.reply_to(API.route(path), method, authorization)
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
    api = Api(Inventory(size))
    reply = api.reply_to(api.route("/api/connections"), "GET", WITH_KEY)
    assert len(orjson.loads(_body(reply))["data"]) == size


def test_an_empty_inventory_lists_null() -> None:
    api = Api(Inventory(0))
    assert _body(api.reply_to(api.route("/api/connections"), "GET", WITH_KEY)) == b'{"data":null}'


def test_the_list_is_produced_piece_by_piece() -> None:
    reply = Api(Inventory(2**32)).reply_to(API.route("/api/connections"), "GET", WITH_KEY)
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
        ("/elsewhere", "other"),
    ],
)
def test_each_target_has_one_path_in_the_log(path: str, logged: str) -> None:
    assert API.path(API.route(path).target) == logged


def test_only_the_reply_for_a_connection_is_replaced_by_another_connection() -> None:
    route = API.route(f"/api/connections/{INVENTORY.id_at(5)}")
    other_connection = API.other_connection(route, API.reply_to(route, "GET", WITH_KEY))
    assert orjson.loads(_body(other_connection))["data"]["id"] != INVENTORY.id_at(5)
    me = API.route("/api/me")
    assert API.other_connection(me, API.reply_to(me, "GET", WITH_KEY)) == API.reply_to(me, "GET", WITH_KEY)
    unauthorized = API.reply_to(route, "GET", None)
    assert API.other_connection(route, unauthorized) is unauthorized


@pytest.mark.parametrize("path", ["/api/me", "/api/connections"])
def test_a_padded_reply_is_the_same_json_in_more_than_nine_mebibytes(path: str) -> None:
    reply = API.reply_to(API.route(path), "GET", WITH_KEY).padded()
    body = _body(reply)
    assert len(body) > 9 * 1024 * 1024
    assert orjson.loads(body) == _get(path)[1]


def test_all_unknown_ids_share_one_target_and_so_do_all_unknown_paths() -> None:
    assert API.route("/api/connections/x").target == Target(Endpoint.CONNECTION)
    assert API.route("/a").target == API.route("/b").target == Target(Endpoint.OTHER)
