"""Names and addresses: does the name resolve, and does each of its addresses accept connections? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collector.client import address
from collector.model.record import Json
from collector.run.readiness.checks.finding import Finding, failure, ok, warning

DNS, CONNECTION = "dns", "connection"


class Hop(NamedTuple):
    """The host that this process connects to: the API, or the proxy in front of it."""

    host: str
    port: int
    is_encrypted: bool
    is_proxy: bool = False

    @property
    def setting(self) -> str:
        """The setting that names it."""
        return "[api] proxy" if self.is_proxy else "--base-url"

    def __str__(self) -> str:
        return f"the proxy {self.host}" if self.is_proxy else self.host


def api_of(base_url: str) -> Hop:
    """The host of the API."""
    return _hop(address.parse(base_url), is_proxy=False)


def hop_of(base_url: str, proxy: str | None) -> Hop:
    """The host that this process connects to."""
    return api_of(base_url) if proxy is None else _hop(address.proxy(proxy), is_proxy=True)


def _hop(found: address.Address, *, is_proxy: bool) -> Hop:
    is_encrypted = found.scheme == "https"
    return Hop(found.host, found.port or (443 if is_encrypted else 80), is_encrypted, is_proxy)


class Contact(NamedTuple):
    """One attempt to connect to an address; `error` is empty if it succeeded."""

    address: str
    error: str = ""


def check_names(hop: Hop, addresses: Sequence[str], *, require_loopback: bool) -> Finding:
    """The finding for a name that resolves to these addresses."""
    listed: list[Json] = [*addresses]
    remote = [each for each in addresses if not address.is_loopback(each)]
    if require_loopback and remote:
        return failure(
            DNS,
            f"{hop} resolves to {remote[0]}, which is not this host, so the key would be sent unencrypted",
            "use https, or pass --allow-http to permit it",
            addresses=listed,
        )
    if [*addresses] == [hop.host]:
        return ok(DNS, f"{hop} is an address, not a name", addresses=listed)
    return ok(DNS, f"{hop} resolves to {', '.join(addresses)}", addresses=listed)


def unresolved(hop: Hop, reason: str) -> Finding:
    """The finding for a name that does not resolve."""
    return failure(
        DNS,
        f"{hop} does not resolve: {reason}",
        f"correct {hop.setting}, or this host's name servers (/etc/resolv.conf, /etc/hosts)",
    )


def check_contacts(hop: Hop, contacts: Sequence[Contact]) -> Finding:
    """The finding for the results of a connection to each address."""
    dead = [each for each in contacts if each.error]
    facts: list[Json] = [{"address": each.address, "error": each.error or None} for each in contacts]
    if not dead:
        return ok(CONNECTION, f"{_all(len(contacts))} accepted a connection to port {hop.port}", contacts=facts)
    listed = ", ".join(f"{each.address} ({each.error})" for each in dead)
    if len(dead) == len(contacts):
        return failure(
            CONNECTION,
            f"no connection to {hop}, port {hop.port}: {listed}",
            f"start the server, or correct {hop.setting} or the firewall",
            contacts=facts,
        )
    return warning(
        CONNECTION,
        f"{len(dead)} of {len(contacts)} addresses of {hop} do not accept connections to port {hop.port}: {listed}; "
        "requests use the others, after a delay",
        "remove the address from the name, or repair its server",
        contacts=facts,
    )


def _all(count: int) -> str:
    return "the address" if count == 1 else f"all {count} addresses"
