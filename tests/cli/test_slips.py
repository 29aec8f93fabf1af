"""Common slips on the command line: one message with the right command."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Calling, Finished
from tests.support.scripted_server import found, ids, serving

Here = Callable[..., Finished]

ID, OTHER_ID = ids(2)

FILES = {
    "ids.txt": f"{ID}\n",
    "more ids.csv": f"id\n{ID}\n",
    "connections.jsonl": f'{{"id":"{ID}"}}\n',
    "connections.manifest.json": "{}",
    "connections.errors.jsonl": "",
    "night.jsonl.gz": "",
    "night.manifest.json": "{}",
    "part.jsonl.partial": "",
    "part.partial.manifest.json": "{}",
    "gone.manifest.json": "{}",
    "organizations.manifest.json": '{"format": "collector.organizations/1"}',
    "-dash.txt": f"{ID}\n",
    "folder/ids.txt": f"{ID}\n",
}

SLIPS = {
    # The command is missing.
    f"{ID}": f"run: collector collect {ID}",
    f"{ID} {OTHER_ID}": f"run: collector collect {ID} ...",
    "ids.txt": "run: collector collect --ids ids.txt -o connections.jsonl",
    "'more ids.csv'": "run: collector collect --ids 'more ids.csv' -o connections.jsonl",
    "connections.jsonl": "to check it, run: collector verify connections.jsonl",
    "connections.errors.jsonl": "; to check its snapshot, run: collector verify connections.jsonl",
    "connections.manifest.json": "not a command; to check its snapshot, run: collector verify connections.jsonl",
    "organizations.manifest.json": "snapshots that it lists, run: collector verify organizations.manifest.json",
    "-dash.txt": "run: collector collect --ids ./-dash.txt -o connections.jsonl",
    "--ids ids.txt": "run: collector collect OPTIONS",
    "--all -o connections.jsonl": "run: collector collect OPTIONS",
    # Another word for a command, or for an option.
    "colect": "did you mean: collector collect",
    "fetch": "did you mean: collector collect",
    "validate": "did you mean: collector verify",
    "server": "did you mean: collector sandbox",
    "doctor": "did you mean: collector check",
    "--helpp": "did you mean: collector --help",
    "xyzzy": "the commands are collect, check, verify, export, load, schema, tap, demo, sandbox",
    "help": "run: collector --help",
    "help collect": "run: collector collect --help",
    "help xyzzy": "run: collector --help",
    "version": "run: collector --version",
    "collect help": "run: collector collect --help",
    "collect --outptu x": "Did you mean --output?",
    f"collect {ID} --idss ids.txt": "Did you mean --ids?",
    # A file where ids belong, and the reverse.
    "collect ids.txt": "run: collector collect --ids ids.txt -o connections.jsonl",
    "collect folder/ids.txt": "run: collector collect --ids folder/ids.txt",
    "collect connections.jsonl": "run: collector collect --ids connections.jsonl; to check it, run: collector verify",
    f"collect --ids {ID}": f"run: collector collect {ID}",
    "collect -- -dash.txt": "run: collector collect --ids ./-dash.txt -o connections.jsonl",
    "collect --ids -dash.txt": "put ./ before a leading -",
    "collect night.manifest.json": "to check its snapshot, run: collector verify night.jsonl.gz",
    "collect -": "use --ids -",
    "collect --ids folder": "folder: ",
    # A folder as the output.
    f"collect {ID} --output folder": "name a file in it",
    f"collect {ID} -o folder/": "name a file in it",
    # A key on the command line.
    f"collect {ID} --api-key x": "set POLYTOMIC_API_KEY, or use --key-file",
    "collect --key x": "set POLYTOMIC_API_KEY, or use --key-file",
    "verify folder": "name a snapshot that `collector collect -o` wrote",
    # Too few or too many arguments.
    "verify": "SNAPSHOT is missing; see collector verify --help",
    "verify connections.jsonl xyzzy": "unexpected arguments: 1 (not shown); see collector verify --help",
    "demo xyzzy": "unexpected arguments: 1 (not shown); see collector demo --help",
    "collect --ids": "--ids needs a value; see collector collect --help",
    f"collect {ID} -o": "-o needs a value; see collector collect --help",
}


OTHER_FILES = {
    "verify ids.txt": "run: collector collect --ids ids.txt -o connections.jsonl",
    "verify connections.manifest.json": "run: collector verify connections.jsonl",
    "verify connections.errors.jsonl": "run: collector verify connections.jsonl",
    "verify night.manifest.json": "run: collector verify night.jsonl.gz",
    "verify part.partial.manifest.json": "run: collector verify part.jsonl.partial",
    "verify gone.manifest.json": "gone.jsonl does not exist",
}
"""Files to verify that are not snapshots: exit code 8, as for any file without a manifest."""


@pytest.fixture
def _files(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(("typed", "advice"), SLIPS.items(), ids=[typed or "nothing" for typed in SLIPS])
def test_a_slip_is_2_and_one_message_with_the_right_command(call_here: Here, typed: str, advice: str) -> None:
    check(call_here(*shlex.split(typed)), 2, advice)


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(("typed", "advice"), OTHER_FILES.items())
def test_verify_of_another_file_is_8_and_one_message_with_the_right_command(
    call_here: Here, typed: str, advice: str
) -> None:
    check(call_here(*shlex.split(typed)), 8, advice)


def check(done: Finished, code: int, advice: str) -> None:
    assert (done.code, done.out) == (code, b"")
    assert advice in done.err
    assert done.err.startswith("collector: ")
    assert done.err.count("\n") == 1
    assert "xyzzy" not in done.err


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("typed", ["collect ids.txt", f"collect --ids {ID}", "ids.txt"])
def test_a_slip_writes_no_file(call_here: Here, tmp_path: Path, typed: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert call_here(*shlex.split(typed)).code == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_an_argument_that_is_neither_a_file_nor_an_id_is_not_repeated(call_here: Here) -> None:
    for typed in (["missing.txt"], ["collect", "missing.txt"], ["help", "missing.txt"]):
        done = call_here(*typed)
        assert done.code == 2
        assert "missing.txt" not in done.err


async def test_a_file_among_valid_ids_is_an_invalid_line_of_a_run(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(f"{ID}\n")
    async with serving(found) as server:
        done = await call("collect", OTHER_ID, "ids.txt", "--base-url", server.url)
    assert done.code == 3, done.err
    assert OTHER_ID in done.out.decode()
    assert "argument:2: not a connection id" in done.err


def test_a_file_whose_name_is_an_id_is_read_as_a_file(call_here: Here, tmp_path: Path) -> None:
    (tmp_path / ID).write_text("")
    assert "no connection ids in the input" in call_here("collect", "--ids", ID).err
