"""The source and the kind of the API key. Must not know the key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collector.model.errors import ConfigError
from collector.run.readiness.checks.finding import Finding, Level, failure, failure_from, ok, warning
from collector.run.settings import Api

CHECK = "key"


def check_key(source: str, scheme: str, notes: Sequence[str]) -> Finding:
    """The finding for a key that was read from `source` and is sent by `scheme`; `notes` are remarks on its form."""
    if notes:
        text, _, advice = notes[0].rpartition("; ")
        return warning(CHECK, text, advice, source=source, scheme=scheme)
    return ok(CHECK, f"read from {source}; sent as {scheme}", source=source, scheme=scheme)


def check_shared_key(source: str, notes: Sequence[str], *, is_for_list: bool) -> Finding:
    """The finding for a key that several organizations share; `is_for_list`: the API lists them."""
    found = check_key(source, "Bearer" if is_for_list else "Basic", notes)
    use = "as Bearer for the list, and as Basic" if is_for_list else "as Basic with the id"
    text = f"read from {source}; sent {use} for each organization"
    return replace(found, text=text) if found.level is Level.OK else found


def no_own_key(error: ConfigError) -> Finding:
    """The finding for an organization whose own key is not usable."""
    found = failure_from(CHECK, error, "correct the source of its key")
    return replace(found, text=found.text.replace("[api] key_", "[[organizations]] key_"))


def no_key(error: ConfigError) -> Finding:
    """The finding without a usable key."""
    _, separator, advice = str(error).partition("no API key: ")
    if separator:
        return failure(CHECK, "no API key", advice)
    return failure_from(CHECK, error, "correct the source of the key, or set POLYTOMIC_API_KEY")


def source_of(api: Api, variables: Sequence[str], place: str = "[api]") -> str:
    """The source of the key at this place of the configuration, without anything that may be part of it.

    `variables` are the names of the variables that hold a key, in order of precedence.
    """
    if api.key_command is not None:
        return f"the command of {place} key_command"
    if api.key_file is not None:
        return "standard input" if api.key_file == "-" else f"the file {api.key_file}"
    if api.key_fd is not None:
        return f"descriptor {api.key_fd}"
    if api.key_keyring is not None:
        return "the keyring"
    return variables[0] if variables else "no source"
