"""Addresses: where the API and a proxy are. Reads text; knows nothing of sockets. Pure.

The key goes where an address points, so nothing is guessed: what two readers of addresses could read differently is
refused (tabs and line ends that one drops, backslashes that one takes for slashes, IPv4 in fewer than four numbers, a
letter of another alphabet that looks like one of ours). What is let through is lower case, in one spelling, and each
part is what it looks like. No complaint repeats the text: it may hold a password, or be a key pasted by mistake.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from collector.redaction.detect.entropy import is_wordlike

_IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS: Final = {"http": 80, "https": 443}
_ADDRESS: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?(?:(?P<user>[^/@]*)@)?(?P<host>\[[^]]*]|[^]/:[]+)(?::(?P<port>[^/]*))?(?P<path>/.*)?",
    re.IGNORECASE,
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)  # no `$`: it would take a line end
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*)*", re.ASCII)
_USER: Final = re.compile(r"[\x21-\x7e]+")


class BadAddress(ValueError):
    """The text is no address that can be used; it says why, and does not repeat the text."""


class Address(NamedTuple):
    """The parts of an address in their one spelling: `host` without brackets, `port` None where the scheme says it."""

    scheme: str
    host: str
    port: int | None
    path: str
    user: str
    "`user:password`, percent-encoded as it came; empty when there is none."

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}"

    @property
    def secrets(self) -> list[str]:
        """The password, as it came and without the percents, or a user who has none and whose name is no word."""
        user, _, password = self.user.partition(":")
        secret = password or user
        is_word_only = not password and is_wordlike(user)  # such as `collector`, which messages are full of
        return [] if is_word_only else [secret, unquote(secret)]

    @property
    def is_loopback(self) -> bool:
        """Is it this host, as far as the name tells? What a name resolves to is for the transport to see."""
        return is_loopback(self.host)


def parse(text: str) -> Address:
    """The address that `text` is, by default of https. Raises `BadAddress`."""
    if not text.isascii():
        raise BadAddress("is not ASCII; write a host of another alphabet as xn--…, a path percent-encoded")
    found = _ADDRESS.fullmatch(text)
    if found is None or not text.isprintable() or " " in text or "\\" in text:
        raise BadAddress("is no http(s) address")
    if "://" in text and not found["scheme"]:
        raise BadAddress("is no http(s) address")
    scheme = (found["scheme"] or "https").lower()
    user = found["user"]
    if user is not None and not _USER.fullmatch(user):
        raise BadAddress("has an @ without a user before it")
    return Address(
        scheme, _host(found["host"].lower()), _port(found["port"], scheme), _path(found["path"] or ""), user or ""
    )


def base_url(text: str) -> Address:
    """The API's address: a scheme, a host, a port and a path that requests' own are put behind. Raises `BadAddress`."""
    if any(mark in text for mark in "@?#"):
        raise BadAddress("may hold a scheme, a host, a port and a path only: no user, no query")
    return parse(text)


def proxy(text: str) -> Address:
    """A proxy's address: a scheme, perhaps a user, a host and a port. Raises `BadAddress`."""
    if "://" not in text:
        raise BadAddress("has to begin with http:// or https://")
    found = parse(text)
    if found.path:
        raise BadAddress("may hold a scheme, user and password, a host and a port only (an @, / or % in them as %40 …)")
    return found


def is_loopback(host: str) -> bool:
    """Is this an address of the host itself, or a name that means it (RFC 6761, 6.3)?"""
    try:
        return _unmapped(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin_of(location: str) -> str | None:
    """Scheme, host and port of a URL that a server gave, without what else could stand in it; None for no plain one."""
    if "://" not in location:
        return None
    try:
        return parse(re.split(r"[?#]", location, maxsplit=1)[0]).origin
    except BadAddress:
        return None


def _host(text: str) -> str:
    if text.startswith("["):
        return _ipv6(text[1:-1])
    last = text.rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise BadAddress("its host is a number; write an IPv4 address as four decimal numbers") from None
    if text.endswith("."):
        raise BadAddress("its host ends in a dot; leave it off")
    if not _HOST_NAME.fullmatch(text) or len(text) > 253 or max(map(len, text.split("."))) > 63:
        raise BadAddress("its host is no name or IP address (no user, no password)")
    return text


def _ipv6(text: str) -> str:
    if "%" in text:
        raise BadAddress("its host has a zone; name an address without one")
    try:
        return str(_unmapped(ipaddress.IPv6Address(text)))
    except ValueError:
        raise BadAddress("its host is no IPv6 address") from None


def _unmapped(address: _IP) -> _IP:
    """The IPv4 address that one of IPv6 stands for: that is where a connection to it goes."""
    return getattr(address, "ipv4_mapped", None) or address


def _port(text: str | None, scheme: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise BadAddress("its port is no number from 1 to 65535")
    return None if int(text) == _PORTS[scheme] else int(text)


def _path(text: str) -> str:
    path = text.rstrip("/")
    if not _PATH.fullmatch(path):
        raise BadAddress("its path holds what a path cannot; write it percent-encoded")
    for segment in map(unquote, path.split("/")):
        if segment in {".", ".."} or re.search(r"[\x00-\x1f\x7f/\\]", segment):
            raise BadAddress("its path goes up, or hides a slash or a control character")
    return path
