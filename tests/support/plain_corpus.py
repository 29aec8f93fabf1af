# ruff: noqa: RUF001 (names of connections are written in the alphabets of the people who give them)
"""Realistic fake connections without secrets: no value of them may be masked.

Written from the schemas of the connection types and from texts of users, drivers and servers, independently of the
redaction code. Fields that a schema marks, or that are known to hold a secret, are left out. A label reads
`group/what/how`; the group `debatable` holds values that a careful redaction may mask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, cycle
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Any, Final, TypeAlias
from uuid import UUID

from tests.support.secret_corpus import BASE36, HEX, MARKS, UNMARKED, URLSAFE, carried, draw


@dataclass(frozen=True, slots=True)
class PlainCase:
    """A connection of which every scalar must stay unchanged."""

    label: str
    type_id: str
    configuration: dict[str, Any]
    status_error: str | None = None
    name: str | None = None


Maker: TypeAlias = Callable[[Random], Any]

TYPES: Final = carried("connection_types.json")
ROUNDS: Final = 6
"""The number of connections of each type."""


def plain_cases() -> Iterator[PlainCase]:
    """Every case, with the same order and values in each run."""
    for group in (
        _by_schema,
        _look_alikes,
        _nested_look_alikes,
        _texts,
        _tokens_by_schema,
        _four_types,
        _status_errors,
        _connection_names,
        _debatable,
    ):
        yield from group()


# Values: one generator per kind, with the caller's rng.


def any_of(*values: Any) -> Maker:
    """A generator that picks one of these."""
    return lambda rng: rng.choice(values)


def between(low: int, high: int) -> Maker:
    """A generator of integers."""
    return lambda rng: rng.randint(low, high)


def pattern(*parts: str | Maker) -> Maker:
    """A generator of texts, joined from fixed and random parts."""
    return lambda rng: "".join(part if isinstance(part, str) else str(part(rng)) for part in parts)


def chars(alphabet: str, length: int) -> Maker:
    """A generator of ids in this alphabet."""
    return lambda rng: draw(rng, alphabet, length)


def one_of(*makers: Maker) -> Maker:
    """A generator that calls one of these."""
    return lambda rng: rng.choice(makers)(rng)


def some(make: Maker, most: int = 4) -> Maker:
    """A generator of lists."""
    return lambda rng: [make(rng) for _ in range(rng.randint(1, most))]


def joined(make: Maker, separator: str, most: int = 4) -> Maker:
    """A generator of lists in one text."""
    return lambda rng: separator.join(str(make(rng)) for _ in range(rng.randint(1, most)))


flag: Final = any_of(True, False)
number: Final = between(1, 5000)
company: Final = any_of(
    *("acme", "globex", "initech", "umbrella", "hooli", "northwind", "contoso", "fabrikam", "tyrell", "wonka"),
    *("stark-industries", "blue-harbor", "vandelay", "oscorp", "pied-piper", "lumen-labs", "brightwater", "kestrel"),
)
team: Final = any_of(
    *(
        "finance",
        "growth",
        "marketing",
        "sales",
        "ops",
        "data",
        "platform",
        "support",
        "product",
        "hr",
        "legal",
        "risk",
    ),
    *("customer_success", "business_intelligence", "revenue_operations", "supply_chain", "authentication", "security"),
)
stage: Final = any_of("prod", "staging", "dev", "qa", "sandbox", "uat", "dr", "preprod")
word: Final = any_of(
    *("orders", "invoices", "customers", "events", "sessions", "accounts", "contacts", "leads", "tickets", "products"),
    *(
        "payments",
        "subscriptions",
        "users",
        "pages",
        "campaigns",
        "shipments",
        "inventory",
        "leads",
        "deals",
        "authors",
    ),
    *(
        "tokens",
        "passwords_reset",
        "api_keys",
        "secret_santa",
        "keywords",
        "passengers",
        "cookies",
        "credentials_audit",
    ),
)
first: Final = any_of(
    *("ana", "ben", "chloé", "david", "elif", "françois", "grete", "hiro", "inês", "jürgen", "kwame", "linh", "mateo"),
    *("noor", "olga", "priya", "quentin", "rosa", "søren", "tomasz", "uma", "víctor", "wei", "xavier", "yuki", "zoë"),
)
last: Final = any_of(
    *("garcia", "keller", "okafor", "nguyen", "rossi", "smith", "tanaka", "kowalski", "dubois", "haddad", "larsen"),
    *("passos", "keys", "tokarev", "authier", "secretan", "cook", "da-silva", "o'brien", "van der berg", "mcpass"),
)
region: Final = any_of(
    *("eu-central-1", "us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2", "sa-east-1", "us-gov-west-1"),
    *("europe-west4", "us-central1", "westeurope", "northeurope", "eastus2", "EU", "US", "asia-northeast1"),
)
aws_region: Final = any_of("eu-central-1", "us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2", "ca-central-1")
account12: Final = chars(digits, 12)
slug: Final = one_of(
    pattern(company, "-", stage),
    pattern(team, "_", word),
    pattern(stage, "-", team, "-", word),
    pattern(company, "_", team, "_", stage, "_v", between(1, 9)),
    pattern(company, "-", team, "-", word, "-", stage, "-", aws_region),
)
domain: Final = pattern(company, any_of(".example", ".com", ".io", ".co.uk", ".internal", ".de"))


def uuid(rng: Random) -> str:
    """A UUID, the most common form of an id."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def _plainly(name: str) -> str:
    """Letters of a mail address."""
    return name.encode("ascii", "ignore").decode().replace(" ", "").replace("'", "")


