"""Addresses: valid ones, and agreement of all parsers on them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from collector.client import address
from collector.client.address import Address, BadAddress
from collector.client.messages import Request
from collector.client.transport.aiohttp_transport import url_of

SECRET = "secret-0451"
TARGET = "/api/connections/248df4b7-aa70-47b8-a036-33ac447e668d"

VALID = {
    "https://app.polytomic.com": "https://app.polytomic.com",
    "app.polytomic.com": "https://app.polytomic.com",
    "HTTPS://App.Polytomic.COM": "https://app.polytomic.com",
    "https://host.example:443": "https://host.example",
    "http://host.example:80/": "http://host.example",
    "https://host.example:0443": "https://host.example",
    "http://host.example:443": "http://host.example:443",
    "https://host_name:65535/": "https://host_name:65535",
    "https://host.example/a/b///": "https://host.example/a/b",
    "https://host.example//a//b": "https://host.example//a//b",
    "https://host.example/a%20b/%C3%A9;x=1,y": "https://host.example/a%20b/%C3%A9;x=1,y",
    "https://host.example/...": "https://host.example/...",
    "https://xn--e1afmkfd.example": "https://xn--e1afmkfd.example",
    "https://[2001:DB8::0001]:8443": "https://[2001:db8::1]:8443",
    "http://[::ffff:127.0.0.1]:81": "http://127.0.0.1:81",
    "http://[::ffff:7f00:1]": "http://127.0.0.1",
    "127.0.0.1:8080": "https://127.0.0.1:8080",
    "1.example": "https://1.example",
}

INVALID = [
    "",
    " ",
    "https:",
    "https://",
    "https:///x",
    "https:/host.example",
    "https:\\\\host.example",
    "//host.example",
    "/host.example",
    ":443",
    "https://:443",
    "ftp://host.example",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://https://host.example",
    "https://user@host.example",
    f"https://user:{SECRET}@host.example",
    f"user:{SECRET}@host.example",
    "https://@host.example",
    "https://host.example\\@evil.example",
    "https://host.example\\.evil.example",
    "https://evil.example\\host.example",
    "https://host.example%40evil.example",
    f"https://host.example?token={SECRET}",
    "https://host.example/?",
    f"https://host.example/#{SECRET}",
    "https://host.example#",
    "https://host.example:",
    "https://host.example:0",
    "https://host.example:65536",
    "https://host.example:99999999999",
    "https://host.example:-1",
    "https://host.example:+1",
    "https://host.example:8_0",
    "https://host.example:80:81",
    "https://host.example:٨٠",
    "https://host.example:port",
    "https://host.example.",
    "https://host..example",
    "https://.host.example",
    "https://-host.example",
    "https://host-.example",
    "https://host!example",
    "https://host*",
    "https://" + "a" * 64 + ".example",
    "https://" + "a." * 130 + "example",
    "https://hоst.example",  # noqa: RUF001  # a Cyrillic letter
    "https://ｈost.example",  # noqa: RUF001  # which normalizes to an h
    "https://host。example",  # which normalizes to a dot
    "https://host.example/é",
    "https://\u200bhost.example",
    "https://host.example\u202e",
    "https://host\t.example",
    "https://host.example\n",
    "https://host.example\r\nX: y",
    "\thttps://host.example",
    " https://host.example",
    "https://host.example ",
    "https://host example",
    "https://host.example\0",
    "https://host.example\x7f",
    "https://[::1",
    "https://::1",
    "https://[::1]x",
    "https://[::1]]",
    "https://[]",
    "https://[host]",
    "https://[127.0.0.1]",
    "https://[fe80::1%eth0]",
    "https://[fe80::1%25eth0]",
    "https://[v1.x]",
    "http://127.1",
    "http://0x7f.1",
    "http://0x7f000001",
    "http://0x",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://127.0.0.01",
    "http://127.0.0.1.",
    "http://256.1.1.1",
    "http://1.2.3.4.5",
    "http://example.0x1",
    "https://host.example/..",
    "https://host.example/./x",
    "https://host.example/a/../../b",
    "https://host.example/%2e%2E/b",
    "https://host.example/.%2e",
    "https://host.example/%2Fx",
    "https://host.example/%5cx",
    "https://host.example/%0d%0aX",
    "https://host.example/%00",
    "https://host.example/%",
    "https://host.example/%zz",
    "https://host.example/a b",
    "https://host.example/<x>",
    'https://host.example/"',
]


@pytest.mark.parametrize(("text", "expected"), VALID.items())
def test_an_address_has_one_canonical_spelling(text: str, expected: str) -> None:
    found = address.base_url(text)
    assert found.origin + found.path == expected
    assert address.base_url(expected) == found


@pytest.mark.parametrize("text", INVALID)
def test_ambiguous_text_is_rejected_and_never_repeated(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        address.base_url(text)
    assert SECRET not in str(caught.value)
    assert "host.example" not in str(caught.value)


UNUSUAL_HOSTS = [
    "localhost",
    "127.0.0.1",
    "127.1",
    "[::1]",
    "[::ffff:1.2.3.4]",
    "evil.example",
    "xn--a",
    "0x7f.1",
    "a_b",
]
pieces = st.sampled_from(
    [
        *UNUSUAL_HOSTS,
        *"/\\@:?#.;0\té。aA-_[]p&=~\n",
        "http://",
        "https://",
        "//",
        "%2e",
        "..",
        "%40",
        "443",
        "%25",
        "%41",
    ]
)
texts = st.lists(pieces, min_size=1, max_size=8).map("".join)


@given(st.sampled_from(["", "http://", "https://"]), texts)
@example("https://", "a%2eb")
def test_the_transport_connects_to_exactly_the_parsed_address(scheme: str, text: str) -> None:
    """Three parsers agree: this one, the standard library's, and the transport's, which makes the connection."""
    try:
        found = address.base_url(scheme + text)
    except BadAddress:
        return
    text = found.origin + found.path
    port = found.port or {"http": 80, "https": 443}[found.scheme]
    url = url_of(URL(text, encoded=True), Request(TARGET))
    assert (url.scheme, url.raw_host, url.port) == (found.scheme, found.host, port)
    assert (url.raw_path, url.raw_query_string) == (found.path + TARGET, "")
    assert (url.user, url.password, url.fragment) == (None, None, "")
    parts = urlsplit(text)
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == (
        found.scheme,
        found.host,
        found.port,
        found.path,
    )


@given(st.text(max_size=20))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    for read in (address.base_url, address.proxy):
        try:
            found = read(text)
        except BadAddress:
            continue
        assert isinstance(found, Address)


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "127.255.255.254", "::1", "::ffff:7f00:1"])
def test_loopback_hosts_are_recognized(host: str) -> None:
    assert address.is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "10.0.0.1",
        "::2",
        "::",
        "0.0.0.0",  # noqa: S104
        "::ffff:a00:1",
    ],
)
def test_hosts_that_only_look_like_loopback_are_not(host: str) -> None:
    assert not address.is_loopback(host)


def test_a_proxy_may_have_a_user_and_a_password() -> None:
    found = address.proxy("http://user:p%40ss@Proxy.example:3128/")
    assert (found.origin, found.user) == ("http://proxy.example:3128", "user:p%40ss")
    assert address.proxy("https://proxy.example").user == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"user:{SECRET}@proxy.example",
        "proxy.example:3128",
        f"socks5://user:{SECRET}@proxy.example",
        f"http://user:{SECRET}@",
        f"http://user:{SECRET}@proxy.example:0",
        f"http://user:{SECRET}@proxy.example/path",
        f"http://user:{SECRET}@proxy.example?x",
        f"http://user:{SECRET}/more@proxy.example",
        f"http://user:{SECRET}@more@proxy.example",
        f"http://user:{SECRET} @proxy.example",
        f"http://user:{SECRET}\\@proxy.example",
        f"http://user:{SECRET}é@proxy.example",
        "http://@proxy.example",
    ],
)
def test_an_invalid_proxy_is_rejected_and_its_password_never_repeated(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        address.proxy(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("http://user:pass%2Fword@proxy:3128", ["pass%2Fword", "pass/word"]),
        ("http://user:a:b@proxy", ["a:b", "a:b"]),
        ("http://t0k3n-5f1c9a77@proxy:3128", ["t0k3n-5f1c9a77", "t0k3n-5f1c9a77"]),
        ("http://collector@proxy:3128", []),
        ("http://proxy:3128", []),
    ],
)
def test_the_secret_of_a_proxy_is_its_password_or_a_user_without_one(text: str, secrets: list[str]) -> None:
    assert address.proxy(text).secrets == secrets


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        ("https://New.example/path", "https://new.example"),
        (f"https://new.example:8443/?token={SECRET}", "https://new.example:8443"),
        (f"https://new.example?{SECRET}", "https://new.example"),
        (f"https://user:{SECRET}@new.example/#{SECRET}", "https://new.example"),
        (f"https://new.example/a/../{SECRET}", None),
        ("/path", None),
        ("//evil.example", None),
        ("new.example", None),
        ("file:///etc/passwd", None),
        ("http://[", None),
        ("https://new.example\x1b[31m", None),
        ("https://nеw.example", None),  # noqa: RUF001
        ("", None),
    ],
)
def test_only_the_origin_of_a_redirect_is_shown(location: str, origin: str | None) -> None:
    assert address.origin_of(location) == origin
