"""The account as a document, there and back: what a run did, and what its file is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from collector.model.control_chars import json_escaped
from collector.model.ledger import OTHER_PATHS, Account, PathCounts, Tally, status_of
from collector.model.outcome import OutcomeKind
from collector.model.record import Json
from collector.model.throughput import Pace
from collector.model.timestamps import is_utc
from collector.redaction.detect.reasons import UNKNOWN

FORMAT: Final = "collector.manifest/1"
_ASKED: Final = ("base_url", "api_version")
_REQUESTS: Final = ("sent", "unanswered", "retried", "throttled")
_INPUT: Final = ("lines", "unique", "duplicates", "invalid", "blank")


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
    """What is known of a run apart from its account; times are RFC 3339 UTC.

    `redaction` says by which settings records were redacted.
    """

    run_id: str
    version: str
    base_url: str
    api_version: str
    ids_digest: str
    started_at: str
    redaction: Mapping[str, Json] = field(default_factory=dict)


def manifest(
    run: RunFacts,
    account: Account,
    *,
    finished: bool,
    exit_code: int,
    finished_at: str,
    duration_s: float,
    pace: Pace,
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
            "input": {key: getattr(counted, key) for key in _INPUT},
            "outcomes": {str(kind): account.outcomes[kind] for kind in OutcomeKind},
        },
        "requests": {
            "sent": requests.sent,
            "unanswered": requests.unanswered,
            "retried": requests.retried,
            "throttled": requests.throttled,
            "paused_s": round(pace.paused_s, 3),
            "by_status": {str(status): count for status, count in sorted(requests.by_status.items())},
        },
        "pace": {
            "limited_by": {str(cause): round(share, 3) for cause, share in pace.limited_by.items()},
            "settled_rate": None if pace.settled_rate is None else round(pace.settled_rate, 2),
            "pauses": dict(pace.pauses),
        },
        "files": [facts._asdict() for facts in files],
        "redactions": account.tally.redactions.total(),
        "redaction": {
            "paths": dict(account.tally.redactions.most_common()),
            "by_rule": dict((+account.tally.by_rule).most_common()),
            **run.redaction,
        },
        "repaired": account.tally.repairs.total(),
        "repairs": {"paths": dict(account.tally.repairs.most_common())},
        "nul_characters": {"values": account.tally.nuls.total(), "paths": dict(account.tally.nuls.most_common())},
        "unparsed_timestamps": account.tally.unparsed_timestamps,
        "resumed": account.resumed,
    }
    return json_escaped(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


class BadManifest(Exception):
    """The content is no manifest; the text says why."""


class Manifest(NamedTuple):
    """What a manifest says of its one file, each value of the type it should be.

    A manifest of an earlier version does not count NUL characters.
    """

    run_id: str
    status: str
    exit_code: int
    ids_digest: str
    organization_id: str | None
    input: dict[str, int]
    tally: Tally
    facts: FileFacts
    counts_nuls: bool = True


def decode(content: bytes) -> Manifest:
    """The manifest that `content` is. Raises `BadManifest`, never anything else."""
    try:
        found: Json = orjson.loads(content)
        if found["format"] != FORMAT:
            raise BadManifest(f"is not of the format {FORMAT}")
        return _manifest_of(found)
    except orjson.JSONDecodeError as error:
        raise BadManifest(f"byte {error.pos}: no JSON ({error.msg})") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadManifest(f"is not whole: {error}") from None


def _manifest_of(found: Json) -> Manifest:
    _require_account_of_the_run(found)
    [facts] = found["files"]
    source, account = found["source"], found["account"]
    outcomes = Counter({kind: _count(account["outcomes"][kind]) for kind in OutcomeKind})
    organization_id, nuls = source["organization_id"], found.get("nul_characters")
    return Manifest(
        _text(found["run_id"]),
        _text(found["status"]),
        _count(found["exit_code"]),
        _text(source["ids_digest"]),
        None if organization_id is None else _text(organization_id),
        {key: _count(account["input"][key]) for key in _INPUT},
        Tally(
            outcomes,
            _redactions(found),
            _count(found.get("unparsed_timestamps", 0)),
            _paths(found["repairs"]["paths"], found["repaired"]) if "repaired" in found else PathCounts(),
            _paths(nuls["paths"], nuls["values"]) if nuls else PathCounts(),
            _rules(found),
        ),
        FileFacts(_text(facts["path"]), _count(facts["records"]), _count(facts["bytes"]), _text(facts["sha256"])),
        counts_nuls=nuls is not None,
    )


def _require_account_of_the_run(found: Json) -> None:
    """Raise unless what says how the run went is there, and of the type it should be."""
    for text in (*(found["tool"][key] for key in ("name", "version")), *(found["source"][key] for key in _ASKED)):
        _text(text)
    for moment in (found["started_at"], found["finished_at"]):
        if not is_utc(_text(moment)):
            raise ValueError("a time that is none")
    requests = found["requests"]
    for count in (*(requests[key] for key in _REQUESTS), *requests["by_status"].values(), found["resumed"]):
        _count(count)
    for seconds in (found["duration_s"], requests["paused_s"]):
        if type(seconds) not in {int, float} or seconds < 0:
            raise ValueError("seconds that are none")
    if found["resumed"] > found["account"]["outcomes"][OutcomeKind.OK]:
        raise ValueError("more records taken over than there are")


def _redactions(found: Json) -> PathCounts:
    """The paths of masked values, each with its count; a manifest of before they were told has a total only."""
    total = _count(found["redactions"])
    if "redaction" not in found:
        return PathCounts({OTHER_PATHS: total})
    return _paths(found["redaction"]["paths"], total)


def _rules(found: Json) -> Counter[str]:
    """The rules by which values were masked, each with its count; a manifest of before they were told has none."""
    total, redaction = found["redactions"], found.get("redaction", {})
    return Counter(_paths(redaction["by_rule"], total)) if "by_rule" in redaction else Counter({UNKNOWN: total})


def _paths(found: Json, total: Json) -> PathCounts:
    """Counts by path. Raises ValueError unless they add up to the total."""
    paths = PathCounts({_text(path): _count(count) for path, count in found.items()})
    if paths.total() != _count(total):
        raise ValueError("a total that is not the sum of its paths")
    return paths


def _count(value: Json) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("a count that is none")
    return value


def _text(value: Json) -> str:
    if type(value) is not str:
        raise TypeError("a text that is none")
    return value
