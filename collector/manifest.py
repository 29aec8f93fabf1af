"""The account as a document: what a run did, and what its file is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import orjson

from collector.account import Account
from collector.errors import ExitCode
from collector.model import OutcomeKind

FORMAT = "collector.manifest/1"


class FileFacts(NamedTuple):
    """A data file as it stands on the disk; `path` is relative to the manifest."""

    path: str
    records: int
    bytes: int
    sha256: str


WriteManifest: TypeAlias = Callable[[list[FileFacts]], bytes]
"""Makes the manifest once the facts of its files are known."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run apart from its account; times are RFC 3339 UTC."""

    run_id: str
    version: str
    base_url: str
    api_version: str
    ids_digest: str
    started_at: str


def status_of(account: Account, *, finished: bool) -> str:
    """`complete` (every unique id is ok), `partial` (finished, not all ok) or `stopped`."""
    if not finished:
        return "stopped"
    return "complete" if account.is_complete else "partial"


def manifest(
    run: RunFacts,
    account: Account,
    *,
    finished: bool,
    exit_code: int,
    finished_at: str,
    duration_s: float,
    paused_s: float,
    organization_id: str | None,
    files: list[FileFacts],
) -> bytes:
    """The manifest as JSON."""
    counted, requests = account.input, account.requests
    document: dict[str, Any] = {
        "format": FORMAT,
        "run_id": run.run_id,
        "tool": {"name": "collector", "version": run.version},
        "started_at": run.started_at,
        "finished_at": finished_at,
        "duration_s": round(duration_s, 3),
        "status": status_of(account, finished=finished),
        "exit_code": int(exit_code),
        "source": {
            "base_url": run.base_url,
            "api_version": run.api_version,
            "organization_id": organization_id,
            "ids_digest": run.ids_digest,
        },
        "account": {
            "input": {
                "lines": counted.lines,
                "unique": counted.unique,
                "duplicates": counted.duplicates,
                "invalid": counted.invalid,
                "blank": counted.blank,
            },
            "outcomes": {str(kind): account.outcomes[kind] for kind in OutcomeKind},
        },
        "requests": {
            "sent": requests.sent,
            "unanswered": requests.unanswered,
            "retried": requests.retried,
            "throttled": requests.throttled,
            "paused_s": round(paused_s, 3),
            "by_status": {str(status): count for status, count in sorted(requests.by_status.items())},
        },
        "files": [facts._asdict() for facts in files],
        "redactions": account.tally.redactions,
        "unparsed_timestamps": account.tally.unparsed_timestamps,
        "resumed": account.resumed,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def exit_code_of(account: Account) -> ExitCode:
    """The exit code of a run that finished."""
    return ExitCode.OK if account.is_clean else ExitCode.INCOMPLETE
