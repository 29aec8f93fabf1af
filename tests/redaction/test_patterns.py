"""Secrets are masked by their form in any text; the text around them stays."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redaction.detect.patterns import mask
from collector.redaction.detect.urls import mask_address

LOT = "q7Zt2Kp9Xw4Lm8Vb3Rn6Ty1Hc5Jd0Fg"


def shown(text: str, *, guess: bool = False) -> str:
    return mask(text, lambda _secret, _rule: "#", guess=guess)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see postgres://user:pw@host/db", "see postgres://#@host/db"),
        ("https://token@example.com and", "https://#@example.com and"),
        ("https://example.com/@handle", "https://example.com/@handle"),
        ("mail a@b.example", "mail a@b.example"),
        ("mongodb+srv://u:p@h", "mongodb+srv://#@h"),
        ("postgres://u:p/w?x#y@host/db", "postgres://#@host/db"),
        ("redis://:pw@h1:6379,redis://:pw@h2:6379", "redis://#@h1:6379,redis://#@h2:6379"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("ssh://git@github.com/a/b", "ssh://git@github.com/a/b"),
        ("root:hunter2@tcp(127.0.0.1:3306)/db", "root:#@tcp(127.0.0.1:3306)/db"),
        ("jdbc:oracle:thin:etl/tiger@//host:1521/x", "jdbc:oracle:thin:etl/#@//host:1521/x"),
        ("jdbc:postgresql://h/db?user=u&password=pw", "jdbc:postgresql://h/db?user=u&password=#"),
        ("jdbc:sqlserver://h;user=sa;password=a b;x=1", "jdbc:sqlserver://h;user=sa;password=#;x=1"),
        ("Server=h;UID=etl;PWD={a;b}};c};Encrypt=yes", "Server=h;UID=etl;PWD=#;Encrypt=yes"),
        ("host=h password=pw dbname=d", "host=h password=# dbname=d"),
        ("host=h password='p w' dbname=d", "host=h password='#' dbname=d"),
        ("https://h/p?page=2&sig=abc&x=1", "https://h/p?page=2&sig=#&x=1"),
        ("https://h/cb#access_token=abc&state=ok", "https://h/cb#access_token=#&state=ok"),
        ("https://hooks.zapier.com/hooks/catch/123/abcdefg/", "https://hooks.zapier.com/hooks/catch/123/#/"),
        ("https://discord.com/api/webhooks/123/aBc", "https://discord.com/api/webhooks/123/#"),
        ("https://acme.tines.com/webhook/0a1b/2c3d", "https://acme.tines.com/webhook/#/#"),
    ],
)
def test_only_the_secret_part_of_an_address_is_masked(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2", "password=#"),
        ('{"token": "a \\" b", "x": 1', '{"token": "#", "x": 1'),
        ('{\\"token\\": \\"abc\\"}', '{\\"token\\": \\"#\\"}'),
        ("Authorization: Bearer abc123def", "Authorization: #"),
        ("sent Bearer abc123def to it", "sent Bearer # to it"),
        (f"Basic {base64.b64encode(b'user:pw').decode()}", "Basic #"),
        ("<login><password>hunter2</password></login>", "<login><password>#</password></login>"),
        ("mysql --password hunter2 -h db", "mysql --password # -h db"),
        ("CREATE USER x IDENTIFIED BY 'hunter2'", "CREATE USER x IDENTIFIED BY '#'"),
        ("DB_PASSWORD=hunter2\nREGION=eu", "DB_PASSWORD=#\nREGION=eu"),
        ("api-key: hunter2", "api-key: #"),
        ("{'password': b'hunter2', u'token': u'abc'}", "{'password': b'#', u'token': u'#'}"),
        ("password: |\n  hunter2\n  more\nhost: h", "password: #\nhost: h"),
        ("CREATE USER x IDENTIFIED BY 'a''hunter2' x", "CREATE USER x IDENTIFIED BY '#' x"),
        ("<password><![CDATA[hunter2]]></password>", "<password>#</password>"),
        ("https://h/?auth[password]=hunter2&page=2", "https://h/?auth[password]=#&page=2"),
        ("https://h/?auth%5Bpassword%5D=hunter2", "https://h/?auth%5Bpassword%5D=#"),
        ('{"password": "[REDACTED]hunter2"', '{"password": "#"'),
        (
            '{"password": "[REDACTED] x", "token": "[REDACTED:00ff]"',
            '{"password": "[REDACTED] x", "token": "[REDACTED:00ff]"',
        ),
    ],
)
def test_the_value_after_the_name_of_a_secret_is_masked(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "etl"',
        "invalid token: please reconnect",
        "token expired at 2026-01-02T03:04:05Z",
        "Basic authentication is required",
        "bearer token is missing",
        "password: ${DB_PASSWORD}",
        "token={{ secrets.API_KEY }}",
        "auth_method=password",
        "max_tokens: 4096",
        "use_password=true",
        "SELECT token_count, password_changed_at FROM users WHERE id = 5",
        "access denied for user 'etl'@'10.0.0.1' (using password: YES)",
        "tokens:read",
        "dial tcp 10.2.3.4:5432: connect: connection refused",
        "https://h/p?page=2&format=json",
    ],
)
def test_text_that_only_mentions_secrets_stays(text: str) -> None:
    assert shown(text, guess=True) == text


@pytest.mark.parametrize("guess", [False, True])
def test_a_pem_block_is_masked_if_complete_truncated_or_escaped(guess: bool) -> None:
    body = "MIIEow" * 30
    for end in ("\n-----END RSA PRIVATE KEY-----", ""):
        block = f"-----BEGIN RSA PRIVATE KEY-----\n{body}{end}"
        assert shown(f"key {block}", guess=guess) == "key #"
        assert body not in shown(json.dumps(f"key {block} x"), guess=guess)


def test_a_random_looking_word_is_masked_only_on_request() -> None:
    assert shown(LOT) == LOT
    assert shown(LOT, guess=True) == "#"


@given(st.text(max_size=200))
def test_masking_never_fails_and_is_idempotent(text: str) -> None:
    once = mask(text, lambda _secret, _rule: "[REDACTED]", guess=True)
    assert mask(once, lambda _secret, _rule: "[REDACTED]", guess=True) == once


PIECES = (
    'a a/ a. a- a: password= password:_ :// a:// a:b@ @ \\ \\" " \' < <password> key_ secret eyJ sk- 1//0 ? &token= = '
    "-- -----BEGIN_ -----BEGIN_A----- Bearer_ basic_aaaaaa_ oracle:a:b oracle:thin:a/ pwd={ ;pwd= https://hooks.a/ "
    "webhook. [ % {{ * xx 0a token:a, user: a@b: f ;pwd={x ,a://b:x -eyJaaaaaa -api_customer_number_of_list -SG.a-"
).replace("_", " ")


@pytest.mark.parametrize("piece", PIECES.split())
def test_masking_takes_linear_time(piece: str) -> None:
    """Each text has 20,000 characters; quadratic time would exceed the time limit of the test."""
    text = piece * (20_000 // len(piece))
    for odd in (text, f"{text}@", f"@ {text}", f'password="{text}', f"https://{text}@h"):
        shown(odd, guess=True)
        mask_address(odd, lambda _secret, _rule: "#")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.example.com/v1/orders?status=active&page=2", None),
        ("https://u:p@h/x", "https://***@h/x"),
        ("https://h/x?k=a1b2c3", "https://h/x?k=***"),
        ("https://h/x?token=word", "https://h/x?token=***"),
        ("https://h/services/T024BE7LH/x", "https://h/services/***/x"),
        ("https://h/0b57ed4c-26f4-4a1c-9d53-3d1f5e1f0c2a", "https://h/***"),
        ("host.example.com:5439/dev", None),
        ("/health/status", None),
        ("authSource=admin&replicaSet=main", None),
        ("a=1&b=Xy7z", "a=1&b=***"),
        ("https://h/cb#a1b2c3", "https://h/cb#***"),
        ("https://h/{{id}}/x", None),
    ],
)
def test_every_possible_secret_is_masked_in_a_field_that_may_embed_one(text: str, expected: str | None) -> None:
    assert mask_address(text, lambda _secret, _rule: "***") == (text if expected is None else expected)


@pytest.mark.parametrize("text", ["canary", "two words", "hunter2-abc", "a;b", "", "<xml/>"])
def test_a_text_that_is_not_an_address_is_recognized(text: str) -> None:
    assert mask_address(text, lambda _secret, _rule: "***") in (None, text if text == "" else None)