def email(rng: Random) -> str:
    """A mail address."""
    return f"{_plainly(first(rng))}.{_plainly(last(rng))}@{domain(rng)}"


def person(rng: Random) -> str:
    """A name, or a name with its mail address."""
    name = f"{first(rng)} {last(rng)}".title()
    return rng.choice((name, f"{name} <{email(rng)}>", email(rng)))


def moment(rng: Random) -> str:
    """A timestamp in one of the forms that servers use."""
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(90_000_000))
    return rng.choice(
        (
            at.isoformat().replace("+00:00", "Z"),
            at.isoformat(),
            at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{rng.randrange(10**9):09}Z",
            at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
            at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            str(int(at.timestamp())),
        )
    )


def day(rng: Random) -> str:
    """A date."""
    return (datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=rng.randrange(1500))).strftime(
        rng.choice(("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y"))
    )


private_address: Final = one_of(
    pattern("10.", between(0, 255), ".", between(0, 255), ".", between(1, 254)),
    pattern("192.168.", between(0, 255), ".", between(1, 254)),
    pattern("172.", between(16, 31), ".", between(0, 255), ".", between(1, 254)),
    pattern("fd00:", chars(HEX, 4), ":", chars(HEX, 4), "::", chars(HEX, 2)),
)
host: Final = one_of(
    pattern(company, "-", stage, ".", "c", chars(BASE36, 11), ".", aws_region, ".rds.amazonaws.com"),
    pattern(company, "-", stage, ".cluster-", "c", chars(BASE36, 11), ".", aws_region, ".rds.amazonaws.com"),
    pattern(company, "-", team, ".", "c", chars(BASE36, 11), ".", aws_region, ".redshift.amazonaws.com"),
    pattern(company, "-", team, ".", account12, ".", aws_region, ".redshift-serverless.amazonaws.com"),
    pattern(company, "-sql-", stage, ".database.windows.net"),
    pattern(company, "-psql-", stage, ".postgres.database.azure.com"),
    pattern("ep-", any_of("calm", "silent", "wispy"), "-", word, "-", chars(digits, 8), ".eu-central-1.aws.neon.tech"),
    pattern("cluster0.", chars(BASE36, 5), ".mongodb.net"),
    pattern("dbc-", chars(HEX, 8), "-", chars(HEX, 4), ".cloud.databricks.com"),
    pattern("adb-", chars(digits, 16), ".", between(1, 19), ".azuredatabricks.net"),
    pattern(chars(BASE36, 10), ".", aws_region, ".aws.clickhouse.cloud"),
    pattern(
        "vpce-0", chars(HEX, 16), "-", chars(BASE36, 8), ".vpce-svc-0", chars(HEX, 16), ".us-east-1.vpce.amazonaws.com"
    ),
    pattern("db-", between(1, 40), ".", stage, ".", domain),
    pattern(team, "-db.", stage, ".svc.cluster.local"),
    pattern(company, ".", any_of("my.salesforce.com", "myshopify.com", "zendesk.com", "atlassian.net", "okta.com")),
    private_address,
    any_of("localhost", "db", "postgres", "host.docker.internal"),
)
database: Final = one_of(
    pattern(company, "_", stage),
    pattern(team, "_dwh"),
    word,
    pattern("ANALYTICS_", stage),
    any_of("app", "PUBLIC", "defaultdb"),
)
schema: Final = one_of(pattern("stg_", word), pattern("raw_", company), any_of("public", "PUBLIC", "dbo", "polytomic"))
user: Final = one_of(
    *(pattern("svc_", team), pattern("polytomic_", stage), pattern(company, "\\svc-", team), email),
    *(pattern("etl@", company, "-psql-", stage), pattern(team, "_RO"), pattern("user_", number)),
    any_of("etl", "root", "postgres", "admin", "sa", "token", "apikey", "readonly", "LOADER", "ec2-user"),
)
bucket: Final = one_of(
    pattern(company, "-", stage, "-", word),
    pattern(company, "-data-lake-", aws_region),
    pattern("s3://", company, "-athena-results-", account12, "-", aws_region, "/", team, "/"),
    pattern("gs://", company, "-exports/", word),
)
path: Final = one_of(
    pattern("/", team, "/", word, "/", day),
    pattern("/home/", company, "/outbound/", word, ".csv"),
    pattern("exports/", stage, "/**/*.", any_of("csv", "parquet", "json.gz")),
    pattern(word, "/year=", between(2020, 2026), "/month=*/part-*.parquet"),
    pattern("C:\\loads\\", company, "\\", word, ".txt"),
)
arn: Final = one_of(
    pattern("arn:aws:iam::", account12, ":role/", company, "-polytomic-", stage),
    pattern("arn:aws:iam::", account12, ":role/service-role/", any_of("PolytomicReadOnly", "AuthTokenRotationRole")),
    pattern("arn:aws:sqs:", aws_region, ":", account12, ":", company, "-events"),
    pattern("arn:aws:iam::", account12, ":user/", team),
    pattern("arn:aws-us-gov:iam::", account12, ":role/", company),
)
scope_url: Final = any_of(
    *("https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/adwords", "openid"),
    *("https://www.googleapis.com/auth/drive.readonly", "https://graph.microsoft.com/.default", "offline_access"),
    *("crm.objects.contacts.read", "crm.schemas.deals.write", "refresh_token", "api", "full", "read:account-user"),
    *("https://www.googleapis.com/auth/cloud-platform", "user:email", "repo", "ads_management", "tokens:read"),
    *("channels:history", "chat:write", "com.intuit.quickbooks.accounting", "accounting.transactions", "secrets.read"),
)
url: Final = one_of(
    pattern("https://", domain, "/", word, "?page=2&format=json"),
    pattern("https://", domain, "/api/v", between(1, 4), "/", word, "?sort=created_at&order=desc&limit=100"),
    pattern("https://", company, ".looker.com/dashboards/", number, "?Date+Range=7+days"),
    pattern("https://app.", domain, "/workspaces/", uuid, "/settings"),
    pattern("https://docs.google.com/spreadsheets/d/edit#gid=", number),
    pattern("https://", company, ".okta.com/oauth2/default/v1/token"),
    pattern("https://login.microsoftonline.com/", uuid, "/oauth2/v2.0/token"),
    pattern("https://", domain, "/auth/callback?state=ok&locale=de_DE"),
    pattern("http://", private_address, ":8080/health"),
    pattern("https://", company, ".my.salesforce.com/services/oauth2/token?prompt=login"),
    pattern("https://", domain, "/reset-password?lang=en"),
    pattern("git@github.com:", company, "/dbt-", team, ".git"),
    pattern("https://github.com/", company, "/", word, "/tree/main/models#readme"),
)
cron: Final = any_of("*/15 * * * *", "0 6 * * 1-5", "30 2 1 * *", "@daily", "0 0/5 14,18 * * ?", "cron(0 10 * * ? *)")
zone: Final = any_of(
    "Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires", "+02:00"
)
title: Final = pattern(team, " ", word, " (", stage, ")")
locator: Final = one_of(
    pattern(chars(ascii_lowercase, 2), chars(digits, 5), ".", aws_region),
    pattern(chars(ascii_uppercase, 7), "-", chars(ascii_uppercase, 7)),
    pattern(company, "-", company, "_", stage),
    pattern(chars(ascii_lowercase, 2), chars(digits, 5), ".west-europe.azure"),
)
google_id: Final = pattern("1", chars(URLSAFE, 43))
numeric_id: Final = one_of(chars(digits, 10), chars(digits, 7), account12, pattern("act_", chars(digits, 15)))


