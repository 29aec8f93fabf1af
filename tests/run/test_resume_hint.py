"""The advice on how to resume a stopped run."""

from __future__ import annotations

import pytest

from collector.run.output_template import OutputTemplate
from collector.run.resume_hint import resume_hint
from collector.snapshot.sinks.resume import Resume

SAME = "rerun the same command within 24 hours of its start to resume"


def hint(text: str, resume: Resume, *, is_resumable: bool = True, has_unfinished_files: bool = True) -> str | None:
    return resume_hint(
        OutputTemplate(text),
        resume,
        snapshot="out/now.jsonl",
        is_resumable=is_resumable,
        has_unfinished_files=has_unfinished_files,
    )


@pytest.mark.parametrize(
    ("text", "resume", "expected"),
    [
        ("c.jsonl", Resume.AUTO, SAME),
        ("{date}.jsonl", Resume.AUTO, SAME),
        ("c.jsonl", Resume.ALWAYS, "rerun the same command to resume"),
        ("c.jsonl", Resume.NEVER, "rerun with --resume auto within 24 hours of its start to resume"),
        (
            "{run_id}.jsonl",
            Resume.AUTO,
            "rerun with --output out/now.jsonl within 24 hours of its start to resume",
        ),
        ("{run_id}.jsonl", Resume.ALWAYS, "rerun with --output out/now.jsonl to resume"),
        (
            "{date}-{run_id}.jsonl",
            Resume.NEVER,
            "rerun with --output out/now.jsonl and --resume auto within 24 hours of its start to resume",
        ),
    ],
)
def test_the_hint_names_the_command_that_resumes_the_run(text: str, resume: Resume, expected: str) -> None:
    assert hint(text, resume) == expected


@pytest.mark.parametrize("resume", list(Resume))
def test_without_files_to_resume_there_is_no_hint(resume: Resume) -> None:
    assert hint("c.jsonl", resume, has_unfinished_files=False) is None


@pytest.mark.parametrize("resume", list(Resume))
def test_a_stream_cannot_be_resumed(resume: Resume) -> None:
    advice = hint("-", resume, is_resumable=False, has_unfinished_files=False)
    assert advice is not None
    assert "cannot be resumed" in advice
    assert "--output" in advice
