"""Encode and decode the manifest: the account of a run and the facts of its files. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

import orjson

from collector.model.control_chars import json_escaped
from collector.model.ledger import OTHER_PATHS, InputCount, Ledger, PathCounts, RequestCount, Tally, status_of
from collector.model.outcome import OutcomeKind
from collector.model.record import Json
from collector.model.record_form import ConfigurationAs, Order, RecordForm, Timestamps
from collector.model.shape import Shape
from collector.model.side_tables import SIDE_TABLES, SideTable, TableEnd, TableStatus
from collector.model.throughput import Throughput
from collector.redaction.detect.reasons import UNKNOWN
from collector.snapshot.drift import NOT_COMPARED, DriftReport
from collector.snapshot.drift_json import decode_drift, drift_as_json
from collector.snapshot.json_document import JsonNode, parse
from collector.snapshot.parts import is_partitioned, part_name
from collector.snapshot.shape_json import decode_shape, shape_as_json

FORMAT: Final = "collector.manifest/1"
_SOURCE_TEXTS: Final = ("base_url", "api_version")
_REQUEST_COUNTS: Final = ("sent", "unanswered", "retried", "throttled")
_INPUT_COUNTS: Final = ("lines", "unique", "duplicates", "invalid", "blank")
_FILTERED: Final = "filtered"

STREAM_PATH: Final = "-"
"""The `path` of records that were written to a stream, which has no file name."""


class FileEntry(NamedTuple):
    """An entry of `files`: a data file on the disk. `path` is relative to the manifest.

    A part of a partition has the name of the output, which contains `{part}`, as `part_of`.
    """

    path: str
    records: int
    bytes: int
    sha256: str
    part_of: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The entry in a manifest."""
        return {key: value for key, value in self._asdict().items() if value is not None}


def whole_of(parts: Sequence[FileEntry]) -> FileEntry:
    """One entry for all records: that of the only file, or the sums of the parts of a partition.

    The digest of a partition is the SHA-256 of the digests (hex) of its parts in order, each with a line feed.
    """
    first = parts[0]
    if first.part_of is None:
        return first
    digest = hashlib.sha256("".join(f"{each.sha256}\n" for each in parts).encode()).hexdigest()
    sums = (sum(each.records for each in parts), sum(each.bytes for each in parts))
    return FileEntry(first.part_of, *sums, digest, first.part_of)


class TableEntry(NamedTuple):
    """An entry of `files` for a side table: its file, its source, and whether it is whole.

    Its rows are counted as `records` of the file; `redactions` are their masked values. The other fields are those of
    `TableEnd`.
    """

    file: FileEntry
    table: str
    endpoint: str
    status: TableStatus
    pages: int = 0
    skipped: int = 0
    duplicates: int = 0
    redactions: int = 0
    reason: str = ""

    def as_json(self) -> dict[str, Json]:
        """The entry in a manifest."""
        facts = {**self._asdict(), "status": str(self.status)}
        return {**facts.pop("file").as_json(), **facts}


def table_entry_of(table: SideTable, file: FileEntry, end: TableEnd) -> TableEntry:
    """The entry of a side table that ended so."""
    return TableEntry(
        file,
        table.name,
        table.endpoint,
        end.status,
        pages=end.pages,
        skipped=end.skipped,
        duplicates=end.duplicates,
        redactions=end.tally.redactions.total(),
        reason=end.reason,
    )


@dataclass(frozen=True, slots=True)
class RunReport:
    """The facts of a run that its manifest records. Times are RFC 3339 UTC.

    `redaction` holds the settings by which records were redacted, `output` those of their form and order, `selection`
    those by which connections were selected, and `cross_check` the result of a comparison with the list. `finished` is
    False for a run that stopped. `earlier_shape` holds fields that earlier runs knew and the records do not show.
    """

    run_id: str
    version: str
    base_url: str
    api_version: str
    ids_digest: str
    started_at: str
    finished_at: str
    duration_s: float
    ledger: Ledger
    finished: bool
    exit_code: int
    pace: Throughput
    organization_id: str | None = None
    redaction: Mapping[str, Json] = field(default_factory=dict)
    output: Mapping[str, Json] = field(default_factory=dict)
    selection: Mapping[str, Json] = field(default_factory=dict)
    cross_check: Mapping[str, Json] | None = None
    drift: DriftReport = NOT_COMPARED
    earlier_shape: Shape = field(default_factory=Shape)