def report_json(rng: Random) -> str:
    """Definitions of reports in one text, as some types store them."""
    metrics = rng.sample(("sessions", "impressions", "clicks", "key_events", "conversions", "token_count"), 2)
    reports = [{"name": title(rng), "dimensions": ["date", "campaign"], "metrics": metrics, "limit": number(rng)}]
    return json.dumps(reports)


# Fields, by the last part of their name, or by type and last part.

_FIELDS: Final[dict[str, Maker]] = {
    **dict.fromkeys(("oauth_token_expiry", "expires_at"), moment),
    **dict.fromkeys(
        ("username", "user", "ssh_user", "service_account_username", "authenticated_as", "user_name"), user
    ),
    **dict.fromkeys(("connected_user", "hub_user", "user_as_email"), person),
    **dict.fromkeys(("email", "user_email"), email),
    **dict.fromkeys(("hostname", "ssh_host", "host", "hosts", "server_hostname", "rds_endpoint_hostname"), host),
    **dict.fromkeys(("domain", "account_domain", "hub_domain", "site", "rest_endpoint"), domain),
    **dict.fromkeys(("database", "dbname", "dataset", "warehouse"), database),
    **dict.fromkeys(("bulk_sync_staging_schema", "publication", "namespace", "api_namespace"), schema),
    **dict.fromkeys(("region", "s3_bucket_region", "location"), region),
    **dict.fromkeys(("bucket", "bucket_name", "s3_bucket_name", "outputbucket", "container_name"), bucket),
    **dict.fromkeys(("directory_glob_pattern", "path"), path),
    **dict.fromkeys(("iam_role_arn", "event_queue_arn", "aws_user"), arn),
    **dict.fromkeys(("tenant_id", "orgId", "issuer_id", "data_client_id", "service_principal_id", "bot_id"), uuid),
    **dict.fromkeys(("label", "name", "single_table_name", "workspace_name", "workspace_public_name"), title),
    **dict.fromkeys(("value", "company_id", "merchant_id", "network_id", "role_id", "realm_id"), numeric_id),
    **dict.fromkeys(("account_id", "app_id", "store_id", "team_id", "vendor_number", "business_unit_id"), numeric_id),
    **dict.fromkeys(("account_name", "azure_account_name", "client_name", "connected_org", "tenant_name"), slug),
    **dict.fromkeys(("subdomain", "store", "workspace", "workgroup", "instance", "storage_credential_name"), slug),
    **dict.fromkeys(("project_id", "override_project_id", "wif_project_id", "project", "org_keys"), slug),
    "account": locator,
    "organization_id": one_of(uuid, chars(digits, 8), pattern("org_", chars(digits, 6))),
    "scopes": joined(scope_url, " "),
    "custom_reports": report_json,
    "client_email": pattern(team, "-loader@", company, "-", stage, ".iam.gserviceaccount.com"),
    "connection_name": pattern(company, "-", stage, ":", any_of("europe-west4", "us-central1"), ":", word),
    "environment": any_of("production", "sandbox"),
    "sync_token_name": one_of(slug, title),
    "site_id": chars(HEX, 20),
    "http_path": pattern("/sql/1.0/warehouses/", chars(HEX, 16)),
    "repository": pattern(company, "/dbt-", team),
    "branch": one_of(any_of("main", "develop"), pattern("feature/", team, "-", number)),
    "href": pattern("https://github.com/", company, "/dbt/commit/", chars(HEX, 40)),
    "text": pattern(chars(HEX, 7), " Rename ", word, " to ", word),
    "type": any_of("string", "number", "boolean", "email"),
    "customer_id": pattern("C0", chars(BASE36, 7)),
    "pixel_id": pattern("t2_", chars(BASE36, 8)),
    "content_owner_id": chars(URLSAFE, 22),
    "graph_api_version": any_of("v24.0", "v23.0"),
    "linkbuilder_customs_text": joined(word, "\n"),
    "tenant_type": any_of("ORGANISATION", "PRACTICE"),
    "httpenrichment.path": pattern("$.", word, "[*].", word),
    "mixpanel.project_id": between(1_000_000, 4_000_000),
    "gsheets.value": google_id,
    "googleslides.value": google_id,
    "ssh_port": any_of(22, 2222, 2022),
    "port": any_of(5432, 3306, 1433, 27017, 6432, 5439, 9440, 443, 50000),
    "skip_lines": between(0, 5),
    "tags": lambda rng: {"team": team(rng), "cost-center": draw(rng, digits, 4), "Owner": email(rng)},
}


