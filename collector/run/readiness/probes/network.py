"""Resolves a name, connects to each of its addresses, and makes a TLS handshake with each. Sends no request."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import anyio

from collector.client.transport import tls
from collector.run.readiness.checks.addresses import Contact, Hop
from collector.run.readiness.checks.certificates import Certificate, Handshake, name_of
from collector.run.readiness.probes.daemon_thread import in_daemon_thread

_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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
        connecting = asyncio.open_connection(address, hop.port, ssl=context, server_hostname=hop.host)
        found[address] = await _shake_hands(address, connecting, within)

    async with anyio.create_task_group() as tasks:
        for each in addresses:
            tasks.start_soon(shake_hands, each)
    return [found[each] for each in addresses]


async def shake_hands_through(
    proxy: Hop, headers: Mapping[str, str], api: Hop, context: ssl.SSLContext, within: float
) -> Handshake:
    """Open a tunnel through the proxy (RFC 9110 section 9.3.6), make a handshake with the API, and disconnect.

    `headers` are for the proxy. It receives no other.
    """
    return await _shake_hands(api.host, _tunnel(proxy, headers, api, context), within)


class _NoTunnel(Exception):
    """The proxy opens no tunnel; the arguments are the reason and the advice."""


async def _tunnel(proxy: Hop, headers: Mapping[str, str], api: Hop, context: ssl.SSLContext) -> _Streams:
    name = f"[{api.host}]:{api.port}" if ":" in api.host else f"{api.host}:{api.port}"
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port, ssl=context if proxy.is_encrypted else None)
    try:
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", *(f"{each}: {value}" for each, value in headers.items())]
        writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        await _require_tunnel(reader, name)
        await writer.start_tls(context, server_hostname=api.host)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def _require_tunnel(reader: asyncio.StreamReader, name: str) -> None:
    """Read the reply of a proxy; raise `_NoTunnel` unless it opened the tunnel."""
    try:
        status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1][:3].decode("ascii", "replace")
    except (EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
        raise _NoTunnel("the proxy's reply is not HTTP", "check [api] proxy and its port") from None
    if status == "407":
        advice = "put its user and password into the address in COLLECTOR_PROXY or [api] proxy"
        raise _NoTunnel("the proxy rejected the credentials (HTTP 407)", advice)
    if status != "200":
        advice = "check --base-url, and whether the proxy allows this host and port"
        raise _NoTunnel(f"the proxy opened no tunnel to {name} (HTTP {status})", advice)


async def _shake_hands(address: str, connecting: Awaitable[_Streams], within: float) -> Handshake:
    try:
        with anyio.fail_after(within):
            _, writer = await connecting
    except _NoTunnel as reason:
        return Handshake(address, error=reason.args[0], advice=reason.args[1])
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate does not verify ({error.verify_message.rstrip('.')})"
        return Handshake(address, error=text, advice=tls.certificate_advice(error))
    except ssl.SSLError as error:
        text, _, advice = tls.describe(error).partition("; ")
        if tls.is_too_old(error):
            advice = "its operator must enable TLS 1.2 or newer"
        return Handshake(address, error=text, advice=advice or "check --base-url and its port")
    except TimeoutError:
        return Handshake(address, error=f"no TLS handshake within {within:g} s", advice="check the server and its port")
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
