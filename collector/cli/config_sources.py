"""Reads settings that no option gives from the environment and from a TOML file.

Precedence: option, environment, file, default. `run.settings` defines the settings and their ranges.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeAlias, get_origin

from cyclopts import App, Token
from cyclopts.argument import Argument, ArgumentCollection

from collector.cli import text_encoding
from collector.cli.service_links import is_service_link
from collector.cli.text_encoding import NotUTF8
from collector.model.errors import ConfigError
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.settings import Settings
from collector.storage.ownership import NotOwned, read_owned

ENV_PREFIX: Final = "COLLECTOR_"
_NOT_SETTINGS = {"COLLECTOR_CONFIG", "COLLECTOR_LOAD_PASSWORD"}
_ORGANIZATIONS: Final = "organizations"


Source: TypeAlias = Callable[[App, tuple[str, ...], ArgumentCollection], None]
"""cyclopts calls each source in turn, to fill in the values that no option gave."""


def from_environment(environ: Mapping[str, str]) -> Source:
    """Settings from `COLLECTOR_…`. `ConfigError` for an unknown variable, unless it is a service link."""

    def fill(_app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        known = {_variable(argument): argument for argument in arguments if _is_setting(argument)}
        for name in sorted(environ.keys() - _NOT_SETTINGS):
            if name.startswith(ENV_PREFIX) and name not in known and not is_service_link(name, environ):
                raise ConfigError(f"environment: {name} is not a setting{_suggestion(name, known)}")
        for name, argument in known.items():
            value = environ.get(name) or _polytomic_own(argument, environ)
            if value and name in environ and is_service_link(name, environ):
                continue  # of a linked container that is called `collector`, such as COLLECTOR_NAME=/web/collector
            if value:
                _fill(argument, value.split(os.pathsep) if _is_list(argument) else [value], name, "environment")

    return fill


class TomlSettings:
    """Settings from a TOML file: that of `--config`, else that of `COLLECTOR_CONFIG`, else the user's default file.

    A file in the current folder is never read unless named, because it could send the key elsewhere. Raises
    `ConfigError` for a file that other users can modify, for an unreadable file and for an unknown setting.
    `organizations` holds its `[[organizations]]` tables once it is read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.organizations: tuple[OrganizationSettings, ...] = ()

    def __call__(self, _app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        by_place = {argument.keys: argument for argument in arguments if _is_setting(argument)}
        named = [token.value for argument in arguments if "--config" in argument.names for token in argument.tokens]
        path = Path(named[-1]) if named else _default_file(self._environ)
        sections = dict(_load(path)) if path else {}
        self.organizations = tuple(_organizations(sections.pop(_ORGANIZATIONS, []), str(path)))
        for section, key, value in _entries(sections, str(path)):
            _fill(by_place[section, key], _texts(value, by_place[section, key], path), f"[{section}] {key}", str(path))


def _texts(value: object, argument: Argument, path: Path | None) -> list[str]:
    """The texts of a value, as an option would give them."""
    section, key = argument.keys
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not _is_list(argument):
        raise ConfigError(f"{path}: [{section}] {key} is a list; it takes one value")
    if any(isinstance(item, list | dict) or (isinstance(value, list) and isinstance(item, bool)) for item in values):
        raise ConfigError(f"{path}: [{section}] {key} has an element that is not a text or a number")
    return [_plain(item) for item in values]


def _organizations(tables: object, source: str) -> Iterator[OrganizationSettings]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(
            f"{source}: organizations is not a list of tables; begin each organization with [[{_ORGANIZATIONS}]]"
        )
    known = [setting.name for setting in fields(OrganizationSettings)]
    for table in tables:
        for key in table.keys() - set(known):
            raise ConfigError(f"{source}: [[{_ORGANIZATIONS}]] {key} is not a setting{_suggestion(key, known)}")
        try:
            yield OrganizationSettings(**table)
        except ConfigError as reason:
            raise ConfigError(f"{source}: {reason}") from None


def _default_file(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("COLLECTOR_CONFIG"):
        return Path(named)
    home = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(home):  # the XDG Base Directory Specification: ignore a relative path
        home = os.path.join(environ.get("HOME", ""), ".config")
    path = Path(home, "collector", "config.toml")
    return path if path.is_absolute() and path.exists() else None


def _entries(sections: Mapping[str, Any], source: str) -> Iterator[tuple[str, str, Any]]:
    known = {section.name: section.default_factory for section in fields(Settings)}
    for name, section in sections.items():
        make = known.get(name)
        if make is None or not isinstance(section, dict):
            what = "is not a section" if isinstance(section, dict) else "is outside a section"
            raise ConfigError(f"{source}: [{name}] {what}{_suggestion(name, [*known, _ORGANIZATIONS])}")
        keys = [setting.name for setting in fields(make)]  # type: ignore[arg-type]  # always a dataclass
        for key, value in section.items():
            if key not in keys:
                raise ConfigError(f"{source}: [{name}] {key} is not a setting{_suggestion(key, keys)}")
            yield name, key, value


def _load(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text_encoding.decoded(read_owned(path)))
    except NotOwned as reason:
        raise ConfigError(f"{path}: it says where the key goes, and {reason}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except NotUTF8 as reason:
        raise ConfigError(f"{path}: not TOML: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _is_setting(argument: Argument) -> bool:
    return len(argument.keys) == 2


def _is_list(argument: Argument) -> bool:
    return get_origin(argument.hint) is tuple


def _variable(argument: Argument) -> str:
    return ENV_PREFIX + argument.names[0].lstrip("-").replace("-", "_").upper()


def _polytomic_own(argument: Argument, environ: Mapping[str, str]) -> str | None:
    return environ.get("POLYTOMIC_DEPLOYMENT_URL") if argument.keys == ("api", "base_url") else None


def _fill(argument: Argument, values: list[str], keyword: str, source: str) -> None:
    if argument.tokens:  # a source with precedence has set it
        return
    for index, value in enumerate(values):
        argument.append(Token(keyword=keyword, value=value, source=source, index=index))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suggestion(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
