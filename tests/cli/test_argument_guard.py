"""A key on the command line is rejected, and messages do not repeat arguments."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.argument_guard import reject_secrets
from collector.model.errors import UsageError
from collector.run.identity import new_identity
from tests.client.test_key_shape import names
from tests.conftest import KEY, Finished
from tests.support.scripted_server import ids

Here = Callable[..., Finished]

STRANGER = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
"""A text that looks like a key and is not in the environment."""

PLAIN = "hunter2"
"""A key that does not look like one."""


@pytest.mark.parametrize(
    "arguments",
    [
        [KEY],
        ["collect", KEY],
        ["collect", f"--ids={KEY}"],
        ["collect", "--ids", f"x{KEY}x"],
        ["collect", "-o", f"{KEY}.jsonl"],
        ["collect", f"-o{KEY}.jsonl"],
        ["collect", "--key-command", f"echo {KEY}"],
        ["collect", "--config", quote(KEY, safe="")],
        ["collect", "--organization-id", base64.b64encode(f"org:{KEY}".encode()).decode()],
        ["verify", KEY],
        ["sandbox", "--host", KEY],
        ["demo", "--folder", f"/tmp/{KEY}"],
        ["collect", "--", KEY],
        ["collect", f"POLYTOMIC_API_KEY={PLAIN}"],
    ],
    ids=" ".join,
)
def test_an_argument_that_holds_the_key_of_the_environment_is_2_and_not_shown(
    call_here: Here, tmp_path: Path, arguments: list[str]
) -> None:
    done = call_here(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert f"argument {len(arguments)} holds the API key" in done.err
    assert "--key-file" in done.err
    assert [shown for shown in (arguments[-1], KEY, PLAIN) if shown in done.err] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY"])
def test_every_kind_of_key_is_rejected_even_with_an_invalid_value(
    call_here: Here, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for key in ("another-key-1", "two words and more"):
        monkeypatch.setenv(name, key)
        done = call_here("collect", "--ids", key)
        assert done.code == 2
        assert "holds the API key" in done.err
        assert key not in done.err


@pytest.mark.parametrize(
    "flag",
    [
        *(
            "--key",
            "--api-key",
            "--apikey",
            "--api_key",
            "--API-KEY",
            "-key",
            "--token",
            "--access-token",
            "--api-token",
        ),
        *("--password", "--pass", "--secret", "--bearer", "--auth", "--authorization", "--credential", "--credentials"),
        *("--partner-key", "--deployment-key", "--polytomic-api-key", "--auth-token"),
    ],
)
@pytest.mark.parametrize("value", [PLAIN, STRANGER, KEY, ""])
def test_a_flag_that_would_take_a_key_is_2_and_says_what_to_use_instead(call_here: Here, flag: str, value: str) -> None:
    for arguments in ([flag, value], [f"{flag}={value}"]):
        done = call_here("collect", *ids(1), *arguments)
        assert done.code == 2
        assert done.err.startswith(f"collector: there is no {flag.lower().replace('_', '-')}: ")
        assert "POLYTOMIC_API_KEY" in done.err
        assert not value or value not in done.err


WHERE_A_KEY_MAY_LAND = [
    ["{}"],
    ["--{}"],
    ["-{}"],
    ["--version={}"],
    ["help", "{}"],
    ["collect", "--rate", "{}"],
    ["collect", "--rate={}"],
    ["collect", "--ratee={}"],
    ["collect", "--concurrency", "{}"],
    ["collect", "--resume", "{}"],
    ["collect", "--all={}"],
    ["collect", "--no-all={}"],
    ["collect", "--quiet={}"],
    ["collect", "-x{}"],
    ["collect", "-q{}"],
    ["collect", "-x", "{}"],
    ["collect", "--header", "Authorization: Bearer {}"],
    ["collect", "--header=Bearer {}"],
    ["collect", "--key-file=none", "--api-key={}"],
    ["collect", "--key-fd", "{}"],
    ["collect", "--key-keyring", "{}"],
    ["collect", "--proxy", "{}"],
    ["collect", "--rate", "1", "--rate", "{}"],
    ["collect", "--settings", '{{"{}'],
    ["verify", "a", "{}"],
    ["verify", "--", "a", "{}"],
    ["sandbox", "{}"],
    ["sandbox", "--port", "{}"],
    ["demo", "{}"],
]


@pytest.mark.parametrize("arguments", WHERE_A_KEY_MAY_LAND, ids=" ".join)
@pytest.mark.parametrize("key", [PLAIN, STRANGER], ids=["plain", "random"])
def test_a_key_in_a_wrong_place_is_2_and_not_shown(
    call_here: Here, tmp_path: Path, key: str, arguments: list[str]
) -> None:
    if (key, arguments) == (PLAIN, ["--{}"]):
        arguments = ["--{}!"]  # of lower-case letters alone, it is the name of an option and is shown
    done = call_here(*(argument.format(key) for argument in arguments))
    assert (done.code, done.out) == (2, b"")
    assert key not in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "flag",
    [
        *("--ids", "--ids-column", "--config", "--base-url", "--api-version", "--organization-id", "--key-file"),
        *("--key-keyring", "--ca-file", "--proxy", "--max-pause", "--resume"),
    ],
)
def test_a_text_like_a_key_in_place_of_a_name_is_2_and_not_shown(call_here: Here, flag: str) -> None:
    for arguments in ([flag, STRANGER], [f"{flag}={STRANGER}"], [flag, "Bearer x"]):
        done = call_here("collect", *ids(1), *arguments)
        assert done.code == 2
        assert "looks like a key (not shown here)" in done.err
        assert STRANGER not in done.err


def test_an_unknown_option_is_named_with_a_suggestion(call_here: Here) -> None:
    assert "Unknown option: --ratee. Did you mean --rate?" in call_here("collect", "--ratee", "5").err
    assert "Unknown option: --max-puase" in call_here("collect", "--max-puase=5").err
    assert "did you mean: collector collect" in call_here("colect").err


def test_a_message_names_the_option_and_its_valid_values(call_here: Here) -> None:
    assert "--rate: unable to convert (not shown) into float" in call_here("collect", "--rate", PLAIN).err
    assert '"auto", "always", "never"' in call_here("collect", "--resume", "auto!").err


def is_refused(*arguments: str, **environ: str) -> bool:
    try:
        reject_secrets(arguments, environ)
    except UsageError:
        return True
    return False


@given(names, st.uuids(), st.floats(0, 4e9), st.sampled_from(["", ".jsonl", ".csv.gz", "/"]))
def test_no_ordinary_argument_is_rejected(name: str, one: object, now: float, ending: str) -> None:
    for text in (
        f"{name}{ending}",
        str(one),
        f"{name}-{new_identity(now).run_id}{ending}",
        "-",
        f"https://{name}.example:8443",
    ):
        assert not is_refused("collect", text)
        for flag in ("--ids", "--key-file", "--base-url", "--organization-id", "-o", "--config"):
            assert not is_refused("collect", flag, text)
            assert not is_refused("collect", f"{flag}={text}")


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1))
def test_a_new_file_may_have_any_name(name: str) -> None:
    for flag in ("-o", "--output", "--errors", "--manifest", "--folder"):
        assert not is_refused("collect", f"{flag}={name}")
        assert name.startswith("-") or not is_refused("collect", flag, name)
    assert not is_refused("collect", f"-o{STRANGER}")


def test_an_existing_file_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_refused("collect", "--ids", STRANGER)
    (tmp_path / STRANGER).touch()
    assert not is_refused("collect", "--ids", STRANGER)
    assert not is_refused("verify", STRANGER)


@given(names)
def test_a_key_variable_too_short_for_a_key_rejects_no_argument(name: str) -> None:
    for value in ("", " ", "c", "collect"):
        assert not is_refused("collect", name, POLYTOMIC_API_KEY=value)


@pytest.mark.parametrize(
    "argv",
    [
        ["collect", "248df4b7aa7047b8a03633ac447e668"],
        ["collect", "248df4b7-aa70-47b8-a036-33ac447e668"],
        ["collect", "--redact-also", "oauth2ClientSecretV2x9", "--redact-keep", "oauth2ClientSecretV2x9"],
    ],
)
def test_an_id_without_its_last_digit_and_a_field_name_are_not_keys(argv: list[str]) -> None:
    reject_secrets(argv, {})
