"""The log of a server with a limit: the data by which a run is evaluated and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from bench.limits import Segment


class Arrival(NamedTuple):
    """A request, `at` seconds after the first one."""

    at: float
    allowed: bool


class Log(NamedTuple):
    """All requests of one run in order, and the limits that applied."""

    title: str
    segments: tuple[Segment, ...]
    arrivals: list[Arrival]


def save(log: Log, path: Path) -> None:
    """Write the log as JSON, with times to the microsecond."""
    arrivals = [(round(arrival.at, 6), arrival.allowed) for arrival in log.arrivals]
    path.write_text(json.dumps({"title": log.title, "segments": log.segments, "arrivals": arrivals}))


def load(path: Path) -> Log:
    """Read what `save` wrote."""
    saved = json.loads(path.read_text())
    segments = tuple(Segment(*segment) for segment in saved["segments"])
    return Log(saved["title"], segments, [Arrival(*arrival) for arrival in saved["arrivals"]])
