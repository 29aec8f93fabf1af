"""Advice on how to resume a stopped run, given only where it works. Pure."""

from __future__ import annotations

from collector.run.output_template import OutputTemplate
from collector.snapshot.sinks.resume import Resume


def resume_hint(
    template: OutputTemplate, resume: Resume, *, snapshot: str, is_resumable: bool, has_unfinished_files: bool
) -> str | None:
    """The advice in the imperative; None when the run left no files. `snapshot` is the path of its output."""
    if not is_resumable:
        return f"{snapshot} cannot be resumed; rerun from the start, or name a file with --output"
    if not has_unfinished_files:
        return None
    changes = [f"--output {snapshot}"] if template.has_run_id else []
    changes += ["--resume auto"] if resume is Resume.NEVER else []
    within = " within 24 hours of its start" if resume is not Resume.ALWAYS else ""
    if changes:
        return f"rerun with {' and '.join(changes)}{within} to resume"
    return f"rerun the same command{within} to resume"
