"""The URL of a destination: what it names, and that no message shows a secret in it."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.model.errors import ConfigError
from collector.warehouse.load.destination import Kind, parse_destination

_NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(user=_NAME, database=_NAME, port=st.none() | st.integers(1, 65535))
def test_a_server_is_named_by_its_decoded_parts(user: str, database: str, port: int | None) -> None:
    assume(database.strip("/") == database)
    place = f"db.example.com{f':{port}' if port else ''}"
    found = parse_destination(f"postgres://{quote(user, safe='')}@{place}/{quote(database, safe='')}?a=b%26c", "d")
    assert found[:-1] == (
        *(Kind.POSTGRES, f"postgresql://{user}@{place}/{database}", "d"),
        *("db.example.com", port, user, database),
    )
    assert found.parameters == (("a", "b&c"),)


@given(path=_NAME)
def test_a_file_of_duckdb_is_named_by_its_decoded_path(path: str) -> None:
    assume(not path.startswith((":", "/")) and not path.lower().startswith("dataset"))
    found = parse_destination(f"duckdb:///{quote(path)}", "dataset")
    assert (found.kind, found.database, found.takes_password) == (Kind.DUCKDB, path, False)
    assert parse_destination(f"duckdb:////{quote(path)}", "dataset").database == f"/{path}"


@given(text=st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for url in (text, f"duckdb:///{text}", f"postgresql://{text}", f"bigquery://{text}"):
        with suppress(ConfigError):
            parse_destination(url, "collector")


@given(text=st.text(), rest=st.text(st.characters(categories=["L", "N", "P"])))
def test_a_secret_in_the_url_is_refused_and_not_shown(text: str, rest: str) -> None:
    secret = f"S3cret0451{rest}"
    for url in (
        f"postgresql://user:{quote(secret, safe='')}@{quote(text)}/x",
        f"postgresql://user@host/x?{quote(text)}&sslpassword={quote(secret, safe='')}",
    ):
        with pytest.raises(ConfigError) as refused:
            parse_destination(url, "collector")
        assert "S3cret0451" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("duckdb:///Collector.v1.duckdb", "cannot tell the file Collector.v1.duckdb from the schema collector in it"),
        ("duckdb:///folder/collector_staging", "from the schema collector_staging in it"),
        ("duckdb:///a#b.duckdb", "write %23 for the character #"),
        ("duckdb:///a%00b.duckdb", "the URL has a NUL character"),
        ("postgresql://u@host/d%00b", "the URL has a NUL character"),
    ],
)
def test_a_url_that_would_mean_something_else_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_destination(url, "collector")


@pytest.mark.parametrize("dataset", ["", "Upper", "1st", "a-b", "a b", "a;b", "_x", "a" * 52])
def test_a_data_set_with_another_name_is_refused(dataset: str) -> None:
    with pytest.raises(ConfigError, match="use lower case letters, digits and _"):
        parse_destination("duckdb:///x.duckdb", dataset)