def _value(rng: Random, type_id: str, field: dict[str, Any]) -> Any:
    key = field["name"].rpartition(".")[2]
    make = _FIELDS.get(f"{type_id}.{key}") or _FIELDS.get(key)
    if "enum" in field:
        return rng.choice(field["enum"])
    if field["type"] == "boolean":
        return flag(rng)
    if field["type"] == "integer":
        return (make or number)(rng)
    if field["type"] == "array":
        return some(any_of("csv", "json", "parquet") if key.endswith("formats") else make or slug)(rng)
    return make(rng) if make else slug(rng)


def plain_fields(type_id: str) -> list[dict[str, Any]]:
    """The fields of a type that hold values and are secrets by none of the lists."""
    known = {*MARKS.get(type_id, ()), *chain(*UNMARKED.get(type_id, {}).values())}
    fields = [field for field in TYPES[type_id]["fields"] if field["name"] not in known]
    parents = {field["name"].rpartition(".")[0].removesuffix("[]") for field in TYPES[type_id]["fields"]}
    return [field for field in fields if field["name"] not in parents]


def plant(configuration: dict[str, Any], name: str, leaf: Callable[[], Any]) -> None:
    """Put a leaf at every position of a dotted name. A missing array gets two items."""
    head, _, rest = name.partition(".")
    key = head.removesuffix("[]")
    if not rest:
        configuration[key] = leaf()
    elif head.endswith("[]"):
        for item in configuration.setdefault(key, [{}, {}]):
            plant(item, rest, leaf)
    else:
        plant(configuration.setdefault(key, {}), rest, leaf)


def _by_schema() -> Iterator[PlainCase]:
    """Connections of every type, with all of its plain fields."""
    for type_id in TYPES:
        for turn in range(ROUNDS):
            rng = Random(f"{type_id}.{turn}")
            configuration: dict[str, Any] = {}
            for field in plain_fields(type_id):
                plant(configuration, field["name"], partial(_value, rng, type_id, field))
            yield PlainCase(f"schema/{type_id}/{turn}", type_id, configuration)


