"""All settings of a run: one frozen tree of dataclasses, filled in from flags, the environment and TOML.

Each field is a setting. Its section and name locate it in the TOML file, its `Parameter` names its flag, and its
environment variable is `COLLECTOR_` plus the flag in capitals. Precedence: flag, environment, file, default. The API
key is not a setting (see `client.auth`), since it must not appear in a shared file or on a command line.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final

from cyclopts import Group, Parameter, Token

from collector.client import address
from collector.client.address import BadAddress
from collector.client.auth.authorization import KeySource
from collector.client.auth.key_shape import looks_like_api_key
from collector.model.errors import ConfigError
from collector.model.record_form import ConfigurationAs, Order, RecordForm, Timestamps
from collector.model.side_tables import SIDE_TABLES
from collector.polytomic.filters import parse_since
from collector.redaction.detect.rules import is_rule
from collector.run.ids.id_formats import IdsFormat
from collector.run.ids.id_input import IdInput, read_ids
from collector.run.setting_rules import check_key_source, is_organization_name, is_path, require, require_name
from collector.snapshot.parts import part_problem
from collector.snapshot.sinks.part_files import PART_BYTES, PartLimits
from collector.snapshot.sinks.resume import Resume

ALL: Final = "all"
"""The value of `organizations` that selects all of them."""

# The groups of the help page, in the order a user needs them.
IDS: Final = Group("Ids", sort_key=1)
_FILTERS: Final = Group("Filters", sort_key=2)
_OUTPUT: Final = Group("Output", sort_key=3)
_KEY: Final = Group("The key", sort_key=4)
_LIMITS: Final = Group("Limits", sort_key=5)
_RETRIES: Final = Group("Retries", sort_key=6)
_API: Final = Group("The API", sort_key=7)
_REDACTION: Final = Group("Redaction", sort_key=8)
MESSAGES: Final = Group("Messages and settings", sort_key=9)


_MAX_BYTES: Final = 2**53 - 1  # a larger integer is not exact in every JSON reader


class FailOn(StrEnum):
    """An event that ends a run with exit code 3, although its records are complete."""

    DRIFT = "drift"
    """The fields of a connection type have changed since the previous manifest."""


def _integer(_type: object, tokens: Sequence[Token]) -> int:
    """An integer. Without this converter cyclopts would round 1.5 to 1."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not an integer") from None


def _proxy(_type: object, tokens: Sequence[Token]) -> str:
    """A proxy URL. Its password may come from the environment or a file; every user of the host can see flags."""
    token = tokens[0]
    if token.source == "cli" and "@" in token.value:
        raise ConfigError(
            "--proxy: every user of this host can see the password in a flag; change this password, and set "
            "COLLECTOR_PROXY or [api] proxy in the configuration file instead"
        )
    return token.value


@dataclass(frozen=True)
class Api:
    """The address of the API, the key source, and the way to connect."""

    base_url: Annotated[str, Parameter(name="--base-url", metavar="URL")] = "https://app.polytomic.com"
    "Address of the API; also POLYTOMIC_DEPLOYMENT_URL."
    version: Annotated[str, Parameter(name="--api-version", metavar="DATE")] = "2025-09-18"
    "API version to request (X-Polytomic-Version)."
    organization_id: Annotated[str | None, Parameter(name="--organization-id", metavar="ID")] = None
    "Organization to read, with a partner or deployment key."
    organizations: Annotated[tuple[str, ...], Parameter(name="--organizations", negative="", metavar="all|ID,ID")] = ()
    "Organizations to collect side by side, with a partner or deployment key; all takes every one. Repeatable."
    key_file: Annotated[
        str | None, Parameter(name="--key-file", allow_leading_hyphen=True, metavar="FILE", group=_KEY)
    ] = None
    "File that holds the key, readable by its owner only; - is the first line of standard input."
    key_command: Annotated[str | None, Parameter(name="--key-command", metavar="COMMAND", group=_KEY)] = None
    "Command that prints the key; runs without a shell."
    key_fd: Annotated[int | None, Parameter(name="--key-fd", converter=_integer, metavar="N", group=_KEY)] = None
    "Open descriptor to read the key from, 3 or above, as in --key-fd 3 3< <(pass show polytomic)."
    key_keyring: Annotated[str | None, Parameter(name="--key-keyring", metavar="SERVICE:USER", group=_KEY)] = None
    "Entry of the system keyring that holds the key; needs the extra keyring."
    ca_file: Annotated[str | None, Parameter(name="--ca-file", metavar="FILE")] = None
    "Trust these certificates (PEM), not the system's."
    proxy: Annotated[str | None, Parameter(name="--proxy", converter=_proxy, metavar="URL")] = field(
        default=None, repr=False
    )
    "HTTP proxy, without user and password; proxies of the environment are ignored."
    allow_http: Annotated[bool, Parameter(name="--allow-http", negative="")] = False
    "Send the key unencrypted to a host other than this one."

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", _base_url(self.base_url, allow_http=self.allow_http))
        _require(
            self.version.isascii() and self.version.isprintable() and self.version != "", "api", "version", "a date"
        )
        if self.proxy is not None:
            _require_safe_proxy(self.proxy, self)
        for name in ("organization_id", "version"):
            require_name("[api]", name, getattr(self, name))
        _require(":" not in (self.organization_id or ""), "api", "organization_id", "an id without a colon")
        object.__setattr__(self, "organizations", _organizations(self.organizations))
        both = self.organization_id is not None and self.organizations
        _require(not both, "api", "organization_id", "unset when organizations is set; name the organization there")
        check_key_source(self.key_source)

    @property
    def key_source(self) -> KeySource:
        """The source of the key."""
        return KeySource(self.key_command, self.key_file, self.key_fd, self.key_keyring, self.organization_id)


