"""The file names of a snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.snapshot.layout import FileSet, SnapshotPaths, Stage, file_sets, quarantined_path
from collector.storage.compression import Compression

OUT = Path("/out")
QUARANTINED_RUN = "20260102T030405Z-0badcafe"


NAMES = {f"c{ending}{end}" for ending in ("", ".jsonl", ".csv") for end in ("", ".gz", ".zst")} | {"c.parquet"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_outputs_that_differ_in_format_or_compression_share_all_names_except_those_of_the_data(name: str) -> None:
    paths = SnapshotPaths(OUT / name)
    assert {each.snapshot.name for each in paths.other_encodings} == NAMES - {name}
    for each in paths.other_encodings:
        assert (each.errors, each.manifest, each.header, each.lock) == (
            OUT / "c.errors.jsonl",
            OUT / "c.manifest.json",
            OUT / "c.partial.run.json",
            OUT / "c.partial.lock",
        )
        assert each.partial == OUT / f"{each.snapshot.name}.partial"


@pytest.mark.parametrize("name", [".jsonl", ".gz", ".jsonl.zst"])
def test_a_name_that_is_only_an_extension_has_other_encodings_too(name: str) -> None:
    assert all(each.snapshot.name for each in SnapshotPaths(OUT / name).other_encodings)


@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "c", "c.d.jsonl", "c.parquet", "c.csv.gz"])
def test_every_name_beside_an_output_is_reserved_and_the_output_itself_is_not(name: str) -> None:
    paths = SnapshotPaths(OUT / name)
    assert not paths.is_reserved
    written = (paths.errors, paths.manifest, paths.lock, *paths.staged, *paths.unfinished, *paths.held_paths.values())
    for path in written:
        assert SnapshotPaths(path).is_reserved, path
    for path in paths.unfinished:
        for suffix in (QUARANTINED_RUN, f"{QUARANTINED_RUN}.2", "unknown-run"):
            assert SnapshotPaths(quarantined_path(path, suffix)).is_reserved, path


@pytest.mark.parametrize(
    "name", ["partial.jsonl", "errors.jsonl", "lock", "c.checkpoint", "my-draft.jsonl", f"c.{QUARANTINED_RUN}"]
)
def test_similar_names_are_not_reserved(name: str) -> None:
    assert not SnapshotPaths(OUT / name).is_reserved


@pytest.mark.parametrize("letter", ["x", "é", "雪"])
def test_the_name_overflow_is_counted_in_bytes(letter: str) -> None:
    name_overflow = [SnapshotPaths(OUT / f"{letter * count}.jsonl").name_overflow for count in (1, 300, 301)]
    assert name_overflow[0] == 0
    assert name_overflow[2] - name_overflow[1] == len(letter.encode())


@pytest.mark.parametrize(
    ("name", "stage", "beside", "named", "compression"),
    [
        ("c.jsonl.partial", Stage.UNFINISHED, "c.partial.{}", "c.jsonl.partial", Compression.PLAIN),
        ("c.jsonl.gz.partial", Stage.UNFINISHED, "c.partial.{}", "c.jsonl.gz.partial", Compression.GZIP),
        (
            f"c.zst.partial.{QUARANTINED_RUN}",
            Stage.QUARANTINED,
            f"c.partial.{{}}.{QUARANTINED_RUN}",
            "c.zst.partial",
            Compression.ZSTD,
        ),
        (
            f"c.partial.{QUARANTINED_RUN}.2",
            Stage.QUARANTINED,
            f"c.partial.{{}}.{QUARANTINED_RUN}.2",
            "c.partial",
            Compression.PLAIN,
        ),
        ("c.partial.unknown-run", Stage.QUARANTINED, "c.partial.{}.unknown-run", "c.partial", Compression.PLAIN),
    ],
)
def test_the_name_of_unfinished_records_determines_their_file_set(
    name: str, stage: Stage, beside: str, named: str, compression: Compression
) -> None:
    records = Path("out", name)
    unfinished, published = file_sets(records)
    assert (published.stage, published.manifest.name) == (
        Stage.PUBLISHED,
        f"{SnapshotPaths(records).stem}.manifest.json",
    )
    errors, manifest = (Path("out", beside.format(each)) for each in ("errors.jsonl", "manifest.json"))
    assert unfinished == FileSet(stage, records, errors, manifest, named, "c.partial.errors.jsonl", compression)


@pytest.mark.parametrize("name", ["c.jsonl", "c.partial.jsonl", ".partial", "c.partial.2", "partial"])
def test_records_with_any_other_name_are_those_of_a_snapshot(name: str) -> None:
    assert [each.stage for each in file_sets(Path(name))] == [Stage.PUBLISHED]
