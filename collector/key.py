"""The API key: where it comes from and the header it travels in. The only module that holds it.

Sources, first found first: `[api] key_command`, `[api] key_file`, then the environment by Polytomic's own names. A
user's key goes as a bearer token; a partner or deployment key of an organization as `organization:key` (Basic), a
deployment key without one as `key:` (Polytomic API reference, "Get Connection": authentication).
"""

from __future__ import annotations

import base64
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from collector.config import Api
from collector.errors import ConfigError

_COMMAND_SECONDS = 30
_NAMES = ("POLYTOMIC_API_KEY", "POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY")


class Secret(str):
    """Text whose `repr` hides it: aiohttp's exceptions, tasks and logs print headers by `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[REDACTED]'"


def authorization(api: Api, environ: Mapping[str, str]) -> Secret:
    """The value of the `Authorization` header. Raises `ConfigError` when there is no key or it cannot be one."""
    if api.key_command:
        return _bearer_or_basic(_from_command(api.key_command, environ), "[api] key_command", api)
    if api.key_file:
        return _bearer_or_basic(_from_file(Path(api.key_file)), f"[api] key_file {api.key_file}", api)
    for name in _NAMES:
        if environ.get(name):
            return _bearer_or_basic(environ[name], name, api)
    raise ConfigError(
        "no API key: set POLYTOMIC_API_KEY, or name a key_file or key_command in the configuration's [api] section"
    )


def secrets_of(header: str) -> list[str]:
    """The forms in which the key of an `Authorization` header could stand in a text."""
    scheme, _, credential = header.partition(" ")
    if scheme == "Bearer":
        return [credential]
    user, _, password = base64.b64decode(credential).decode().partition(":")
    return [credential, password or user]


def _bearer_or_basic(text: str, source: str, api: Api) -> Secret:
    key = text.removesuffix("\n").removesuffix("\r")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"{source}: what it holds cannot be a key: it is empty, or has spaces, control or other characters"
        )
    if source == "POLYTOMIC_DEPLOYMENT_KEY" and not api.organization_id:
        return _basic(key, "")
    if source != "POLYTOMIC_API_KEY" and api.organization_id:
        return _basic(api.organization_id, key)
    return Secret(f"Bearer {key}")


def _basic(user: str, password: str) -> Secret:
    return Secret("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def _from_command(command: str, environ: Mapping[str, str]) -> str:
    # The keys in our environment are none of its business.
    passed_on = {name: value for name, value in environ.items() if name not in _NAMES}
    try:
        done = subprocess.run(  # noqa: S603  # the user's own command, split without a shell
            shlex.split(command), env=passed_on, capture_output=True, timeout=_COMMAND_SECONDS, check=True, text=True
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"[api] key_command gave no key within {_COMMAND_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise ConfigError(
            f"[api] key_command ended with exit code {error.returncode}; run it by hand to see why"
        ) from None
    except (OSError, ValueError, IndexError) as error:  # an IndexError for a command of blanks
        raise ConfigError(f"[api] key_command cannot be run: {error}") from None
    return done.stdout


def _at_once(path: str, flags: int) -> int:
    """An opener that does not wait for somebody to write to a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _from_file(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", opener=_at_once) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"[api] key_file {path} is no regular file")
            if status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid()):
                raise ConfigError(f"[api] key_file {path}: others can read or own it; run chmod 600 {path}")
            return stream.read(65536)
    except OSError as error:
        raise ConfigError(f"[api] key_file {path}: {error.strerror}") from None
    except ValueError:  # what it holds is not UTF-8, or its name has a NUL in it
        raise ConfigError(f"[api] key_file {path} is not text") from None
