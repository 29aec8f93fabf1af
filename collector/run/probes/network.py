"""Resolves a name, connects to each of its addresses, and makes a TLS handshake with each. Sends no request."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio

from collector.client.transport import tls
from collector.run.checks.addresses import Contact, Hop
from collector.run.checks.certificates import Certificate, Handshake, name_of
from collector.run.probes.daemon_thread import in_daemon_thread


async def resolve(hop: Hop, within: float) -> list[str]:
    """The addresses of the host, each once. Raises OSError, whose text is the reason, and `TimeoutError`."""

    def look_up() -> list[str]:
        found = socket.getaddrinfo(hop.host, hop.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    return await in_daemon_thread(look_up, within)


async def connect_to_each(hop: Hop, addresses: Sequence[str], within: float) -> list[Contact]:
    """Connect to all addresses at the same time, and disconnect."""
    found: dict[str, Contact] = {}

    async def connect(address: str) -> None:
        found[address] = Contact(address, await _connect(address, hop.port, within))

    async with anyio.create_task_group() as tasks:
        for each in addresses:
            tasks.start_soon(connect, each)
    return [found[each] for each in addresses]


async def _connect(address: str, port: int, within: float) -> str:
    """The reason why there is no connection; empty if there is one."""
    try:
        with anyio.fail_after(within):
            _, writer = await asyncio.open_connection(address, port)
        writer.transport.abort()
    except TimeoutError:
        return f"no connection within {within:g} s"
    except OSError as error:
        return _reason_of(error)
    return ""


async def shake_hands_with_each(
    hop: Hop, addresses: Sequence[str], context: ssl.SSLContext, within: float
) -> list[Handshake]:
    """Make a handshake with each address at the same time, and disconnect."""
    found: dict[str, Handshake] = {}

    async def shake_hands(address: str) -> None:
        found[address] = await _shake_hands(hop, address, context, within)

    async with anyio.create_task_group() as tasks:
        for each in addresses:
            tasks.start_soon(shake_hands, each)
    return [found[each] for each in addresses]


async def _shake_hands(hop: Hop, address: str, context: ssl.SSLContext, within: float) -> Handshake:
    try:
        with anyio.fail_after(within):
            _, writer = await asyncio.open_connection(address, hop.port, ssl=context, server_hostname=hop.host)
    except ssl.SSLCertVerificationError as error:
        reason = f"the certificate does not verify ({error.verify_message})"
        return Handshake(address, error=reason, advice=tls.certificate_advice(error))
    except ssl.SSLError as error:
        advice = (
            "its operator must enable TLS 1.2 or newer" if tls.is_too_old(error) else "check --base-url and its port"
        )
        return Handshake(address, error=tls.describe(error), advice=advice)
    except TimeoutError:
        return Handshake(address, error=f"no TLS handshake within {within:g} s", advice="check the server")
    except OSError as error:
        return Handshake(address, error=f"the handshake broke: {_reason_of(error)}", advice="check the server")
    secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    return Handshake(address, secured.version() or "", tuple(map(_certificate, _chain_of(secured))))


def _chain_of(secured: ssl.SSLObject) -> list[Any]:
    """The certificates up to the trusted one, as `getpeercert` returns them; else the server's own.

    `ssl` has a public method for the chain from Python 3.13 on, which returns it in binary form only.
    """
    with suppress(AttributeError, ssl.SSLError):
        return [each.get_info() for each in secured._sslobj.get_verified_chain()]  # type: ignore[attr-defined]
    return [secured.getpeercert()]


def _certificate(info: dict[str, Any]) -> Certificate:
    return Certificate(
        name_of(info.get("subject")), name_of(info.get("issuer")), ssl.cert_time_to_seconds(info["notAfter"])
    )


def _reason_of(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
