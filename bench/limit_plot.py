"""Draws a server's log: offered, allowed and throttled requests per second over time, and the limit.

With the same version of matplotlib the same log produces an identical file.

python -m bench.limit_plot LOG.json docs/explanation/limit-steps.svg
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Final

from bench.limit_log import Log, load
from bench.limit_thresholds import Thresholds

_OFFERED, _ALLOWED, _THROTTLED, _LIMIT, _SHADE = "#57606a", "#a5cdf0", "#d1242f", "#1f2328", "#eff0f2"
_UNDATED: Final = {"Date": None, "Creator": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("drawing", type=Path, help=".svg or .png")
    parser.add_argument("--settled", type=float, default=Thresholds().settled, help="seconds to shade after each step")
    options = parser.parse_args()
    draw(load(options.log), options.drawing, settled=options.settled)


def per_second(times: Iterable[float], seconds: int) -> list[int]:
    """Count the times in each of the first `seconds` seconds; ignore later ones."""
    counts = Counter(int(time) for time in times)
    return [counts[second] for second in range(seconds)]


def draw(log: Log, path: Path, *, settled: float) -> None:
    """Draw a run; shade the `settled` seconds after each step, in which throttled requests are not evaluated."""
    import matplotlib as mpl  # noqa: PLC0415  # optional, only for drawing
    from matplotlib.figure import Figure  # noqa: PLC0415

    end = ceil(log.segments[-1].end)
    offered = per_second((arrival.at for arrival in log.arrivals), end)
    allowed = per_second((arrival.at for arrival in log.arrivals if arrival.allowed), end)
    edges = list(range(end + 1))
    with mpl.rc_context({"svg.hashsalt": "collector", "font.size": 9}):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
        axes = figure.subplots()
        for number, segment in enumerate(log.segments):
            name = None if number else f"first {settled:g} s after a step"
            axes.axvspan(segment.start, segment.start + settled, color=_SHADE, linewidth=0, zorder=0, label=name)
        axes.stairs(allowed, edges, fill=True, color=_ALLOWED, label="allowed")
        axes.stairs(offered, edges, baseline=allowed, fill=True, color=_THROTTLED, label="throttled (429)")
        axes.stairs(offered, edges, color=_OFFERED, linewidth=0.8, label="offered = allowed + throttled")
        limits = [segment.limit for segment in log.segments]
        steps = [0.0, *(segment.end for segment in log.segments)]
        axes.stairs(limits, steps, color=_LIMIT, linewidth=1.6, linestyle="--", baseline=None, label="limit", zorder=4)
        axes.set(
            xlim=(0, end),
            ylim=(0, 1.05 * max(*offered, *limits)),
            xlabel="seconds since the first request",
            ylabel="requests/s",
        )
        axes.set_title(f"Requests of collector collect at the server as its limit stepped\n{log.title}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=5, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=_UNDATED if path.suffix == ".svg" else None, dpi=120)


if __name__ == "__main__":
    main()
