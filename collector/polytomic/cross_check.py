"""Compares the list of connections with the requested ids, and listed payloads with fetched ones. Pure.

Theory of operation. Keeping listed payloads until they are compared would need as much memory as the list. So each
payload becomes a fingerprint: a 32-bit hash per field, about 300 bytes per connection. A payload that is fetched later
is hashed too, and its fields compared by hash. A change goes unnoticed with a probability of 1 in 4 billion.

A field is a value at the top of the payload, or a member of an object at the top, such as `configuration.hostname`. An
array, and an object inside a member, is one value.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from collector.model.ids import IdSet
from collector.model.ledger import OTHER_PATHS, PathCounts
from collector.model.record import Json

MAX_REPORTED_IDS: Final = 1000
"""At most this many ids are listed per kind of difference; all are counted."""

_MAX_NAMED_IDS: Final = 3  # in a message
_MAX_NAMED_PATHS: Final = 5
_MAX_PATHS: Final = 1 << 16
_HASH_BITS: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class CrossCheckReport:
    """The result of a cross-check.

    - `listed`: the unique ids in the list.
    - `not_requested`, `not_listed`: how many ids are listed but not requested, and requested but not listed, each with
      the first of them.
    - `compared`: connections whose payload was both listed and fetched by this process; `different`: those that differ.
    - `paths`: how many connections differ at each path.
    """

    listed: int = 0
    not_requested: tuple[int, tuple[str, ...]] = (0, ())
    not_listed: tuple[int, tuple[str, ...]] = (0, ())
    compared: int = 0
    different: int = 0
    paths: PathCounts = field(default_factory=PathCounts)

    @property
    def has_differences(self) -> bool:
        """Is there any difference?"""
        return bool(self.not_requested[0] or self.not_listed[0] or self.different)

    def as_manifest(self) -> dict[str, Json]:
        """The result as the manifest records it."""
        return {
            "listed": self.listed,
            "listed_not_requested": _encoded(self.not_requested),
            "requested_not_listed": _encoded(self.not_listed),
            "compared": self.compared,
            "different": self.different,
            "paths": dict(self.paths.most_common()),
        }

    def __str__(self) -> str:
        """One sentence for a message."""
        top = ", ".join(f"{path} {count}" for path, count in self.paths.most_common(_MAX_NAMED_PATHS))
        more = ", ..." if len(self.paths) > _MAX_NAMED_PATHS else ""
        return (
            f"cross-check with the list of {self.listed} connections: {_named(self.not_requested)} listed but not "
            f"requested, {_named(self.not_listed)} requested but not listed, {self.different} of {self.compared} "
            f"differ from their listed payload{f' ({top}{more})' if top else ''}"
        )


def _encoded(found: tuple[int, tuple[str, ...]]) -> dict[str, Json]:
    number, ids = found
    return {"count": number, "ids": list(ids)}


def _named(found: tuple[int, tuple[str, ...]]) -> str:
    number, ids = found
    more = ", ..." if number > _MAX_NAMED_IDS else ""
    names = ", ".join(ids[:_MAX_NAMED_IDS])
    return f"{number} ({names}{more})" if ids else str(number)


class CrossCheck:
    """Collects the fingerprints of listed payloads and compares fetched payloads with them."""

    def __init__(self, path_of: Callable[[Iterable[str]], str]) -> None:
        """`path_of` renders the keys of a value as a path, without secrets in it."""
        self._path_of = path_of
        self._paths: dict[tuple[str, ...], int] = {}
        self._fingerprints: dict[str, bytes] = {}
        self._listed = IdSet()
        self._compared = self._different = 0
        self._counts: dict[int, int] = {}

    def restart(self) -> None:
        """Forget the list, which is read again from its start."""
        self._listed = IdSet()
        self._fingerprints.clear()

    def add_listed(self, connection_id: str, payload: dict[str, Json] | None) -> None:
        """Keep the fingerprint of a listed payload; None if it is malformed, and cannot be compared.

        The last payload of an id that is listed twice applies.
        """
        self._listed.add(connection_id)
        if payload is not None:
            self._fingerprints[connection_id] = _pack(self._hashes(payload))

    def prepare(self, connection_id: str, payload: dict[str, Json]) -> Callable[[], None]:
        """Hash a fetched payload, which may change afterwards; the result compares it with the listed one.

        Compares once per id, and ignores an id that is not listed.
        """
        if connection_id not in self._fingerprints:
            return _ignore
        return partial(self._compare, connection_id, self._hashes(payload))

    def _compare(self, connection_id: str, fetched: dict[int, int]) -> None:
        packed = self._fingerprints.pop(connection_id, None)
        if packed is None:
            return
        self._compared += 1
        listed = _unpack(packed)
        different = [path for path in listed.keys() | fetched.keys() if listed.get(path) != fetched.get(path)]
        self._different += bool(different)
        for path in different:
            self._counts[path] = self._counts.get(path, 0) + 1

    def report(self, requested: IdSet, left_out: IdSet) -> CrossCheckReport:
        """The result for the ids of a run; a filter has `left_out` others on purpose."""
        paths = PathCounts()
        for keys, path in self._paths.items():
            if path in self._counts:
                paths.count(self._path_of(keys), self._counts[path])
        return CrossCheckReport(
            listed=len(self._listed),
            not_requested=_first(id_ for id_ in self._listed if id_ not in requested and id_ not in left_out),
            not_listed=_first(id_ for id_ in requested.all() if id_ not in self._listed),
            compared=self._compared,
            different=self._different,
            paths=paths,
        )

    def _hashes(self, payload: dict[str, Json]) -> dict[int, int]:
        return {self._index_of(keys): hash_of(value) & _HASH_BITS for keys, value in _fields_of(payload)}

    def _index_of(self, keys: tuple[str, ...]) -> int:
        """The number of a path. The API chooses the keys, so those beyond the limit share the last number."""
        if (index := self._paths.get(keys)) is None:
            if len(self._paths) >= _MAX_PATHS - 1:
                keys = (OTHER_PATHS,)
            index = self._paths.setdefault(keys, len(self._paths))
        return index

    def __repr__(self) -> str:
        return f"<CrossCheck of {len(self._listed)} listed connections, {self._compared} compared>"


def _ignore() -> None:
    pass


def _fields_of(payload: dict[str, Json]) -> Iterator[tuple[tuple[str, ...], Json]]:
    for key, value in payload.items():
        if isinstance(value, dict):
            yield from (((key, inner), each) for inner, each in value.items())
        else:
            yield (key,), value


def hash_of(value: Json) -> int:
    """A hash of a JSON value of any depth, the same for objects with their keys in another order."""
    if isinstance(value, dict):
        return hash(("object", frozenset((key, hash_of(each)) for key, each in value.items())))
    if isinstance(value, list):
        return hash(("array", tuple(map(hash_of, value))))
    if isinstance(value, str):
        return hash(("text", value))
    return hash((type(value).__name__, repr(value)))  # not the number itself: -1 and -2 have the same hash


def _pack(hashes: dict[int, int]) -> bytes:
    return array("H", hashes).tobytes() + array("I", hashes.values()).tobytes()


def _unpack(packed: bytes) -> dict[int, int]:
    paths, hashes = array("H"), array("I")
    number = len(packed) // (paths.itemsize + hashes.itemsize)
    paths.frombytes(packed[: number * paths.itemsize])
    hashes.frombytes(packed[number * paths.itemsize :])
    return dict(zip(paths, hashes, strict=True))


def _first(ids: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    number, kept = 0, list[str]()
    for number, id_ in enumerate(ids, start=1):
        if number <= MAX_REPORTED_IDS:
            kept.append(id_)
    return number, tuple(kept)
