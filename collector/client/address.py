"""Parses the addresses of the API and of a proxy. Must not know sockets. Pure.

The key is sent to this address, so the parser never guesses. It rejects text that two parsers could read differently:
tabs and line ends that some drop, backslashes that some take for slashes, IPv4 in fewer than four numbers, and
look-alike letters of other alphabets. Accepted addresses are in lower case and have one spelling. No message repeats
the text, which may contain a password or be a key pasted by mistake.
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
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)  # `$` would accept a trailing line end
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*)*", re.ASCII)
_USER: Final = re.compile(r"[\x21-\x7e]+")


class BadAddress(ValueError):
    """The text is not a usable address; the message gives the reason and does not repeat the text."""


class Address(NamedTuple):
    """The parts of an address in canonical spelling: `host` without brackets, `port` None for the scheme's default."""

    scheme: str
    host: str
    port: int | None
    path: str
    user: str
    "`user:password`, percent-encoded as given; may be empty."

    @property
    def origin(self) -> str:
        """The URL of scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}"

    @property
    def secrets(self) -> list[str]:
        """The strings to scrub: the password, as given and decoded; without one, a user name that is not a word."""
        user, _, password = self.user.partition(":")
        secret = password or user
        is_word_only = not password and is_wordlike(user)  # such as `collector`, which many messages contain
        return [] if is_word_only else [secret, unquote(secret)]

    @property
    def is_loopback(self) -> bool:
        """Does the name mean this host? The transport checks the addresses that it resolves to."""
        return is_loopback(self.host)


def parse(text: str) -> Address:
    """Parse an address, with https as the default scheme. Raises `BadAddress`."""
    if not text.isascii():
        raise BadAddress("is not ASCII; write an international host name as xn--…, and percent-encode the path")
    found = _ADDRESS.fullmatch(text)
    if found is None or not text.isprintable() or " " in text or "\\" in text:
        raise BadAddress("is not an http(s) address")
    if "://" in text and not found["scheme"]:
        raise BadAddress("is not an http(s) address")
    scheme = (found["scheme"] or "https").lower()
    user = found["user"]
    if user is not None and not _USER.fullmatch(user):
        raise BadAddress("has an @ without a user in front of it")
    return Address(
        scheme, _host(found["host"].lower()), _port(found["port"], scheme), _path(found["path"] or ""), user or ""
    )


def base_url(text: str) -> Address:
    """Parse the API's address: scheme, host, port and the path that prefixes every request. Raises `BadAddress`."""
    if any(mark in text for mark in "@?#"):
        raise BadAddress("may contain only a scheme, a host, a port and a path; remove the user or query")
    return parse(text)


def proxy(text: str) -> Address:
    """Parse a proxy's address: a scheme, an optional user, a host and a port. Raises `BadAddress`."""
    if "://" not in text:
        raise BadAddress("must begin with http:// or https://")
    found = parse(text)
    if found.path:
        raise BadAddress(
            "may contain only a scheme, user and password, a host and a port; "
            "write @, / and % in them as %40, %2F and %25"
        )
    return found


def is_loopback(host: str) -> bool:
    """Is this a loopback address, or a name for one (RFC 6761, 6.3)?"""
    try:
        return _unmapped(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin_of(location: str) -> str | None:
    """Return only scheme, host and port of a URL from a server; None if it is not a plain URL."""
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
            raise BadAddress("has an invalid IPv4 address as its host; write four decimal numbers") from None
    if text.endswith("."):
        raise BadAddress("has a host that ends with a dot; remove the dot")
    if not _HOST_NAME.fullmatch(text) or len(text) > 253 or max(map(len, text.split("."))) > 63:
        raise BadAddress("has a host that is not a valid name or IP address; remove any user and password")
    return text


def _ipv6(text: str) -> str:
    if "%" in text:
        raise BadAddress("has a host with a zone; use an address without one")
    try:
        return str(_unmapped(ipaddress.IPv6Address(text)))
    except ValueError:
        raise BadAddress("has a host that is not an IPv6 address") from None


def _unmapped(address: _IP) -> _IP:
    """Return the IPv4 address that an IPv4-mapped IPv6 address connects to; other addresses unchanged."""
    return getattr(address, "ipv4_mapped", None) or address


def _port(text: str | None, scheme: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise BadAddress("has a port that is not a number from 1 to 65535")
    return None if int(text) == _PORTS[scheme] else int(text)


def _path(text: str) -> str:
    path = text.rstrip("/")
    if not _PATH.fullmatch(path):
        raise BadAddress("has a path with invalid characters; percent-encode them")
    for segment in map(unquote, path.split("/")):
        if segment in {".", ".."} or re.search(r"[\x00-\x1f\x7f/\\]", segment):
            raise BadAddress("has a path with . or .., or with an encoded slash or control character; remove it")
    return path
