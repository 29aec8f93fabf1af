"""The state of the tap: for each stream, the last run that emitted all of it. Pure.

    {"bookmarks": {"connections": {"run_id": "…", "version": 1764230400000, "completed_at": "…"}}}

Every run reads whole streams, so a state never changes which records are emitted. It passes through unchanged until a
run is complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from collector.model.errors import ConfigError
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse

State: TypeAlias = dict[str, Any]

_BOOKMARKS: Final = "bookmarks"
_LARGEST_VERSION: Final = 2**53
"""A larger version is not of this tap. Targets keep versions in 64 bits, and JavaScript in a double."""

_ADVICE: Final = "pass the last state that the tap emitted, or no --state"


def read_state(content: bytes, path: str) -> State:
    """Read the state of Singer, or the list of stream states of Airbyte. Raises `ConfigError`."""
    try:
        found = parse(content) if content.strip() else {}
    except NotJson as reason:
        raise ConfigError(f"--state {path}: not JSON: {reason}; {_ADVICE}") from None
    if isinstance(found, list):
        found = {_BOOKMARKS: dict(_stream_state(each, path) for each in found)}
    if not isinstance(found, dict) or not isinstance(found.get(_BOOKMARKS, {}), dict):
        raise ConfigError(f"--state {path}: not the state of a tap; {_ADVICE}")
    if found.get("type") == "STATE":
        raise ConfigError(f"--state {path}: a whole STATE message; pass only its value")
    return found


def _stream_state(found: Json, path: str) -> tuple[str, Json]:
    try:
        name = found["stream"]["stream_descriptor"]["name"]
        state = found["stream"].get("stream_state") or {}
    except (AttributeError, KeyError, TypeError):
        raise ConfigError(f"--state {path}: not a list of stream states; {_ADVICE}") from None
    if not isinstance(name, str):
        raise ConfigError(f"--state {path}: the name of a stream is not text; {_ADVICE}")
    return name, state


def bookmark_of(state: State, stream: str) -> dict[str, Json]:
    """The bookmark of a stream; empty without one."""
    found = state.get(_BOOKMARKS, {}).get(stream)
    return found if isinstance(found, dict) else {}


def next_version(state: State, streams: Iterable[str], now_ms: int) -> int:
    """The version of a run that starts now: above every earlier one, also after the clock was set back."""
    earlier = [bookmark_of(state, stream).get("version") for stream in streams]
    return max(now_ms, *(version + 1 for version in earlier if type(version) is int and version < _LARGEST_VERSION), 0)


def advanced(state: State, streams: Iterable[str], bookmark: dict[str, Json]) -> State:
    """The state after a complete run of these streams."""
    return {**state, _BOOKMARKS: {**state.get(_BOOKMARKS, {}), **dict.fromkeys(streams, bookmark)}}
