"""Several organizations, their keys and the connections they share."""

from __future__ import annotations

import orjson
import pytest

from collector.model.record import Json
from collector.sandbox.api import Api
from collector.sandbox.deployment import MAX_ORGANIZATIONS, Deployment
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import DEPLOYMENT_KEY, PARTNER_KEY, SANDBOX_KEY
from collector.sandbox.server import serve
from tests.sandbox.client import basic_authorization, get_json, open_session

DEPLOYMENT = Deployment.of_size(4, 600, seed=7)
API = Api(DEPLOYMENT)
IDS = DEPLOYMENT.organization_ids
UNKNOWN_UUID = "248df4b7-aa70-47b8-a036-33ac447e668d"


def _get(path: str, authorization: str) -> tuple[int, Json]:
    reply = API.reply_to(API.route(path, authorization=authorization), "GET")
    body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
    return reply.status, orjson.loads(body)


def test_the_first_organization_is_that_of_a_sandbox_with_one() -> None:
    alone, owner = Inventory(600, seed=7), DEPLOYMENT.inventories[0]
    assert owner.organization_id == alone.organization_id
    assert [owner.connection(index) for index in range(600)] == [alone.connection(index) for index in range(600)]


def test_organizations_share_no_ids() -> None:
    ids = [id for inventory in DEPLOYMENT.inventories for id in inventory.ids()]
    assert len(set(ids)) == len(ids) == 2_400
    assert len(set(IDS)) == 4
    users = {user["id"] for inventory in DEPLOYMENT.inventories for user in inventory.organization.users}
    assert len(users) == 4 * 36


def test_an_organization_does_not_depend_on_the_number_of_organizations() -> None:
    assert Deployment.of_size(2, 600, seed=7).organization_ids == IDS[:2]


def test_names_of_organizations_differ_although_some_look_alike() -> None:
    names = [organization["name"] for organization in Deployment.of_size(300, 0).organizations()]
    assert len(set(names)) == 300
    assert names[:3] == ["Sandbox GmbH & Co.", "Amber & Sons", "amber-sons"]


@pytest.mark.parametrize("organizations", [0, -1, MAX_ORGANIZATIONS + 1])
def test_a_number_of_organizations_out_of_range_is_rejected(organizations: int) -> None:
    with pytest.raises(ValueError, match=f"^{organizations} organizations"):
        Deployment.of_size(organizations, 1)


@pytest.mark.parametrize("authorization", [f"Bearer {PARTNER_KEY}", f"Bearer {DEPLOYMENT_KEY}"])
def test_a_partner_or_deployment_key_lists_the_owner_first_and_then_its_children(authorization: str) -> None:
    status, body = _get("/api/organizations", authorization)
    assert status == 200
    assert [organization["id"] for organization in body["data"]] == IDS
    assert _get(f"/api/organizations/{IDS[2].upper()}", authorization) == (200, {"data": body["data"][2]})
    assert _get(f"/api/organizations/{UNKNOWN_UUID}", authorization)[0] == 404
    assert _get("/api/organizations/x", authorization)[0] == 400
    assert _get("/api/connections", authorization)[0] == 403


@pytest.mark.parametrize("key", [PARTNER_KEY, DEPLOYMENT_KEY])
@pytest.mark.parametrize("position", range(4))
def test_such_a_key_with_an_organization_reads_the_connections_of_that_organization(key: str, position: int) -> None:
    authorization = basic_authorization(IDS[position], key)
    status, body = _get("/api/connections", authorization)
    assert status == 200
    assert [connection["id"] for connection in body["data"]] == list(DEPLOYMENT.inventories[position].ids())
    assert {connection["organization_id"] for connection in body["data"]} == {IDS[position]}
    assert _get("/api/organization", authorization)[1]["data"]["id"] == IDS[position]
    assert _get("/api/organizations", authorization)[0] == 403


def test_a_key_does_not_reach_the_connections_of_another_organization() -> None:
    for position in (0, 2):
        id = DEPLOYMENT.inventories[1].id_at(3)
        assert _get(f"/api/connections/{id}", basic_authorization(IDS[position], PARTNER_KEY))[0] == 404