_LOOK_ALIKES: Final[dict[str, tuple[Any, ...]]] = {
    # Fields of the types' schemas.
    "key_pair_auth": (True, False),
    "client_certs": (True, False),
    "csv_has_headers": (True,),
    "has_headers": (False,),
    "auth_method": ("access_key_and_secret", "iam_role", "oauth", "api_key", "basic", "password", "private_app"),
    "auth_mode": ("access_token", "oauth_service_principal", "access_key_and_secret", "token"),
    "databricks_auth_mode": ("access_token",),
    "api_key_type": ("personal", "workspace", "secret"),
    "sync_token_name": ("Nightly sync", "polytomic-prod"),
    "oauth_token_expiry": ("2026-03-01T10:00:00Z", "0001-01-01T00:00:00Z", ""),
    "authenticated": (True, False),
    "authenticated_as": ("ana@acme.example", "Ana Keys"),
    "enable_webhooks": (True, False),
    "storage_credential_name": ("uc_prod_credential",),
    "org_keys": ("north,south", "main"),
    # Switches, numbers and dates about secrets.
    "password_policy": ("strong", True, {"min_length": 12, "require_symbols": True, "max_age_days": 90}),
    "password_expires_at": ("2026-03-01T10:00:00Z", None),
    "password_changed_at": ("2025-11-30",),
    "password_login": (False, True),
    "has_password": (True,),
    "passwordless": (True,),
    "password_min_length": (12,),
    "token_count": (0, 1532),
    "max_tokens": (4096, 128000),
    "token_limit": (50,),
    "tokens_used": (9231,),
    "token_type": ("Bearer", "bearer"),
    "token_expires_in": (3600,),
    "token_expiry": ("2026-03-01T10:00:00Z",),
    "access_token_expires_at": ("2026-03-01T10:00:00Z",),
    "refresh_token_enabled": (True,),
    "use_token_auth": (True,),
    "token_endpoint": ("https://login.acme.example/oauth/token",),
    "token_url": ("https://login.acme.example/oauth2/v1/token",),
    "auth_url": ("https://login.acme.example/authorize",),
    "authorization_endpoint": ("https://login.acme.example/oauth2/authorize?prompt=consent",),
    "auth_type": ("basic", "oauth2", "none", "key_pair"),
    "auth_style": (0, 1, 2),
    "auth_enabled": (True,),
    "requires_auth": (False,),
    "authentication": ("oauth2", "SQL_PASSWORD", "ActiveDirectoryServicePrincipal"),
    "authenticator": ("externalbrowser", "SNOWFLAKE_JWT", "oauth"),
    "authSource": ("admin", "$external"),
    "authMechanism": ("SCRAM-SHA-256", "MONGODB-AWS"),
    "oauth_provider": ("google", "okta"),
    "oauth_scopes": (["openid", "https://www.googleapis.com/auth/adwords"], "read write"),
    "use_oauth": (True,),
    "credential_type": ("service_account", "iam_role", "access_key"),
    "credentials_valid": (True,),
    "credential_mode": ("workload_identity",),
    "secret_rotation_days": (30,),
    "secrets_manager": ("aws", "vault"),
    "uses_secret_manager": (True,),
    "cookie_consent": (True,),
    "cookies_enabled": (False,),
    "cookie_policy": ("strict", "lax"),
    "webhook_enabled": (True,),
    "webhooks_version": ("v2",),
    "webhook_events": (["order.created", "token.revoked"],),
    "key_rotation_enabled": (True,),
    "api_key_count": (2,),
    "api_key_enabled": (False,),
    "private_link": (True, False),
    "private_networking": ("enabled",),
    "signature_version": ("s3v4", "v4"),
    "signed_urls": (True,),
    "encryption": ("SSE-KMS", "AES256", "none"),
    "encryption_at_rest": (True,),
    "certificate_expires_at": ("2027-01-01",),
    "sslmode": ("verify-full", "require", "disable"),
    "session_timeout": (3600,),
    "session_policy": ("strict",),
    "pass_through": (True,),
    "passthrough": (False,),
    "passive_mode": (True,),
    "bypass_cache": (False,),
    # Keys of tables, and words that only share a beginning.
    "primary_key": ("id", ["order_id", "line_no"], "customer_id"),
    "primaryKey": ("id",),
    "partition_key": ("customer_id", "pk"),
    "sort_key": ("created_at", "sk"),
    "sortkey": ("created_at",),
    "distkey": ("customer_id",),
    "foreign_key": ("customers.id",),
    "join_key": ("email",),
    "lookup_key": ("account_no",),
    "cluster_keys": (["day", "country"],),
    "key_columns": (["id"], "id,region"),
    "key_field": ("Id",),
    "keyspace": ("orders_ks",),
    "keyword": ("running shoes",),
    "keywords": (["crm", "reverse etl"],),
    "keyboard": ("qwerty", "azerty"),
    "monkey": ("Chaos Monkey",),
    "turkey_region": ("Ankara",),
    "author": ("Ana Garcia", "wei"),
    "authors": (["Ana Garcia", "Ben Keller"],),
    "authority": ("https://login.microsoftonline.com/common", "acme"),
    "authored_by": ("ana",),
    "tokenizer": ("cl100k_base", "whitespace"),
    "tokenization": ("none",),
    "tokenized_fields": (["email", "phone"],),
    "secretary_name": ("Rosa Secretan",),
    "secretariat": ("Geneva",),
    "passenger_count": (3,),
    "compass_heading": ("north",),
    "dashboard": ("Revenue",),
    "cookiecutter_template": ("gh:acme/template",),
    "client_name": ("Acme GmbH",),
    "client_type": ("confidential", "public"),
    "client_encoding": ("UTF8",),
    "client_region": ("EMEA",),
    "access_level": ("read", "admin"),
    "access_type": ("offline",),
    "accessible_projects": (["main"],),
    "application_name": ("polytomic",),
    "ApplicationIntent": ("ReadOnly",),
    "public_access": (False,),
    "hash_algorithm": ("sha256",),
    "salted": (True,),
    "license": ("Apache-2.0",),
    "pinned": (True,),
    "shipping_address": ("1 Main St",),
    "description": (
        "Token bucket of 50 a second; the password is kept in Vault",
        "No key needed",
        "Key accounts, EMEA",
    ),
    "note": ("ask Ana for the password", "auth: none", "token: see the wiki", "The secret is to keep it simple"),
    "query": ("SELECT 1",),
    "params": ("a=1&b=2",),
    "value": (1, "EMEA", True),
}
"""Keys that resemble the name of a secret, with their values: switches, kinds, names, dates."""


def _look_alikes() -> Iterator[PlainCase]:
    types = cycle(("acme_crm", "postgresql", "snowflake", "s3", "supabase"))
    for key, values in _LOOK_ALIKES.items():
        for index, value in enumerate(values):
            yield PlainCase(f"look-alike/{key}/{index}", next(types), {"region": "eu-central-1", key: value})


def _nested_look_alikes() -> Iterator[PlainCase]:
    """The same in nested objects, in lists, and as JSON in a text."""
    keys = [key for key in _LOOK_ALIKES if key != "value"]
    for turn in range(60):
        rng = Random(f"look-alike.{turn}")
        settings = {key: rng.choice(_LOOK_ALIKES[key]) for key in rng.sample(keys, 5)}
        forms: tuple[Any, ...] = (
            {"options": settings},
            {"nodes": [{"host": host(rng), **settings}, {"host": host(rng)}]},
            {"settings": json.dumps(settings)},
            {"settings": json.dumps({"inner": json.dumps(settings), "level": turn}, indent=2)},
        )
        yield PlainCase(f"look-alike-nested/{turn % 4}/{turn}", "acme_crm", forms[turn % 4])


