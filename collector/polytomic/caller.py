"""The caller as `GET /api/me` describes it: whose key this is, for which organization, and its mode. Pure.

Every field may be missing, and some servers send more than the API reference lists. Source: the API reference, "Get
Identity"; `credential` is in the official SDK from version 25.9.10 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from collector.client.messages import Reply, Request
from collector.model.record import Json
from collector.polytomic.envelope import read_data, require_json

ME: Final = Request("/api/me")
_KINDS: Final = {
    "is_user": "user",
    "is_partner": "partner",
    "is_organization": "organization",
    "is_system": "system",
}


class Caller(NamedTuple):
    """The caller of the API. A field is None if the API did not state it.

    `kind` is `user`, `partner`, `organization` or `system`. `mode` is that of the credential, such as `read_only`.
    """

    kind: str | None = None
    email: str | None = None
    organization_id: str | None = None
    organization_name: str | None = None
    role: str | None = None
    mode: str | None = None


def caller_in(reply: Reply) -> Caller:
    """The caller in a reply to `ME` with status 200. Raises `BadPayload`."""
    require_json(reply)
    data = read_data(reply.body)
    credential = data.get("credential")
    return Caller(
        kind=next((kind for key, kind in _KINDS.items() if data.get(key) is True), None),
        email=_text(data, "email"),
        organization_id=_text(data, "organization_id"),
        organization_name=_text(data, "organization_name"),
        role=_text(data, "role"),
        mode=_text(credential, "mode") if isinstance(credential, dict) else None,
    )


def _text(data: Mapping[str, Json], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) and value else None
