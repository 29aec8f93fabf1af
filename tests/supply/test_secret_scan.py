"""The scan finds text in the form of a real credential, in the tree and in the whole history."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import subprocess
from pathlib import Path

import pytest

from tests.supply import script

SCAN = script("secret_scan")
RNG = random.Random(451)


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Random characters. Generated at run time, so that this file contains no secret."""
    return "".join(RNG.choices(alphabet, k=count))


FAKE_SECRETS = {
    "AWS access key": "AKIA" + letters(16, string.ascii_uppercase),
    "GitHub token": "ghp_" + letters(36),
    "GitLab token": "glpat-" + letters(20),
    "Slack token": "xoxb-" + letters(24, string.digits),
    "Stripe key": "sk_live_" + letters(24),
    "Google API key": "AIza" + letters(35),
    "PyPI token": "pypi-" + letters(60),
    "JSON web token": f"eyJ{letters(20)}.eyJ{letters(20)}.{letters(30)}",
    "key of an API": "POLYTOMIC_API_KEY=" + letters(32),
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{base64.b64encode(letters(90).encode()).decode()}\n",
}


def test_every_pattern_has_a_test_value() -> None:
    assert FAKE_SECRETS.keys() == SCAN.SHAPES.keys()


@pytest.mark.parametrize("shape", FAKE_SECRETS)
def test_a_secret_is_found_in_the_middle_of_a_line(shape: str) -> None:
    text = f'x = "{FAKE_SECRETS[shape]}" # why\n'.encode()
    assert shape in [found for _, found in SCAN.secrets_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" + 36 * "x",
        "AKIAIOSFODNN7EXAMPLE",
        "sk_live_canary" + "q1w2e3r4t5y6u7",
        "-----BEGIN PRIVATE KEY-----",
        "POLYTOMIC_API_KEY=$KEY collector collect",
        "sha256:" + hashlib.sha256(b"x").hexdigest(),
    ],
)
def test_values_recognizable_as_fake_are_ignored(text: str) -> None:
    assert list(SCAN.secrets_in(text.encode())) == []


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "a file").write_text("nothing\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "first")
    return tmp_path


def test_a_clean_repository_passes(repository: Path) -> None:
    assert SCAN.scan(repository, set()) == 0


def test_an_uncommitted_secret_is_found_with_its_file(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "notes").write_text(FAKE_SECRETS["GitHub token"])
    assert SCAN.scan(repository, set()) == 1
    output = capsys.readouterr().out
    assert output.startswith("notes: GitHub token;")
    assert FAKE_SECRETS["GitHub token"] not in output


def test_a_removed_secret_is_found_in_the_history(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "a file").write_text(FAKE_SECRETS["Stripe key"])
    git(repository, "commit", "--all", "--message", "a mistake")
    (repository / "a file").write_text("nothing again\n")
    git(repository, "commit", "--all", "--message", "gone")
    assert SCAN.scan(repository, set()) == 1
    assert " a file: Stripe key;" in capsys.readouterr().out


def test_a_secret_in_a_commit_message_is_found(repository: Path) -> None:
    git(repository, "commit", "--allow-empty", "--message", "use " + FAKE_SECRETS["GitLab token"])
    assert SCAN.scan(repository, set()) == 1


def test_a_fake_secret_listed_by_its_digest_is_allowed(repository: Path) -> None:
    (repository / "test.py").write_text(FAKE_SECRETS["GitHub token"])
    assert SCAN.scan(repository, {hashlib.sha256(FAKE_SECRETS["GitHub token"].encode()).hexdigest()}) == 0
