"""TLS: the protocol, the chain of certificates, and the days until the first of them expires. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from collector.model.record import Json
from collector.run.readiness.checks.addresses import Hop
from collector.run.readiness.checks.finding import Finding, failure, ok, skipped, warning

TLS: Final = "tls"
_DAY: Final = 86_400.0
_SOON: Final = 21  # days


class Certificate(NamedTuple):
    """A certificate: the names of its subject and its issuer, and its end in seconds since the epoch."""

    subject: str
    issuer: str
    expires: float


class Handshake(NamedTuple):
    """One handshake with an address, or with a name through a proxy; `error` and `advice` are empty if it succeeded."""

    address: str
    protocol: str = ""
    chain: tuple[Certificate, ...] = ()
    error: str = ""
    advice: str = ""


def name_of(distinguished_name: Any) -> str:
    """The common name in a subject or an issuer as `SSLSocket.getpeercert` returns it, else its organization."""
    parts = {key: value for relative in distinguished_name or () for key, value in relative}
    for key in ("commonName", "organizationalUnitName", "organizationName"):
        if key in parts:
            return str(parts[key])
    return "a certificate without a name"


def check_handshakes(hop: Hop, handshakes: Sequence[Handshake], now: float) -> Finding:
    """The finding for the results of a handshake with each address; `now` is in seconds since the epoch."""
    facts: dict[str, Json] = {"handshakes": [_facts_of(each, now) for each in handshakes]}
    failed = [each for each in handshakes if each.error]
    if failed:
        where = "" if len(handshakes) == 1 else f" at {', '.join(each.address for each in failed)}"
        return failure(TLS, f"{hop}{where}: {failed[0].error}", failed[0].advice, **facts)
    protocols = " and ".join(sorted({each.protocol for each in handshakes}))
    chains = [each.chain for each in handshakes if each.chain]
    if not chains:
        return ok(TLS, f"{protocols}; the certificate is trusted", **facts)
    first = min((certificate for chain in chains for certificate in chain), key=lambda each: each.expires)
    days = days_left(first, now)
    path = " < ".join(each.subject for each in chains[0])
    issuer = "" if len(chains[0]) > 1 else f", issued by {chains[0][0].issuer}"
    if days < _SOON:
        return warning(
            TLS, f"{protocols}; the certificate {first.subject} expires in {_days(days)}", "renew it", **facts
        )
    return ok(TLS, f"{protocols}; {path}{issuer}; the first to expire has {_days(days)} left", **facts)


def days_left(certificate: Certificate, now: float) -> int:
    """Whole days until it expires."""
    return int((certificate.expires - now) // _DAY)


def no_tls(*, is_loopback: bool) -> Finding:
    """The finding for a connection to the API that is not encrypted."""
    if is_loopback:
        return skipped(TLS, "plain http on this host")
    return warning(
        TLS,
        "plain http (--allow-http): anyone on the network path can read the key and all records",
        "use https in --base-url",
    )


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _facts_of(each: Handshake, now: float) -> Mapping[str, Json]:
    chain: list[Json] = [
        {"subject": found.subject, "issuer": found.issuer, "days_left": days_left(found, now)} for found in each.chain
    ]
    return {
        "address": each.address,
        "protocol": each.protocol or None,
        "chain": chain,
        "error": each.error or None,
    }