@pytest.mark.parametrize(
    ("authorization", "flag", "position"),
    [
        (f"Bearer {SANDBOX_KEY}", "is_user", 0),
        ("Bearer sandbox-key-4", "is_user", 3),
        (f"Bearer {PARTNER_KEY}", "is_partner", 0),
        (f"Bearer {DEPLOYMENT_KEY}", "is_system", 0),
        (basic_authorization(DEPLOYMENT_KEY, ""), "is_system", 0),
        (basic_authorization(IDS[2], DEPLOYMENT_KEY), "is_organization", 2),
    ],
)
def test_me_reports_the_kind_of_key_and_its_organization(authorization: str, flag: str, position: int) -> None:
    _, body = _get("/api/me", authorization)
    assert [name for name, value in body["data"].items() if value is True] == [flag]
    assert body["data"]["organization_id"] == IDS[position]


def test_each_copy_in_another_organization_is_listed_as_shared_by_its_parent() -> None:
    owner, partner = DEPLOYMENT.inventories[0], f"Bearer {PARTNER_KEY}"
    copies = 0
    for inventory in DEPLOYMENT.inventories[1:]:
        for copy in map(inventory.connection, range(len(inventory))):
            if "parent_connection_id" in copy:
                copies += 1
                index = owner.index_of(copy["parent_connection_id"])
                assert index is not None
                assert owner.connection(index)["type"]["id"] == copy["type"]["id"]
                if not owner.is_copy(index):
                    status, body = _get(f"/api/connections/{owner.id_at(index)}/shared", f"Bearer {SANDBOX_KEY}")
                    assert status == 200
                    assert copy in body["data"]
                    assert (
                        _get(f"/api/organizations/{IDS[0]}/connections/{owner.id_at(index)}/shared", partner)[1] == body
                    )
    assert 90 < copies < 250


def test_only_the_owner_lists_shared_connections() -> None:
    id = DEPLOYMENT.inventories[1].id_at(0)
    assert _get(f"/api/connections/{id}/shared", "Bearer sandbox-key-2")[0] == 403
    partner = f"Bearer {PARTNER_KEY}"
    assert _get(f"/api/organizations/{IDS[0]}/connections/{id}/shared", partner)[0] == 404
    assert _get(f"/api/organizations/{UNKNOWN_UUID}/connections/{id}/shared", partner)[0] == 404


async def test_the_log_counts_requests_by_organization() -> None:
    async with serve(DEPLOYMENT) as sandbox, open_session(sandbox) as session:
        for position in (0, 2, 2):
            headers = {"Authorization": basic_authorization(IDS[position], PARTNER_KEY)}
            await get_json(session, f"/api/connections/{DEPLOYMENT.inventories[position].id_at(5)}", headers)
        await get_json(session, "/api/organizations", {"Authorization": f"Bearer {PARTNER_KEY}"})
        assert sandbox.user_keys == ("sandbox-key", "sandbox-key-2", "sandbox-key-3", "sandbox-key-4")
        summary = sandbox.log.summary()
        async with session.get("/_sandbox/log") as response:
            lines = [orjson.loads(line) for line in (await response.text()).splitlines()]
    assert summary.by_organization == {1: 2, 3: 2}
    assert (summary.per_id.ids, summary.per_id.max) == (2, 2)
    assert [line["organization"] for line in lines] == [1, 3, 3, 1]
    assert lines[1]["target"] == f"/api/connections/{DEPLOYMENT.inventories[2].id_at(5)}"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"/api/organizations/{IDS[1]}", f"/api/organizations/{IDS[1]}"),
        ("/api/organizations/x", "/api/organizations/{unknown}"),
        (
            f"/api/organizations/{IDS[1]}/connections/{DEPLOYMENT.inventories[1].id_at(2)}/shared",
            f"/api/organizations/{IDS[1]}/connections/{DEPLOYMENT.inventories[1].id_at(2)}/shared",
        ),
        ("/api/organizations/x/connections/y/shared", "/api/organizations/{unknown}/connections/{unknown}/shared"),
    ],
)
def test_each_target_of_a_partner_has_one_path_in_the_log(path: str, logged: str) -> None:
    assert API.path(API.route(path, authorization=f"Bearer {PARTNER_KEY}").target) == logged
