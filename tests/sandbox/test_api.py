"""The API's answers, without a socket."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.sandbox.api import SANDBOX_KEY, Answer, Api
from collector.sandbox.inventory import Inventory
from collector.sandbox.request_log import Endpoint, Target

INVENTORY = Inventory(300, seed=2)
API = Api(INVENTORY)
KEYED = f"Bearer {SANDBOX_KEY}"
FOREIGN = "248df4b7-aa70-47b8-a036-33ac447e668d"


def _ask(path: str, method: str = "GET", authorization: str | None = KEYED) -> tuple[int, Json]:
    answer = API.answer(API.call(path), method, authorization)
    return answer.status, orjson.loads(_body(answer))


def _body(answer: Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def _basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@given(st.integers(0, len(INVENTORY) - 1), st.booleans())
def test_an_id_gets_its_connection_in_any_case(index: int, upper: bool) -> None:
    id = INVENTORY.id_at(index)
    path = f"/api/connections/{id.upper() if upper else id}"
    assert _ask(path) == (200, {"data": INVENTORY.connection(index)})


def test_an_escaped_id_is_the_same_id() -> None:
    id = INVENTORY.id_at(0)
    assert _ask(f"/api/connections/%{ord(id[0]):02x}{id[1:]}")[0] == 200


@given(st.uuids())
def test_a_foreign_id_is_not_found(id: UUID) -> None:
    status, error = _ask(f"/api/connections/{id}")
    assert (status, error["status"], error["key"]) == (404, 404, "not_found")


@pytest.mark.parametrize("id", ["x", "248df4b7aa7047b8a03633ac447e668d", f"%7B{FOREIGN}%7D", FOREIGN + "0"])
def test_a_malformed_id_is_a_bad_request(id: str) -> None:
    status, error = _ask(f"/api/connections/{id}")
    assert (status, error["status"], error["key"]) == (400, 400, "bad_request")


def test_the_list_holds_every_connection_once_in_order() -> None:
    status, body = _ask("/api/connections")
    assert status == 200
    assert body == {"data": [INVENTORY.connection(index) for index in range(len(INVENTORY))]}


@pytest.mark.parametrize("size", [1, 63, 64, 65, 128])
def test_a_list_of_any_size_is_whole_json(size: int) -> None:
    api = Api(Inventory(size))
    answer = api.answer(api.call("/api/connections"), "GET", KEYED)
    assert len(orjson.loads(_body(answer))["data"]) == size


def test_an_empty_inventory_lists_null() -> None:
    api = Api(Inventory(0))
    assert _body(api.answer(api.call("/api/connections"), "GET", KEYED)) == b'{"data":null}'


def test_the_list_is_made_piece_by_piece() -> None:
    answer = Api(Inventory(2**32)).answer(API.call("/api/connections"), "GET", KEYED)
    assert isinstance(answer.body, Iterator)
    assert next(answer.body).startswith(b'{"data":[{"id":')


@pytest.mark.parametrize(
    "authorization",
    [
        KEYED,
        f"bearer {SANDBOX_KEY}",
        _basic(f"{INVENTORY.organization_id}:{SANDBOX_KEY}"),
        _basic(f"{SANDBOX_KEY}:"),
    ],
)
@pytest.mark.parametrize("path", [f"/api/connections/{INVENTORY.id_at(0)}", "/api/connections", "/api/me"])
def test_the_documented_credentials_are_accepted(path: str, authorization: str) -> None:
    assert _ask(path, authorization=authorization)[0] == 200


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
        _basic(f"{FOREIGN}:{SANDBOX_KEY}"),
        _basic(f"{SANDBOX_KEY}:x"),
        "Basic not-base64",
    ],
)
@pytest.mark.parametrize("path", [f"/api/connections/{FOREIGN}", "/api/connections", "/api/me"])
def test_any_other_credentials_are_refused(path: str, authorization: str | None) -> None:
    status, error = _ask(path, authorization=authorization)
    assert status == 401
    assert error == {
        "key": "unauthorized",
        "message": "invalid or unknown API key",
        "metadata": {},
        "status": 401,
    }


def test_the_list_of_types_is_public() -> None:
    status, body = _ask("/api/connection_types", authorization=None)
    assert status == 200
    assert len(body["data"]) == 247


def test_a_type_answers_its_bare_schema_to_those_with_a_key() -> None:
    status, body = _ask("/api/connection_types/postgresql")
    assert status == 200
    assert _ask("/api/connection_types/postgresql", authorization=None)[0] == 401
    assert body["properties"]["password"]["sensitive"] is True
    assert _ask("/api/connection_types/nosuch")[0] == 404


@pytest.mark.parametrize(
    ("authorization", "flag"),
    [
        (KEYED, "is_user"),
        (_basic(f"{INVENTORY.organization_id}:{SANDBOX_KEY}"), "is_organization"),
        (_basic(f"{SANDBOX_KEY}:"), "is_system"),
    ],
)
def test_me_tells_whose_key_it_is(authorization: str, flag: str) -> None:
    _, body = _ask("/api/me", authorization=authorization)
    assert [name for name, value in body["data"].items() if value is True] == [flag]
    assert ("id" in body["data"]) == (flag == "is_user")
    assert body["data"]["organization_id"] == INVENTORY.organization_id


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/", "/api/connections/", "/api/me/", f"/api/connections/{FOREIGN}/schemas"]
)
def test_other_paths_are_not_found(path: str) -> None:
    assert _ask(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_other_methods_are_not_allowed(method: str) -> None:
    assert _ask(f"/api/connections/{INVENTORY.id_at(0)}", method)[0] == 405


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"/api/connections/{INVENTORY.id_at(5)}", f"/api/connections/{INVENTORY.id_at(5)}"),
        (f"/api/connections/{INVENTORY.id_at(5).upper()}", f"/api/connections/{INVENTORY.id_at(5)}"),
        (f"/api/connections/{FOREIGN}", "/api/connections/{unknown}"),
        ("/api/connections/x", "/api/connections/{unknown}"),
        ("/api/connections", "/api/connections"),
        ("/api/me", "/api/me"),
        ("/api/connection_types", "/api/connection_types"),
        ("/api/connection_types/s3", "/api/connection_types/s3"),
        ("/api/connection_types/x", "/api/connection_types/{unknown}"),
        ("/elsewhere", "other"),
    ],
)
def test_a_target_has_one_path_in_the_log(path: str, logged: str) -> None:
    assert API.path(API.call(path).target) == logged


def test_a_stranger_takes_the_place_of_a_connection_only() -> None:
    call = API.call(f"/api/connections/{INVENTORY.id_at(5)}")
    other_connection = API.other_connection(call, API.answer(call, "GET", KEYED))
    assert orjson.loads(_body(other_connection))["data"]["id"] != INVENTORY.id_at(5)
    me = API.call("/api/me")
    assert API.other_connection(me, API.answer(me, "GET", KEYED)) == API.answer(me, "GET", KEYED)
    refused = API.answer(call, "GET", None)
    assert API.other_connection(call, refused) is refused


@pytest.mark.parametrize("path", ["/api/me", "/api/connections"])
def test_a_padded_answer_is_the_same_json_of_more_than_nine_mebibytes(path: str) -> None:
    answer = API.answer(API.call(path), "GET", KEYED).padded()
    body = _body(answer)
    assert len(body) > 9 * 1024 * 1024
    assert orjson.loads(body) == _ask(path)[1]


def test_unknown_targets_are_one_kind() -> None:
    assert API.call("/api/connections/x").target == Target(Endpoint.CONNECTION)
    assert API.call("/a").target == API.call("/b").target == Target(Endpoint.OTHER)
