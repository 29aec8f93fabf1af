"""The source and the kind of the API key. Must not know the key. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence

from collector.client.auth.key_wrapping import KEY_VARIABLES
from collector.model.errors import ConfigError
from collector.run.readiness.checks.finding import Finding, failure, failure_from, ok, warning
from collector.run.settings import Api

CHECK = "key"


def check_key(source: str, scheme: str, notes: Sequence[str]) -> Finding:
    """The finding for a key that was read from `source` and is sent by `scheme`; `notes` are remarks on its form."""
    if notes:
        text, _, advice = notes[0].rpartition("; ")
        return warning(CHECK, text, advice, source=source, scheme=scheme)
    return ok(CHECK, f"read from {source}; sent as {scheme}", source=source, scheme=scheme)


def no_key(error: ConfigError) -> Finding:
    """The finding without a usable key."""
    _, separator, advice = str(error).partition("no API key: ")
    if separator:
        return failure(CHECK, "no API key", advice)
    return failure_from(CHECK, error, "correct the source of the key, or set POLYTOMIC_API_KEY")


def source_of(api: Api, variables: Container[str]) -> str:
    """The source of the key, without anything that may be part of it. `variables` are the names of set variables."""
    if api.key_command is not None:
        return "the command of [api] key_command"
    if api.key_file is not None:
        return "standard input" if api.key_file == "-" else f"the file {api.key_file}"
    if api.key_fd is not None:
        return f"descriptor {api.key_fd}"
    if api.key_keyring is not None:
        return "the keyring"
    return next((name for name in KEY_VARIABLES if name in variables), "no source")