@dataclass(frozen=True)
class Ids:
    """The connections to collect."""

    files: Annotated[
        tuple[str, ...], Parameter(name="--ids", negative="", allow_leading_hyphen=True, metavar="FILE")
    ] = ()
    "File of ids: text, .csv, .tsv, .jsonl, .json, .parquet, also .gz or .zst; - is standard input. Repeatable."
    column: Annotated[str | None, Parameter(name="--ids-column", metavar="NAME")] = None
    "Column of the ids in a table, if its name is not id, connection_id or Connection ID."
    format: Annotated[IdsFormat, Parameter(name="--ids-format", metavar="FORMAT")] = IdsFormat.AUTO
    "Format of all files: auto (by name, else by content), text, csv, tsv, jsonl, json or parquet."
    all: Annotated[bool, Parameter(name="--all", negative="")] = False
    "Collect every connection that the API lists."

    from_list: Annotated[bool, Parameter(name="--from-list", negative="")] = False
    "Write the payloads of the API's list: one request in all, not resumable."
    cross_check: Annotated[bool, Parameter(name="--cross-check", negative="")] = False
    "Compare the connections with the API's list, and report the differences."

    def __post_init__(self) -> None:
        _require(
            not (self.from_list and self.cross_check),
            *("ids", "cross_check", "off with from_list, which fetches no connection to compare with the list"),
        )
        for path in self.files:
            _require(is_path(path), "ids", "files", f"a list of file names, not {path!r}; put ./ before a leading -")