_QUERIES: Final = (
    "SELECT id, email, token_count FROM {schema}.{word} WHERE updated_at > '{day}'",
    "select password_changed_at, last_login from {schema}.users where password_reset = true limit {number}",
    "SELECT a.api_keys, b.secret_questions_answered FROM {word} a JOIN accounts b USING (account_id)",
    "with t as (select *, rank() over (partition by key order by ts) rn from {word}) select * from t where rn = 1",
    "SELECT COUNT(*) AS tokens FROM `{company}-prod.{word}.events_*` WHERE _TABLE_SUFFIX >= '20240101'",
    "-- Token usage, {team}\nSELECT date_trunc('day', ts), sum(tokens) AS token_sum\nFROM {schema}.usage\nGROUP BY 1",
    "SELECT * FROM {schema}.{word} WHERE auth_type = 'oauth' AND has_password = false AND region = 'EU'",
    'SELECT "Key", "Value" FROM {schema}."settings" WHERE "Key" = \'theme\'',
    "UPDATE {word} SET token = NULL WHERE expires_at < now() - interval '{number} days'",
    "select * from credentials_audit where secret_name like 'prod/%' and created_by = '{email}'",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO ROLE POLYTOMIC_{number}",
    "SELECT Id, Name, OwnerId FROM Opportunity WHERE LastModifiedDate > 2026-01-01T00:00:00Z ORDER BY Id",
    "MERGE INTO {schema}.{word} t USING s ON t.primary_key = s.primary_key WHEN MATCHED THEN UPDATE SET t.v = s.v",
    "SELECT url, status FROM web.{word} WHERE url LIKE 'https://%?page=%' AND cookie_consent",
)

_TEXTS: Final[dict[str, tuple[int, Maker]]] = {
    "hosts": (150, host),
    "uuids": (60, uuid),
    "emails": (80, email),
    "people": (60, person),
    "dates": (60, day),
    "timestamps": (100, moment),
    "zones": (12, zone),
    "cron": (12, cron),
    "buckets": (60, bucket),
    "paths": (100, path),
    "arns": (60, arn),
    "urls": (160, url),
    "scopes": (40, joined(scope_url, " ", 6)),
    "scope-lists": (30, some(scope_url, 6)),
    "regions": (20, region),
    "slugs": (120, slug),
    "titles": (80, title),
    "users": (80, user),
    "databases": (30, database),
    "locators": (40, locator),
    "integers": (40, between(1, 10**15)),
    "numeric-ids": (60, numeric_id),
    "reports": (40, report_json),
    "versions": (12, pattern("v", between(1, 20), ".", between(0, 30), ".", between(0, 9))),
    "hosts-with-ports": (40, pattern(host, ":", any_of(5432, 443, 27017))),
    "host-lists": (30, joined(pattern(host, ":27017"), ",")),
    "classes": (
        12,
        any_of(
            *("org.apache.kafka.common.serialization.StringSerializer", "com.mysql.cj.jdbc.Driver", "TABLE_AND_VIEW"),
            *("com.amazonaws.auth.DefaultAWSCredentialsProviderChain", "IncrementalAppendOnlyWithDeletes"),
            *("CHANGE_DATA_CAPTURE_WITH_SNAPSHOT", "read-only-replica-with-failover", "application/vnd.api+json"),
        ),
    ),
    "templates": (
        12,
        any_of(
            *("{{ secrets.API_KEY }}", "${DB_PASSWORD}", "{{contact.email}}", "vault:secret/data/etl#password"),
            *("Hello {{ first_name }}, your order {{ order.id }} is on its way", "%(asctime)s %(levelname)s"),
        ),
    ),
    "dsn-without-password": (
        40,
        one_of(
            pattern("postgres://", host, ":5432/", database, "?sslmode=require"),
            pattern("jdbc:postgresql://", host, ":5432/", database, "?ssl=true"),
            pattern("host=", host, " port=5432 dbname=", database, " sslmode=verify-full"),
            pattern("mongodb+srv://", host, "/?retryWrites=true&w=majority&authSource=admin"),
            pattern("Server=", host, ";Database=", database, ";Integrated Security=SSPI;Encrypt=True;"),
            pattern("redis://", host, ":6379/0"),
            pattern("jdbc:snowflake://", locator, ".snowflakecomputing.com/?warehouse=WH&authenticator=oauth"),
        ),
    ),
}  # fmt: skip


def _texts() -> Iterator[PlainCase]:
    """Values of every kind under keys without a schema, in known and unknown types."""
    keys = cycle(("note", "target", "setting", "custom_value", "label", "option_3", "input"))
    types = cycle(("acme_crm", "postgresql", "salesforce", "supabase"))
    for kind, (count, make) in _TEXTS.items():
        rng = Random(f"text.{kind}")
        for turn in range(count):
            yield PlainCase(f"text/{kind}/{turn}", next(types), {next(keys): make(rng)})
    rng = Random("text.sql")
    for turn in range(8):
        for index, query in enumerate(_QUERIES):
            sql = _filled(query, rng)
            key = ("query", "sql", "custom_query", "note")[turn % 4]
            yield PlainCase(f"sql/{index}/{turn}", next(types), {key: sql})


