"""The API key: where it comes from and the header it travels in."""

from __future__ import annotations

import base64
import os
import shlex
import sys
from pathlib import Path

import pytest

from collector.config import Api
from collector.errors import ConfigError, ExitCode
from collector.key import Secret, authorization, secrets_of

KEY = "key-4f1d9a"


def file_with(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def printing(text: str, code: int = 0) -> str:
    return shlex.join([sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"])


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_users_key_travels_as_a_bearer_token() -> None:
    assert authorization(Api(), {"POLYTOMIC_API_KEY": KEY}) == f"Bearer {KEY}"


def test_a_users_key_is_of_its_own_organization_whatever_is_set() -> None:
    assert authorization(Api(organization_id="org"), {"POLYTOMIC_API_KEY": KEY}) == f"Bearer {KEY}"


@pytest.mark.parametrize("name", ["POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY"])
def test_a_key_for_an_organization_travels_with_its_id(name: str) -> None:
    assert authorization(Api(organization_id="org"), {name: KEY}) == basic(f"org:{KEY}")


def test_a_deployment_key_without_an_organization_stands_alone() -> None:
    assert authorization(Api(), {"POLYTOMIC_DEPLOYMENT_KEY": KEY}) == basic(f"{KEY}:")


def test_the_sources_are_asked_in_order(tmp_path: Path) -> None:
    environ = {"POLYTOMIC_DEPLOYMENT_KEY": "third", "POLYTOMIC_PARTNER_KEY": "second", "POLYTOMIC_API_KEY": "first"}
    assert authorization(Api(), environ) == "Bearer first"
    assert authorization(Api(key_file=file_with(tmp_path, b"file")), environ) == "Bearer file"
    assert authorization(Api(key_command=printing("command")), environ) == "Bearer command"


def test_no_key_is_an_error_that_says_where_to_put_one() -> None:
    for environ in ({}, {"POLYTOMIC_API_KEY": ""}):
        with pytest.raises(ConfigError, match="no API key: set POLYTOMIC_API_KEY") as caught:
            authorization(Api(), environ)
        assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_one_line_end_behind_a_key_is_no_part_of_it(end: bytes, tmp_path: Path) -> None:
    assert authorization(Api(key_file=file_with(tmp_path, KEY.encode() + end)), {}) == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "content", ["", "\n", "a b", " a", "a\tb", "a\nb", "a\n\n", "a\x00b", "ä", "a\r\nX: y", "a\x7f"]
)
def test_what_cannot_be_a_key_is_an_error_that_does_not_show_it(content: str, tmp_path: Path) -> None:
    path = file_with(tmp_path, content.encode())
    with pytest.raises(ConfigError, match="cannot be a key") as caught:
        authorization(Api(key_file=path), {})
    assert str(caught.value).startswith(f"[api] key_file {path}: what it holds")


def test_an_environment_variable_that_cannot_be_a_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^POLYTOMIC_API_KEY: ") as caught:
        authorization(Api(), {"POLYTOMIC_API_KEY": "my secret key"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o666, 0o602, 0o610])
def test_a_key_file_others_can_use_is_an_error_that_says_what_to_do(mode: int, tmp_path: Path) -> None:
    path = file_with(tmp_path, KEY.encode(), mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        authorization(Api(key_file=path), {})


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_only_its_owner_can_read_is_read(mode: int, tmp_path: Path) -> None:
    assert authorization(Api(key_file=file_with(tmp_path, KEY.encode(), mode)), {}) == f"Bearer {KEY}"


def test_a_key_file_that_is_missing_or_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"key_file {tmp_path}/missing"):
        authorization(Api(key_file=str(tmp_path / "missing")), {})
    with pytest.raises(ConfigError, match=f"key_file {tmp_path}/key is not text"):
        authorization(Api(key_file=file_with(tmp_path, b"\xff\xfe")), {})
    with pytest.raises(ConfigError, match=f"key_file {tmp_path}"):
        authorization(Api(key_file=str(tmp_path)), {})


def test_a_pipe_as_key_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="no regular file"):
        authorization(Api(key_file=str(path)), {})


def test_a_device_as_key_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="no regular file"):
        authorization(Api(key_file="/dev/null"), {})


def test_a_command_that_prints_the_key_is_run_without_the_other_keys() -> None:
    show = shlex.join([sys.executable, "-c", "import os; print(os.environ.get('POLYTOMIC_API_KEY', 'none'))"])
    assert authorization(Api(key_command=show), {"POLYTOMIC_API_KEY": KEY}) == "Bearer none"


def test_a_command_is_no_shell_line() -> None:
    echo = shlex.join([sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME;ls"])
    assert authorization(Api(key_command=echo), {}) == "Bearer $HOME;ls"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (printing(KEY, code=3), "ended with exit code 3; run it by hand"),
        ("no-such-command-anywhere --x", "cannot be run"),
        ("'unbalanced", "cannot be run"),
        ("  ", "cannot be run"),
        (printing(""), "cannot be a key"),
    ],
)
def test_a_command_that_gives_no_key_is_an_error_that_says_why(command: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[api\] key_command.*{told}") as caught:
        authorization(Api(key_command=command), {})
    assert KEY not in str(caught.value)


def test_a_secret_does_not_show_in_what_prints_by_repr() -> None:
    header = authorization(Api(), {"POLYTOMIC_API_KEY": KEY})
    assert isinstance(header, Secret)
    assert KEY not in repr({"Authorization": header}) + repr(ValueError(header)) + f"{[header]}" + repr(Secret("x"))


def test_every_form_of_the_key_in_a_header_is_known() -> None:
    for api, environ in (
        (Api(), {"POLYTOMIC_API_KEY": KEY}),
        (Api(), {"POLYTOMIC_DEPLOYMENT_KEY": KEY}),
        (Api(organization_id="org"), {"POLYTOMIC_PARTNER_KEY": KEY}),
    ):
        header = authorization(api, environ)
        assert set(secrets_of(header)) == {header.partition(" ")[2], KEY}
