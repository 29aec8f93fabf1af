"""The API key: its source and the header that carries it."""

from __future__ import annotations

import base64
import os
import shlex
import sys
import traceback
from pathlib import Path

import pytest

from collector.client.auth.authorization import KeySource, authorization, read_shared_key
from collector.model.errors import ConfigError, ExitCode
from collector.model.secret import Environment, Secret

KEY = "key-4f1d9a"


def ignore(_text: str) -> None:
    pass


async def header(api: KeySource, **environ: str) -> str:
    found = await authorization(api, environ, ignore)
    assert isinstance(found, Secret)
    return found.reveal()


def file_with(folder: Path, content: str) -> str:
    path = folder / "key"
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def print_command(text: str) -> str:
    return shlex.join([sys.executable, "-c", f"print({text!r})"])


def inheritable_descriptor(text: str) -> int:
    """Return a descriptor as a shell would pass it."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    os.set_inheritable(reader, True)
    return reader


def every_source(folder: Path, key: str) -> list[KeySource]:
    """Return every source except the keyring and standard input, which end-to-end tests cover."""
    return [
        KeySource(file=file_with(folder, key)),
        KeySource(command=print_command(key)),
        KeySource(fd=inheritable_descriptor(key)),
    ]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_a_user_key_is_sent_as_a_bearer_token() -> None:
    assert await header(KeySource(), POLYTOMIC_API_KEY=KEY) == f"Bearer {KEY}"


async def test_a_user_key_ignores_a_configured_organization() -> None:
    assert await header(KeySource(organization_id="org"), POLYTOMIC_API_KEY=KEY) == f"Bearer {KEY}"


@pytest.mark.parametrize("name", ["POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY"])
async def test_a_key_for_an_organization_is_sent_with_its_id(name: str) -> None:
    assert await header(KeySource(organization_id="org"), **{name: KEY}) == basic(f"org:{KEY}")


async def test_a_deployment_key_without_an_organization_is_sent_without_an_id() -> None:
    assert await header(KeySource(), POLYTOMIC_DEPLOYMENT_KEY=KEY) == basic(f"{KEY}:")


async def test_a_key_from_another_source_is_a_user_key_unless_an_organization_is_set(tmp_path: Path) -> None:
    for api in every_source(tmp_path, KEY):
        assert await header(api) == f"Bearer {KEY}"
    for api in every_source(tmp_path, KEY):
        for_organization = KeySource(file=api.file, command=api.command, fd=api.fd, organization_id="org")
        assert await header(for_organization) == basic(f"org:{KEY}")


async def test_a_configured_source_precedes_the_environment_which_has_an_order(tmp_path: Path) -> None:
    environ = {"POLYTOMIC_DEPLOYMENT_KEY": "third", "POLYTOMIC_PARTNER_KEY": "second", "POLYTOMIC_API_KEY": "first"}
    for api in every_source(tmp_path, "named"):
        assert await header(api, **environ) == "Bearer named"
    assert await header(KeySource(), **environ) == "Bearer first"
    environ["POLYTOMIC_API_KEY"] = ""
    assert await header(KeySource(), **environ) == "Bearer second"


async def test_a_shared_key_is_a_bearer_token_alone_and_sent_with_the_id_of_each_organization(tmp_path: Path) -> None:
    for source in every_source(tmp_path, KEY):
        shared = await read_shared_key(source, {}, ignore)
        assert shared.header.reveal() == f"Bearer {KEY}"
        assert shared.header_for("org").reveal() == basic(f"org:{KEY}")
        assert KEY not in repr(shared)


async def test_a_shared_key_comes_from_the_variables_of_partners_and_deployments_before_that_of_users() -> None:
    environ = {"POLYTOMIC_API_KEY": "last", "POLYTOMIC_DEPLOYMENT_KEY": "second", "POLYTOMIC_PARTNER_KEY": "first"}
    for expected in ("first", "second", "last"):
        shared = await read_shared_key(KeySource(), environ, ignore)
        assert shared.header.reveal() == f"Bearer {expected}"
        environ = {name: value for name, value in environ.items() if value != expected}


async def test_an_invalid_shared_key_is_an_error_and_quotes_around_it_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the content cannot be a key"):
        await read_shared_key(KeySource(file=file_with(tmp_path, "a b")), {}, ignore)
    notes: list[str] = []
    await read_shared_key(KeySource(), {"POLYTOMIC_PARTNER_KEY": f'"{KEY}"'}, notes.append)
    assert ["the key is in quotes" in note for note in notes] == [True]
    assert KEY not in notes[0]


@pytest.mark.parametrize(
    ("key_source", "setting"),
    [
        (KeySource(file="/nowhere/key"), "key_file /nowhere/key: "),
        (KeySource(command="no-such-command"), "key_command cannot be run: "),
        (KeySource(command="false"), "key_command ended with exit code 1"),
        (KeySource(command="true"), "key_command: the content cannot be a key"),
        (KeySource(fd=9999), "key_fd 9999: "),
        (KeySource(keyring="s:no-such-user"), "key_keyring"),
    ],
)
@pytest.mark.parametrize("place", ["[api]", "[[organizations]] apac"])
async def test_a_message_names_the_place_of_the_key_source_in_the_configuration(
    key_source: KeySource, setting: str, place: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        await authorization(key_source._replace(place=place), os.environ, ignore)
    assert str(caught.value).startswith(f"{place} {setting}")


async def test_a_missing_shared_key_is_an_error_that_advises_the_variables_of_partners_and_deployments() -> None:
    with pytest.raises(ConfigError, match="no API key: set POLYTOMIC_PARTNER_KEY or POLYTOMIC_DEPLOYMENT_KEY, or give"):
        await read_shared_key(KeySource(), {}, ignore)


@pytest.mark.parametrize("environ", [{}, {"POLYTOMIC_API_KEY": ""}])
async def test_a_missing_key_is_an_error_that_lists_the_sources(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="no API key: set POLYTOMIC_API_KEY") as caught:
        await header(KeySource(), **environ)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_one_line_end_after_a_key_is_removed(end: str, tmp_path: Path) -> None:
    assert await header(KeySource(file=file_with(tmp_path, KEY + end))) == f"Bearer {KEY}"
    assert await header(KeySource(fd=inheritable_descriptor(KEY + end))) == f"Bearer {KEY}"
    assert await header(KeySource(), POLYTOMIC_API_KEY=KEY + end) == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "a b",
        " a",
        "a\tb",
        "a\nb",
        "a\n\n",
        "a\x00b",
        "\u00e4",
        "a\r\nX: y",
        "a\x7f",
        "x" * 8193,
        "x" * 99_999,
    ],
)
async def test_an_invalid_key_is_an_error_that_names_its_source_and_does_not_show_it(
    content: str, tmp_path: Path
) -> None:
    path = file_with(tmp_path, content)
    for api, source in ((KeySource(file=path), f"key_file {path}"), (KeySource(command=f"cat {path}"), "key_command")):
        with pytest.raises(ConfigError, match=rf"^\[api\] {source}: the content cannot be a key") as caught:
            await header(api)
        assert not content.strip() or len(content) < 3 or content not in str(caught.value)


async def notes_and_header(api: KeySource, **environ: str) -> tuple[list[str], str]:
    notes: list[str] = []
    found = await authorization(api, environ, notes.append)
    return notes, found.reveal()


@pytest.mark.parametrize("text", ['"{}"', "'{}'\r\n", "Bearer {}\n", "export POLYTOMIC_API_KEY='{}'\n", "\ufeff“{}”"])
async def test_text_around_a_key_is_removed_with_a_warning_that_names_the_source(text: str, tmp_path: Path) -> None:
    path = file_with(tmp_path, text.format(KEY))
    for api, source in (
        (KeySource(file=path), f"[api] key_file {path}"),
        (KeySource(command=f"cat {path}"), "key_command"),
    ):
        notes, sent = await notes_and_header(api)
        assert sent == f"Bearer {KEY}"
        assert len(notes) == 1
        assert source in notes[0]
        assert KEY not in notes[0]
    notes, sent = await notes_and_header(KeySource(), POLYTOMIC_API_KEY=f'"{KEY}"\r')
    assert (notes, sent) == (
        ["POLYTOMIC_API_KEY: ignoring quotes around the key; store the key alone"],
        f"Bearer {KEY}",
    )


@pytest.mark.parametrize(("organization", "text"), [("org", f'org:"{KEY}"'), (None, f'"{KEY}":')])
async def test_a_key_of_a_basic_header_keeps_its_quotes_with_a_warning(organization: str | None, text: str) -> None:
    notes, sent = await notes_and_header(KeySource(organization_id=organization), POLYTOMIC_DEPLOYMENT_KEY=f'"{KEY}"')
    assert sent == basic(text)
    assert notes == [
        "POLYTOMIC_DEPLOYMENT_KEY: the key is in quotes, which are sent with it; remove them if the API rejects the key"
    ]


async def test_a_byte_order_mark_before_a_key_is_removed_without_a_warning(tmp_path: Path) -> None:
    assert await notes_and_header(KeySource(file=file_with(tmp_path, f"\ufeff{KEY}\r\n"))) == ([], f"Bearer {KEY}")


async def test_a_key_saved_as_utf_16_is_an_error_that_names_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(f"{KEY}\r\n".encode("utf-16"))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="looks like UTF-16, save it as UTF-8"):
        await header(KeySource(file=str(path)))


async def test_a_key_of_the_maximum_length_is_accepted(tmp_path: Path) -> None:
    assert await header(KeySource(file=file_with(tmp_path, "x" * 8192 + "\r\n"))) == "Bearer " + "x" * 8192


async def test_an_environment_variable_with_an_invalid_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^POLYTOMIC_API_KEY: ") as caught:
        await header(KeySource(), POLYTOMIC_API_KEY="my secret key")
    assert "secret" not in str(caught.value)


async def test_no_failure_shows_the_key_in_a_traceback_with_local_variables(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("canary\x00key")
    (tmp_path / "key").chmod(0o600)
    unusable = [
        (KeySource(), Environment({"POLYTOMIC_API_KEY": "canary\x00key"})),
        (KeySource(file=str(tmp_path / "key")), Environment({})),
        (KeySource(command=f"cat {tmp_path / 'key'}"), Environment({"POLYTOMIC_API_KEY": "canary\x00key"})),
        (KeySource(command="no-such-command"), Environment({"POLYTOMIC_API_KEY": "canary\x00key"})),
    ]
    for api, environ in unusable:
        with pytest.raises(ConfigError) as caught:
            await authorization(api, environ, ignore)
        report = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "in authorization" in report or "in from_command" in report
        assert "canary" not in report
