"""A refusal by the database or the system is named in the message, which never holds the password."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from collector.warehouse.load.destination import parse_destination
from collector.warehouse.load.pipeline import connected
from collector.warehouse.load.workspace import state_folder, workspace
from tests.conftest import Finished, clean_environment
from tests.support.canary import assert_nowhere
from tests.support.engines import Engine
from tests.support.nights import write_night
from tests.support.postgres import Server

Here = Callable[..., Finished]
PASSWORD = " S3cret-hunter2-0451%40@? "


@pytest.fixture
def night(tmp_path: Path) -> str:
    return str(write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}}))


@contextmanager
def asking_for_passwords(server: Server) -> Iterator[str]:
    """Let the server ask the user `guarded` for a password. Yields the URL of that user."""
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    server.psql("DROP OWNED BY guarded CASCADE; DROP ROLE guarded" if _exists(server) else "SELECT 1")
    server.psql(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE postgres TO guarded")
    rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{before}")
    server.psql("SELECT pg_reload_conf()")
    try:
        yield f"postgresql://guarded@127.0.0.1:{server.port}/postgres"
    finally:
        rules.write_text(before)
        server.psql("SELECT pg_reload_conf()")


def _exists(server: Server) -> bool:
    return "1" in server.psql("SELECT 1 FROM pg_roles WHERE rolname = 'guarded'")


def test_the_password_comes_from_a_source_and_is_nowhere_afterwards(server: Server, night: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    pgpass = tmp_path / "pgpass"
    pgpass.write_text(f"*:*:*:guarded:{PASSWORD}\n")
    pgpass.chmod(0o600)
    sources: dict[str, tuple[list[str], dict[str, str]]] = {
        "by_command": (["--password-command", f"cat {secret}"], {}),
        "by_libpq": ([], {"PGPASSWORD": PASSWORD}),
        "by_pgpass": ([], {"PGPASSFILE": str(pgpass)}),
    }
    folder = tmp_path / "cwd"
    folder.mkdir()
    with asking_for_passwords(server) as url:
        for dataset, (options, environ) in sources.items():
            command = [sys.executable, "-m", "collector", "load", night, "--to", url, "--dataset", dataset, *options]
            done = subprocess.run(
                command,
                cwd=folder,
                env={**clean_environment(tmp_path), **environ},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            dump = server.psql(f"SELECT * FROM {dataset}._dlt_pipeline_state; SELECT * FROM {dataset}._dlt_version")
            assert_nowhere(PASSWORD, tmp_path / "home", done.stderr, dump)
    assert list(folder.iterdir()) == []


def test_the_password_of_a_file_or_a_variable_is_accepted(
    call_here: Here, server: Server, night: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    with asking_for_passwords(server) as url:
        done = call_here("load", night, "--to", url, "--dataset", "by_file", "--password-file", str(secret))
        assert done.code == 0, done.err
        environ = {"COLLECTOR_LOAD_PASSWORD": PASSWORD, "HOME": os.environ["HOME"]}
        monkeypatch.setattr("collector.cli.load._ENVIRON", environ)
        assert call_here("load", night, "--to", url, "--dataset", "by_variable").code == 0


@pytest.mark.parametrize("given", ["Wr0ng-passwd-99", ""])
def test_a_refused_password_is_not_shown(
    call_here: Here, server: Server, night: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.cli.load._ENVIRON", {"COLLECTOR_LOAD_PASSWORD": given, "HOME": os.environ["HOME"]})
    with asking_for_passwords(server) as url:
        done = call_here("load", night, "--to", url)
    assert done.code == 4
    assert f"{url}: the server refuses the user or the password" in done.err
    assert not given or given not in done.err


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("postgresql://u:Secret-0451@127.0.0.1/db", 2, "--to contains a password (not shown)"),
        ("postgresql://u@127.0.0.1/db?password=Secret-0451", 2, "the parameter password, which may be a secret"),
        ("mysql://u@127.0.0.1/db", 2, "not the URL of a database; use for example duckdb:///inventory.duckdb"),
        ("postgresql://127.0.0.1/db", 2, "the user, the host or the database is missing"),
        ("postgresql://u@127.0.0.1:x/db", 2, "not a valid URL"),
        ("postgresql://u@127.0.0.1:1/db", 6, "the server cannot be reached"),
        ("duckdb:///missing/x.duckdb", 6, "make its folder, or use duckdb:////FOLDER/FILE for an absolute path"),
        ("duckdb:///1.jsonl", 2, "the file exists and is not a database of DuckDB"),
        ("duckdb:///:memory:", 2, "would be lost at the end of the load"),
        ("duckdb://x.duckdb", 2, "names a file relative to the current folder"),
        ("snowflake://u@account/db", 2, "pip install 'polytomic-collector[snowflake]'"),
        ("bigquery://project", 2, "pip install 'polytomic-collector[bigquery]'"),
    ],
)
def test_a_destination_that_cannot_be_used_is_named(
    call_here: Here, night: str, url: str, code: int, message: str
) -> None:
    done = call_here("load", night, "--to", url)
    assert (done.code, message in done.err, "Secret-0451" in done.err) == (code, True, False), done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("parameter", ["sslmode=nonsense", "nonsense=1", "connect_timeout=soon"])
def test_a_parameter_of_the_url_that_is_wrong_is_named(
    call_here: Here, server: Server, night: str, parameter: str
) -> None:
    done = call_here("load", night, "--to", f"postgresql://collector@127.0.0.1:{server.port}/postgres?{parameter}")
    assert (done.code, "a parameter of --to is wrong" in done.err) == (2, True), done.err


def test_a_user_or_database_that_does_not_exist_is_named(call_here: Here, server: Server, night: str) -> None:
    for user, database, message in (
        ("nobody", "postgres", "the user does not"),
        ("collector", "no", "the database does"),
    ):
        done = call_here("load", night, "--to", f"postgresql://{user}@127.0.0.1:{server.port}/{database}")
        assert (done.code, message in done.err) == (2, True), done.err


def test_a_user_without_permission_is_told(call_here: Here, server: Server, night: str) -> None:
    server.psql("CREATE ROLE weak LOGIN")
    done = call_here("load", night, "--to", f"postgresql://weak@127.0.0.1:{server.port}/postgres", "--dataset", "none")
    assert (done.code, "permission denied; grant the user the right to create tables" in done.err) == (6, True)


def test_a_file_that_another_process_has_open_is_named(call_here: Here, duck: Engine, night: str) -> None:
    path = duck.url.removeprefix("duckdb:///")
    code = f"import duckdb, sys; open_ = duckdb.connect({path!r}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        done = call_here("load", night, *duck.target)
        other.communicate(b"")
    assert (done.code, "another process has the file open" in done.err) == (7, True), done.err


def test_a_file_that_cannot_be_written_is_named(call_here: Here, tmp_path: Path, night: str) -> None:
    """An ordinary user cannot write to it; for root the device is full."""
    done = call_here("load", night, "--to", "duckdb:////dev/full")
    assert done.code in (2, 6)
    assert "duckdb:////dev/full: " in done.err


def test_a_second_load_into_the_same_destination_is_refused(
    call_here: Here, engine: Engine, night: str, tmp_path: Path
) -> None:
    state = state_folder(clean_environment(tmp_path))
    destination = parse_destination(engine.url, engine.dataset)
    with workspace(state, destination):
        done = call_here("load", night, *engine.target)
    assert (done.code, "another load writes to it; wait for its end" in done.err) == (7, True), done.err
    assert call_here("load", night, *engine.target).code == 0


def test_a_load_of_another_host_into_the_same_schema_is_refused(
    call_here: Here, server: Server, night: str, tmp_path: Path
) -> None:
    url = f"postgresql://collector@127.0.0.1:{server.port}/postgres"
    with connected(parse_destination(url, "elsewhere"), None, tmp_path) as other:
        other.lock()
        done = call_here("load", night, "--to", url, "--dataset", "elsewhere")
    assert (done.code, "another load writes to it; wait for its end" in done.err) == (7, True), done.err


def test_a_state_folder_that_cannot_be_made_is_named(
    call_here: Here, duck: Engine, night: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.cli.load._ENVIRON", {"HOME": night})
    done = call_here("load", night, *duck.target)
    assert done.code == 6
    assert "cannot be written: Not a directory; to use another folder, set XDG_STATE_HOME" in done.err


_WATCHED = """
import os, sys
from collector.cli.main import run
written = set()
def watch(event, args):
    if event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR):
        written.add(os.path.abspath(args[0]))
    if event == "os.mkdir":
        written.add(os.path.abspath(args[0]))
