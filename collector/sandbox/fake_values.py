"""Fake configuration values, chosen by the name of the field. All names in them are made up.

A value depends only on `Entropy`, so a connection always has the same values. A field's path determines, when its
factory is built, which bytes of the entropy the factory reads. One call of a factory takes well under a microsecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias
from zlib import crc32

from collector.model.record import Json
from collector.sandbox.catalogue import Field

Entropy: TypeAlias = bytes
"""64 uniformly distributed bytes, determined by seed and index."""

ENTROPY_SIZE: Final = 64

ValueFactory: TypeAlias = Callable[[Entropy], Json]

CANARY: Final = "sandbox-secret-"
"""Marker inside every unmasked secret of the sandbox: search an export for it to detect a leak."""

REGIONS: Final = ("us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-southeast-2", "ca-central-1")
WORDS: Final = (
    *("amber", "birch", "cobalt", "drift", "ember", "fern", "garnet", "harbor"),
    *("indigo", "juniper", "kelp", "lumen", "maple", "nimbus", "orchid", "pebble"),
    *("quartz", "raven", "saffron", "thistle", "umber", "velvet", "willow", "zephyr"),
)
ROLES: Final = ("svc_sync", "etl", "reporting", "readonly", "warehouse_loader", "svc-reverse-etl")
DATABASES: Final = ("analytics", "production", "crm", "billing", "events", "warehouse")
HEADER_NAMES: Final = ("Authorization", "X-Api-Key", "X-Tenant", "api-version")


def entropy_offset(path: str, width: int = 1) -> int:
    """Offset of the `width` bytes of entropy that the field at `path` reads."""
    return crc32(path.encode()) % (ENTROPY_SIZE - width + 1)


def fake_value(field: Field) -> ValueFactory:
    """A factory of values for a field that has no children and holds no secret."""
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


def one_of(values: Sequence[Json], path: str) -> ValueFactory:
    """A factory that picks one of `values`, each with about equal probability."""
    offset, count = entropy_offset(path), len(values)
    return lambda entropy: values[entropy[offset] % count]


def fake_secret(path: str) -> ValueFactory:
    """A factory of obviously fake credentials: `CANARY` and 8 bytes in hexadecimal."""
    offset = entropy_offset(path, 8)
    return lambda entropy: f"{CANARY}{entropy[offset : offset + 8].hex()}"


def url_with_password(path: str) -> ValueFactory:
    """A factory of URLs with a fake credential as the password."""
    secret, word = fake_secret(path), one_of(WORDS, path)
    return lambda entropy: f"https://svc:{secret(entropy)}@{word(entropy)}.example/v1"


def _boolean(field: Field) -> ValueFactory:
    offset = entropy_offset(field.path)
    usual = bool(field.default)
    return lambda entropy: usual if entropy[offset] < 192 else not usual


def _integer(field: Field) -> ValueFactory:
    offset = entropy_offset(field.path, 2)
    default = field.default
    if default is not None:
        return lambda entropy: default if entropy[offset] < 224 else default + entropy[offset]
    if field.name.endswith("_id"):
        # Above 2**53, a reader that converts integers to floats loses the last digits.
        return lambda entropy: 9_007_199_254_740_993 + 2 * int.from_bytes(entropy[offset : offset + 2])
    return lambda entropy: 1 + int.from_bytes(entropy[offset : offset + 2]) % 5_000


def _list(field: Field) -> ValueFactory:
    default = field.default
    if default is not None:
        return lambda _: list(default)
    offset, word = entropy_offset(field.path), one_of(WORDS, field.path)
    return lambda entropy: [f"{word(entropy)}.read", "offline_access"][: 1 + entropy[offset] % 2]


def _labels(field: Field) -> ValueFactory:
    team = one_of(WORDS, field.path)
    return lambda entropy: {"team": team(entropy), "managed_by": "terraform"}


def _text(field: Field) -> ValueFactory:
    if field.default is not None:
        return one_of((field.default, field.default, field.default, ""), field.path)
    name = field.name.lower()
    return next(make for pattern, make in _TEXT_FACTORIES if pattern.search(name))(field.path)


def _host(path: str) -> ValueFactory:
    offset, word = entropy_offset(path), one_of(WORDS, path)
    return lambda entropy: f"db-{entropy[offset] % 9 + 1}.{word(entropy)}.example"


def _domain(path: str) -> ValueFactory:
    word = one_of(WORDS, path)
    return lambda entropy: f"{word(entropy)}.example"


def _url(path: str) -> ValueFactory:
    offset, word = entropy_offset(path), one_of(WORDS, path)
    return lambda entropy: f"https://{word(entropy)}.example/api/v{entropy[offset] % 3 + 1}"


def _email(path: str) -> ValueFactory:
    role, word = one_of(ROLES, path), one_of(WORDS, path + "@")
    return lambda entropy: f"{role(entropy)}@{word(entropy)}.example"


def _expiry(path: str) -> ValueFactory:
    offset = entropy_offset(path, 2)
    return lambda entropy: f"2026-{entropy[offset] % 12 + 1:02}-{entropy[offset + 1] % 28 + 1:02}T06:30:00Z"


def _arn(path: str) -> ValueFactory:
    word = one_of(WORDS, path)
    return lambda entropy: f"arn:aws:iam::000000000000:role/{word(entropy)}-sync"


def _bucket(path: str) -> ValueFactory:
    word, database = one_of(WORDS, path), one_of(DATABASES, path + "#")
    return lambda entropy: f"{word(entropy)}-{database(entropy)}"


def _identifier(path: str) -> ValueFactory:
    offset = entropy_offset(path, 8)
    return lambda entropy: entropy[offset : offset + 8].hex()


def _json(path: str) -> ValueFactory:
    word = one_of(WORDS, path)
    return lambda entropy: f'{{"source": "{word(entropy)}", "limit": 100}}'


def _any_of(values: Sequence[str]) -> Callable[[str], ValueFactory]:
    return lambda path: one_of(values, path)


_TEXT_FACTORIES: Final[tuple[tuple[re.Pattern[str], Callable[[str], ValueFactory]], ...]] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"expiry$", _expiry),
        (r"region$|location$", _any_of(REGIONS)),
        (r"pattern$", _any_of(("exports/**/*.csv", "daily/*.json.gz", "*.parquet"))),
        (r"email|connected_user|hub_user|authenticated_as", _email),
        (r"url$|uri$|endpoint$|healthcheck", _url),
        (r"arn$", _arn),
        (r"host$|hosts$|hostname$", _host),
        (r"domain$|^site$", _domain),
        (r"bucket|container|^path$", _bucket),
        (r"user|client_name", _any_of(ROLES)),
        (r"^database$|dbname|dataset|schema|^project$|namespace", _any_of(DATABASES)),
        (r"^name$", _any_of(HEADER_NAMES)),
        (r"^type$", _any_of(("string", "number", "boolean"))),
        (r"label$|_name$|workspace|organization$", _bucket),
        (r"body$", _json),
        (r"params$", _any_of(("retryWrites=true&w=majority", "", "appName=sync"))),
        (r"id$|_key$|account|tenant|value$|token", _identifier),
        (r"", _any_of(WORDS)),
    )
)
"""Patterns of field names. The first match decides; the last pattern matches every name."""
