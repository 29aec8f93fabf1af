"""Guard against keys on the command line: rejects them before parsing, and redacts them from error messages.

Every user of a host can read the arguments of its processes, and a shell stores them in its history. So no option takes
a key. Users try it all the same, or paste a key where a name belongs. Messages show neither the rejected argument nor a
value that cyclopts quotes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from json import JSONDecodeError
from typing import Final

from cyclopts import CycloptsError, MissingArgumentError, Token, UnknownOptionError, UnusedCliTokensError
from cyclopts.argument import Argument

from collector.client.auth.key_shape import looks_like_api_key
from collector.client.auth.key_wrapping import KEY_VARIABLES, keys_in
from collector.model.errors import UsageError
from collector.redaction.scrubber import Scrubber

_INSTEAD: Final = "set POLYTOMIC_API_KEY, or use --key-file, --key-command, --key-fd or --key-keyring"
_ASKS_FOR_A_KEY: Final = re.compile(
    r"--?((api|auth|access|bearer|user|partner|deployment|polytomic|polytomic-api)-?)?"
    r"(key|token|secret|pass|passwd|password|credentials?|bearer|auth|authorization)"
)
_OWN_VARIABLE: Final = re.compile(rf"({'|'.join(KEY_VARIABLES)})=.")
_FREE: Final = frozenset(
    {"-o", "--output", "--errors", "--manifest", "--folder", "--key-command", "--redact-also", "--redact-keep"}
)
"""Options whose values may have any form: names of new files, and commands, which may name a random-looking file."""

_NEARLY_AN_ID: Final = re.compile(r"[0-9a-fA-F-]{30,37}")

_FLAG: Final = re.compile(r"--?[a-z][a-z0-9.-]{0,30}")


def reject_secrets(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raise `UsageError` if an argument is, contains or looks like a key, or is an option that would take one."""
    keys = Scrubber(chain.from_iterable(keys_in(environ.get(name, "")) for name in KEY_VARIABLES))
    flag = ""
    for number, argument in enumerate(argv, start=1):
        name, _, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
        if asked := _ASKS_FOR_A_KEY.fullmatch(name.lower().replace("_", "-")):
            raise UsageError(f"there is no {asked[0]}: other users of this host could read the key; {_INSTEAD}")
        if keys.is_in(argument) or _OWN_VARIABLE.match(argument):
            raise UsageError(
                f"argument {number} holds the API key, which other users of this host can read; {_INSTEAD}"
            )
        if not _is_free(name or flag) and (_is_pasted(value) or looks_like_api_key(name.lstrip("-"))):
            raise UsageError(
                f"argument {number} looks like a key (not shown here); other users may have read it; if it is a key, "
                f"revoke it, then {_INSTEAD}"
            )
        flag = name


def _is_free(flag: str) -> bool:
    return flag in _FREE or flag.startswith("-o")


def _is_pasted(value: str) -> bool:
    return looks_like_api_key(value) and not _NEARLY_AN_ID.fullmatch(value) and not os.path.lexists(value)


def redacted_message(error: CycloptsError) -> str:
    """The message of a cyclopts error, on one line and without the values it quotes."""
    match error:
        case UnknownOptionError() if _name_in(error) == "-":
            return "- is not an id; to read ids from standard input, use --ids -"
        case UnusedCliTokensError():
            return f"unexpected arguments: {len(error.unused_tokens or ())} (not shown)"
        case MissingArgumentError(argument=Argument(name=name)):
            name = error.keyword or name
            return f"{name} needs a value" if name.startswith("-") else f"{name} is missing"
    text = str(error)
    if isinstance(error.__cause__, JSONDecodeError):  # cyclopts quotes the text around the error
        text = "a value is not valid JSON"
    if isinstance(error, UnknownOptionError):
        text = text.replace(_name_in(error), _option(_name_in(error)))
    for value in sorted(set(_values(error)), key=len, reverse=True):
        for quoted in (f'"{value}"', f"'{value}'", repr(value)):
            text = text.replace(quoted, "(not shown)")
    return " ".join(text.split()).rstrip(".")


def _name_in(error: UnknownOptionError) -> str:
    return error.token.keyword or error.token.value


def _option(given: str) -> str:
    """The name of an option without the text after it, with or without `=`, which may be a key."""
    name = given.partition("=")[0]
    if not name.startswith("--"):
        return name[:2]
    return name if _FLAG.fullmatch(name) and not looks_like_api_key(name.lstrip("-")) else "(not shown)"


def _values(error: CycloptsError) -> Iterator[str]:
    token = getattr(error, "token", None)
    yield from filter(None, [token.value if isinstance(token, Token) else token])
    yield from error.unused_tokens or []
