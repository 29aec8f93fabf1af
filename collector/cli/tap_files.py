"""The files that a protocol passes to the tap. A key in the configuration is a secret from the first moment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.cli.stderr import add_secrets
from collector.client.auth.key_wrapping import KEY_VARIABLES, keys_in
from collector.model.errors import ConfigError
from collector.model.record_form import Timestamps
from collector.model.secret import Environment, Secret
from collector.run.settings import Api, Filter, Ids, Limits, Log, Output, Redact, Retry, Settings, Tables
from collector.storage.ownership import NotOwned, require_owned
from collector.warehouse.tap.config import API_KEY, KEYS, read_config
from collector.warehouse.tap.state import State, read_state

_SECTIONS: Final = {"api": Api, "filter": Filter, "limits": Limits, "retry": Retry, "output": Output, "redact": Redact}
_BASE_URLS: Final = ("COLLECTOR_BASE_URL", "POLYTOMIC_DEPLOYMENT_URL")


class TapConfig(NamedTuple):
    """The configuration of a tap. `tables` are the side tables without a catalog."""

    values: Mapping[str, Any]
    environ: Environment
    tables: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def covers_all(self) -> bool:
        """Does the run collect every connection, so that all others are deleted ones?"""
        return not self.ids and not any(_section_of(self.values, "filter").values())

    def settings(self, tables: Sequence[str], log: Log) -> Settings:
        """The settings of a run that writes these side tables. Raises `ConfigError`."""
        sections = {name: _section_of(self.values, name) for name in _SECTIONS}
        base_url = next(filter(None, (self.environ.get(name) for name in _BASE_URLS)), None)
        if base_url:
            sections["api"].setdefault("base_url", base_url)
        made: dict[str, Any] = {
            name: _SECTIONS[name](**values) for name, values in sections.items() if name != "output"
        }
        output = Output(timestamps=Timestamps.STRICT, **sections["output"])
        return Settings(ids=Ids(all=not self.ids), output=output, tables=Tables(include=tuple(tables)), log=log, **made)


def _section_of(values: Mapping[str, Any], section: str) -> dict[str, Any]:
    found = {key.setting[1]: values[key.name] for key in KEYS if key.setting and key.name in values}
    names = {key.setting[1] for key in KEYS if key.setting and key.setting[0] == section}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if name in names}


def load_config(path: Path | None, environ: Mapping[str, str]) -> TapConfig:
    """Read the file of --config; without one, every setting has its default. Raises `ConfigError`."""
    if path is None:
        return TapConfig({}, Environment(environ), (), ())
    content, status = _read("--config", path)
    values = read_config(content, str(path))
    key = values.pop(API_KEY, None)
    _require_owned(path, status, is_private=key is not None)
    if key is not None:
        add_secrets(keys_in(key))
        environ = _with_key(Secret(key), environ, has_organization="organization_id" in values)
    tables, ids = tuple(values.get("tables", ())), tuple(values.get("ids", ()))
    return TapConfig(values, Environment(environ), Tables(include=tables).include, ids)


def _with_key(key: Secret, environ: Mapping[str, str], *, has_organization: bool) -> Mapping[str, str]:
    """The environment with this key only. With an organization it is a partner or deployment key, as in a key file."""
    variable = "POLYTOMIC_PARTNER_KEY" if has_organization else "POLYTOMIC_API_KEY"
    others = {name: value for name, value in environ.items() if name not in KEY_VARIABLES}
    return {**others, variable: key.reveal()}


def load_catalog(path: Path) -> bytes:
    """The file of --catalog. Raises `ConfigError`."""
    return _read("--catalog", path)[0]


def load_state(path: Path | None) -> State:
    """The file of --state; an empty state without one. Raises `ConfigError`."""
    return read_state(_read("--state", path)[0], str(path)) if path else {}


def _read(option: str, path: Path) -> tuple[bytes, os.stat_result]:
    try:
        with open(path, "rb") as file:
            return file.read(), os.fstat(file.fileno())
    except OSError as error:
        raise ConfigError(f"{option} {path}: cannot be read: {error.strerror}") from None


def _require_owned(path: Path, status: os.stat_result, *, is_private: bool) -> None:
    try:
        require_owned(path, status, is_private=is_private)
    except NotOwned as reason:
        what = f"it holds {API_KEY}" if is_private else "it says where the key goes"
        raise ConfigError(f"--config {path}: {what}, and {reason}") from None
