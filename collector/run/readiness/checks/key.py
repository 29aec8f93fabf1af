"""The source and the kind of the API key. Must not know the key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collector.client.auth.authorization import KeySource
from collector.model.errors import ConfigError
from collector.run.readiness.checks.finding import Finding, Level, failure, failure_from, ok, warning

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
    return failure_from(CHECK, error, "correct the source of its key")


def no_shared_key(error: ConfigError) -> Finding:
    """The finding without a usable key for several organizations."""
    return no_key(error, "POLYTOMIC_PARTNER_KEY")


def no_key(error: ConfigError, variable: str = "POLYTOMIC_API_KEY") -> Finding:
    """The finding without a usable key; it may also come from this `variable`."""
    _, separator, advice = str(error).partition("no API key: ")
    if separator:
        return failure(CHECK, "no API key", advice)
    return failure_from(CHECK, error, f"correct the source of the key, or set {variable}")


def source_of(key_source: KeySource, variables: Sequence[str]) -> str:
    """The source of the key, without anything that may be part of it.

    `variables` are the names of the variables that hold a key, in order of precedence.
    """
    if key_source.command is not None:
        return f"the command of {key_source.place} key_command"
    if key_source.file is not None:
        return "standard input" if key_source.file == "-" else f"the file {key_source.file}"
    if key_source.fd is not None:
        return f"descriptor {key_source.fd}"
    if key_source.keyring is not None:
        return "the keyring"
    return variables[0] if variables else "no source"
