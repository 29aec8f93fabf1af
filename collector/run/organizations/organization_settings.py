"""One `[[organizations]]` table of the configuration file: an organization and the source of its key."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from collector.client.auth.authorization import KeySource
from collector.model.errors import ConfigError
from collector.run.setting_rules import check_key_source, is_organization_name, require

_PLACE: Final = "[[organizations]]"
_NAME: Final = "1 to 100 letters, digits, dots, hyphens and underscores, because it becomes a part of file names"


@dataclass(frozen=True)
class OrganizationSettings:
    """An organization to collect. Raises `ConfigError` for an invalid value.

    With an `id`, its key is a partner or deployment key; without a source of its own, that of `[api]`. With a `label`
    alone, its key is that of a user of the organization.
    """

    id: str | None = None
    label: str | None = None
    key_file: str | None = None
    key_command: str | None = None
    key_fd: int | None = None
    key_keyring: str | None = None

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            kind, noun = (int, "an integer") if setting.name == "key_fd" else (str, "a text")
            require(value is None or type(value) is kind, _PLACE, setting.name, noun)
        for name in ("id", "label"):
            text = getattr(self, name)
            require(text is None or is_organization_name(text), _PLACE, name, _NAME)
        require(self.id is not None or self.label is not None, _PLACE, "id or label", "set")
        if self.id is None and not self.has_own_key:
            raise ConfigError(
                f"{_PLACE} {self.label}: without an id it needs the key of a user of the organization; set key_file, "
                "key_command, key_fd or key_keyring, or add the id for the key of [api]"
            )
        check_key_source(self.key_source)

    @property
    def key_source(self) -> KeySource:
        """The source of its key; without any source if it uses the key of `[api]`."""
        sources = (self.key_command, self.key_file, self.key_fd, self.key_keyring)
        return KeySource(*sources, self.id, place=f"{_PLACE} {self.label or self.id}")

    @property
    def has_own_key(self) -> bool:
        """Does it have a source of its own key?"""
        return any(each is not None for each in (self.key_file, self.key_command, self.key_fd, self.key_keyring))
