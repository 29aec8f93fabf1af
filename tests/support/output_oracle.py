"""An independent oracle: checks that the files of a run fulfil the contract.

It does not import the collector, so it cannot share a mistake with it. The test provides the input of the run and the
requests that the server saw.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import stat
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backports import zstd

RECORD_KEYS = {
    *("id", "name", "organization_id", "parent_connection_id", "type_id", "type_name", "type_operations"),
    *("status", "status_error", "saved", "policies", "api_calls_last_24_hours", "rate_limit"),
    *("created_at", "created_by_id", "created_by_name", "created_by_type"),
    *("updated_at", "updated_by_id", "updated_by_name", "updated_by_type"),
    *("configuration", "extra", "_collected_at", "_run_id", "_schema"),
}
ERROR_KEYS = {"id", "outcome", "http_status", "error", "attempts", "at"}
FAILURES = {"not_found", "forbidden", "rejected", "bad_payload", "too_large", "exhausted", "internal_error"}
OUTCOMES = {"ok", "not_attempted", *FAILURES}
MANIFEST_KEYS = {
    *("format", "run_id", "tool", "started_at", "finished_at", "duration_s", "status", "exit_code", "source"),
    *("account", "requests", "files", "redactions", "output", "resumed"),
}
HEADER_KEYS = {"run_id", "started_at", "ids_digest", "base_url", "api_version", "schema"}
STATUS = {0: {"complete"}, 3: {"complete", "partial"}}

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_HIDDEN_LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Seen:
    """The requests that the server saw: their total, and their number by reply status (0 for no reply)."""

    total: int
    by_status: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """The input of the run: its ids in lower or upper case, and the number of lines that added no id.

    `filtered` is None for a run without filters.
    """

    ids: Collection[str]
    duplicates: int = 0
    invalid: int = 0
    blank: int = 0
    filtered: int | None = None

    @property
    def unique(self) -> set[str]:
        """The unique ids in canonical form."""
        return {one.lower() for one in self.ids}


@dataclass(frozen=True)
class Found:
    """The decoded files of a run that fulfil the contract."""

    manifest: dict[str, Any]
    records: dict[str, dict[str, Any]]
    errors: dict[str, dict[str, Any]]

    @property
    def outcomes(self) -> dict[str, int]:
        """The number of ids by outcome, without zeros."""
        return {name: count for name, count in self.manifest["account"]["outcomes"].items() if count}


def check_finished(output: Path, given: Given, exit_code: int, *, seen: Seen | None = None, lists: int = 0) -> Found:
    """Assert that a finished run left a snapshot, its manifest, an errors file if an id failed, and no other file."""
    stem = _stem(output)
    errors, manifest = output.with_name(f"{stem}.errors.jsonl"), output.with_name(f"{stem}.manifest.json")
    left = [path.name for path in output.parent.iterdir() if "partial" in path.name or path.name.endswith(".draft")]
    assert not left, f"a finished run must not leave these files: {left}"
    found = _check(output, errors, manifest, given, exit_code)
    assert found.manifest["status"] in STATUS[exit_code]
    assert (found.manifest["status"] == "complete") == (set(found.records) == given.unique)
    assert found.manifest["account"]["outcomes"]["not_attempted"] == 0
    assert set(found.records) | set(found.errors) == given.unique
    assert (exit_code == 0) == (set(found.records) == given.unique and given.invalid == 0)
    if seen is not None:
        _check_requests(found.manifest["requests"], seen)
        assert found.manifest["requests"]["sent"] <= len(given.unique) + lists + found.manifest["requests"]["retried"]
    return found


def check_stopped(output: Path, given: Given, exit_code: int, *, seen: Seen | None = None) -> Found:
    """Assert that a stopped run left whole lines and a correct account, all under unfinished names."""
    return _check_unfinished(output, given, exit_code, "stopped", seen)


def check_unpublished(output: Path, given: Given, *, seen: Seen | None = None) -> Found:
    """Assert that a run without a record, beside an older snapshot, left its account under unfinished names."""
    found = _check_unfinished(output, given, 3, "partial", seen)
    assert not found.records
    assert set(found.errors) == given.unique
    return found


def _check_unfinished(output: Path, given: Given, exit_code: int, status: str, seen: Seen | None) -> Found:
    stem = _stem(output)
    partial, header = output.with_name(f"{output.name}.partial"), output.with_name(f"{stem}.partial.run.json")
    errors, manifest = (output.with_name(f"{stem}.partial.{name}") for name in ("errors.jsonl", "manifest.json"))
    found = _check(partial, errors, manifest, given, exit_code)
    assert found.manifest["status"] == status
    began = json.loads(header.read_bytes())
    assert began.keys() >= HEADER_KEYS
    assert began["run_id"] == found.manifest["run_id"]
    assert began["started_at"] == found.manifest["started_at"]
    assert began["ids_digest"] == _digest(given.unique)
    assert _mode(header) == 0o600
    if seen is not None:
        _check_requests(found.manifest["requests"], seen)
    return found


def check_index(index: Path, exit_codes: Mapping[str, int], *, seen: int | None = None) -> dict[str, dict[str, Any]]:
    """Assert that an index lists these organizations, by label or id, in order, and that it adds up.

    Its entries must agree with the manifests that they name. `seen` are the requests of a run that kept no
    organization. Returns the entries.
    """
    document = json.loads(index.read_bytes())
    assert document["format"] == "collector.organizations/1"
    assert _mode(index) == 0o600
    entries = {each["label"] or each["id"]: each for each in document["organizations"]}
    assert {name: each["exit_code"] for name, each in entries.items()} == exit_codes
    assert list(entries) == list(exit_codes)
    codes = set(exit_codes.values())
    assert document["exit_code"] == (codes.pop() if len(codes) == 1 else 3)
    counts = document["account"]["organizations"]
    assert counts.pop("total") == len(entries)
    assert Counter(each["status"] for each in entries.values()) == {
        name: count for name, count in counts.items() if count
    }
    with_account = [each for each in entries.values() if each["run_id"]]
    for part in ("input", "outcomes"):
        expected: Counter[str] = Counter()
        for each in with_account:
            expected.update(each[part])
        assert Counter(document["account"][part]) == expected
    for each in entries.values():
        _check_entry(index, each)
    if seen is not None:
        assert document["requests"]["sent"] == seen
    return entries


def _check_entry(index: Path, entry: Mapping[str, Any]) -> None:
    """Assert that the entry of an organization repeats its manifest and lists its files."""
    assert (entry["exit_code"] == 0) == (entry["status"] == "complete" and not entry["error"])
    for facts in entry["files"]:
        if facts["path"] == "-":
            continue
        assert not Path(facts["path"]).is_absolute()
        path = index.parent / facts["path"]
        raw = path.read_bytes()
        _check_facts(facts, raw, _decompressed(path, raw).count(b"\n"))
    if entry["manifest"] is None:
        return
    path = index.parent / entry["manifest"]["path"]
    raw = path.read_bytes()
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (entry["manifest"]["bytes"], entry["manifest"]["sha256"])
    manifest = json.loads(raw)
    assert entry["status"] == manifest["status"]
    assert entry["exit_code"] == manifest["exit_code"]
    assert entry["run_id"] == manifest["run_id"]
    assert (entry["input"], entry["outcomes"]) == (manifest["account"]["input"], manifest["account"]["outcomes"])
    assert entry["requests"]["sent"] == manifest["requests"]["sent"]


def check_stream(
    out: bytes, given: Given, exit_code: int, *, errors: Path, manifest: Path, seen: Seen | None = None
) -> Found:
    """Assert that a run wrote correct records to standard output, and a correct errors file and manifest."""
    document = json.loads(manifest.read_bytes())
    records = _records_of(out, document)
    failed = _errors_of(errors, document)
    facts, *others = document["files"]
    _check_facts(facts, out, len(records))
    _check_errors_file(errors, others, len(failed))
    _check_manifest(document, given, exit_code, records, failed)
    if seen is not None:
        _check_requests(document["requests"], seen)
    return Found(document, records, failed)


def _check(output: Path, errors: Path, manifest: Path, given: Given, exit_code: int) -> Found:
    document = json.loads(manifest.read_bytes())
    raw = output.read_bytes()
    records = _records_of(_decompressed(output, raw), document)
    failed = _errors_of(errors, document)
    facts = {one["path"]: one for one in document["files"]}
    assert output.name in facts, f"the manifest names {sorted(facts)}"
    _check_facts(facts[output.name], raw, len(records))
    others = [one for path, one in facts.items() if path != output.name and "table" not in one]
    _check_errors_file(errors, others, len(failed))
    _check_manifest(document, given, exit_code, records, failed)
    assert {_mode(path) for path in (output, manifest, errors) if path.exists()} == {0o600}
    return Found(document, records, failed)


def _decompressed(output: Path, raw: bytes) -> bytes:
    name = output.name.removesuffix(".partial")
    if not name.endswith((".gz", ".zst")):
        return raw
    if not raw:
        assert name != output.name, "a finished compressed file is never empty"
        return b""
    return zstd.decompress(raw) if name.endswith(".zst") else gzip.decompress(raw)


def _check_errors_file(errors: Path, listed: list[dict[str, Any]], lines: int) -> None:
    """Assert that the manifest lists the errors file exactly if an id failed."""
    assert bool(lines) == errors.exists() == bool(listed)
    for facts in listed:
        assert Path(facts["path"]).name == errors.name
        _check_facts(facts, errors.read_bytes(), lines)


def _check_facts(facts: Mapping[str, Any], raw: bytes, records: int) -> None:
    assert facts["records"] == records
    assert facts["bytes"] == len(raw)
    assert facts["sha256"] == hashlib.sha256(raw).hexdigest()


def _check_manifest(
    document: Mapping[str, Any],
    given: Given,
    exit_code: int,
    records: Mapping[str, dict[str, Any]],
    failed: Mapping[str, dict[str, Any]],
) -> None:
    unique = given.unique
    assert document.keys() >= MANIFEST_KEYS
    assert document["format"] == "collector.manifest/1"
    assert document["tool"]["name"] == "collector"
    assert document["exit_code"] == exit_code
    assert _TIME.fullmatch(document["started_at"])
    assert _TIME.fullmatch(document["finished_at"])
    assert document["started_at"] <= document["finished_at"]
    assert document["source"]["ids_digest"] == _digest(unique)
    assert document["account"]["input"] == {
        "lines": len(unique) + given.duplicates + given.invalid + given.blank + (given.filtered or 0),
        "unique": len(unique),
        "duplicates": given.duplicates,
        "invalid": given.invalid,
        "blank": given.blank,
        **({} if given.filtered is None else {"filtered": given.filtered}),
    }
    outcomes = document["account"]["outcomes"]
    assert outcomes.keys() == OUTCOMES
    assert sum(outcomes.values()) == len(unique)
    assert outcomes["ok"] == len(records)
    assert outcomes["not_attempted"] == len(unique) - len(records) - len(failed)
    assert {kind: outcomes[kind] for kind in FAILURES if outcomes[kind]} == Counter(
        line["outcome"] for line in failed.values()
    )
    assert not records.keys() & failed.keys()
    assert records.keys() | failed.keys() <= unique
    organizations = [record["organization_id"] for record in records.values()]
    if organizations or document["status"] != "stopped":  # a stopped run may have received records and lost them all
        assert document["source"]["organization_id"] == (organizations[0] if organizations else None)
    assert document["redactions"] == sum(map(_count_masked, records.values()))


def _check_requests(requests: Mapping[str, Any], seen: Seen) -> None:
    sent, unanswered = requests["sent"], requests["unanswered"]
    assert sent - unanswered <= seen.total <= sent
    answered = {str(status): count for status, count in seen.by_status.items() if status and count}
    if seen.by_status:
        assert seen.total == sent
        assert requests["by_status"] == answered
        assert requests["throttled"] == seen.by_status.get(429, 0)
    assert requests["paused_s"] >= 0
    assert requests["throttled"] or not requests["paused_s"]


def _records_of(raw: bytes, document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    records: dict[str, dict[str, Any]] = {}
    is_text = document["output"]["configuration_as"] == "string"
    for record in _lines(raw):
        assert record.keys() == RECORD_KEYS
        assert _ID.fullmatch(record["id"])
        assert record["id"] not in records, f"{record['id']} occurs twice"
        assert record["_schema"] == 1
        assert record["_run_id"] == document["run_id"]
        assert _TIME.fullmatch(record["_collected_at"])
        assert document["started_at"] <= record["_collected_at"] <= document["finished_at"]
        assert isinstance(record["type_operations"], list)
        assert isinstance(record["policies"], list)
        assert isinstance(record["extra"], dict)
        if is_text and record["configuration"] is not None:
            record["configuration"] = json.loads(record["configuration"])
        assert isinstance(record["configuration"], dict | None)
        assert isinstance(record["rate_limit"], dict | None)
        for name in ("created_at", "updated_at"):
            assert record[name] is None or _TIME.fullmatch(record[name])
        records[record["id"]] = record
    return records


def _errors_of(path: Path, document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    errors: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return errors
    for line in _lines(path.read_bytes()):
        assert line.keys() == ERROR_KEYS
        assert line["id"] not in errors, f"{line['id']} failed twice"
        assert line["outcome"] in FAILURES
        assert line["http_status"] is None or 100 <= line["http_status"] <= 999
        assert isinstance(line["error"], str)
        assert line["error"]
        assert line["attempts"] >= 1
        assert _TIME.fullmatch(line["at"])
        assert document["started_at"] <= line["at"] <= document["finished_at"]
        errors[line["id"]] = line
    assert errors, "the errors file is empty"
    return errors


def _lines(raw: bytes) -> Iterator[dict[str, Any]]:
    assert raw == b"" or raw.endswith(b"\n")
    text = raw.decode("utf-8")
    assert not _HIDDEN_LINE_ENDS.search(text)
    for line in text.split("\n")[:-1]:
        assert line.strip()
        value = json.loads(line)
        assert isinstance(value, dict)
        yield value


def _count_masked(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count_masked, value.values()))
    if isinstance(value, list):
        return sum(map(_count_masked, value))
    return int(isinstance(value, str) and "[REDACTED]" in value)


def _digest(unique: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(unique)).encode()).hexdigest()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _stem(output: Path) -> str:
    return output.name.removesuffix(".gz").removesuffix(".zst").removesuffix(".jsonl")


def whole_ids(path: Path) -> set[str]:
    """The ids of an unfinished file's whole lines before any defect; of a compressed one, those in whole members."""
    raw = path.read_bytes() if path.exists() else b""
    plain = b"".join(_whole_members(raw, path.name)) if ".jsonl." in path.name.removesuffix(".partial") else raw
    found: set[str] = set()
    for line in plain[: plain.rfind(b"\n") + 1].splitlines():
        try:
            found.add(json.loads(line)["id"])
        except ValueError:  # a power loss may leave holes in unsynced bytes
            break
    return found


def _whole_members(raw: bytes, name: str) -> Iterator[bytes]:
    while raw:
        member: Any = zlib.decompressobj(wbits=31) if ".gz" in name else zstd.ZstdDecompressor()
        try:
            content = member.decompress(raw)
        except (zlib.error, zstd.ZstdError):
            return
        if not member.eof:
            return
        yield content
        raw = member.unused_data
