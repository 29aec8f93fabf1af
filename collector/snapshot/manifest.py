"""The account as a document, there and back: what a run did, and what its file is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from collector.model.control_chars import json_escaped
from collector.model.ledger import OTHER_PATHS, Account, PathCounts, RequestCount, Tally, status_of
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


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run says of itself; times are RFC 3339 UTC.

    `redaction` says by which settings records were redacted; `finished` is False for a run that stopped.
    """

    run_id: str
    version: str
    base_url: str
    api_version: str
    ids_digest: str
    started_at: str
    finished_at: str
    duration_s: float
    account: Account
    finished: bool
    exit_code: int
    pace: Pace
    organization_id: str | None = None
    redaction: Mapping[str, Json] = field(default_factory=dict)


def encode(report: RunReport, files: Sequence[FileFacts]) -> bytes:
    """The manifest as JSON; of `files` the records come first, then the errors file, if there is one."""
    tally = report.account.tally
    document: dict[str, Any] = {
        "format": FORMAT,
        "run_id": report.run_id,
        "tool": {"name": "collector", "version": report.version},
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "duration_s": round(report.duration_s, 3),
        "status": status_of(report.account, finished=report.finished),
        "exit_code": int(report.exit_code),
        "source": {
            "base_url": report.base_url,
            "api_version": report.api_version,
            "organization_id": report.organization_id,
            "ids_digest": report.ids_digest,
        },
        "account": {
            "input": {key: getattr(report.account.input, key) for key in _INPUT},
            "outcomes": {str(kind): report.account.outcomes[kind] for kind in OutcomeKind},
        },
        "requests": _encoded_requests(report.account.requests, report.pace),
        "pace": _encoded_pace(report.pace),
        "files": [facts._asdict() for facts in files],
        "redactions": tally.redactions.total(),
        "redaction": {
            "paths": dict(tally.redactions.most_common()),
            "by_rule": dict((+tally.by_rule).most_common()),
            **report.redaction,
        },
        "repaired": tally.repairs.total(),
        "repairs": {"paths": dict(tally.repairs.most_common())},
        "nul_characters": {"values": tally.nuls.total(), "paths": dict(tally.nuls.most_common())},
        "unparsed_timestamps": tally.unparsed_timestamps,
        "resumed": report.account.resumed,
    }
    return json_escaped(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _encoded_requests(requests: RequestCount, pace: Pace) -> dict[str, Json]:
    return {
        **{key: getattr(requests, key) for key in _REQUESTS},
        "paused_s": round(pace.paused_s, 3),
        "by_status": {str(status): count for status, count in sorted(requests.by_status.items())},
    }


def _encoded_pace(pace: Pace) -> dict[str, Json]:
    return {
        "limited_by": {str(cause): round(share, 3) for cause, share in pace.limited_by.items()},
        "settled_rate": None if pace.settled_rate is None else round(pace.settled_rate, 2),
        "pauses": dict(pace.pauses),
    }


class BadManifest(Exception):
    """The content is no manifest; the text says why."""


class Manifest(NamedTuple):
    """What a manifest says, each value of the type it should be: `facts` of the records, `errors` of the errors file.

    A manifest of an earlier version names no errors file and does not count NUL characters.
    """

    run_id: str
    status: str
    exit_code: int
    ids_digest: str
    organization_id: str | None
    input: dict[str, int]
    tally: Tally
    facts: FileFacts
    errors: FileFacts | None = None
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
    facts, *others = map(_facts, found["files"])
    if len(others) > 1:
        raise ValueError("more than a file of records and one of errors")
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
        facts,
        others[0] if others else None,
        counts_nuls=nuls is not None,
    )


def _facts(found: Json) -> FileFacts:
    return FileFacts(_text(found["path"]), _count(found["records"]), _count(found["bytes"]), _text(found["sha256"]))


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