@dataclass(frozen=True)
class Filter:
    """Conditions that a connection must meet, by its payload in the API's list. Patterns may contain `*` and `?`."""

    type: Annotated[tuple[str, ...], Parameter(name="--type", negative="", metavar="TYPE")] = ()
    "Only connections of these types, such as postgresql,snowflake; !TYPE excludes one. Repeatable."
    status: Annotated[tuple[str, ...], Parameter(name="--status", negative="", metavar="STATUS")] = ()
    "Only connections with these statuses; '!healthy' selects all others. Repeatable."
    name: Annotated[tuple[str, ...], Parameter(name="--name", negative="", metavar="PATTERN")] = ()
    "Only connections with these names, such as 'prod-*'; !PATTERN excludes names. Repeatable."
    updated_since: Annotated[str | None, Parameter(name="--updated-since", metavar="DATE")] = None
    "Only connections changed since this date, or time with an offset."

    def __post_init__(self) -> None:
        for key in ("type", "status"):
            values = tuple(part.strip() for text in getattr(self, key) for part in text.split(","))
            object.__setattr__(self, key, values)
        for key in ("type", "status", "name"):
            patterns = getattr(self, key)
            _require(not any(map(looks_like_api_key, patterns)), "filter", key, "a list of patterns, and not a key")
            _require(all(text.removeprefix("!") for text in patterns), "filter", key, "a list of patterns, none empty")
        _require(
            self.updated_since is None or parse_since(self.updated_since) is not None,
            *("filter", "updated_since", "a date such as 2026-01-31, or a time with an offset (2026-01-31T06:00:00Z)"),
        )

    @property
    def is_active(self) -> bool:
        """Does it have any condition?"""
        return self != Filter()

    def as_manifest(self) -> dict[str, Any]:
        """The conditions as the manifest records them; without those that are not set."""
        return {key: value for key, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Limits:
    """Limits on the load that a run puts on the API, and on its duration. Times are seconds."""

    rate: Annotated[float, Parameter(name="--rate", metavar="N")] = 50.0
    "Ceiling in requests/s, all attempts; 0 removes it."
    concurrency: Annotated[int, Parameter(name="--concurrency", converter=_integer, metavar="N")] = 32
    "Ceiling of requests in flight."
    organizations_at_once: Annotated[
        int, Parameter(name="--organizations-at-once", converter=_integer, metavar="N")
    ] = 4
    "Organizations to collect at the same time."
    max_duration: Annotated[float | None, Parameter(name="--max-duration", metavar="S")] = None
    "Stop after this many seconds (exit code 5)."
    max_pause: Annotated[float, Parameter(name="--max-pause", metavar="S")] = 900.0
    "Stop (exit code 5) if the server asks for a longer pause."
    outage_limit: Annotated[float, Parameter(name="--outage-limit", metavar="S")] = 600.0
    "Stop (exit code 5) if the server has not replied for this long."
    share_quota: Annotated[bool, Parameter(name="--share-quota", negative="--no-share-quota")] = True
    "Share the rate with other processes of this user on this host that use the same API."

    def __post_init__(self) -> None:
        _require(0 <= self.rate <= 100_000, "limits", "rate", "between 0 and 100000")
        _require(1 <= self.concurrency <= 1000, "limits", "concurrency", "between 1 and 1000")
        _require(1 <= self.organizations_at_once <= 100, "limits", "organizations_at_once", "between 1 and 100")
        _require(self.max_duration is None or 0 < self.max_duration < math.inf, "limits", "max_duration", "above 0")
        _require(0 <= self.max_pause < math.inf, "limits", "max_pause", "0 or above")
        _require(0 < self.outage_limit < math.inf, "limits", "outage_limit", "above 0")


@dataclass(frozen=True)
class Retry:
    """The attempts per id, and the time limits of an attempt in seconds."""

    max_attempts: Annotated[int, Parameter(name="--max-attempts", converter=_integer, metavar="N")] = 5
    "Requests per id, the first included; not counting up to 10 throttled replies."
    connect_timeout: Annotated[float, Parameter(name="--connect-timeout", metavar="S")] = 10.0
    "Seconds to connect."
    read_timeout: Annotated[float, Parameter(name="--read-timeout", metavar="S")] = 30.0
    "Seconds until a reply begins."
    total_timeout: Annotated[float, Parameter(name="--total-timeout", metavar="S")] = 60.0
    "Seconds until a reply is complete."
    id_timeout: Annotated[float, Parameter(name="--id-timeout", metavar="S")] = 180.0
    "Seconds for all attempts of one id and the waits between them, without pauses of the whole run."

    def __post_init__(self) -> None:
        _require(1 <= self.max_attempts <= 100, "retry", "max_attempts", "between 1 and 100")
        for name in ("connect_timeout", "read_timeout", "total_timeout", "id_timeout"):
            _require(0 < getattr(self, name) < math.inf, "retry", name, "above 0")


@dataclass(frozen=True)
class Output:
    """The files for records, errors and the manifest."""

    path: Annotated[str, Parameter(name=("--output", "-o"), allow_leading_hyphen=True, metavar="PATH")] = "-"
    "Snapshot: .jsonl or .csv (also .gz, .zst), or .parquet; - is stdout. {date}, {run_id}, {part} are filled in."
    errors: Annotated[str | None, Parameter(name="--errors", metavar="PATH")] = None
    "Errors file, if the output is standard output."
    manifest: Annotated[str | None, Parameter(name="--manifest", metavar="PATH")] = None
    "Manifest, if the output is standard output; with several organizations, their index."
    resume: Annotated[Resume, Parameter(name="--resume", metavar="WHEN")] = Resume.AUTO
    "Resume an unfinished run: auto, always or never."
    allow_empty: Annotated[bool, Parameter(name="--allow-empty", negative="")] = False
    "Replace an older snapshot even if no id is ok."
    order: Annotated[Order, Parameter(name="--order", metavar="ORDER")] = Order.COMPLETION
    "Order of the records: completion, or input, that of the ids."
    max_record_bytes: Annotated[int, Parameter(name="--max-record-bytes", converter=_integer, metavar="N")] = 4_000_000
    "Limit for the JSON of a record; the id of a longer one is too_large; 0 removes the limit."
    configuration_as: Annotated[ConfigurationAs, Parameter(name="--configuration-as", metavar="TYPE")] = (
        ConfigurationAs.OBJECT
    )
    "Type of the field configuration: object, or string, its JSON as text."
    timestamps: Annotated[Timestamps, Parameter(name="--timestamps", metavar="RULE")] = Timestamps.KEEP
    "Timestamps that are not RFC 3339: keep, or strict, null with the text in extra."
    fail_on: Annotated[FailOn | None, Parameter(name="--fail-on", metavar="EVENT")] = None
    "End with exit code 3 also on drift: fields that changed since the previous manifest."

    part_bytes: Annotated[int, Parameter(name="--part-bytes", converter=_integer, metavar="N")] = PART_BYTES
    "With {part} in --output: limit for the bytes of each file of records; 0 removes it."
    part_records: Annotated[int, Parameter(name="--part-records", converter=_integer, metavar="N")] = 0
    "With {part} in --output: limit for the records of each file; 0 is no limit."

    def __post_init__(self) -> None:
        _require(is_path(self.path), "output", "path", f"a file name or -; {self.path!r} is not")
        for key in ("part_bytes", "part_records"):
            _require(0 <= getattr(self, key) <= _MAX_BYTES, "output", key, f"from 0 to {_MAX_BYTES}")
        if problem := part_problem(self.path):
            raise ConfigError(f"[output] path {self.path}: {problem}")
        _require(0 <= self.max_record_bytes <= _MAX_BYTES, "output", "max_record_bytes", f"from 0 to {_MAX_BYTES}")

    @property
    def part_limits(self) -> PartLimits:
        """The limits of the parts of a partition."""
        return PartLimits(self.part_bytes, self.part_records)

    @property
    def form(self) -> RecordForm:
        """The form of the records."""
        return RecordForm(self.max_record_bytes, self.configuration_as, self.timestamps)

    def as_manifest(self) -> dict[str, Any]:
        """The settings of the records as the manifest records them."""
        return {"order": str(self.order), **self.form.as_json()}

    def form_text(self) -> str:
        """Text that distinguishes different forms of records; empty for the defaults."""
        return "" if self.form == Output().form else self.form.as_text()


@dataclass(frozen=True)
class Tables:
    """The side tables of a snapshot."""

    include: Annotated[tuple[str, ...], Parameter(name="--with", negative="", metavar="SIDE_TABLES")] = ()
    "Side tables to write beside the snapshot, such as policies,users. Repeatable."

    def __post_init__(self) -> None:
        names = tuple(dict.fromkeys(part.strip() for text in self.include for part in text.split(",")))
        object.__setattr__(self, "include", names)
        unknown = [name for name in names if name not in SIDE_TABLES]
        _require(not unknown, "tables", "include", f"a list of side tables; there are {', '.join(SIDE_TABLES)}")


@dataclass(frozen=True)
class Redact:
    """The user's additions to the redaction rules: see docs/reference/masking.md."""

    also: Annotated[tuple[str, ...], Parameter(name="--redact-also", negative="", metavar="FIELD")] = ()
    "Mask this field too: name, path such as headers[].value, or type/path. Repeatable."
    keep: Annotated[tuple[str, ...], Parameter(name="--redact-keep", negative="", metavar="FIELD")] = ()
    "Do not mask this field; same forms. Repeatable."
    fingerprint_key_file: Annotated[str | None, Parameter(name="--fingerprint-key-file", metavar="FILE")] = None
    "Mark masked values with a fingerprint under the key in this file, which shows when a secret changed."
    live_schemas: Annotated[bool, Parameter(name="--live-schemas", negative="")] = False
    "Also fetch the sensitive fields of each type from the API, besides the packaged list."

    def __post_init__(self) -> None:
        for key in ("also", "keep"):
            for rule in getattr(self, key):
                _require(is_rule(rule), "redact", key, f"a list of field names or paths; {rule!r} is not one")
        both = sorted(set(self.also) & set(self.keep))
        _require(not both, "redact", "keep", f"disjoint from also; both contain {', '.join(both)}")

    def as_manifest(self) -> dict[str, Any]:
        """The redaction settings as the manifest records them."""
        return {
            "also": sorted(self.also),
            "keep": sorted(self.keep),
            "fingerprints": self.fingerprint_key_file is not None,
            "live_schemas": self.live_schemas,
        }

    def digest(self) -> str:
        """A digest that distinguishes different redaction settings; empty for the defaults."""
        text = json.dumps([self.as_manifest(), self.fingerprint_key_file], sort_keys=True)
        return "" if self == Redact() else hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Log:
    """The messages on stderr."""

    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative="")] = False
    "Print warnings and errors only."
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), negative="")] = False
    "Print the reason of each retry and pause."
    debug: Annotated[bool, Parameter(name="--debug", negative="")] = False
    "Print every attempt and the logs of libraries, without headers and bodies."


