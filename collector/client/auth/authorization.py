"""Reads the API key of a run and builds the header that carries it.

The sources are, in order of precedence: `[api] key_command`, `key_file`, `key_fd` or `key_keyring`, of which a user may
set one, then Polytomic's environment variables. Only a variable's name states the kind of key. A key from any other
source is a partner or deployment key if an organization is set, otherwise a user key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from collector.client.auth.header import MAX_KEY_LENGTH, basic, basic_without_organization, bearer, is_key
from collector.client.auth.key_sources import from_command, from_descriptor, from_file, from_keyring, from_stdin
from collector.client.auth.key_wrapping import KEY_VARIABLES, SHARED_KEY_VARIABLES, is_quoted, is_utf_16, unwrap
from collector.model.errors import ConfigError
from collector.model.secret import Secret

_PARTNER_OR_DEPLOYMENT: Final = " or ".join(SHARED_KEY_VARIABLES[:2])


class KeySource(NamedTuple):
    """The location of the key: at most one of a command, a file, a descriptor and `SERVICE:USER` of the keyring.

    With `organization_id` it is a partner or deployment key, used for that organization. Messages name the `place` of
    the setting in the configuration.
    """

    command: str | None = None
    file: str | None = None
    fd: int | None = None
    keyring: str | None = None
    organization_id: str | None = None
    place: str = "[api]"


class SharedKey(NamedTuple):
    """A partner or deployment key, which reaches several organizations."""

    key: Secret

    @property
    def header(self) -> Secret:
        """The header of requests for no single organization, such as the list of organizations."""
        return bearer(self.key)

    def header_for(self, organization_id: str) -> Secret:
        """The header of requests for one organization."""
        return basic(organization_id, self.key)


async def authorization(key_source: KeySource, environ: Mapping[str, str], report: Callable[[str], None]) -> Secret:
    """Return the value of the `Authorization` header.

    `report` receives the prompt at a terminal and notes on quotes and the like around the key, never the key itself.

    Raises `ConfigError` if the key is missing, its source cannot be used, or the content cannot be a key.
    """
    source, content = await _read_source(key_source, environ, report, KEY_VARIABLES)
    is_user_key = source == "POLYTOMIC_API_KEY" or not (
        key_source.organization_id or source == "POLYTOMIC_DEPLOYMENT_KEY"
    )
    key = _unwrapped(source, content, report, is_bearer=is_user_key)
    if is_user_key:
        return bearer(key)
    return basic(key_source.organization_id, key) if key_source.organization_id else basic_without_organization(key)


async def read_shared_key(
    key_source: KeySource, environ: Mapping[str, str], report: Callable[[str], None]
) -> SharedKey:
    """Read a key as the partner or deployment key of several organizations, whichever source it has.

    `POLYTOMIC_API_KEY` is the last of the variables here. Works like `authorization` otherwise.
    """
    source, content = await _read_source(
        key_source, environ, report, SHARED_KEY_VARIABLES, advised=_PARTNER_OR_DEPLOYMENT
    )
    return SharedKey(_unwrapped(source, content, report, is_bearer=False))


def _unwrapped(source: str, content: Secret, report: Callable[[str], None], *, is_bearer: bool) -> Secret:
    """Return the key in the content of a source. Raises `ConfigError` if it cannot be a key."""
    key, removed = unwrap(content, is_bearer=is_bearer)
    if not is_key(key):
        encoding = "; it looks like UTF-16, save it as UTF-8" if is_utf_16(key) else ""
        raise ConfigError(
            f"{source}: the content cannot be a key: it is empty, longer than {MAX_KEY_LENGTH} characters, or contains "
            f"spaces, control characters or non-ASCII characters{encoding}"
        )
    if removed:
        report(f"{source}: ignoring {' and '.join(removed)} around the key; store the key alone")
    if not is_bearer and is_quoted(key):
        report(f"{source}: the key is in quotes, which are sent with it; remove them if the API rejects the key")
    return key


async def _read_source(
    key_source: KeySource,
    environ: Mapping[str, str],
    report: Callable[[str], None],
    variables: Sequence[str],
    *,
    advised: str = KEY_VARIABLES[0],
) -> tuple[str, Secret]:
    """Return the name of the source and its content. Without a configured source it is the first of the `variables`.

    If none of them is set, the message advises to set those `advised`.
    """
    setting = f"{key_source.place} key"
    if key_source.command is not None:
        setting = f"{setting}_command"
        return setting, await from_command(key_source.command, environ, setting=setting)
    if key_source.file == "-":
        setting = f'{setting}_file = "-"'
        return setting, await from_stdin(report, setting)
    if key_source.file is not None:
        setting = f"{setting}_file"
        return f"{setting} {key_source.file}", from_file(key_source.file, setting)
    if key_source.fd is not None:
        setting = f"{setting}_fd"
        return f"{setting} {key_source.fd}", await from_descriptor(key_source.fd, setting)
    if key_source.keyring is not None:
        setting = f"{setting}_keyring"
        return f"{setting} {key_source.keyring}", await from_keyring(key_source.keyring, setting=setting)
    for name in variables:
        if environ.get(name):
            return name, Secret(environ[name])
    raise ConfigError(
        f"no API key: set {advised}, or give its source with --key-file, --key-command, --key-fd or --key-keyring, or "
        "in the [api] section of the configuration file"
    )
