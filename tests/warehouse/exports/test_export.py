"""An export holds what the snapshot holds, and replaces its target only if the snapshot matches its manifest."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from collector.model.errors import Damaged, InputError, OutputError, OutputLocked, UsageError
from collector.model.record import Json
from collector.snapshot.file_format import FileFormat
from collector.storage.compression import Compression
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem
from collector.warehouse.columns import CONNECTIONS
from collector.warehouse.exports.export import Exported, Form, export_file, export_stream
from tests.storage.test_journal import file_size_limit
from tests.support.snapshots import AT, RUN, odd_records, record_of, write_snapshot
from tests.support.zstd_compat import zstd

PLAIN = Compression.PLAIN


def forbid(message: str) -> None:
    pytest.fail(message)


def export(snapshot: Path, target: Path, table: str = CONNECTIONS, compression: Compression = PLAIN) -> Exported:
    form = Form(table, FileFormat(target.suffixes[0][1:]), compression)
    return export_file(snapshot, target, form, forbid)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    folder = tmp_path / "snapshot"
    folder.mkdir()
    return write_snapshot(folder / "c.jsonl", odd_records())


def test_json_lines_are_those_of_the_snapshot(snapshot: Path, tmp_path: Path) -> None:
    done = export(snapshot, tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_bytes() == snapshot.read_bytes()
    assert (done.rows, done.bytes) == (len(odd_records()), snapshot.stat().st_size)
    assert done.sha256 == done.verified.sha256


def test_lines_are_compressed_in_whole_members(snapshot: Path, tmp_path: Path) -> None:
    export(snapshot, tmp_path / "x.jsonl.gz", compression=Compression.GZIP)
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()) == snapshot.read_bytes()
    export(snapshot, tmp_path / "x.jsonl.zst", compression=Compression.ZSTD)
    assert zstd.decompress((tmp_path / "x.jsonl.zst").read_bytes()) == snapshot.read_bytes()
    export(snapshot, tmp_path / "x.csv")
    export(snapshot, tmp_path / "x.csv.gz", compression=Compression.GZIP)
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()) == (tmp_path / "x.csv").read_bytes()


def test_a_stream_gets_the_same_bytes(snapshot: Path, tmp_path: Path) -> None:
    blocks: list[bytes] = []
    verified = export_stream(snapshot, blocks.append, Form(CONNECTIONS, FileFormat.CSV, PLAIN))
    export(snapshot, tmp_path / "x.csv")
    assert b"".join(blocks) == (tmp_path / "x.csv").read_bytes()
    assert verified.records == len(odd_records())


def test_parquet_names_its_run_and_its_snapshot(snapshot: Path, tmp_path: Path) -> None:
    done = export(snapshot, tmp_path / "x.parquet")
    found = pq.read_metadata(tmp_path / "x.parquet").metadata
    assert found[b"collector.run_id"].decode() == RUN
    assert found[b"collector.sha256"].decode() == done.verified.sha256
    assert found[b"collector.table"].decode() == CONNECTIONS


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl"])
@pytest.mark.parametrize("damage", ["a byte", "the last line", "the first line", "the digest"])
def test_an_older_file_stays_if_the_snapshot_is_damaged(snapshot: Path, tmp_path: Path, name: str, damage: str) -> None:
    (tmp_path / name).write_bytes(b"old")
    content = snapshot.read_bytes()
    lines = content.splitlines(keepends=True)
    damaged = {
        "a byte": content.replace(b'"id"', b'"iD"', 1),
        "the last line": b"".join(lines[:-1]),
        "the first line": b"".join(lines[1:]),
        "the digest": content.replace(b"HYPERLINK", b"hyperlink"),
    }[damage]
    assert damaged != content
    snapshot.write_bytes(damaged)
    with pytest.raises(Damaged):
        export(snapshot, tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"snapshot", name}


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl"])
def test_an_older_file_stays_if_the_disk_is_full(snapshot: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")
    with file_size_limit(3000), pytest.raises(OutputError, match=name):
        export(snapshot, tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"snapshot", name}


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl"])
def test_the_output_of_a_run_that_is_under_way_is_refused(snapshot: Path, tmp_path: Path, name: str) -> None:
    """The conversion of that run has the same staged file."""
    files = Files(PosixFileSystem())
    held = files.open_locked(tmp_path / f"{name}.partial")
    with pytest.raises(OutputLocked, match=f"a run is collecting into .*{name}"):
        export(snapshot, tmp_path / name)
    files.system.close(held)
    export(snapshot, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"snapshot", name, f"{name}.partial"}


def test_a_table_that_the_snapshot_does_not_have_is_refused(snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no side table users; it has connections; collect with --with users"):
        export(snapshot, tmp_path / "x.csv", "users")
    with pytest.raises(UsageError, match="not a table; the tables are connections, policies"):
        Form("user", FileFormat.CSV, PLAIN).require_usable()
    assert not (tmp_path / "x.csv").exists()


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        export(tmp_path, tmp_path / "x.csv")
    with pytest.raises(InputError, match="does not exist"):
        export(tmp_path / "c.jsonl", tmp_path / "x.csv")


def test_every_row_of_a_side_table_is_exported(tmp_path: Path) -> None:
    organization = {"organization_id": "11111111-1111-4111-8111-111111111111"}
    rows: list[dict[str, Json]] = [
        {
            "id": f"id-{number}",
            "name": f"=policy {number}",
            **organization,
            "system": None,
            "policy_actions": [{"action": "read"}],
            "extra": {},
            "_collected_at": AT,
            "_run_id": RUN,
            "_schema": 1,
        }
        for number in range(3)
    ]
    path = write_snapshot(tmp_path / "c.jsonl", [record_of(organization)], {"policies": rows})
    done = export(path, tmp_path / "p.jsonl", "policies")
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "c.policies.jsonl").read_bytes()
    assert done.rows == 3
    export(path, tmp_path / "p.parquet", "policies")
    assert pq.read_table(tmp_path / "p.parquet")["name"].to_pylist() == [row["name"] for row in rows]
