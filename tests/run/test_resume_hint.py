"""What a run that stopped says about resuming it."""

from __future__ import annotations

import pytest

from collector.run.output_template import OutputTemplate
from collector.run.resume_hint import resume_hint
from collector.snapshot.sinks.resume import Resume

SAME = "rerun the same command within 24 hours of its start to resume"


def hint(text: str, resume: Resume, *, is_resumable: bool = True, has_left: bool = True) -> str | None:
    return resume_hint(
        OutputTemplate(text), resume, snapshot="out/now.jsonl", is_resumable=is_resumable, has_left=has_left
    )


@pytest.mark.parametrize(
    ("text", "resume", "said"),
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
def test_the_hint_says_what_resumes_it(text: str, resume: Resume, said: str) -> None:
    assert hint(text, resume) == said


@pytest.mark.parametrize("resume", list(Resume))
def test_nothing_is_promised_where_nothing_is_left(resume: Resume) -> None:
    assert hint("c.jsonl", resume, has_left=False) is None


@pytest.mark.parametrize("resume", list(Resume))
def test_a_stream_cannot_be_resumed(resume: Resume) -> None:
    said = hint("-", resume, is_resumable=False, has_left=False)
    assert said is not None
    assert "cannot be resumed" in said
    assert "--output" in said
