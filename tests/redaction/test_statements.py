"""Passwords in commands, statements, directives and sentences are masked; texts that only mention one stay."""

from __future__ import annotations

import time

import pytest

from collector.redaction.detect.patterns import mask

SECRET = "Wint3r!Kx9"
WITH_ONE = [
    "mysqldump -h db7 -u etl -p{0} dwh exited with 2",
    "redis-cli -h cache7 -a {0} ping",
    "ldapsearch -x -D cn=svc -w {0} failed (49)",
    "bcp dwh.dbo.t out t.csv -S db7 -U etl -P {0} -c",
    "nzsql -host nz7 -u etl -pw {0} -d dwh",
    "hdbsql -n h7:30015 -u ETL -p {0} 'select 1'",
    "curl -u etl:{0} https://api.example.com/v1/x",
    "htpasswd -b /etc/x.htpasswd etl {0}",
    "net use \\\\nas7\\x /user:CORP\\etl {0}",
    "sqlplus -S etl/{0}@DWHPRD @load.sql",
    ".LOGON tdprd7/etl,{0};",
    "db2 connect to DWH user etl using {0}",
    "SET PASSWORD FOR 'etl'@'%' = PASSWORD('{0}')",
    "CREATE LOGIN etl WITH PASSWORD = N'{0}', CHECK_POLICY = OFF",
    "ALTER ROLE etl PASSWORD $${0}$$",
    "CREATE USER etl IDENTIFIED BY {0}",
    "config line 7: requirepass {0}",
    "machine api.example.com login etl password {0}",
    "db7.example.com:5432:dwh:etl:{0}",
    "Login failed: password is {0}, at least 16 characters are needed",
    'the Kennwort "{0}" was rejected',
    "mot de passe : '{0}' refusé",
    "contraseña={0} no válida",
    "java -jar x.jar --spring.datasource.password {0}",
    '[("Host", "x"), ("X-Auth-Token", "{0}")]',
    '<param name="client_secret">{0}</param>',
    '{{"name":"apiKey","value":"{0}"}}',
]
PLAIN = [
    'FATAL: password authentication failed for user "svc_etl"',
    "password expired, please reset the password before 2024-06-01",
    "mysql -h db7 -u etl failed: using password: YES",
    "password is required",
    "OAuth access token expired. [GLOBAL_OAUTH]",
    "You need an API key in the Authorization header (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    "INVALID_AUTH_HEADER: INVALID_HEADER_TYPE",
    "secret projects/acme/secrets/db-pass/versions/3 not found",
    "sun:05:30-sun:06:00",
    '["password", "token", "api_key"]',
    "SELECT token_count FROM users WHERE key = 'signup_source'",
    "curl -s -X POST https://api.example.com/v1/x failed",
]


def shown(text: str) -> str:
    return mask(text, lambda _secret, _rule: "#", is_prose=True)


@pytest.mark.parametrize("text", WITH_ONE)
def test_the_password_in_a_statement_is_masked(text: str) -> None:
    found = shown(text.format(SECRET))
    assert SECRET not in found
    assert "#" in found


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_only_mentions_a_password_stays(text: str) -> None:
    assert shown(text) == text


def test_the_time_is_linear_in_the_length() -> None:
    for start in ("password ", "mysql -p ", "curl -u a:", "key=a:", '"password","', "$6$", "oracle /", "a:5432:b:c:"):
        costs = []
        for size in (2_000, 20_000):
            began = time.process_time()
            shown((start * size)[:size])
            costs.append(time.process_time() - began)
        assert costs[1] < 60 * max(costs[0], 0.001), (start, costs)
