"""One organization of a run: its names, its key, and the settings of its own run."""

from __future__ import annotations

from dataclasses import dataclass

from collector.client.auth.authorization import KeySource
from collector.model.ids import canonical_id
from collector.model.secret import Secret
from collector.run.settings import Settings

PLACEHOLDER = "{organization_id}"


@dataclass(frozen=True)
class Organization:
    """An organization to collect with `settings`, whose output path contains its `path_name`.

    `id` or `label` is set; `title` is its name in the API's list. `header` carries a key that several organizations
    share; without it the key comes from a `key_source` of its own.
    """

    settings: Settings
    id: str | None = None
    label: str | None = None
    title: str | None = None
    header: Secret | None = None
    key_source: KeySource | None = None

    @property
    def path_name(self) -> str:
        """The text that replaces `{organization_id}`: the id, in lower case as in records, or else the label."""
        return path_name_of(self.id, self.label)

    @property
    def name(self) -> str:
        """The name in messages: the label, or else the id."""
        return self.label or self.path_name


def path_name_of(id: str | None, label: str | None) -> str:
    """The text that replaces `{organization_id}` for an organization with this id or label."""
    return label or "" if id is None else canonical_id(id) or id
