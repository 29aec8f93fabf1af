"""The shared quota: do the runs of this user on this host share one rate? Pure."""

from __future__ import annotations

from pathlib import Path

from collector.run.readiness.checks.finding import Finding, ok, warning

QUOTA = "quota"


def check_quota(path: Path, problem: str, *, was_unknown: bool) -> Finding:
    """The finding after a permit was taken from the file; `problem` is the warning of the quota, or empty.

    `was_unknown`: the file had content that no run on this clock has written.
    """
    file = str(path)
    if problem:
        text, _, reason = problem.partition(": not sharing the quota with other runs: ")
        return warning(
            QUOTA,
            f"not shared with other runs: {reason or text}",
            f"correct {path.parent}, or pass --no-share-quota and give each run a part of --rate",
            file=file,
        )
    if was_unknown:
        return ok(QUOTA, f"shared by {path}, whose invalid content was replaced", file=file)
    return ok(QUOTA, f"shared by {path}", file=file)


def unshared(rate: float) -> Finding:
    """The finding for settings that turn sharing off."""
    reason = "--no-share-quota" if rate else "--rate 0"
    return ok(QUOTA, f"not shared with other runs ({reason})", file=None)
