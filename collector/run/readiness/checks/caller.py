"""The caller: whose key it is, for which organization, and whether it is read-only, as far as the API says. Pure."""

from __future__ import annotations

from collector.model.record import Json
from collector.polytomic.caller import ME, Caller
from collector.run.readiness.checks.finding import Finding, ok, warning

API = "api"


def check_caller(caller: Caller, organization_id: str | None) -> Finding:
    """The finding for a caller that the API describes; `organization_id` is the setting."""
    facts: dict[str, Json] = caller._asdict()
    text = ", ".join((_who(caller), _where(caller), _role(caller), _mode(caller)))
    if organization_id and caller.organization_id and caller.organization_id.lower() != organization_id.lower():
        return warning(
            API,
            f"{text}: this is not the organization of --organization-id ({organization_id})",
            "correct --organization-id, or use a key of that organization",
            **facts,
        )
    if caller.organization_id is None and organization_id is None:
        return warning(
            API, f"{text}", "a partner or deployment key reads connections only with --organization-id", **facts
        )
    return ok(API, text, **facts)


def unknown_caller(status: int) -> Finding:
    """The finding for a caller that the API does not describe."""
    return warning(
        API,
        f"GET {ME.target} returned HTTP {status}, so the API does not say whose key this is",
        "ignore this if the check `read` is OK; otherwise check the key and --base-url",
        status=status,
    )


def _who(caller: Caller) -> str:
    if caller.kind == "user" or caller.email:
        return f"key of the user {caller.email or '(no address given)'}"
    return f"{caller.kind} key" if caller.kind else "a key of unknown kind"


def _where(caller: Caller) -> str:
    if caller.organization_id is None:
        return "no organization"
    name = f"{caller.organization_name} " if caller.organization_name else ""
    return f"organization {name}({caller.organization_id})"


def _role(caller: Caller) -> str:
    return f"role {caller.role}" if caller.role else "role not stated"


def _mode(caller: Caller) -> str:
    if caller.mode is None:
        return "mode not stated"
    return "read-only" if caller.mode == "read_only" else f"mode {caller.mode}, not read-only"