@dataclass(frozen=True)
class Settings:
    """All settings of a run. Raises `ConfigError` for an invalid value."""

    api: Annotated[Api, Parameter(name="*", group=_API)] = field(default_factory=Api)
    ids: Annotated[Ids, Parameter(name="*", group=IDS)] = field(default_factory=Ids)
    filter: Annotated[Filter, Parameter(name="*", group=_FILTERS)] = field(default_factory=Filter)
    limits: Annotated[Limits, Parameter(name="*", group=_LIMITS)] = field(default_factory=Limits)
    retry: Annotated[Retry, Parameter(name="*", group=_RETRIES)] = field(default_factory=Retry)
    output: Annotated[Output, Parameter(name="*", group=_OUTPUT)] = field(default_factory=Output)
    tables: Annotated[Tables, Parameter(name="*", group=_OUTPUT)] = field(default_factory=Tables)
    redact: Annotated[Redact, Parameter(name="*", group=_REDACTION)] = field(default_factory=Redact)
    log: Annotated[Log, Parameter(name="*", group=MESSAGES)] = field(default_factory=Log)

    def __post_init__(self) -> None:
        both = self.api.key_file == "-" and "-" in self.ids.files
        _require(not both, "api", "key_file", "other than - when the ids come from standard input")
        _require(
            not (self.redact.live_schemas and self.ids.from_list),
            *("redact", "live_schemas", "off with from_list: each type would need a request while the list arrives"),
        )
        is_of_list = self.ids.from_list and not self.ids.all
        _require(
            not (is_of_list and self.output.order is Order.INPUT),
            *(
                "output",
                "order",
                "completion with from_list and given ids: the records arrive in the order of the list",
            ),
        )

    def read_ids(self, arguments: Iterable[str], files: Iterable[str]) -> IdInput:
        """Read ids in the form that these settings describe. Raises the errors of `id_input.read_ids`."""
        host = address.parse(self.api.base_url).host
        return read_ids(arguments, files, column=self.ids.column, format=self.ids.format, host=host)


