"""The account of one organization's run, as its manifest and the index of several organizations record it. Pure."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from collector.model.ledger import Ledger, RequestCount, Tally
from collector.model.outcome import OutcomeKind
from collector.model.record import Json
from collector.snapshot.drift_json import fails_by_drift
from collector.snapshot.json_document import JsonNode, Malformed, parse
from collector.snapshot.manifest import (
    FORMAT,
    STREAM_PATH,
    FileEntry,
    TableEntry,
    encoded_files,
    failed_outcomes,
    input_counts,
    ledger_of,
    listed_files,
    outcome_counts,
)

REQUEST_COUNTS: Final = ("sent", "unanswered", "retried", "throttled")
"""The first fields of `RequestCount`, which an index records."""

_FAILS_BY_DRIFT: Final = "fails_by_drift"
_STATUS: Final = re.compile(r"[0-9]{3}", re.ASCII)


class RunAccount(NamedTuple):
    """The facts that an index repeats from a manifest. `files` are the records and the errors file, if there are any.

    The requests are not counted by endpoint. `fails_by_drift`: the drift ended the run with exit code 3.
    """

    run_id: str
    organization_id: str | None
    ids_digest: str
    input: dict[str, int]
    outcomes: Counter[OutcomeKind]
    requests: RequestCount
    files: tuple[FileEntry, ...]
    tables: tuple[TableEntry, ...]
    fails_by_drift: bool = False

    def facts_as_json(self) -> dict[str, Json]:
        """All but the files, as members of an entry of the index."""
        return {
            "run_id": self.run_id,
            "organization_id": self.organization_id,
            "ids_digest": self.ids_digest,
            "input": self.input,
            "outcomes": outcomes_as_json(self.outcomes),
            "requests": requests_as_json(self.requests),
            **({_FAILS_BY_DRIFT: True} if self.fails_by_drift else {}),
        }

    def files_as_json(self) -> list[Json]:
        """The entries of its files and side tables."""
        return encoded_files(self.files, self.tables)

    def with_paths_through(self, folder: str) -> RunAccount:
        """This account with paths through `folder`, where its manifest is. A stream has no path."""
        return self._replace(
            files=tuple(_in_folder(folder, entry) for entry in self.files),
            tables=tuple(entry._replace(file=_in_folder(folder, entry.file)) for entry in self.tables),
        )

    def with_paths_from(self, folder: str) -> RunAccount:
        """This account with its absolute paths made relative to `folder`, which is absolute too."""
        return self._replace(files=tuple(_from_folder(folder, entry) for entry in self.files))

    @property
    def is_of_stream(self) -> bool:
        """Were the records written to standard output or another stream?"""
        return any(entry.path == STREAM_PATH for entry in self.files)

    @property
    def errors_of_stream(self) -> FileEntry | None:
        """The errors file of a run that wrote its records to a stream; None without one."""
        return next((entry for entry in self.files if entry.path != STREAM_PATH), None) if self.is_of_stream else None

    @property
    def failed(self) -> Counter[OutcomeKind]:
        """The number of requested ids that are not ok, by outcome."""
        return failed_outcomes(self.outcomes)

    @property
    def paths(self) -> list[str]:
        """The paths of its files and side tables, without that of a stream."""
        entries = (*self.files, *(table.file for table in self.tables))
        return [entry.path for entry in entries if entry.path != STREAM_PATH]

    @property
    def ledger(self) -> Ledger:
        """The totals from which the status and the exit code of a run that finished follow."""
        return ledger_of(self.input, Tally(self.outcomes), self.tables, fails_by_drift=self.fails_by_drift)

    @property
    def adds_up(self) -> bool:
        """Are all lines of the input counted, and has each unique id one outcome?"""
        ledger = self.ledger
        return (self.input["lines"], self.input["unique"]) == (ledger.input.lines, ledger.done)


def _in_folder(folder: str, entry: FileEntry) -> FileEntry:
    if entry.path == STREAM_PATH:
        return entry
    return entry._replace(path=posixpath.normpath(posixpath.join(folder, entry.path)))


def _from_folder(folder: str, entry: FileEntry) -> FileEntry:
    return entry._replace(path=posixpath.relpath(entry.path, folder)) if posixpath.isabs(entry.path) else entry


NO_FACTS: Final = dict.fromkeys(("run_id", "organization_id", "ids_digest", "input", "outcomes", "requests"))
"""The members of an entry of the index for a run that ended before it had an account."""


class RunEnd(NamedTuple):
    """The end of a run, and its account, as its manifest states them."""

    status: str
    exit_code: int
    account: RunAccount


def decode_manifest(content: bytes) -> RunEnd:
    """The end of a run from its manifest. Raises only `Malformed`."""
    found = parse(content)
    if found["format"].value != FORMAT:
        found["format"].reject(f"not {FORMAT}")
    source, counts = found["source"], found["account"]
    account = _account(found, source, counts, listed_files(found["files"]))
    account = account._replace(fails_by_drift=fails_by_drift(found))
    return RunEnd(found["status"].text(), found["exit_code"].count(), account)


def decode_account(found: JsonNode) -> RunAccount | None:
    """The account in an entry of the index; None if its run ended before it had one. Raises only `Malformed`."""
    if found["run_id"].value is not None:
        account = _account(found, found, found, listed_files(found["files"]))
        fails = found.get(_FAILS_BY_DRIFT)
        return account._replace(fails_by_drift=fails is not None and fails.flag())
    for key in NO_FACTS:
        if found[key].value is not None:
            found[key].reject("has a value, but run_id has none")
    if found["files"].elements():
        found["files"].reject("has entries, but run_id has no value")
    return None


def _account(
    found: JsonNode, source: JsonNode, counts: JsonNode, files: tuple[list[FileEntry], list[TableEntry]]
) -> RunAccount:
    """The account whose parts are members of these objects."""
    organization_id = source["organization_id"]
    return RunAccount(
        run_id=found["run_id"].text(),
        organization_id=None if organization_id.value is None else organization_id.text(),
        ids_digest=source["ids_digest"].text(),
        input=input_counts(counts["input"]),
        outcomes=outcome_counts(counts["outcomes"]),
        requests=decode_requests(found["requests"]),
        files=tuple(files[0]),
        tables=tuple(files[1]),
    )


def decode_requests(found: JsonNode) -> RequestCount:
    """The counts of requests. Raises only `Malformed`."""
    by_status = {_status(key, count): count.count() for key, count in found["by_status"].members()}
    sent, unanswered, retried, throttled = (found[key].count() for key in REQUEST_COUNTS)
    return RequestCount(sent, unanswered, retried, throttled, Counter(by_status))


def _status(key: str, found: JsonNode) -> int:
    if not _STATUS.fullmatch(key):
        raise Malformed(f"{found.place}: not an HTTP status")
    return int(key)


def requests_as_json(requests: RequestCount) -> dict[str, Json]:
    """The counts of requests, as an index records them."""
    by_status = {f"{status:03}": count for status, count in sorted((+requests.by_status).items())}
    return {**{key: getattr(requests, key) for key in REQUEST_COUNTS}, "by_status": by_status}


def outcomes_as_json(outcomes: Mapping[OutcomeKind, int]) -> dict[str, int]:
    """The number of ids by outcome; every outcome has its key."""
    return {str(kind): outcomes[kind] for kind in OutcomeKind}


def sum_of_inputs(accounts: Iterable[RunAccount]) -> dict[str, int]:
    """The sum of their counts of lines; `filtered` only if one of them has it."""
    total = dict.fromkeys(("lines", "unique", "duplicates", "invalid", "blank"), 0)
    for account in accounts:
        for key, count in account.input.items():
            total[key] = total.get(key, 0) + count
    return total


def sum_of_outcomes(accounts: Iterable[RunAccount]) -> Counter[OutcomeKind]:
    """The sum of their outcomes."""
    return sum((account.outcomes for account in accounts), Counter())


def sum_of_requests(counts: Iterable[RequestCount]) -> RequestCount:
    """The sum of counts of requests."""
    total = RequestCount()
    for each in counts:
        total.sent += each.sent
        total.unanswered += each.unanswered
        total.retried += each.retried
        total.throttled += each.throttled
        total.by_status.update(each.by_status)
    return total