def _tokens_by_schema() -> Iterator[PlainCase]:
    """Long ids in known-safe fields: only the schema distinguishes them from keys."""
    fields: dict[tuple[str, str], Maker] = {
        ("gsheets", "spreadsheet_id.value"): google_id,
        ("googleslides", "folder_id.value"): pattern("1", chars(URLSAFE, 32)),
        ("customerio", "site_id"): chars(HEX, 20),
        ("youtubeanalytics", "content_owner_id"): chars(URLSAFE, 22),
        ("databricks", "http_path"): pattern("/sql/1.0/warehouses/", chars(HEX, 16)),
        ("snowflake", "account"): locator,
        ("posthog", "project"): chars(ascii_letters + digits, 24),
        ("appcues", "account_id"): chars(digits, 24),
        ("amazon_ads", "profiles[].value"): chars(digits, 16),
        ("fbaudience", "accounts[].value"): pattern("act_", chars(digits, 17)),
        ("bill", "organization_id"): chars(ascii_uppercase + digits, 20),
        ("dbtprojectrepository", "latest_commit.href"): _FIELDS["href"],
        ("dbtprojectrepository", "latest_commit.text"): chars(HEX, 40),
        ("redditads", "accounts[].value"): pattern("t2_", chars(BASE36, 20)),
    }
    for (type_id, field), make in fields.items():
        assert field in {each["name"] for each in plain_fields(type_id)}, (type_id, field)
        rng = Random(f"token.{type_id}.{field}")
        for turn in range(12):
            configuration: dict[str, Any] = {}
            plant(configuration, field, partial(make, rng))
            yield PlainCase(f"plain-token/{type_id}.{field}/{turn}", type_id, configuration)


_HEADER_NAMES: Final = (
    *("Content-Type", "Accept", "Authorization", "X-Api-Key", "X-Auth-Token", "Cookie", "User-Agent", "X-Acme-Team"),
    *("Idempotency-Key", "Proxy-Authorization", "Accept-Language", "X-Request-Id", "Ocp-Apim-Subscription-Key"),
)


def _four_types() -> Iterator[PlainCase]:
    """Plain values of the types with unmarked secrets: names, users, scopes. The secrets are missing or null."""
    for type_id in ("api", "csv", "httpenrichment", "webhook"):
        for turn in range(20):
            rng = Random(f"four.{type_id}.{turn}")
            names = rng.sample(_HEADER_NAMES, 3)
            auth: dict[str, Any] = {
                "basic": {"username": user(rng), "password": None},
                "header": {"name": names[0], "value": None},
                "query": [{"name": rng.choice(("api_key", "token", "page", "sig")), "value": None}],
                "oauth": {
                    "client_id": None,
                    "scopes": some(scope_url)(rng),
                    "auth_style": rng.randint(0, 2),
                    "extra_form_data": [{"name": "audience", "value": None}, {"name": "grant_type"}],
                },
            }
            headers = {"headers": [{"name": names[1]}, {"name": names[2], "value": None}], "parameters": []}
            configuration = {**headers, **auth} if type_id == "webhook" else {**headers, "auth": auth}
            yield PlainCase(f"four/{type_id}/{turn}", type_id, configuration)


_ERRORS: Final = (
    'password authentication failed for user "{user}"',
    'FATAL: password authentication failed for user "{user}" (SQLSTATE 28P01)',
    "invalid token: please reconnect",
    "token expired at {moment}",
    "the access token has expired, refresh token is invalid; please reauthenticate",
    "dial tcp {address}:5432: connect: connection refused",
    "dial tcp: lookup {host}: no such host",
    "read tcp {address}:41234->{address}:443: i/o timeout",
    "x509: certificate signed by unknown authority",
    "x509: certificate has expired or is not yet valid: current time {moment} is after {day}",
    "permission denied for schema PUBLIC",
    "ERROR: permission denied for table {word} (SQLSTATE 42501)",
    'pq: no pg_hba.conf entry for host "{address}", user "{user}", database "{word}", SSL off',
    "Incorrect username or password was specified.",
    "250001 (08001): Failed to connect to DB: {company}.snowflakecomputing.com:443. Incorrect username or password",
    "002003 (02000): SQL compilation error: Database '{word}' does not exist or not authorized. Query id {uuid}",
    "INVALID_SESSION_ID: Session expired or invalid",
    "INVALID_LOGIN: Invalid username, password, security token; or user locked out.",
    "invalid_grant: token has been expired or revoked.",
    '{{"error":"invalid_grant","error_description":"expired access/refresh token"}}',
    "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.",
    "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record",
    "This app hasn't been granted all required scopes to make this call. Required: [crm.objects.contacts.read]",
    '{{"status":"error","message":"The API key provided is invalid.","correlationId":"{uuid}"}}',
    "googleapi: Error 403: Access Denied: Table {company}-prod:{word}.events: User does not have permission",
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid one.",
    "oauth2: cannot fetch token: 400 Bad Request\nResponse: unauthorized_client",
    'oauth2: "invalid_client" "The OAuth client was not found."',
    "(#190) Error validating access token: Session has expired on Friday, 12-Jun-26 09:00:00 PDT.",
    "AccessDenied: User: arn:aws:iam::{account}:user/{team} is not authorized to perform: s3:ListBucket",
    "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.",
    "SignatureDoesNotMatch: The request signature we calculated does not match. Check your key and signing method.",
    "ExpiredToken: The security token included in the request is expired, status code: 400, request id: {uuid}",
    "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]",
    "ssh: no key found",
    "Login failed for user '{user}'. Reason: Password did not match that for the login provided. [CLIENT: {address}]",
    "Error 1045 (28000): Access denied for user '{user}'@'{address}' (using password: YES)",
    "Error 1045 (28000): Access denied for user '{user}'@'{host}' (using password: NO)",
    "(AtlasError) bad auth : authentication failed",
    "connection() error occurred during connection handshake: auth error: unable to authenticate using mechanism",
    "server selection error: context deadline exceeded, Servers: [{{ Addr: {host}:27017, Type: Unknown }}]",
    "Missing required field: api_key",
    "api_key: this field is required",
    "password: cannot be blank",
    "token is malformed: token contains an invalid number of segments",
    "Bearer token not found in request",
    'WWW-Authenticate: Bearer realm="acme", error="invalid_token", error_description="The token expired"',
    "secret not found: prod/{team}/db",
    "credentials: not found for profile default",
    "Authorization: access denied for {team}",
    "unexpected status 401 Unauthorized from https://{company}.example/api/v2/{word}?page=2",
    'Get "https://{host}/v1/{word}?limit=100&format=json": context deadline exceeded (Client.Timeout exceeded)',
    "429 Too Many Requests: retry after {number} seconds",
    "duplicate key value violates unique constraint \"{word}_pkey\": Key (id)=({number}) already exists.",
    "key \"{word}\" is not unique",
    "The specified bucket does not exist (Service: Amazon S3; Error Code: NoSuchBucket; Request ID: {request})",
    "connection for {email} was revoked by an administrator on {day}",
    "webhook signature check failed; secret was rotated on {day}",
    "Your session cookie is missing, sign in again at https://{company}.example/login",
    "Warehouse '{team}_WH' cannot be resumed because resource monitor has exceeded its quota.",
    "quota exceeded: 10000 tokens a minute for model of project {company}-{number}",
    "Das Passwort ist abgelaufen (Benutzer {user})",
    "Le jeton d'accès a expiré, reconnectez-vous",
    "パスワードの有効期限が切れています",
    "API token {word} was deleted by {person}",
    "job {company}-prod:EU.bquxjob_{number}_18f failed: Exceeded rate limits",
    "",
    "EOF",
    "unhealthy",
)  # fmt: skip