def _require(is_valid: bool, section: str, key: str, requirement: str) -> None:
    require(is_valid, f"[{section}]", key, requirement)


def _organizations(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The named organizations, each once; `all` stands alone."""
    names = tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",")))
    _require(
        ALL not in names or names == (ALL,), "api", "organizations", f"{ALL} by itself, or a list of ids and labels"
    )
    for name in names:
        _require(is_organization_name(name), "api", "organizations", f"{ALL} by itself, or a list of ids and labels")
    return names


def _base_url(text: str, *, allow_http: bool) -> str:
    """The base URL with a scheme and without a trailing slash, as Polytomic's own tools interpret it."""
    try:
        found = address.base_url(text)
    except BadAddress as reason:
        raise ConfigError(f"[api] base_url {reason}") from None
    if found.scheme == "http" and not (allow_http or found.is_loopback):
        raise ConfigError(
            f"[api] base_url: the key would travel to {found.host} unencrypted; use https, or pass --allow-http to "
            "accept this"
        )
    return found.origin + found.path


def _require_safe_proxy(text: str, api: Api) -> None:
    try:
        found = address.proxy(text)
    except BadAddress as reason:
        raise ConfigError(f"[api] proxy {reason}") from None
    if api.base_url.startswith("http:") and not (api.allow_http or found.is_loopback):
        raise ConfigError(
            f"[api] proxy: with plain http the proxy {found.host} would receive the key; use https in base_url, "
            "or pass --allow-http to accept this"
        )
