"""Users, roles and policies of an organization."""

from __future__ import annotations

from collector.sandbox.inventory import Inventory
from collector.sandbox.members import policies, roles, users

INVENTORY = Inventory(1_000, seed=3)
ORGANIZATION = INVENTORY.organization


def test_the_users_are_those_who_create_and_update_connections() -> None:
    ids = [user["id"] for user in users(ORGANIZATION)]
    assert len(set(ids)) == len(ids) == 36
    for connection in map(INVENTORY.connection, range(1_000)):
        assert connection["updated_by"]["id"] in ids
        assert connection.get("created_by", {"id": ids[0]})["id"] in ids


def test_emails_are_unique_ascii_addresses_of_one_domain() -> None:
    emails = [user["email"] for user in users(ORGANIZATION)]
    assert len(set(emails)) == 36
    assert emails[0] == "ada@sandbox.example"
    assert all(email.isascii() and email.endswith("@sandbox.example") and " " not in email for email in emails)


def test_the_roles_of_users_and_policies_are_listed() -> None:
    known = [role["id"] for role in roles(ORGANIZATION)]
    assert len(set(known)) == len(known) == 5
    assert {id for user in users(ORGANIZATION) for id in user["role_ids"]} == set(known)
    actions = [action for policy in policies(ORGANIZATION) for action in policy["policy_actions"]]
    assert {id for action in actions for id in action["role_ids"] or ()} <= set(known)


def test_only_built_in_roles_belong_to_no_organization() -> None:
    assert [role["system"] for role in roles(ORGANIZATION)] == [True, True, False, False, False]
    assert all(("organization_id" in role) is not role["system"] for role in roles(ORGANIZATION))


def test_the_policies_are_those_of_the_connections() -> None:
    listed = [policy["id"] for policy in policies(ORGANIZATION)]
    used = {id for index in range(1_000) for id in INVENTORY.connection(index)["policies"]}
    assert set(listed) == used
    assert len({policy["name"] for policy in policies(ORGANIZATION)}) == len(listed) == 12
