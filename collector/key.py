"""The API key of a run: which source it is taken from and which header it travels in.

Sources, first found first: `[api] key_command`, `key_file`, `key_fd`, `key_keyring`, of which a user may name one, then
the environment by Polytomic's own names. What kind of key it is only the environment's names tell; a key of another
source is a partner's or deployment's if an organization is named, else a user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collector.config import Api
from collector.credential import LONGEST_KEY, basic, basic_alone, bearer, is_key
from collector.errors import ConfigError
from collector.key_sources import (
    KEY_VARIABLES,
    from_command,
    from_descriptor,
    from_file,
    from_keyring,
    from_stdin,
    without_line_end,
)
from collector.secret import Secret


async def authorization(api: Api, environ: Mapping[str, str], tell: Callable[[str], None]) -> Secret:
    """The value of the `Authorization` header; `tell` is told what a terminal is asked for.

    Raises `ConfigError` when there is no key, its source cannot be used, or what is there cannot be one.
    """
    source, found = await _found(api, environ, tell)
    key = without_line_end(found)
    if not is_key(key):
        raise ConfigError(
            f"{source}: what it holds cannot be a key: it is empty, over {LONGEST_KEY} characters, or has spaces, "
            "control or other characters"
        )
    if source == "POLYTOMIC_DEPLOYMENT_KEY" and not api.organization_id:
        return basic_alone(key)
    if source != "POLYTOMIC_API_KEY" and api.organization_id:
        return basic(api.organization_id, key)
    return bearer(key)


async def _found(api: Api, environ: Mapping[str, str], tell: Callable[[str], None]) -> tuple[str, Secret]:
    """A source's name and what it holds."""
    if api.key_command is not None:
        return "[api] key_command", await from_command(api.key_command, environ)
    if api.key_file == "-":
        return '[api] key_file = "-"', await from_stdin(tell)
    if api.key_file is not None:
        return f"[api] key_file {api.key_file}", from_file(api.key_file)
    if api.key_fd is not None:
        return f"[api] key_fd {api.key_fd}", await from_descriptor(api.key_fd)
    if api.key_keyring is not None:
        return f"[api] key_keyring {api.key_keyring}", await from_keyring(api.key_keyring)
    for name in KEY_VARIABLES:
        if environ.get(name):
            return name, Secret(environ[name])
    raise ConfigError(
        "no API key: set POLYTOMIC_API_KEY, or name where it is with --key-file, --key-command, --key-fd or "
        "--key-keyring, or in the configuration's [api] section"
    )
