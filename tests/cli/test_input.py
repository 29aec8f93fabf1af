"""`collector collect`: sources of ids, and unusable input."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import KEY, Calling, Finished
from tests.support.output_oracle import Given, Seen, check_finished
from tests.support.scripted_server import found, ids, serving

Here = Callable[..., Finished]

NOWHERE = "http://127.0.0.1:9"  # the discard port; these tests end before the first request


async def test_arguments_files_of_every_kind_and_standard_input_mix_freely(call: Calling, tmp_path: Path) -> None:
    wanted = ids(18)
    (tmp_path / "a.txt").write_text(f"# some\n{wanted[2]}\n\n{wanted[3]} # one\n{wanted[0]}")
    (tmp_path / "b.csv").write_text(f'\ufeffname,id,note\r\n"a, b",{wanted[4]},"x\ny"\r\n\r\nc,{wanted[5]},\r\n')
    (tmp_path / "c.tsv").write_text(f"id\tname\n{wanted[6]}\tx\n{wanted[7].upper()}\ty\n")
    (tmp_path / "d.jsonl").write_text(
        f"{json.dumps({'id': wanted[8], 'name': 'x'})}\n\n{json.dumps({'id': wanted[9], 'outcome': 'exhausted'})}\n"
    )
    (tmp_path / "e.txt.gz").write_bytes(gzip.compress(f"{wanted[10]}\n{wanted[11]}\n".encode()))
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(f"id\n{wanted[12]}\n".encode()))
    (tmp_path / "g.jsonl.gz").write_bytes(gzip.compress(f'{{"id":"{wanted[13]}"}}\n'.encode()))
    (tmp_path / "h").write_text(f"{wanted[14]}\n")
    files = [name for file in sorted(os.listdir(tmp_path)) for name in ("--ids", file)]
    async with serving(found) as server:
        done = await call(
            *("collect", *wanted[:2], *files, "--ids", "-", "--base-url", server.url, "-o", "out/c.jsonl"),
            *("--rate", "0"),
            stdin=f"\n  {wanted[15]}\n{wanted[16]}\r\n{wanted[17]}".encode(),
        )
    assert done.code == 0, done.err
    # blank: a comment and a blank line in a.txt, the blank row of b.csv, one line each in d.jsonl and on stdin
    given = Given(wanted, duplicates=1, blank=5)
    check_finished(tmp_path / "out/c.jsonl", given, 0, seen=Seen(server.requests, {200: 18}))


async def test_standard_input_that_begins_with_a_brace_is_json_lines(call: Calling, tmp_path: Path) -> None:
    lines = "".join(f"{json.dumps({'id': one})}\n" for one in ids(3))
    async with serving(found) as server:
        done = await call(
            *("collect", "--ids", "-", "--base-url", server.url, "-o", "out/c.jsonl"), stdin=f"\n {lines}".encode()
        )
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(3), blank=1), 0)


async def test_ids_are_read_as_people_have_them(call: Calling, tmp_path: Path) -> None:
    wanted = ids(12)
    (tmp_path / "list.json").write_text(json.dumps({"data": [{"id": one} for one in wanted[:2]]}, indent=2))
    (tmp_path / "excel.txt").write_text(f"Name\tConnection ID\n\u00c4\t{wanted[2]}\n", encoding="utf-16")
    pq.write_table(pa.table({"ID": [wanted[3], None]}), tmp_path / "ids.parquet")
    (tmp_path / "sql.txt").write_text(
        f"'{wanted[4]}',\n{{{wanted[5]}}}\nhttps://app.polytomic.com/connections/{wanted[6]}\n"
    )
    files = [name for file in sorted(os.listdir(tmp_path)) for name in ("--ids", file)]
    async with serving(found) as server:
        arguments = [f"{{{wanted[7]}}}", f"{server.url}/org/connections/{wanted[8]}?tab=1", f"{wanted[9]},"]
        done = await call(
            *("collect", *arguments, *files, "--ids", "-", "--base-url", server.url, "-o", "out/c.jsonl"),
            stdin=gzip.compress(json.dumps(wanted[10:]).encode()),
        )
    assert done.code == 3, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(wanted, invalid=1), 3, seen=Seen(server.requests, {200: 12}))
    assert "ids.parquet: row 2: contains no id" in done.err


async def test_a_format_can_be_given_for_files_and_standard_input(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "ids.dat").write_text(f"x;{ids(1)[0]}\n")
    async with serving(found) as server:
        run = ("collect", "--base-url", server.url, "-o", "out/c.jsonl", "--ids-column", "id", "--ids-format", "csv")
        done = await call(*run, "--ids", "-", stdin=f"id;n\n{ids(1)[0]};1\n".encode())
        failed = await call(*run, "--ids", "ids.dat")
    assert (done.code, failed.code) == (0, 2), (done.err, failed.err)
    check_finished(tmp_path / "out/c.jsonl", Given(ids(1)), 0)
    assert "ids.dat: its first line contains an id, but a table begins with its column names" in failed.err


@pytest.mark.parametrize(
    ("header", "listed"),
    [
        ("a,b", "('a', 'b')"),
        (f"{KEY},b", ", 'b')"),
        (f"{KEY * 3},b", "((not shown), 'b')"),
        ("id,connection_id", "('id', 'connection_id')"),
    ],
)
async def test_a_table_without_one_column_of_ids_is_2_and_lists_its_columns(
    call: Calling, tmp_path: Path, header: str, listed: str
) -> None:
    (tmp_path / "ids.csv").write_text(f"{header}\n1,2\n")
    done = await call("collect", "--ids", "ids.csv", "--base-url", NOWHERE)
    assert done.code == 2
    assert listed in done.err
    assert "choose one with --ids-column" in done.err
    assert KEY not in done.err


async def test_a_snapshot_and_an_errors_file_are_valid_input(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        first = await call("collect", *ids(4), "--base-url", server.url, "-o", "one.jsonl")
        again = await call("collect", "--ids", "one.jsonl", "--base-url", server.url, "-o", "out/c.jsonl")
    assert (first.code, again.code) == (0, 0)
    check_finished(tmp_path / "out/c.jsonl", Given(ids(4)), 0)


async def test_another_column_can_hold_the_ids(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"id,connection\n1,{ids(1)[0]}\n")
    async with serving(found) as server:
        done = await call(
            *("collect", "--ids", "a.csv", "--ids-column", "connection", "--base-url", server.url, "-o", "out/c.jsonl")
        )
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(1)), 0)


async def test_the_first_20_invalid_lines_are_named_and_the_rest_counted(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("".join(f"bad line {KEY}\n" for _ in range(25)) + ids(1)[0])
    async with serving(found) as server:
        done = await call("collect", "--ids", "ids.txt", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 3, done.err
    assert [line for number in range(1, 27) for line in done.err.splitlines() if f"ids.txt:{number}:" in line] == [
        line for line in done.err.splitlines() if "ids.txt:" in line
    ]
    assert sum("ids.txt:" in line for line in done.err.splitlines()) == 20
    assert "5 more" in done.err
    assert KEY not in done.err  # an invalid line may be a key that was pasted by mistake
    result = check_finished(tmp_path / "out/c.jsonl", Given(ids(1), invalid=25), 3)
    assert result.manifest["status"] == "complete"
    assert server.requests == 1


async def test_no_quote_in_a_tsv_loses_an_id(call: Calling, tmp_path: Path) -> None:
    """Output of `mysql --batch`: one name begins with a quote, a later name ends with one."""
    names = ["plain", '"quarterly', 'report"', '"Sales" export', '5" disk', '"', "plain"]
    rows = "".join(f"{name}\t{one}\n" for name, one in zip(names, ids(7), strict=True))
    (tmp_path / "ids.TSV").write_text(f"name\tid\n{rows}")
    async with serving(found) as server:
        done = await call("collect", "--ids", "ids.TSV", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 0, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(7)), 0)


async def test_an_id_inside_a_quoted_csv_field_is_reported_and_the_exit_code_is_3(
    call: Calling, tmp_path: Path
) -> None:
    one, two, three = ids(3)
    (tmp_path / "ids.csv").write_text(f'name;id\n"quarterly;{one}\nreport";{two}\nplain;{three}\n')
    async with serving(found) as server:
        done = await call("collect", "--ids", "ids.csv", "--base-url", server.url, "-o", "out/c.jsonl")
    assert done.code == 3, done.err
    check_finished(tmp_path / "out/c.jsonl", Given([two, three], invalid=1), 3)
    assert "ids.csv:2: contains an id in a quoted field that spans lines 2-3" in done.err
    assert "ids.csv: quoted fields span lines 2-3" in done.err
    assert "ids.csv: its columns are separated by ';', not by ','" in done.err
    assert one not in done.err


HOSTILE = [
    "{00000001-0000-4000-8000-00000000c0de",
    "(00000001-0000-4000-8000-00000000c0de)",
    "https://example.com/api/connections/00000001-0000-4000-8000-00000000c0de",
    "https://app.polytomic.com/org/models/00000001-0000-4000-8000-00000000c0de",
    "urn:uuid:00000001-0000-4000-8000-00000000c0de",
    "0000000100004000800000000000c0de",
    "00000001-0000-4000-8000-00000000c0de/..",
    "\u0660" * 7 + "\u0661-0000-4000-8000-00000000c0de",
    "00000001-0000-4000-8000-00000000c0d",
    "00000001-0000-4000-8000-00000000c0de\u2028x",
    "../../../etc/passwd",
    "%2e%2e",
    "00000001-0000-4000-8000-00000000c0de?x=1",
]


async def test_an_invalid_id_is_never_sent(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call(
            *("collect", ids(1, 7)[0], "--ids", "-", "--base-url", server.url, "-o", "out/c.jsonl"),
            stdin="\n".join(HOSTILE).encode(),
        )
    assert done.code == 3, done.err
    check_finished(tmp_path / "out/c.jsonl", Given(ids(1, 7), invalid=len(HOSTILE)), 3)
    assert server.targets == [f"/api/connections/{ids(1, 7)[0]}"]


def binary(folder: Path) -> str:
    (folder / "ids.txt").write_bytes(ids(1)[0].encode() + b"\n\0\1\2\n")
    return "ids.txt"


def binary_csv(folder: Path) -> str:
    (folder / "ids.csv").write_bytes(b"id\n\0\n")
    return "ids.csv"


def utf_16(folder: Path) -> str:
    (folder / "ids.txt").write_text(ids(1)[0], encoding="utf-16-le")
    return "ids.txt"


def missing(folder: Path) -> str:
    return "there-is-none.txt"


def dangling(folder: Path) -> str:
    (folder / "ids.txt").symlink_to("nowhere")
    return "ids.txt"


def loop(folder: Path) -> str:
    (folder / "ids.txt").symlink_to("ids.txt")
    return "ids.txt"


def a_folder(folder: Path) -> str:
    (folder / "ids").mkdir()
    return "ids"


def no_gzip(folder: Path) -> str:
    (folder / "ids.txt.gz").write_text(ids(1)[0])
    return "ids.txt.gz"


def cut_gzip(folder: Path) -> str:
    (folder / "ids.txt.gz").write_bytes(gzip.compress(os.urandom(5000).hex().encode())[:-20])
    return "ids.txt.gz"


def no_such_column(folder: Path) -> str:
    (folder / "ids.csv").write_text(f"connection\n{ids(1)[0]}\n")
    return "ids.csv"


def empty(folder: Path) -> str:
    (folder / "ids.txt").write_text("")
    return "ids.txt"


def comments_only(folder: Path) -> str:
    (folder / "ids.txt").write_text("# nothing\n\n")
    return "ids.txt"


def nothing_valid(folder: Path) -> str:
    (folder / "ids.txt").write_text("x\n")
    return "ids.txt"


@pytest.mark.parametrize(
    "make",
    [
        *(binary, binary_csv, utf_16, missing, dangling, loop, a_folder, no_gzip, cut_gzip, no_such_column),
        *(empty, comments_only, nothing_valid),
    ],
)
def test_an_unusable_ids_file_is_2_and_named_and_no_file_changes(
    call_here: Here, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    name = make(tmp_path)
    done = call_here("collect", "--ids", name, "--base-url", NOWHERE, "-o", "out/c.jsonl")
    assert done.code == 2
    assert name in done.err or "no connection ids" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_a_run_without_ids_is_2_with_advice(call_here: Here) -> None:
    done = call_here("collect", "--base-url", NOWHERE)
    assert done.code == 2
    assert "--ids" in done.err
    assert "--all" in done.err


def test_a_run_without_a_key_is_2_with_advice_and_no_file_changes(
    call_here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("POLYTOMIC_API_KEY")
    done = call_here("collect", *ids(2), "--base-url", NOWHERE, "-o", "out/c.jsonl")
    assert done.code == 2
    assert "POLYTOMIC_API_KEY" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[limits]\nrat = 1\n", "rat"),
        ("[limit]\nrate = 1\n", "limit"),
        ("rate = 1\n", "rate"),
        ("[limits]\nrate = -1\n", "rate"),
        ('[limits]\nrate = "fast"\n', "rate"),
        ("[limits\n", "config.toml"),
        (f'[api]\nkey = "{KEY}"\n', "key"),
        (f'[api]\napi_key = "{KEY}"\n', "api_key"),
    ],
)
def test_a_config_file_with_a_mistake_is_2_and_names_it(call_here: Here, tmp_path: Path, toml: str, named: str) -> None:
    (tmp_path / "config.toml").write_text(toml)
    done = call_here("collect", *ids(2), "--config", "config.toml", "--base-url", NOWHERE, "-o", "out/c.jsonl")
    assert done.code == 2
    assert named in done.err
    assert KEY not in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_a_config_file_of_the_current_folder_is_not_read(call_here: Here, tmp_path: Path) -> None:
    for name in ("config.toml", "collector.toml", ".collector.toml"):
        (tmp_path / name).write_text("nonsense")
    assert "no connection ids" in call_here("collect", "--base-url", NOWHERE).err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rate", "-1"],
        ["--rate", "nan"],
        ["--rate", "fast"],
        ["--concurrency", "0"],
        ["--concurrency", "1.5"],
        ["--max-attempts", "0"],
        ["--max-duration", "0"],
        ["--frobnicate"],
        ["--config", "there-is-none.toml"],
        ["--base-url", "ftp://example.com"],
        ["--base-url", "http://example.com"],
        ["--base-url", "https://user:pass@example.com"],
        ["--api-version", ""],
        ["--proxy", "not a url"],
        ["--key-file", "there-is-none"],
        ["--key-command", "there-is-no-such-command"],
        ["--key-command", "false"],
        ["--ca-file", "there-is-none", "--base-url", "https://127.0.0.1:9"],
    ],
    ids=" ".join,
)
def test_an_invalid_option_is_2_and_no_file_changes(call_here: Here, tmp_path: Path, arguments: list[str]) -> None:
    base = [] if "--base-url" in arguments else ["--base-url", NOWHERE]
    done = call_here("collect", *ids(2), *base, "-o", "out/c.jsonl", *arguments)
    assert done.code == 2, done.err
    assert done.err.startswith("collector: ")
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--api-key", "--key", "--token"])
def test_no_option_takes_a_key_and_the_message_does_not_repeat_it(call_here: Here, flag: str) -> None:
    for arguments in ([flag, KEY], [f"{flag}={KEY}"]):
        done = call_here("collect", *ids(2), "--base-url", NOWHERE, *arguments)
        assert done.code == 2
        assert KEY not in done.err


@pytest.mark.parametrize("name", ["COLLECTOR_RATES", "COLLECTOR_API_KEY"])
def test_an_unknown_variable_of_the_environment_is_2_and_named(
    call_here: Here, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, KEY)
    done = call_here("collect", *ids(2), "--base-url", NOWHERE)
    assert done.code == 2
    assert name in done.err
    assert KEY not in done.err


async def test_an_option_overrides_the_environment_which_overrides_the_file(call: Calling, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[api]\nversion = "file"\n[limits]\nrate = 0\n[output]\npath = "file.jsonl"\n[ids]\nfiles = ["none.txt"]\n'
    )
    (tmp_path / "ids.txt").write_text("\n".join(ids(2)))
    async with serving(found) as server:
        done = await call(
            *("collect", "--config", "config.toml", "-o", "out/flag.jsonl"),
            env={
                "COLLECTOR_OUTPUT": "environment.jsonl",
                "COLLECTOR_API_VERSION": "environment",
                "COLLECTOR_IDS": "ids.txt",
                "POLYTOMIC_DEPLOYMENT_URL": server.url,
            },
        )
    assert done.code == 0, done.err
    result = check_finished(tmp_path / "out/flag.jsonl", Given(ids(2)), 0)
    assert result.manifest["source"]["api_version"] == "environment"
    assert result.manifest["source"]["base_url"] == server.url
    assert all(b"X-Polytomic-Version: environment\r\n" in head for head in server.heads)