def encode(report: RunReport, files: Sequence[FileEntry], tables: Sequence[TableEntry] = ()) -> bytes:
    """Encode the manifest as JSON. `tables` holds the side tables.

    `files` holds the records, or their parts, then the errors file if there is one.
    """
    tally = report.ledger.tally
    document: dict[str, Any] = {
        "format": FORMAT,
        "run_id": report.run_id,
        "tool": {"name": "collector", "version": report.version},
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "duration_s": round(report.duration_s, 3),
        "status": status_of(report.ledger, finished=report.finished),
        "exit_code": int(report.exit_code),
        "source": {
            "base_url": report.base_url,
            "api_version": report.api_version,
            "organization_id": report.organization_id,
            "ids_digest": report.ids_digest,
            **report.selection,
        },
        "account": {
            "input": _encoded_input(report.ledger.input),
            "outcomes": {str(kind): report.ledger.outcomes[kind] for kind in OutcomeKind},
        },
        "requests": _encoded_requests(report.ledger.requests, report.pace),
        "pace": _encoded_pace(report.pace),
        "files": encoded_files(files, tables),
        "redactions": tally.redactions.total(),
        "redaction": {
            "paths": dict(tally.redactions.most_common()),
            "by_rule": dict((+tally.by_rule).most_common()),
            **report.redaction,
        },
        **({"output": report.output} if report.output else {}),
        "repaired": tally.repairs.total(),
        "repairs": {"paths": dict(tally.repairs.most_common())},
        "nul_characters": {"values": tally.nuls.total(), "paths": dict(tally.nuls.most_common())},
        "unparsed_timestamps": tally.unparsed_timestamps,
        "resumed": report.ledger.resumed,
        "shape": shape_as_json(tally.shape),
        "earlier_shape": shape_as_json(report.earlier_shape),
        "drift": drift_as_json(report.drift),
        **({"cross_check": report.cross_check} if report.cross_check is not None else {}),
    }
    return json_escaped(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def encoded_files(files: Sequence[FileEntry], tables: Sequence[TableEntry]) -> list[Json]:
    """The entries of `files`: those of side tables come last."""
    return [*(entry.as_json() for entry in files), *(entry.as_json() for entry in tables)]


def _encoded_input(count: InputCount) -> dict[str, Json]:
    filtered = {} if count.filtered is None else {_FILTERED: count.filtered}
    return {**{key: getattr(count, key) for key in _INPUT_COUNTS}, **filtered}


def _encoded_requests(requests: RequestCount, pace: Throughput) -> dict[str, Json]:
    return {
        **{key: getattr(requests, key) for key in _REQUEST_COUNTS},
        "paused_s": round(pace.paused_s, 3),
        "by_status": {str(status): count for status, count in sorted(requests.by_status.items())},
        "by_endpoint": dict(sorted((+requests.by_endpoint).items())),
    }


def _encoded_pace(pace: Throughput) -> dict[str, Json]:
    return {
        "limited_by": {str(cause): round(share, 3) for cause, share in pace.limited_by.items()},
        "settled_rate": None if pace.settled_rate is None else round(pace.settled_rate, 2),
        "pauses": dict(pace.pauses),
    }


class Manifest(NamedTuple):
    """The values of a decoded manifest: `records_files` and `errors` are the entries of `files`.

    `records_files` is one entry, or those of all parts of a partition.

    `from_list`: the records are the payloads of the list. `is_of_all`: the run requested every connection of the list,
    without a filter. A manifest of an earlier version does not list an errors file or the form of the records, does not
    count NUL characters, has neither a shape nor drift, and does not state that its ids are all.
    """

    run_id: str
    status: str
    exit_code: int
    started_at: str
    ids_digest: str
    organization_id: str | None
    input: dict[str, int]
    tally: Tally
    records_files: tuple[FileEntry, ...]
    errors: FileEntry | None = None
    counts_nuls: bool = True
    tables: tuple[TableEntry, ...] = ()
    from_list: bool = False
    is_of_all: bool = False
    form: RecordForm = RecordForm()
    earlier_shape: Shape | None = None
    drift: DriftReport | None = None

    @property
    def records_file(self) -> FileEntry:
        """The entry of all records, see `whole_of`."""
        return whole_of(self.records_files)

    @property
    def is_partitioned(self) -> bool:
        """Are the records in parts?"""
        return self.records_files[0].part_of is not None

    @property
    def fails_by_drift(self) -> bool:
        """Did its drift end the run with exit code 3?"""
        return self.drift is not None and self.drift.fails

    @property
    def has_shape(self) -> bool:
        """Does it have the shape of the records?"""
        return self.earlier_shape is not None


def decode(content: bytes) -> Manifest:
    """Decode a manifest. Raises only `Malformed`."""
    found = parse(content)
    if found["format"].value != FORMAT:
        found["format"].reject(f"not {FORMAT}")
    _require_run_facts(found)
    source, ledger = found["source"], found["account"]
    files, tables = listed_files(found["files"])
    if not files:
        found["files"].reject("has no entry for the records")
    if any(each.part_of and "/" in each.path for each in files):
        found["files"].reject("has a part in another folder than the manifest")
    records = tuple(each for each in files if each.part_of is not None) or (files[0],)
    tally = _tally(found, ledger["outcomes"])
    return Manifest(
        run_id=found["run_id"].text(),
        status=found["status"].text(),
        exit_code=found["exit_code"].count(),
        started_at=found["started_at"].utc(),
        ids_digest=source["ids_digest"].text(),
        organization_id=None if source["organization_id"].value is None else source["organization_id"].text(),
        input=input_counts(ledger["input"]),
        tally=tally,
        records_files=records,
        errors=next(iter(files[len(records) :]), None),
        counts_nuls=found.get("nul_characters") is not None,
        tables=tuple(tables),
        from_list=source.get("from_list") is not None,
        is_of_all=_is_of_all(source),
        form=_form(output) if (output := found.get("output")) else RecordForm(),
        earlier_shape=decode_shape(found["earlier_shape"]) if found.get("shape") else None,
        drift=decode_drift(found["drift"], tally.shape) if found.get("shape") else None,
    )


def _is_of_all(source: JsonNode) -> bool:
    is_all = source.get("all")
    return is_all is not None and is_all.flag() and source.get("filter") is None


def input_counts(found: JsonNode) -> dict[str, int]:
    """The counts of lines. A run without filters has no count of filtered ids. Raises only `Malformed`."""
    counts = {key: found[key].count() for key in _INPUT_COUNTS}
    filtered = found.get(_FILTERED)
    return counts if filtered is None else {**counts, _FILTERED: filtered.count()}


def listed_files(found: JsonNode) -> tuple[list[FileEntry], list[TableEntry]]:
    """The entries of the records, or of their parts, and of the errors file if there is one; and those of side tables.

    The first list is empty for a run that ended before it had a file. Raises only `Malformed`.
    """
    entries = found.elements()
    tables = [each for each in entries if each.get("table") is not None]
    files = [each for each in entries if each.get("table") is None]
    if entries[: len(files)] != files:
        found.reject("has the entry of a side table before those of the records and errors")
    parts = _parts(files)
    if len(files) > (at := max(len(parts), 1) + 1):
        files[at].reject("unexpected; only the records, the errors file and side tables are listed")
    return [*parts, *(_file_entry(each) for each in files[len(parts) :])], [table_entry(each) for each in tables]


def _parts(files: Sequence[JsonNode]) -> list[FileEntry]:
    """The entries of the parts of a partition, which come first and in order."""
    found: list[FileEntry] = []
    for number, each in enumerate(files):
        if (part_of := each.get("part_of")) is None:
            break
        if not is_partitioned(part_of.text()):
            part_of.reject("not the name of an output in parts")
        entry = _file_entry(each)._replace(part_of=part_of.text())
        name = PurePosixPath(entry.path).name  # an index lists it with its folder
        if name != part_name(part_of.text(), number) or entry.part_of != (found or [entry])[0].part_of:
            each["path"].reject(f"not part {number} of the partition")
        found.append(entry)
    return found


def _file_entry(found: JsonNode) -> FileEntry:
    return FileEntry(found["path"].path(), found["records"].count(), found["bytes"].count(), found["sha256"].text())


def table_entry(found: JsonNode) -> TableEntry:
    """Decode the entry of a side table. Raises only `Malformed`."""
    if (name := found["table"].text()) not in SIDE_TABLES:
        found["table"].reject("not a side table of this version")
    if (status := found["status"].text()) not in set(TableStatus):
        found["status"].reject("not a status of a side table")
    return TableEntry(
        _file_entry(found),
        name,
        found["endpoint"].text(),
        TableStatus(status),
        pages=found["pages"].count(),
        skipped=found["skipped"].count(),
        duplicates=found["duplicates"].count(),
        redactions=found["redactions"].count(),
        reason=found["reason"].text(),
    )


def _require_run_facts(found: JsonNode) -> None:
    """Raise `Malformed` unless the facts about the run are present and have the expected types."""
    for text in (
        *(found["tool"][key] for key in ("name", "version")),
        *(found["source"][key] for key in _SOURCE_TEXTS),
    ):
        text.text()
    for timestamp in (found["started_at"], found["finished_at"]):
        timestamp.utc()
    requests = found["requests"]
    for count in (
        *(requests[key] for key in _REQUEST_COUNTS),
        *(count for _, count in requests["by_status"].members()),
    ):
        count.count()
    for seconds in (found["duration_s"], requests["paused_s"]):
        seconds.seconds()
    if found["resumed"].count() > found["account"]["outcomes"][OutcomeKind.OK].count():
        found["resumed"].reject("more than account.outcomes.ok")


def _form(found: JsonNode) -> RecordForm:
    """The form of the records. Raises `Malformed` for a value that this version does not know."""
    found["order"].one_of(Order)
    return RecordForm(
        found["max_record_bytes"].count(),
        found["configuration_as"].one_of(ConfigurationAs),
        found["timestamps"].one_of(Timestamps),
    )


def outcome_counts(found: JsonNode) -> Counter[OutcomeKind]:
    """The number of ids by outcome. Raises only `Malformed`."""
    return Counter({kind: found[kind].count() for kind in OutcomeKind})


def _tally(found: JsonNode, outcomes: JsonNode) -> Tally:
    """The tally. A manifest of an earlier version may lack some counts, which are then 0."""
    nuls, unparsed = found.get("nul_characters"), found.get("unparsed_timestamps")
    return Tally(
        outcome_counts(outcomes),
        _redactions(found),
        unparsed.count() if unparsed else 0,
        _paths(found["repairs"]["paths"], found["repaired"]) if found.get("repaired") else PathCounts(),
        _paths(nuls["paths"], nuls["values"]) if nuls else PathCounts(),
        _rules(found),
        decode_shape(shape) if (shape := found.get("shape")) else Shape(),
    )


def _redactions(found: JsonNode) -> PathCounts:
    """The number of masked values by path. A manifest of an earlier version has only the total."""
    redaction = found.get("redaction")
    if redaction is None:
        return PathCounts({OTHER_PATHS: found["redactions"].count()})
    return _paths(redaction["paths"], found["redactions"])


def _rules(found: JsonNode) -> Counter[str]:
    """The number of masked values by rule. A manifest of an earlier version does not list rules."""
    redaction = found.get("redaction")
    by_rule = redaction.get("by_rule") if redaction else None
    total = found["redactions"]
    return Counter(_paths(by_rule, total)) if by_rule else Counter({UNKNOWN: total.count()})


def _paths(found: JsonNode, total: JsonNode) -> PathCounts:
    """Counts by path. Raises `Malformed` unless their sum is `total`."""
    paths = PathCounts({path: count.count() for path, count in found.members()})
    if paths.total() != total.count():
        total.reject(f"not the sum of {found.place}")
    return paths


def ledger_of(lines: Mapping[str, int], tally: Tally, tables: Iterable[TableEntry], *, fails_by_drift: bool) -> Ledger:
    """The totals from which the status and the exit code of a finished run follow; `lines` are the counts of input."""
    parts = {key: count for key, count in lines.items() if key != "lines"}
    unfinished = sum(entry.status is TableStatus.PARTIAL for entry in tables)
    return Ledger(InputCount(**parts), tally=tally, unfinished_tables=unfinished, fails_by_drift=fails_by_drift)


def failed_outcomes(outcomes: Mapping[OutcomeKind, int]) -> Counter[OutcomeKind]:
    """The number of requested ids that are not ok, by outcome."""
    failed = Counter(outcomes)
    del failed[OutcomeKind.OK], failed[OutcomeKind.NOT_ATTEMPTED]
    return +failed
