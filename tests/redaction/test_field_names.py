"""The signal of a field's name about its value."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from collector.redaction.detect.field_names import NameSignal, name_signal, squash


def carried(name: str) -> Any:
    return json.loads((files("collector.model") / "data" / name).read_bytes())


NAMES: list[str] = carried("sensitive_fields.json")["_names"]


@pytest.mark.parametrize("name", NAMES)
def test_a_listed_name_is_recognized_in_capitals_with_dashes_and_in_camel_case(name: str) -> None:
    first, *rest = name.split("_")
    for spelled in (name, name.upper().replace("_", "-"), first + "".join(map(str.capitalize, rest))):
        assert name_signal(spelled) is NameSignal.LISTED


@pytest.mark.parametrize(
    "name",
    [
        "db_password",
        "db_pw",
        "session_id",
        "user_key",
        "passkey",
        "DBPassword",
        "smtpPasswd",
        "bearer_token",
        "x-api-key",
        "encryption_key",
        "signing_secret",
        "sessionCookie",
        "auth_code",
        "auth",
        "AWS_SESSION_TOKEN",
        "service_role_key",
        "hmacKey",
        "secret_id",
        "jwt",
        "otp",
        "proxy-authorization",
        "Set-Cookie",
    ],
)
def test_a_name_made_of_words_for_a_secret_is_recognized(name: str) -> None:
    assert name_signal(name) is NameSignal.WORDED


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "port",
        "name",
        "region",
        "value",
        "key_pair_auth_enabled",
        "client_certs",
        "auth_method",
        "auth_mode",
        "api_key_type",
        "sync_token_name",
        "oauth_token_expiry",
        "csv_has_headers",
        "authenticated",
        "authenticated_as",
        "author",
        "authority",
        "tokenizer",
        "max_tokens",
        "password_policy",
        "secretary_name",
        "keyboard",
        "monkey",
        "passenger",
        "primary_key",
        "use_password",
        "has_secret",
        "authSource",
        "secrets_manager",
        "secret_arn",
        "",
        "-",
        "é",
        "12",
    ],
)
def test_a_name_that_only_resembles_one_is_not_recognized(name: str) -> None:
    assert name_signal(name) in {NameSignal.NONE, NameSignal.NAMING}


@pytest.mark.parametrize("name", ["LINODE_TOKEN", "node_token", "codeToken", "invite_code_token"])
def test_letters_across_two_words_are_not_a_word(name: str) -> None:
    """`LINODE_TOKEN` contains the letters `detoken`."""
    assert name_signal(name) is NameSignal.WORDED


@pytest.mark.parametrize(
    "name", ["dsn", "webhook", "slack_webhook_url", "connectionString", "DATABASE_URL", "token_endpoint", "auth_url"]
)
def test_an_address_may_embed_a_secret(name: str) -> None:
    assert name_signal(name) is NameSignal.ADDRESS


@pytest.mark.parametrize("name", ["external_ref_id", "public_fingerprint", "etag", "row_uuid", "git_commit"])
def test_a_public_value_may_look_random(name: str) -> None:
    assert name_signal(name) is NameSignal.PUBLIC


def test_a_session_id_is_not_public() -> None:
    assert name_signal("browser_session_id") is not NameSignal.PUBLIC


def test_unmarked_names_are_rarely_recognized_as_secrets() -> None:
    """Over the fields of all types. The exceptions hold truth values or are objects that contain secrets."""
    unmarked = carried("unmarked_secret_fields.json")
    suspected = set()
    for type_id, connection_type in carried("connection_types.json").items():
        known = {path for paths in unmarked.get(type_id, {}).values() for path in paths}
        for field in connection_type["fields"]:
            leaf = field["name"].rpartition(".")[2].removesuffix("[]")
            if not field.get("sensitive") and field["name"] not in known and name_signal(leaf) is NameSignal.WORDED:
                suspected.add((leaf, field["type"]))
    assert suspected == {("auth", "object"), ("key_pair_auth", "boolean")}


def test_case_and_separators_do_not_matter() -> None:
    assert squash("API-Key") == squash("api_key") == squash("apiKey") == squash("Api.Key ") == "apikey"


@pytest.mark.parametrize(
    "name", ["p\u00e4ssword", "pa\u0301ssword", "pass\u200bword", "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44"]
)
def test_accents_wide_letters_and_invisible_characters_do_not_hide_a_name(name: str) -> None:
    assert name_signal(name) is NameSignal.LISTED


def test_a_word_is_found_between_invisible_characters() -> None:
    assert name_signal("db_p\u200bwd") is NameSignal.WORDED
