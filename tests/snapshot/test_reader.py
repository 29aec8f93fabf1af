"""Reading of a finished snapshot, which is verified on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from collector.model.errors import Damaged, InputError
from collector.snapshot.reader import open_any, open_snapshot
from tests.snapshot.test_verify import FILES, OUTCOMES, RUN, manifest

RECORDS = [each.record for each in OUTCOMES if each.record]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(records: bytes = FILES["c.jsonl"], **changes: Any) -> Path:
        for name, content in {**FILES, "c.jsonl": records}.items():
            (tmp_path / name).write_bytes(content)
        (tmp_path / "c.manifest.json").write_text(json.dumps({**manifest(), **changes}))
        return tmp_path / "c.jsonl"

    return write


def test_every_record_arrives_once_with_its_line(write: Callable[..., Path]) -> None:
    with open_snapshot(write()) as reader:
        assert reader.manifest.run_id == RUN
        found = list(reader.records())
        assert [each.record for each in found] == RECORDS
        assert b"".join(each.line + b"\n" for each in found) == FILES["c.jsonl"]
        assert list(reader.records()) == []
        assert reader.finish().records == len(RECORDS)


def test_finish_reads_the_records_that_were_not_read(write: Callable[..., Path]) -> None:
    with open_snapshot(write()) as reader:
        next(reader.records())
        assert reader.finish().records == len(RECORDS)


def test_a_damaged_line_ends_the_reading_after_the_records_before_it(write: Callable[..., Path]) -> None:
    first, second, *others = FILES["c.jsonl"].splitlines(keepends=True)
    damaged = b"".join((first, second.replace(b'"id"', b'"iD"', 1), *others))
    with open_snapshot(write(damaged)) as reader:
        records = reader.records()
        assert next(records).record == RECORDS[0]
        with pytest.raises(Damaged, match="missing key id"):
            next(records)


def test_a_missing_record_is_found_at_the_end(write: Callable[..., Path]) -> None:
    path = write(FILES["c.jsonl"].split(b"\n", 1)[1])
    with open_snapshot(path) as reader:
        records = reader.records()
        assert len(list(islice(records, len(RECORDS) - 1))) == len(RECORDS) - 1
        with pytest.raises(Damaged):
            next(records)


def test_the_records_of_a_stopped_run_are_read_but_are_not_a_finished_snapshot(write: Callable[..., Path]) -> None:
    path = write()
    for name in ("c.jsonl", "c.errors.jsonl", "c.manifest.json"):
        unfinished = {"c.jsonl": "c.jsonl.partial"}.get(name, name.replace("c.", "c.partial.", 1))
        (path.parent / name).rename(path.parent / unfinished)
    partial = path.parent / "c.jsonl.partial"
    document = {**manifest(), "status": "stopped", "exit_code": 5}
    for entry in document["files"]:
        entry["path"] = {"c.jsonl": "c.jsonl.partial"}.get(entry["path"], "c.partial.errors.jsonl")
    (path.parent / "c.partial.manifest.json").write_text(json.dumps(document))
    with open_any(partial) as reader:
        assert reader.finish().records == len(RECORDS)
    with pytest.raises(InputError, match="its run did not finish"), open_snapshot(partial):
        pytest.fail("opened")


@pytest.mark.parametrize(
    ("source", "is_of_all"),
    [({}, False), ({"all": True}, True), ({"all": False}, False), ({"all": True, "filter": {"types": ["x"]}}, False)],
)
def test_only_a_run_of_all_connections_without_a_filter_is_of_all(
    write: Callable[..., Path], source: dict[str, Any], is_of_all: bool
) -> None:
    with open_snapshot(write(source={**manifest()["source"], **source})) as reader:
        assert reader.manifest.is_of_all is is_of_all
