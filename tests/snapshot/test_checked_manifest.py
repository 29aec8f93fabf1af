"""Reads the manifest of a published snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.snapshot.checked_manifest import read_published
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.resume import RunHeader
from tests.support.organizations import FIRST, RUN, collect_organization
from tests.support.scripted_server import ids


@pytest.fixture
async def published(tmp_path: Path) -> SnapshotPaths:
    """A snapshot of five ids, with an errors file."""
    paths = SnapshotPaths(tmp_path / "c.jsonl.gz")
    await collect_organization(paths.snapshot, FIRST, ids(5))
    return paths


async def test_a_published_snapshot_has_its_manifest_with_the_content(published: SnapshotPaths) -> None:
    found = read_published(published)
    assert found is not None
    content, manifest = found
    assert content == published.manifest.read_bytes()
    assert manifest.run_id == RUN


async def test_an_unfinished_run_has_none(tmp_path: Path) -> None:
    paths = SnapshotPaths(tmp_path / "c.jsonl")
    await collect_organization(paths.snapshot, FIRST, ids(3), stops_after=2)
    assert read_published(paths) is None


async def test_a_publication_that_is_not_complete_has_none(published: SnapshotPaths) -> None:
    header = RunHeader(RUN, "2026-01-02T03:04:05.000000Z", "d", "https://api.example", "2025-09-18", 1)
    published.header.write_bytes(header.encode())
    assert read_published(published) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[", b"\xff"])
async def test_an_invalid_manifest_is_none(published: SnapshotPaths, content: bytes) -> None:
    published.manifest.write_bytes(content)
    assert read_published(published) is None


async def test_a_missing_manifest_a_missing_snapshot_and_one_of_another_size_have_none(
    published: SnapshotPaths,
) -> None:
    with published.snapshot.open("ab") as file:
        file.write(b"x")
    assert read_published(published) is None
    published.snapshot.unlink()
    assert read_published(published) is None
    published.manifest.unlink()
    assert read_published(published) is None
