"""What a configuration value looks like, told from its field's name. All names are made up.

A value is a function of `Entropy`, so that the same connection always has the same values. Which bytes it looks at
is fixed by the field's path when the maker is built; calling it then costs well under a microsecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias
from zlib import crc32

from collector.model.record import Json
from collector.sandbox.catalogue import Field

Entropy: TypeAlias = bytes
"""64 uniformly distributed bytes, the same for the same seed and index."""

ENTROPY_SIZE: Final = 64

Maker: TypeAlias = Callable[[Entropy], Json]

CANARY: Final = "sandbox-secret-"
"""What every unmasked secret of the sandbox contains, so that an export can be searched for leaks."""

REGIONS: Final = ("us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-southeast-2", "ca-central-1")
WORDS: Final = (
    *("amber", "birch", "cobalt", "drift", "ember", "fern", "garnet", "harbor"),
    *("indigo", "juniper", "kelp", "lumen", "maple", "nimbus", "orchid", "pebble"),
    *("quartz", "raven", "saffron", "thistle", "umber", "velvet", "willow", "zephyr"),
)
ROLES: Final = ("svc_sync", "etl", "reporting", "readonly", "warehouse_loader", "svc-reverse-etl")
DATABASES: Final = ("analytics", "production", "crm", "billing", "events", "warehouse")
HEADER_NAMES: Final = ("Authorization", "X-Api-Key", "X-Tenant", "api-version")


def position(path: str, width: int = 1) -> int:
    """Where in the entropy the field of this path finds its `width` bytes."""
    return crc32(path.encode()) % (ENTROPY_SIZE - width + 1)


def fake_value(field: Field) -> Maker:
    """A maker of values for a field without children that holds no secret."""
    if field.choices:
        return one_of(field.choices, field.path)
    if field.type == "boolean":
        return _boolean(field)
    if field.type == "integer":
        return _integer(field)
    if field.type == "array":
        return _list(field)
    if field.type == "object":
        return _labels(field)
    return _text(field)


def one_of(values: Sequence[Json], path: str) -> Maker:
    """One of the values, all about equally often."""
    at, count = position(path), len(values)
    return lambda entropy: values[entropy[at] % count]


def secret_text(path: str) -> Maker:
    """An obviously fake credential: the canary and eight bytes in hex."""
    at = position(path, 8)
    return lambda entropy: f"{CANARY}{entropy[at : at + 8].hex()}"


def url_with_password(path: str) -> Maker:
    """A URL whose user information is a fake credential."""
    secret, word = secret_text(path), one_of(WORDS, path)
    return lambda entropy: f"https://svc:{secret(entropy)}@{word(entropy)}.example/v1"


def _boolean(field: Field) -> Maker:
    at = position(field.path)
    usual = bool(field.default)
    return lambda entropy: usual if entropy[at] < 192 else not usual


def _integer(field: Field) -> Maker:
    at = position(field.path, 2)
    default = field.default
    if default is not None:
        return lambda entropy: default if entropy[at] < 224 else default + entropy[at]
    if field.name.endswith("_id"):
        # Above 2**53, where a reader that makes floats of integers loses the last digits.
        return lambda entropy: 9_007_199_254_740_993 + 2 * int.from_bytes(entropy[at : at + 2])
    return lambda entropy: 1 + int.from_bytes(entropy[at : at + 2]) % 5_000


def _list(field: Field) -> Maker:
    default = field.default
    if default is not None:
        return lambda _: list(default)
    at, word = position(field.path), one_of(WORDS, field.path)
    return lambda entropy: [f"{word(entropy)}.read", "offline_access"][: 1 + entropy[at] % 2]


def _labels(field: Field) -> Maker:
    team = one_of(WORDS, field.path)
    return lambda entropy: {"team": team(entropy), "managed_by": "terraform"}


def _text(field: Field) -> Maker:
    if field.default is not None:
        return one_of((field.default, field.default, field.default, ""), field.path)
    name = field.name.lower()
    return next(make for pattern, make in _TEXTS if pattern.search(name))(field.path)


def _host(path: str) -> Maker:
    at, word = position(path), one_of(WORDS, path)
    return lambda entropy: f"db-{entropy[at] % 9 + 1}.{word(entropy)}.example"


def _domain(path: str) -> Maker:
    word = one_of(WORDS, path)
    return lambda entropy: f"{word(entropy)}.example"


def _url(path: str) -> Maker:
    at, word = position(path), one_of(WORDS, path)
    return lambda entropy: f"https://{word(entropy)}.example/api/v{entropy[at] % 3 + 1}"


def _email(path: str) -> Maker:
    role, word = one_of(ROLES, path), one_of(WORDS, path + "@")
    return lambda entropy: f"{role(entropy)}@{word(entropy)}.example"


def _expiry(path: str) -> Maker:
    at = position(path, 2)
    return lambda entropy: f"2026-{entropy[at] % 12 + 1:02}-{entropy[at + 1] % 28 + 1:02}T06:30:00Z"


def _arn(path: str) -> Maker:
    word = one_of(WORDS, path)
    return lambda entropy: f"arn:aws:iam::000000000000:role/{word(entropy)}-sync"


def _bucket(path: str) -> Maker:
    word, database = one_of(WORDS, path), one_of(DATABASES, path + "#")
    return lambda entropy: f"{word(entropy)}-{database(entropy)}"


def _identifier(path: str) -> Maker:
    at = position(path, 8)
    return lambda entropy: entropy[at : at + 8].hex()


def _json(path: str) -> Maker:
    word = one_of(WORDS, path)
    return lambda entropy: f'{{"source": "{word(entropy)}", "limit": 100}}'


def _from(values: Sequence[str]) -> Callable[[str], Maker]:
    return lambda path: one_of(values, path)


_TEXTS: Final[tuple[tuple[re.Pattern[str], Callable[[str], Maker]], ...]] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"expiry$", _expiry),
        (r"region$|location$", _from(REGIONS)),
        (r"pattern$", _from(("exports/**/*.csv", "daily/*.json.gz", "*.parquet"))),
        (r"email|connected_user|hub_user|authenticated_as", _email),
        (r"url$|uri$|endpoint$|healthcheck", _url),
        (r"arn$", _arn),
        (r"host$|hosts$|hostname$", _host),
        (r"domain$|^site$", _domain),
        (r"bucket|container|^path$", _bucket),
        (r"user|client_name", _from(ROLES)),
        (r"^database$|dbname|dataset|schema|^project$|namespace", _from(DATABASES)),
        (r"^name$", _from(HEADER_NAMES)),
        (r"^type$", _from(("string", "number", "boolean"))),
        (r"label$|_name$|workspace|organization$", _bucket),
        (r"body$", _json),
        (r"params$", _from(("retryWrites=true&w=majority", "", "appName=sync"))),
        (r"id$|_key$|account|tenant|value$|token", _identifier),
        (r"", _from(WORDS)),
    )
)
"""Name patterns, the first that matches decides; the last matches all."""
