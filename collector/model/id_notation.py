"""Connection ids as people write them: in braces, in quotes, before a comma, or in a Polytomic address. Pure."""

from __future__ import annotations

import re
from typing import Final

from collector.model.ids import ID_PATTERN, canonical_id
from collector.model.lazy_pattern import lazy_pattern

_MAX_LENGTH: Final = 2048  # characters; browsers accept no longer addresses in practice
_MAX_WRAPPINGS: Final = 2  # as in "{…}"
_CLOSING: Final = {"{": "}", '"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019"}
_ADDRESS = lazy_pattern(
    r"(?:https?://)?(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?(?P<path>/[^\s?#]*)(?:[?#]\S*)?",
    re.ASCII | re.IGNORECASE,
)
_CONNECTION = lazy_pattern(rf"/connections/({ID_PATTERN})(?=/|\Z)", re.ASCII | re.IGNORECASE)
_HOST: Final = "polytomic.com"


def written_id(text: str, host: str = "") -> str | None:
    """The canonical id that `text` stands for, or None.

    An id may be in braces or quotes, followed by a comma, or part of the path `…/connections/ID` of an address. The
    address must be Polytomic's, or on `host`, which is that of a deployment.
    """
    if found := canonical_id(text):
        return found
    if len(text) > _MAX_LENGTH:
        return None
    bare = text.strip().removesuffix(",").rstrip()
    for _ in range(_MAX_WRAPPINGS):
        if len(bare) < 2 or _CLOSING.get(bare[0]) != bare[-1]:
            break
        bare = bare[1:-1].strip()
    return canonical_id(bare) or _id_in_address(bare, host)


def _id_in_address(text: str, host: str) -> str | None:
    address = _ADDRESS.fullmatch(text)
    if address is None or not _is_polytomic(address["host"].lower(), host.lower()):
        return None
    found = {each.lower() for each in _CONNECTION.findall(address["path"])}
    return found.pop() if len(found) == 1 else None


def _is_polytomic(named: str, host: str) -> bool:
    return named == _HOST or named.endswith(f".{_HOST}") or (host != "" and named.strip("[]") == host)
