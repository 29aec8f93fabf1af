"""Secret text cannot be printed, copied, pickled or hashed."""

from __future__ import annotations

import ast
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import collector
from collector.model.secret import Environment, Revealed, Secret

CANARY = "canary-key-0451"


@dataclass(frozen=True)
class Holder:
    secret: Secret


def in_a_log(secret: Secret) -> str:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s %r %(a)s", ({"a": secret},), None)
    record.msg, record.args = "%s and %r", (secret, secret)
    return logging.Formatter("%(message)s %(args)s").format(record)


def in_a_traceback(secret: Secret) -> str:
    def fail(argument: Secret) -> None:
        held = [argument, {"key": argument}]
        raise ValueError(held)

    try:
        fail(secret)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        "{}".format,
        "{:>40}".format,
        "{:d}".format,
        "{!r:>40}".format,
        "{!s}".format,
        lambda secret: f"{secret}{secret!r}{secret!s}{secret!a}{secret:x^9}",
        lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031  # % formatting is the case under test
        lambda secret: repr([secret, {"a": secret}, (secret,)]),
        lambda secret: repr(Holder(secret)),
        lambda secret: str(ValueError(secret)),
        lambda secret: repr(ExceptionGroup("x", [ValueError(secret)])),
        in_a_log,
        in_a_traceback,
    ],
)
def test_printing_a_secret_shows_only_the_mask(shown: Callable[[Secret], str]) -> None:
    text = shown(Secret(CANARY))
    assert CANARY not in text
    assert "[REDACTED]" in text


@pytest.mark.parametrize(
    "copied",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        orjson.dumps,
        lambda secret: pickle.dumps(Holder(secret)),
        lambda secret: copy.deepcopy({"key": secret}),
        lambda secret: pickle.dumps(secret.reveal()),
        lambda secret: copy.deepcopy(secret.reveal()),
        lambda secret: "Bearer " + secret,
        lambda secret: "".join([secret]),
        list,
        len,
        hash,
        vars,
    ],
)
def test_copying_measuring_or_hashing_a_secret_fails_without_showing_it(copied: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        copied(Secret(CANARY))
    assert CANARY not in str(caught.value)


@given(st.text(), st.text())
def test_secrets_and_their_digests_are_equal_if_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert (Secret(one).digest() == Secret(other).digest()) == (one == other)
    assert Secret(one) == Secret(one)
    assert Secret(one) != one


def test_only_the_repr_of_the_revealed_text_is_masked() -> None:
    text = Secret(CANARY).reveal()
    assert isinstance(text, Revealed)
    assert (text, str(text), text.encode()) == (CANARY, CANARY, CANARY.encode())
    assert CANARY not in repr({"Authorization": text}) + repr(ValueError(text)) + f"{[text]}"


def test_only_the_listed_modules_reveal_a_secret() -> None:
    package = Path(collector.__file__).parent
    reveal = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute) and node.attr == "reveal"
    }
    assert reveal == {
        *("client/auth/header.py", "client/auth/key_sources.py", "client/auth/key_wrapping.py"),
        *("cli/load.py", "cli/tap_files.py", "redaction/fingerprint.py", "run/assembly.py"),
        "warehouse/load/connection.py",
    }


def test_an_environment_is_readable_and_its_repr_shows_no_values() -> None:
    environ = Environment({"POLYTOMIC_API_KEY": CANARY, "HOME": "/home"})
    assert dict(environ) == {"POLYTOMIC_API_KEY": CANARY, "HOME": "/home"}
    assert (environ.get("HOME"), environ.get("none"), len(environ)) == ("/home", None, 2)
    assert CANARY not in repr(environ) + str(environ) + f"{environ}"
