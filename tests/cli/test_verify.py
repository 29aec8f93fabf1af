"""`collector verify`: what it accepts and rejects, and the place of the first error."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Calling, Finished
from tests.support.organizations import (
    FIRST,
    INDEX,
    SECOND,
    THIRD,
    as_stream,
    collect_organization,
    collect_organizations,
    write_index,
)
from tests.support.scripted_server import by_id, connection, error, found, hang, ids, raw, response, serving
from tests.support.zstd_compat import zstd

Here = Callable[..., Finished]
WANTED = ids(8)
FAILING = WANTED[7]


@pytest.fixture(params=["", ".gz", ".zst"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


_made: dict[str, dict[str, bytes]] = {}


async def collected(call: Calling, folder: Path, suffix: str = "") -> Path:
    """A snapshot of seven records and one error; collected once per compression, then copied."""
    if suffix not in _made:
        await _collect(call, suffix)
        _made[suffix] = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for name, content in _made[suffix].items():
        (folder / name).write_bytes(content)
    return folder / f"c.jsonl{suffix}"


async def _collect(call: Calling, suffix: str) -> None:
    async with serving(by_id({FAILING: error(404)}, found)) as server:
        done = await call("collect", *WANTED, "--base-url", server.url, "-o", f"c.jsonl{suffix}", "--rate", "0")
    assert done.code == 3, done.err


def unpacked(path: Path) -> bytes:
    raw = path.read_bytes()
    return {".gz": gzip.decompress, ".zst": zstd.decompress}.get(path.suffix, bytes)(raw)


def packed(path: Path, content: bytes) -> bytes:
    if path.suffix == ".gz":
        return gzip.compress(content)
    if path.suffix == ".zst":
        return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})
    return content


def rewrite(path: Path, lines: list[bytes]) -> None:
    """Replace the lines and the digest in the manifest, so that only their content is wrong."""
    path.write_bytes(packed(path, b"".join(lines)))
    change_manifest(path, lambda found: found["files"][0].update(facts(path, len(lines))))


def facts(path: Path, records: int) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"records": records, "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def change_manifest(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = path.with_name("c.manifest.json")
    document = json.loads(manifest.read_bytes())
    change(document)
    manifest.write_text(json.dumps(document))


async def test_an_unchanged_snapshot_is_0_with_its_figures(
    call: Calling, call_here: Here, tmp_path: Path, suffix: str
) -> None:
    path = await collected(call, tmp_path, suffix)
    before = {each: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()}
    done = call_here("verify", str(path))
    assert (done.code, done.out) == (0, b"")
    assert "7 records, 1 errors" in done.err
    assert hashlib.sha256(path.read_bytes()).hexdigest() in done.err
    assert {each: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()} == before


async def test_a_counted_invalid_timestamp_is_0_and_one_more_is_8(call: Calling, tmp_path: Path, suffix: str) -> None:
    odd = raw(response(connection(WANTED[0], created_at="yesterday", rate_limit={"expires_at": "31st February"})))
    async with serving(by_id({WANTED[0]: odd}, found)) as server:
        done = await call("collect", *WANTED, "--base-url", server.url, "-o", f"c.jsonl{suffix}", "--rate", "0")
    assert done.code == 0, done.err
    path = tmp_path / f"c.jsonl{suffix}"
    done = await call("verify", path.name)
    assert done.code == 0, done.err
    lines = [replaced(line, updated_at="today") for line in unpacked(path).splitlines()]
    rewrite(path, lines)
    done = await call("verify", path.name)
    assert done.code == 8, done.err
    assert "byte " in done.err
    assert "timestamp" in done.err


def replaced(line: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode() + b"\n"


def without_a_key(line: bytes) -> bytes:
    record = json.loads(line)
    del record["policies"]
    return json.dumps(record).encode() + b"\n"


LINES: dict[str, Callable[[bytes], bytes]] = {
    "not JSON": lambda line: line.replace(b'"id":', b'"id"', 1),
    "a key that is missing": without_a_key,
    "a key too many": lambda line: replaced(line, more=1),
    "another schema": lambda line: replaced(line, _schema=2),
    "another run": lambda line: replaced(line, _run_id="another"),
    "a value of another type": lambda line: replaced(line, saved="yes"),
    "an invalid id": lambda line: replaced(line, id="x"),
    "a policy that is not text": lambda line: replaced(line, policies=[1]),
    "an operation that is not text": lambda line: replaced(line, type_operations=["query", None]),
    "an invalid time": lambda line: replaced(line, _collected_at="today"),
    "not an object": lambda line: b"[]\n",
    "an empty line": lambda line: b"\n" + line,
    "bytes that are not UTF-8": lambda line: line.replace(b"Warehouse", b"Ware\xff\xfehouse"),
    "NULs": lambda line: bytes(len(line) - 1) + b"\n",
}


@pytest.mark.parametrize("change", LINES.values(), ids=LINES.keys())
async def test_an_invalid_record_is_8_at_its_offset(
    call: Calling, call_here: Here, tmp_path: Path, change: Callable[[bytes], bytes], suffix: str
) -> None:
    path = await collected(call, tmp_path, suffix)
    lines = unpacked(path).splitlines(keepends=True)
    lines[3] = change(lines[3])
    rewrite(path, lines)
    done = call_here("verify", str(path))
    assert done.code == 8, done.err
    assert f"{path}: byte {sum(map(len, lines[:3]))}" in done.err, done.err
    assert done.err.endswith("; restore the file or collect again\n"), done.err


async def test_a_missing_record_that_the_account_has_is_8(
    call: Calling, call_here: Here, tmp_path: Path, suffix: str
) -> None:
    path = await collected(call, tmp_path, suffix)
    rewrite(path, unpacked(path).splitlines(keepends=True)[:-1])
    done = call_here("verify", str(path))
    assert (done.code, "contains 6 records, but the account in its manifest counts 7" in done.err) == (8, True), (
        done.err
    )


async def test_a_duplicate_line_is_8_at_the_second(call: Calling, call_here: Here, tmp_path: Path, suffix: str) -> None:
    path = await collected(call, tmp_path, suffix)
    lines = unpacked(path).splitlines(keepends=True)
    rewrite(path, [*lines, lines[2]])
    done = call_here("verify", str(path))
    assert done.code == 8
    assert f"byte {sum(map(len, lines))}" in done.err, done.err
    assert "twice" in done.err


async def test_a_truncated_file_is_8(call: Calling, call_here: Here, tmp_path: Path, suffix: str) -> None:
    path = await collected(call, tmp_path, suffix)
    raw = path.read_bytes()
    for left in range(0, len(raw), max(1, len(raw) // 40)):
        path.write_bytes(raw[:left])
        done = call_here("verify", str(path))
        assert done.code == 8, left
        assert "c.jsonl" in done.err


async def test_a_flipped_bit_anywhere_is_8(call: Calling, call_here: Here, tmp_path: Path, suffix: str) -> None:
    path = await collected(call, tmp_path, suffix)
    raw = path.read_bytes()
    for at in range(0, len(raw), max(1, len(raw) // 40)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
        assert call_here("verify", str(path)).code == 8, at


async def test_bytes_after_the_end_are_8(call: Calling, call_here: Here, tmp_path: Path, suffix: str) -> None:
    path = await collected(call, tmp_path, suffix)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\0\0\0\0")
    done = call_here("verify", str(path))
    assert done.code == 8
    assert f"byte {size}" in done.err


MANIFESTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another format": lambda found: found.update(format="collector.manifest/9"),
    "no account": lambda found: found.pop("account"),
    "no files": lambda found: found.update(files=[]),
    "a file that is not this one": lambda found: found["files"][0].update(path="d.jsonl"),
    "another digest": lambda found: found["files"][0].update(sha256="0" * 64),
    "more records": lambda found: found["files"][0].update(records=8),
    "more bytes": lambda found: found["files"][0].update(bytes=1),
    "other outcomes": lambda found: found["account"]["outcomes"].update(ok=6, not_found=2),
    "another kind of error": lambda found: found["account"]["outcomes"].update(not_found=0, forbidden=1),
    "an account that does not add up": lambda found: found["account"]["input"].update(unique=9),
    "ids that were not requested": lambda found: found["source"].update(ids_digest="0" * 64),
    "an invalid source": lambda found: found.update(source=7),
    "no tool": lambda found: found.pop("tool"),
    "no start": lambda found: found.pop("started_at"),
    "a start that is not a time": lambda found: found.update(started_at="today"),
    "no requests": lambda found: found.update(requests={}),
    "a duration below zero": lambda found: found.update(duration_s=-1),
    "no base URL": lambda found: found["source"].pop("base_url"),
    "more resumed than records": lambda found: found.update(resumed=8),
    "a file too many": lambda found: found["files"].append({**found["files"][0], "path": "d.jsonl"}),
    "a status that does not follow": lambda found: found.update(status="complete"),
    "an unknown status": lambda found: found.update(status=17),
    "an exit code that does not follow": lambda found: found.update(exit_code=0),
    "a count that is text": lambda found: found["account"]["outcomes"].update(ok="7"),
    "a count that is half": lambda found: found["account"]["outcomes"].update(ok=7.0),
    "a count that is true": lambda found: found["account"]["outcomes"].update(not_found=True),
    "a count below zero": lambda found: found["account"]["outcomes"].update(rejected=-5, not_attempted=5),
    "a size that is text": lambda found: found["files"][0].update(bytes="5"),
    "a size of null": lambda found: found["files"][0].update(bytes=None),
    "another number of masked values": lambda found: found.update(redactions=found["redactions"] + 1),
    "another organization": lambda found: found["source"].update(organization_id=WANTED[0]),
    "no organization": lambda found: found["source"].update(organization_id=None),
}


@pytest.mark.parametrize("change", MANIFESTS.values(), ids=MANIFESTS.keys())
async def test_a_manifest_with_another_value_is_8(
    call: Calling, call_here: Here, tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    path = await collected(call, tmp_path)
    change_manifest(path, change)
    done = call_here("verify", str(path))
    assert done.code == 8, done.err
    assert "Traceback" not in done.err


async def test_masked_values_at_other_paths_than_the_manifest_says_are_8_and_named(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    path = await collected(call, tmp_path)

    def move(found: dict[str, Any]) -> None:
        paths = found["redaction"]["paths"]
        paths["configuration.elsewhere"] = paths.pop("configuration.password")

    change_manifest(path, move)
    done = call_here("verify", str(path))
    assert done.code == 8, done.err
    assert "masked values at configuration.elsewhere, but its manifest states" in done.err


async def test_repaired_values_are_counted_and_verified_and_another_count_is_8(
    call: Calling, call_here: Here, tmp_path: Path, suffix: str
) -> None:
    name = b'"name": "Warehouse"'
    body = connection(WANTED[0]).replace(name, b'"name": "a\\ud800", "limit": 1e400, "note": "\\u0000"')
    clean = connection(WANTED[1]).replace(name, b'"name": "a\\ufffd", "limit": "1e400", "note": "\\\\u0000"')
    assert name not in body + clean
    special = {WANTED[0]: raw(response(body)), WANTED[1]: raw(response(clean))}
    async with serving(by_id(special, found)) as server:
        done = await call("collect", *WANTED, "--base-url", server.url, "-o", f"c.jsonl{suffix}", "--rate", "0")
    assert done.code == 0, done.err
    path = tmp_path / f"c.jsonl{suffix}"
    manifest = json.loads((tmp_path / "c.manifest.json").read_bytes())
    assert manifest["repaired"] == 2
    assert manifest["repairs"] == {"paths": {"name": 1, "extra.limit": 1}}
    assert manifest["nul_characters"] == {"values": 1, "paths": {"extra.note": 1}}
    assert call_here("verify", str(path)).code == 0
    for change, code in ODD_COUNTS:
        (tmp_path / "c.manifest.json").write_text(json.dumps(manifest))
        change_manifest(path, change)
        done = call_here("verify", str(path))
        assert (done.code, "Traceback" in done.err) == (code, False), done.err


def without_odd_counts(found: dict[str, Any]) -> None:
    """Change the manifest into one of an earlier version."""
    for key in ("repaired", "repairs", "nul_characters"):
        del found[key]


ODD_COUNTS: list[tuple[Callable[[dict[str, Any]], Any], int]] = [
    (without_odd_counts, 0),
    (lambda found: found.update(repaired=3), 8),
    (lambda found: found.update(repaired=-2), 8),
    (lambda found: found.update(repaired="2"), 8),
    (lambda found: found.pop("repairs"), 8),
    (lambda found: found["repairs"].update(paths={"name": 1}), 8),
    (lambda found: found["repairs"].update(paths={"name": 3, "extra.limit": -1}), 8),
    (lambda found: found.update(nul_characters={"values": 0, "paths": {}}), 8),
    (lambda found: found.update(nul_characters={"values": 2, "paths": {"extra.note": 2}}), 8),
    (lambda found: found.update(nul_characters={"values": 1, "paths": {"name": 1}}), 8),
    (lambda found: found.update(nul_characters={"values": 1, "paths": {}}), 8),
    (lambda found: found.update(nul_characters=7), 8),
]


async def test_a_snapshot_under_another_name_is_8_and_says_so(call: Calling, call_here: Here, tmp_path: Path) -> None:
    path = await collected(call, tmp_path)
    for name in ("jsonl", "errors.jsonl", "manifest.json"):
        (tmp_path / f"d.{name}").write_bytes((tmp_path / f"c.{name}").read_bytes())
    done = call_here("verify", str(path.with_name("d.jsonl")))
    assert (done.code, "describes c.jsonl, not d.jsonl" in done.err) == (8, True)


async def test_the_standard_output_of_a_run_is_verified_under_any_name(call: Calling, tmp_path: Path) -> None:
    async with serving(by_id({FAILING: error(404)}, found)) as server:
        names = ("--manifest", "s.manifest.json", "--errors", "s.errors.jsonl")
        done = await call("collect", *WANTED, "--base-url", server.url, *names)
    (tmp_path / "s.jsonl").write_bytes(done.out)
    done = await call("verify", "s.jsonl")
    assert done.code == 0, done.err


@pytest.mark.parametrize("pipe", ["p", "./p", "away/p"])
async def test_the_output_of_a_pipe_is_verified_under_any_name(
    call: Calling, call_here: Here, tmp_path: Path, pipe: str
) -> None:
    (tmp_path / "away").mkdir()
    os.mkfifo(tmp_path / pipe)
    reading = asyncio.create_task(asyncio.to_thread((tmp_path / pipe).read_bytes))
    async with serving(found) as server:
        given = ("--base-url", server.url, "--rate", "0", "--manifest", "c.manifest.json")
        done = await call("collect", *WANTED, *given, "-o", pipe)
    assert done.code == 0, done.err
    (tmp_path / "c.jsonl").write_bytes(await reading)
    assert call_here("verify", str(tmp_path / "c.jsonl")).code == 0


async def test_a_link_to_a_snapshot_is_followed_unless_it_has_a_manifest_of_its_own(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    link = tmp_path / "link.jsonl"
    link.symlink_to("kept/c.jsonl")
    await collected(call, tmp_path)
    for path in tmp_path.glob("c.*"):
        path.rename(tmp_path / "kept" / path.name)
    assert call_here("verify", str(link)).code == 0
    link.with_name("link.manifest.json").write_bytes((tmp_path / "kept/c.manifest.json").read_bytes())
    done = call_here("verify", str(link))
    assert (done.code, "describes c.jsonl, not link.jsonl" in done.err) == (8, True)


async def test_the_standard_output_of_a_stopped_run_is_verified_and_called_incomplete(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    async with serving(by_id(dict.fromkeys(WANTED[:3], found), hang)) as server:
        given = ("--base-url", server.url, "--rate", "0", "--manifest", "c.manifest.json", "--max-duration", "0.3")
        done = await call("collect", *WANTED, *given)
    assert done.code == 5, done.err
    (tmp_path / "c.jsonl").write_bytes(done.out)
    done = call_here("verify", str(tmp_path / "c.jsonl"))
    assert done.code == 0, done.err
    assert "its run stopped; 5 ids were not attempted; collect again to get all records" in done.err


async def test_a_run_that_never_had_a_list_says_so(call: Calling, call_here: Here, tmp_path: Path) -> None:
    async with serving(error(500)) as server:
        given = ("--base-url", server.url, "--outage-limit", "0.1", "--manifest", "c.manifest.json")
        done = await call("collect", "--all", *given)
    assert done.code == 5, done.err
    (tmp_path / "c.jsonl").write_bytes(done.out)
    done = call_here("verify", str(tmp_path / "c.jsonl"))
    assert (done.code, "its run stopped; it had not found any ids; collect again" in done.err) == (0, True), done.err


async def test_a_message_does_not_repeat_a_long_text_of_the_manifest_in_full(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    path = await collected(call, tmp_path)
    change_manifest(path, lambda found: found.update(status="x" * 100_000))
    done = call_here("verify", str(path))
    assert done.code == 8
    assert len(done.err) < 2_000


async def test_a_pipe_is_not_waited_for(call: Calling, call_here: Here, tmp_path: Path) -> None:
    path = await collected(call, tmp_path)
    path.unlink()
    os.mkfifo(path)
    done = call_here("verify", str(path))
    assert (done.code, "not a regular file" in done.err) == (2, True)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b'{"format":"collector.manifest/1"}', b"\xff"])
async def test_an_invalid_manifest_is_8(call: Calling, call_here: Here, tmp_path: Path, content: bytes) -> None:
    path = await collected(call, tmp_path)
    path.with_name("c.manifest.json").write_bytes(content)
    done = call_here("verify", str(path))
    assert done.code == 8, done.err
    assert "c.manifest.json" in done.err


ERRORS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda line: b"",
    "torn": lambda line: line[:-5],
    "not JSON": lambda line: b"x\n",
    "not an object": lambda line: b"[]\n",
    "twice": lambda line: line + line,
    "an id that has a record": lambda line: line.replace(FAILING.encode(), WANTED[0].encode()),
    "an id that was not requested": lambda line: line.replace(FAILING.encode(), ids(1, 99)[0].encode()),
    "an invalid id": lambda line: line.replace(FAILING.encode(), b"x"),
    "another outcome": lambda line: line.replace(b"not_found", b"forbidden"),
    "no outcome at all": lambda line: line.replace(b"not_found", b"lost"),
    "a key that is missing": lambda line: json.dumps({**json.loads(line), "x": json.loads(line).pop("at")}).encode(),
    "a status that is text": lambda line: line.replace(b"404,", b'"404",'),
    "an invalid time": lambda line: line.replace(b'"at":"20', b'"at":"'),
}


@pytest.mark.parametrize("change", ERRORS.values(), ids=ERRORS.keys())
async def test_an_errors_file_with_another_value_is_8(
    call: Calling, call_here: Here, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = await collected(call, tmp_path)
    errors = tmp_path / "c.errors.jsonl"
    errors.write_bytes(change(errors.read_bytes()))
    done = call_here("verify", str(path))
    assert done.code == 8, done.err
    assert done.err.endswith("; restore the file or collect again\n"), done.err


async def test_a_missing_file_is_named(call: Calling, call_here: Here, tmp_path: Path) -> None:
    path = await collected(call, tmp_path)
    (tmp_path / "c.errors.jsonl").rename(tmp_path / "away")
    assert call_here("verify", str(path)).code == 8
    (tmp_path / "away").rename(tmp_path / "c.errors.jsonl")
    path.rename(tmp_path / "away")
    done = call_here("verify", str(path))
    assert (done.code, "c.jsonl: does not exist" in done.err) == (8, True)
    (tmp_path / "away").rename(path)
    (tmp_path / "c.manifest.json").unlink()
    done = call_here("verify", str(path))
    assert (done.code, "the snapshot cannot be verified" in done.err) == (8, True)


@pytest.mark.parametrize("name", ["nowhere.jsonl", ".", "..", "/", "c.jsonl\0x", "x" * 300, "x/" * 3000])
def test_a_path_without_a_snapshot_is_2(call_here: Here, name: str) -> None:
    done = call_here("verify", name)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err


async def test_a_changed_message_of_the_errors_file_is_8(call: Calling, tmp_path: Path, suffix: str) -> None:
    path = await collected(call, tmp_path, suffix)
    errors = tmp_path / "c.errors.jsonl"
    content = errors.read_bytes()
    for changed in (content.replace(b"HTTP 404", b"HTTP 405"), content.replace(b'"attempts":1', b'"attempts":12')):
        assert changed != content
        errors.write_bytes(changed)
        done = await call("verify", path.name)
        assert done.code == 8, done.err
        assert "c.errors.jsonl" in done.err
    errors.write_bytes(content)
    assert (await call("verify", path.name)).code == 0


@pytest.mark.parametrize("change", [{"path": "d.errors.jsonl"}, {"path": "../c.errors.jsonl"}, {"records": 2}])
async def test_a_manifest_that_names_another_errors_file_is_8(
    call: Calling, tmp_path: Path, change: dict[str, Any]
) -> None:
    path = await collected(call, tmp_path)
    (tmp_path / "d.errors.jsonl").write_bytes((tmp_path / "c.errors.jsonl").read_bytes())
    change_manifest(path, lambda found: found["files"][1].update(change))
    done = await call("verify", path.name)
    assert done.code == 8, done.err


async def test_a_manifest_of_an_earlier_version_names_no_errors_file(call: Calling, tmp_path: Path) -> None:
    path = await collected(call, tmp_path)
    change_manifest(path, lambda found: found["files"].pop())
    assert (await call("verify", path.name)).code == 0


@pytest.mark.parametrize("name", ["e.jsonl", "away/e.jsonl.gz"])
async def test_the_standard_output_of_a_run_is_verified_with_its_errors_file_in_any_folder(
    call: Calling, tmp_path: Path, name: str
) -> None:
    async with serving(by_id({FAILING: error(404)}, found)) as server:
        done = await call(
            *("collect", *WANTED, "--base-url", server.url, "--rate", "0"),
            *("--errors", name, "--manifest", "c.manifest.json"),
        )
    assert done.code == 3, done.err
    (tmp_path / "c.jsonl").write_bytes(done.out)
    facts_of = json.loads((tmp_path / "c.manifest.json").read_bytes())["files"]
    assert [each["path"] for each in facts_of] == ["-", name]
    assert (await call("verify", "c.jsonl")).code == 0
    (tmp_path / name).unlink()
    done = await call("verify", "c.jsonl")
    assert done.code == 8, done.err
    assert name in done.err


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n"])
async def test_an_errors_file_that_the_manifest_does_not_account_for_is_8(
    call: Calling, call_here: Here, tmp_path: Path, content: bytes, suffix: str
) -> None:
    async with serving(found) as server:
        done = await call("collect", *WANTED, "--base-url", server.url, "-o", f"c.jsonl{suffix}", "--rate", "0")
    assert done.code == 0, done.err
    path, errors = tmp_path / f"c.jsonl{suffix}", tmp_path / "c.errors.jsonl"
    assert call_here("verify", str(path)).code == 0
    errors.write_bytes(content)
    done = call_here("verify", str(path))
    assert done.code == 8, done.err
    assert f"{errors}: unexpected: the manifest counts no errors" in done.err
    assert "remove or rename it" in done.err
    errors.unlink()
    errors.symlink_to("nowhere")
    assert call_here("verify", str(path)).code == 8


async def to_standard_output(call: Calling, folder: Path, *options: str, failing: bool = True) -> Path:
    """The standard output of a run, saved as `c.jsonl`: seven records and, if `failing`, one error."""
    async with serving(by_id({FAILING: error(404)} if failing else {}, found)) as server:
        given = ("--base-url", server.url, "--rate", "0", "--manifest", "c.manifest.json")
        done = await call("collect", *WANTED, *given, *options)
    assert done.code == (3 if failing else 0), done.err
    (folder / "c.jsonl").write_bytes(done.out)
    return folder / "c.jsonl"


async def test_verify_says_which_errors_file_it_compared(call: Calling, call_here: Here, tmp_path: Path) -> None:
    path = await to_standard_output(call, tmp_path, "--errors", "away/e.jsonl")
    assert f"7 records, 1 errors in {tmp_path / 'away/e.jsonl'}," in call_here("verify", str(path)).err
    (tmp_path / "away/e.jsonl").rename(tmp_path / "c.errors.jsonl")
    assert f"7 records, 1 errors in {tmp_path / 'c.errors.jsonl'}," in call_here("verify", str(path)).err
    path = await to_standard_output(call, tmp_path, "--errors", "c.errors.jsonl", failing=False)
    assert "8 records, 0 errors, " in call_here("verify", str(path)).err


async def test_another_errors_file_beside_the_output_of_a_stream_is_8_and_a_copy_is_0(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    path = await to_standard_output(call, tmp_path, "--errors", "e.jsonl")
    beside, content = tmp_path / "c.errors.jsonl", (tmp_path / "e.jsonl").read_bytes()
    beside.write_bytes(content)
    assert call_here("verify", str(path)).code == 0
    for changed in (content.replace(b"HTTP 404", b"HTTP 405"), content + content, b""):
        beside.write_bytes(changed)
        done = call_here("verify", str(path))
        assert done.code == 8, done.err
        assert f"{beside}: differs from {tmp_path / 'e.jsonl'}, the errors file of this snapshot" in done.err
    (tmp_path / "e.jsonl").unlink()
    assert call_here("verify", str(path)).code == 8


async def test_the_output_of_a_stream_without_its_errors_file_is_0_with_a_note(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    path = await to_standard_output(call, tmp_path)
    done = call_here("verify", str(path))
    assert done.code == 0, done.err
    assert "7 records, 1 errors, " in done.err
    assert "c.manifest.json: lists no errors file, so the ids and messages of 1 errors were not compared" in done.err
    path.write_bytes(path.read_bytes().replace(b"Warehouse", b"Warehouze", 1))
    assert call_here("verify", str(path)).code == 8


@pytest.mark.parametrize("content", [b"", b"{}\n"])
async def test_a_foreign_errors_file_beside_the_output_of_a_stream_without_one_is_8(
    call: Calling, call_here: Here, tmp_path: Path, content: bytes
) -> None:
    path = await to_standard_output(call, tmp_path)
    (tmp_path / "c.errors.jsonl").write_bytes(content)
    done = call_here("verify", str(path))
    assert (done.code, "c.errors.jsonl" in done.err) == (8, True), done.err


async def test_a_missing_errors_file_of_a_snapshot_is_8_also_where_its_manifest_is_of_an_earlier_version(
    call: Calling, call_here: Here, tmp_path: Path
) -> None:
    path = await collected(call, tmp_path)
    change_manifest(path, lambda found: found["files"].pop())
    done = call_here("verify", str(path))
    assert (done.code, "only its ids and outcomes were compared" in done.err) == (0, True), done.err
    (tmp_path / "c.errors.jsonl").unlink()
    done = call_here("verify", str(path))
    assert (done.code, "c.errors.jsonl: does not exist, but the manifest counts 1 errors" in done.err) == (8, True)


async def test_an_index_is_0_with_a_line_for_each_organization(call_here: Here, tmp_path: Path) -> None:
    index = await collect_organizations(tmp_path)
    done = call_here("verify", str(index))
    assert (done.code, done.out) == (0, b""), done.err
    first, second, third, fourth, whole, note = done.err.splitlines()
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(tmp_path.rglob("*.jsonl*"))]
    assert re.fullmatch(f"collector: {FIRST}: complete: 3 records, 0 errors, [0-9]+ bytes, sha256 ([0-9a-f]+)", first)
    errors = re.escape(str(tmp_path / f"{SECOND}.errors.jsonl"))
    assert re.fullmatch(
        f"collector: {SECOND}: partial: 4 records, 1 errors in {errors}, [0-9]+ bytes, sha256 .*", second
    )
    assert re.fullmatch(f"collector: {THIRD}: stopped: 2 records, 0 errors, [0-9]+ bytes, sha256 .*", third)
    assert all(line[-64:] in digests for line in (first, second, third))
    assert fourth == "collector: fourth: failed, exit code 4: the API rejects the key"
    assert whole == (
        f"collector: {index}: matches its manifests: 4 organizations, 9 records, 1 errors, stopped, exit code 3"
    )
    assert "its run stopped; 1 ids were not attempted; rerun its command" in note


async def test_an_index_without_manifests_is_not_said_to_match_them(call_here: Here, tmp_path: Path) -> None:
    stream = as_stream(await collect_organization(tmp_path / "c.jsonl", FIRST, ids(2)))
    index = write_index(tmp_path / INDEX, [stream])
    done = call_here("verify", str(index))
    assert done.code == 0, done.err
    assert done.err.splitlines()[1] == (
        f"collector: {index}: its accounts add up: 1 organizations, 2 records, 0 errors, complete, exit code 0"
    )


async def test_an_index_of_a_stream_names_the_errors_file_that_was_compared(call_here: Here, tmp_path: Path) -> None:
    errors = tmp_path / "c.errors.jsonl"
    stream = as_stream(await collect_organization(tmp_path / "c.jsonl", SECOND, ids(5)), errors)
    index = write_index(tmp_path / INDEX, [stream])
    done = call_here("verify", str(index))
    assert done.code == 0, done.err
    first, *_ = done.err.splitlines()
    assert first == f"collector: {SECOND}: partial: 4 records, not compared, 1 errors in {errors}"
    errors.unlink()
    done = call_here("verify", str(index))
    assert (done.code, f"{SECOND}: does not match: {errors}: does not exist" in done.err) == (8, True), done.err


async def test_an_index_of_any_name_with_a_changed_file_is_8(call_here: Here, tmp_path: Path) -> None:
    index = (await collect_organizations(tmp_path)).rename(tmp_path / "any")
    assert call_here("verify", str(index)).code == 0
    records, manifest = tmp_path / f"{SECOND}.jsonl", tmp_path / f"{FIRST}/c.manifest.json"
    records.write_bytes(records.read_bytes()[:-1])
    manifest.unlink()
    done = call_here("verify", str(index))
    assert done.code == 8, done.err
    first, second, third, fourth, note, summary = done.err.splitlines()
    assert first == (
        f"collector: {FIRST}: does not match: {manifest}: does not exist, so the organization cannot be verified; "
        "restore the manifest or collect again"
    )
    assert re.fullmatch(f"collector: {SECOND}: does not match: {records}: byte .*; restore the file or .*", second)
    assert third.startswith(f"collector: {THIRD}: stopped: 2 records")
    assert fourth.startswith("collector: fourth: failed")
    assert "its run stopped" in note
    assert summary == (
        f"collector: {index}: the files of 2 of 4 organizations do not match or cannot be read; do not load these "
        "files; the lines above give the next step for each"
    )


async def test_an_index_whose_file_cannot_be_read_is_2_unless_another_does_not_match(
    call_here: Here, tmp_path: Path
) -> None:
    index = await collect_organizations(tmp_path)
    (tmp_path / f"{SECOND}.jsonl").unlink()
    (tmp_path / f"{SECOND}.jsonl").mkdir()
    done = call_here("verify", str(index))
    assert (done.code, f"{SECOND}: cannot be verified: {tmp_path / SECOND}.jsonl: " in done.err) == (2, True), done.err
    assert "the files of 1 of 4 organizations do not match or cannot be read" in done.err
    (tmp_path / f"{FIRST}/c.jsonl.gz").unlink()
    assert call_here("verify", str(index)).code == 8


async def test_a_file_with_the_name_of_an_index_and_other_content_is_8(call_here: Here, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("{}")
    done = call_here("verify", str(tmp_path / INDEX))
    assert (done.code, "this is a manifest, not a snapshot" in done.err) == (8, True), done.err


async def test_an_index_of_a_later_version_is_8(call_here: Here, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text('{"format": "collector.organizations/2"}')
    done = call_here("verify", str(tmp_path / INDEX))
    assert (done.code, "format: not collector.organizations/1, so the index" in done.err) == (8, True), done.err
