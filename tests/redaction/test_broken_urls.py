"""The passwords of URLs that a parser quotes in parts are masked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redaction.detect.patterns import mask

SECRET = "hunter2Xq"
MESSAGES = [
    'parse "postgres://etl:{0}": invalid port ":{0}" after host',  # Go, net/url
    'parse "postgres://etl:{0}/w@db.example.com/app": invalid port ":{0}" after host',
    'parse "postgres://etl:{0}?w@db.example.com/app": invalid port ":{0}" after host',
    'parse "postgres://etl:{0} w@db.example.com/app": net/url: invalid userinfo',
    'cannot parse `postgres://etl:xxxxx@db.example.com/app`: (parse "postgres://etl:{0}/w@db/app": bad port)',
    "Port could not be cast to integer value as '{0}'",  # Python, urllib.parse
    'java.lang.NumberFormatException: For input string: "{0}"',
    'invalid integer value "{0}" for connection option "port"',  # libpq
    'could not translate host name "{0}@db.example.com" to address: Name or service not known',
    "TypeError: Invalid URL: mysql://etl:{0}#w@db.example.com/app",  # Node
    "Illegal character in authority at index 13: postgres://etl:{0} w@db.example.com",  # Java
]
PLAIN = [
    "dial tcp: lookup db.example.com on 10.0.0.2:53: no such host",
    'parse "http://db.example.com:5432/app?x=1": first path segment contains colon',
    "http://host:port/path is not reachable",
    "connect to https://api.example.com:8443 failed: connection refused",
    "cannot pull docker://etl:v2: manifest unknown",
    'invalid port ":99999" after host',
    'the report "Revenue by Region Q3" failed',
    'For input string: "N/A"',
    "postgres://db.example.com:${PORT}/app: PORT is not set",
]


def shown(text: str) -> str:
    return mask(text, lambda _secret, _rule: "#", is_prose=True)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_password_is_masked_wherever_its_parts_are_quoted(message: str) -> None:
    found = shown(message.format(SECRET))
    assert SECRET not in found
    assert "#" in found


@pytest.mark.parametrize("text", PLAIN)
def test_hosts_ports_and_templates_stay(text: str) -> None:
    assert shown(text) == text


@given(st.text(max_size=200))
def test_it_ends_and_masking_again_changes_nothing(text: str) -> None:
    once = mask(text, lambda _secret, _rule: "[REDACTED]", is_prose=True)
    assert mask(once, lambda _secret, _rule: "[REDACTED]", is_prose=True) == once