def _filled(template: str, rng: Random) -> str:
    return template.format(
        user=user(rng), host=host(rng), address=private_address(rng), moment=moment(rng), day=day(rng),
        word=word(rng), team=team(rng), company=company(rng), number=number(rng), uuid=uuid(rng),
        account=account12(rng), email=email(rng), person=person(rng), schema=schema(rng),
        request=draw(rng, ascii_uppercase + digits, 16),
    )  # fmt: skip


def _status_errors() -> Iterator[PlainCase]:
    """Error messages of other systems."""
    for index, template in enumerate(_ERRORS):
        rng = Random(f"error.{index}")
        for turn, error in enumerate(dict.fromkeys(_filled(template, rng) for _ in range(4))):
            yield PlainCase(f"error/{index}/{turn}", "postgresql", {"hostname": host(rng)}, status_error=error)


_CONNECTION_NAMES: Final = (
    *(
        "Postgres (prod)",
        "Snowflake – Finance",
        "HubSpot EMEA",
        "Kunden-DB Zürich",
        "Entrepôt de données",
        "売上データベース",
    ),
    *(
        "Основная база",
        "قاعدة بيانات المبيعات",
        "고객 데이터",
        "Data warehouse – produção",
        "Bază de date",
        "客户主数据",
    ),
    *(
        "Token Metrics",
        "Secret Santa 2025",
        "Keycloak (old)",
        "1Password audit",
        "Auth0 Production",
        "Password resets DB",
    ),
    *(
        "Key accounts",
        "API: orders",
        "SFTP acme.example:/in",
        "s3://acme-lake/raw",
        "https://acme.example",
        "Ana's sheet",
    ),
    *(
        "db-01.internal.acme.example",
        "[DEPRECATED] MySQL",
        "Test 123",
        "x",
        "🚀 Growth",
        "Salesforce → BigQuery",
        "Büro=Nord",
    ),
    *(
        "Vault",
        "LastPass",
        "Bearer Logistics GmbH",
        "Basic Fit",
        "Basic plan",
        "Bearer shares register",
        "Token: EUR",
        "auth",
    ),
    *(
        "webhook / orders",
        "cookie-shop",
        "user@acme.example",
        "2026-01-15 import",
        "9f1c2d3e-0000-4000-8000-000000000001",
    ),
)


def _connection_names() -> Iterator[PlainCase]:
    """Names of connections."""
    rng = Random("name")
    made = (f"{TYPES[type_id]['name']} {title(rng)}" for type_id in TYPES)
    for index, name in enumerate(dict.fromkeys(chain(_CONNECTION_NAMES, made))):
        yield PlainCase(f"name/given/{index}", "postgresql", {"port": 5432}, name=name)


def _debatable() -> Iterator[PlainCase]:
    """Values that resemble secrets: public by nature, or references to a secret stored elsewhere."""
    rng = Random("debatable")
    uses: dict[str, Iterable[Any]] = {
        # Public values, and values that show an auditor which key is in use.
        "public_key_fingerprint": (
            "SHA256:" + draw(rng, URLSAFE.replace("-_", "+/"), 43),
            ":".join(draw(rng, HEX, 2) for _ in range(16)),
        ),
        "kms_key_arn": (f"arn:aws:kms:eu-central-1:{account12(rng)}:key/{uuid(rng)}",),
        "secret_arn": (f"arn:aws:secretsmanager:eu-central-1:{account12(rng)}:secret:prod/etl-{draw(rng, BASE36, 6)}",),
        "secret_name": ("prod/etl/database",),
        "password_secret_ref": ("projects/acme/secrets/db/versions/3",),
        "private_key_path": ("/etc/loader/key.p8",),
        "repository": ("ssh://git@github.com/acme/dbt.git",),
        "owner_dsn": ("postgres://etl@db.acme.example/app",),
        "session": ("weekly",),
        "auth": ("oauth", {"type": "none"}),
        "key_prefix": ("raw/2026/",),
        "etag": (draw(rng, HEX, 32),),
        "error_trace": ("fbtrace_id: A" + draw(rng, URLSAFE, 22),),
    }
    for key, values in uses.items():
        for index, value in enumerate(values):
            yield PlainCase(f"debatable/{key}/{index}", "acme_crm", {key: value})