sys.addaudithook(watch)
code = run(sys.argv[1:])
print(*written, sep="\\n")
sys.exit(code)
"""


def test_dlt_writes_only_below_the_state_folder_and_reads_no_configuration(tmp_path: Path, night: str) -> None:
    folder = tmp_path / "cwd"
    (folder / ".dlt").mkdir(parents=True)
    (folder / ".dlt" / "config.toml").write_text('[destination]\nreplace_strategy = "nonsense"\nbroken')
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, "load", night, "--to", "duckdb:///i.duckdb"],
        cwd=folder,
        env={**clean_environment(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    home = str(tmp_path / "home")
    is_ours = [path.startswith((home, "/dev/")) or home.startswith(path) for path in done.stdout.split()]
    assert is_ours.count(True) > 20, "the files of dlt"
    assert all(is_ours), done.stdout
    assert sorted(path.name for path in folder.iterdir()) == [".dlt", "i.duckdb"]
    left = [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [re.sub("[0-9a-f]{16}", "", name) for name in left] == [".lock"]
    assert (folder / "i.duckdb").stat().st_mode & 0o077 == 0


def test_the_help_of_load_imports_neither_dlt_nor_a_driver() -> None:
    code = (
        "import sys; from collector.cli.main import run; run(['load', '--help']); "
        "print(*{'dlt', 'pyarrow', 'duckdb', 'psycopg2'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "\n"


def test_the_database_of_a_load_opens_without_the_collector(call_here: Here, duck: Engine, night: str) -> None:
    assert call_here("load", night, *duck.target).code == 0
    with duckdb.connect(duck.url.removeprefix("duckdb:///"), read_only=True) as connection:
        assert connection.execute("SELECT name FROM collector.connections_current").fetchall() == [("a",)]
