"""Rules that several sections of settings share. A broken rule is a `ConfigError` that names its place."""

from __future__ import annotations

import os
import re
from typing import Final

from collector.client.auth.authorization import KeySource
from collector.client.auth.key_shape import looks_like_api_key
from collector.model.errors import ConfigError

_ORGANIZATION_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # it becomes a part of file names


def require(is_valid: bool, place: str, key: str, requirement: str) -> None:
    """Raise `ConfigError` unless the value of `key` at this place, such as `[api]`, is valid."""
    if not is_valid:
        raise ConfigError(f"{place} {key} must be {requirement}")


def is_path(path: str) -> bool:
    """Is this a path, and not a flag after an option whose path is missing?"""
    return path == "-" or (path != "" and "\0" not in path and not path.startswith("-"))


def is_organization_name(text: str) -> bool:
    """Can this be the id or the label of an organization, which names its files?"""
    return _ORGANIZATION_NAME.fullmatch(text) is not None and not looks_like_api_key(text)


def require_name(place: str, key: str, text: str | None) -> None:
    """Reject a key in place of a name, since messages show names. The name of an existing file passes."""
    require(text is None or not looks_like_api_key(text) or os.path.exists(text), place, key, "a name, and not a key")


def check_key_source(source: KeySource) -> None:
    """Require at most one source of the key, and a valid one."""
    place = source.place
    values = {f"key_{name}": getattr(source, name) for name in ("command", "file", "fd", "keyring")}
    used = [name for name, value in values.items() if value is not None]
    require(len(used) <= 1, place, " and ".join(used), "alternatives; set only one key source")
    service, _, user = (source.keyring or "s:u").rpartition(":")
    require(source.command != "", place, "key_command", "a command")
    require(source.file is None or is_path(source.file), place, "key_file", "a file name or -")
    require(source.fd is None or source.fd > 2, place, "key_fd", "3 or above; for standard input use key_file = -")
    require(service != "" and user != "", place, "key_keyring", "of the form SERVICE:USER")
    require_name(place, "key_file", source.file)
    require_name(place, "key_keyring", source.keyring)
