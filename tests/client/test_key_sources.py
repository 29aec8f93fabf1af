"""Where a key can be read from, with real files, pipes, processes and terminals."""

from __future__ import annotations

import asyncio
import os
import pwd
import shlex
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from collector.client.auth.key_sources import from_command, from_descriptor, from_file, from_keyring
from collector.model.errors import ConfigError
from collector.model.secret import Secret
from tests.conftest import Calling, Starting, clean_environment
from tests.support.scripted_server import PATIENCE, found, ids, serving

KEY = "key-4f1d9a"
HERE = {"PATH": os.environ.get("PATH", os.defpath)}


def python(source: str) -> str:
    return shlex.join([sys.executable, "-c", source])


def file_with(folder: Path, content: str = KEY, mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Does this process run? One that is dead and not yet reaped does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


# A command.


async def test_a_command_gets_its_words_as_they_are_and_no_shell() -> None:
    echo = shlex.join([sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='|')", "$HOME;ls", "a b", "`id`"])
    assert await from_command(echo, HERE) == Secret("$HOME;ls|a b|`id`\n")


async def test_a_command_gets_the_environment_without_our_keys_and_no_standard_input() -> None:
    show = python("import os, sys; print(sorted(os.environ.keys() & {'X', 'POLYTOMIC_API_KEY'}), [sys.stdin.read()])")
    environ = {**HERE, "X": "1", "POLYTOMIC_API_KEY": KEY}
    assert await from_command(show, environ) == Secret("['X'] ['']\n")
    for name in ("POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY"):
        assert await from_command(python("import os; print(len(os.environ))"), {**HERE, "LC_ALL": "C", name: KEY}) == (
            await from_command(python("import os; print(len(os.environ))"), {**HERE, "LC_ALL": "C"})
        )


async def test_what_a_command_says_on_standard_error_is_not_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    await from_command(python(f"import sys; print('{KEY}', file=sys.stderr); print('{KEY}')"), HERE)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (python(f"print('{KEY}'); raise SystemExit(3)"), "ended with exit code 3; run it by hand"),
        (python("import os; os.kill(os.getpid(), 15)"), "ended with exit code -15; run it by hand"),
        ("no-such-command-anywhere-4f1d9a --x", "cannot be run: No such file"),
        ("/", "cannot be run: Permission denied"),
        ("'unbalanced", "cannot be run: No closing quotation"),
        ("a\0b", "cannot be run: embedded null byte"),
        ("  ", "cannot be run: "),
    ],
)
async def test_a_command_that_fails_is_an_error_that_says_why_and_not_what_it_printed(command: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"^\[api\] key_command {told}") as caught:
        await from_command(command, HERE)
    assert "4f1d9a" not in str(caught.value)


async def test_a_command_that_prints_without_end_is_not_listened_to_for_long() -> None:
    printed = await from_command("yes", HERE)
    assert len(printed.reveal()) < 10_000


TWO_THAT_STAY = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child: open('pids.new', 'w').write(f'{os.getpid()} {child}'); os.rename('pids.new', 'pids')
time.sleep(60)
"""


async def test_a_command_that_takes_too_long_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^\[api\] key_command returned no key within 2 s"):
        await from_command(python(TWO_THAT_STAY), HERE, within=2)
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        await until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]  # bound early, on purpose


async def test_a_command_that_is_waited_for_is_ended_with_its_children_by_a_cancellation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    waiting = asyncio.create_task(from_command(python(TWO_THAT_STAY), HERE))
    await until((tmp_path / "pids").exists)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        await until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]  # bound early, on purpose


async def test_what_a_command_leaves_behind_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    leaving = "sleep 60 >/dev/null & echo $! >pid; echo " + KEY
    assert await from_command(shlex.join(["sh", "-c", leaving]), HERE) == Secret(f"{KEY}\n")
    pid = int((tmp_path / "pid").read_text())
    await until(lambda: not is_alive(pid))


async def test_the_loop_turns_while_a_command_runs(tmp_path: Path) -> None:
    waiting = asyncio.create_task(
        from_command(f"sh -c 'until test -e {tmp_path}/go; do sleep 0.01; done; echo k'", HERE)
    )
    await asyncio.sleep(0)
    (tmp_path / "go").touch()  # were the loop held up, nobody would
    assert await waiting == Secret("k\n")


# A file.


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o666, 0o602, 0o610, 0o601])
def test_a_key_file_others_can_use_is_an_error_with_the_command_to_run(mode: int, tmp_path: Path) -> None:
    path = file_with(tmp_path, mode=mode)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    assert str(caught.value).endswith(f"run: chmod 600 {path}")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_file_only_its_owner_can_read_is_read(mode: int, tmp_path: Path) -> None:
    assert from_file(file_with(tmp_path, mode=mode)) == Secret(KEY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_file_of_somebody_else_is_an_error_with_the_commands_to_run(tmp_path: Path) -> None:
    path = file_with(tmp_path, mode=0o640)
    os.chown(path, 4711, -1)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    own = pwd.getpwuid(os.geteuid()).pw_name
    assert str(caught.value).endswith(f"run: chown {own} {path} && chmod 600 {path}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a secret for others")
def test_a_key_file_that_root_mounted_for_us_is_an_error_that_says_how_it_can_be_read() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        path = file_with(Path(folder), mode=0o444)
        os.seteuid(4711)
        try:
            with pytest.raises(ConfigError) as caught:
                from_file(path)
        finally:
            os.seteuid(0)
    assert f"for a mounted secret use --key-command 'cat {path}'; otherwise: " in str(caught.value)
    assert str(caught.value).endswith(f"run: chown 4711 {path} && chmod 600 {path}")


def test_the_command_to_run_can_be_pasted_whatever_the_file_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "it's; a folder"
    folder.mkdir()
    path = file_with(folder, mode=0o644)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    run = str(caught.value).partition("run: ")[2]
    subprocess.run(["sh", "-c", run], check=True)
    assert from_file(path) == Secret(KEY)


def test_a_link_is_as_good_as_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file_with(tmp_path))
    assert from_file(str(link)) == Secret(KEY)
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        from_file(str(link))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing", "missing: No such file"),
        (".", "is not a regular file"),
        ("pipe", "is not a regular file; pass a pipe with --key-fd"),
        ("/dev/null", "/dev/null is not a regular file"),
        ("/dev/zero", "/dev/zero is not a regular file"),
        ("a\0b", "is not a valid file name"),
    ],
)
def test_what_is_no_file_is_an_error_that_says_so_and_is_not_waited_for(name: str, told: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match=rf"^\[api\] key_file.*{told}"):
        from_file(os.path.join(tmp_path, name))


@pytest.mark.parametrize(
    "pasted",
    ["9f86d081884c7d659a2feaa0c55ad015", "Zx9Kq7Lm2N.aB3dE6gH9jK2mN5p", "Zx9Kq7L/m2Np4Rt6Vw8YbaB3d", 300 * "k9"],
)
def test_a_key_that_stands_where_its_file_belongs_is_not_shown(pasted: str) -> None:
    with pytest.raises(ConfigError, match="never the key") as caught:
        from_file(pasted)
    assert pasted not in str(caught.value)


# A descriptor.


def inherited(descriptor: int) -> int:
    os.set_inheritable(descriptor, True)
    return descriptor


def is_open(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


async def test_a_descriptor_of_a_file_is_read_from_where_it_stands_and_closed(tmp_path: Path) -> None:
    descriptor = inherited(os.open(file_with(tmp_path, f"skipped\n{KEY}\n", mode=0o644), os.O_RDONLY))
    os.read(descriptor, len("skipped\n"))
    assert await from_descriptor(descriptor) == Secret(f"{KEY}\n")
    assert not is_open(descriptor)


async def test_a_descriptor_of_a_pipe_is_read_to_its_end_without_holding_up_the_loop() -> None:
    reader, writer = os.pipe()
    reading = asyncio.create_task(from_descriptor(inherited(reader)))
    await asyncio.sleep(0)
    for part in (b"key-", b"4f1d9a"):
        os.write(writer, part)
        await asyncio.sleep(0.01)
    assert not reading.done()
    os.close(writer)
    assert await reading == Secret(KEY)
    assert not is_open(reader)


async def test_a_pipe_that_nobody_writes_to_is_left_at_a_cancellation_and_closed() -> None:
    reader, writer = os.pipe()
    reading = asyncio.create_task(from_descriptor(inherited(reader)))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not is_open(reader)
    os.close(writer)


async def test_a_descriptor_that_nobody_passed_is_an_error_and_stays_open() -> None:
    reader, writer = os.pipe()  # as the loop's own are: not inheritable
    with pytest.raises(ConfigError, match=rf"^\[api\] key_fd {reader} was not passed; .*--key-fd {reader} {reader}<"):
        await from_descriptor(reader)
    assert is_open(reader)
    os.close(reader)
    os.close(writer)
    with pytest.raises(ConfigError, match=r"^\[api\] key_fd 9999: Bad file descriptor; pass it as in: 9999<"):
        await from_descriptor(9999)


async def test_a_descriptor_that_cannot_be_read_is_an_error_that_says_why(tmp_path: Path) -> None:
    for descriptor in (os.open(tmp_path / "new", os.O_WRONLY | os.O_CREAT), os.open(tmp_path, os.O_RDONLY)):
        with pytest.raises(ConfigError, match=rf"^\[api\] key_fd {descriptor}: (Bad file|Is a dir)"):
            await from_descriptor(inherited(descriptor))
        assert not is_open(descriptor)


async def test_a_shell_can_pass_the_key_by_a_descriptor(start: Starting) -> None:
    async with serving(found) as server:
        running = await start(
            *("collect", *ids(1), "--base-url", server.url, "--key-fd", "3"),
            env={"POLYTOMIC_API_KEY": ""},
            closing=f"3< <(sleep 0.1; echo {KEY})",
        )
        done = await running.finished()
    assert done.code == 0, done.err
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]


# Standard input.


async def test_the_first_line_of_standard_input_can_be_the_key(start: Starting) -> None:
    for given in (f"{KEY}\n", KEY, f"{KEY}\r\nmore\n"):
        async with serving(found) as server:
            running = await start(
                *("collect", *ids(1), "--base-url", server.url, "--key-file", "-"),
                env={"POLYTOMIC_API_KEY": ""},
                stdin=given.encode(),
            )
            done = await running.finished()
        assert done.code == 0, done.err
        assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]


@pytest.mark.parametrize(
    ("closing", "told"),
    [("</dev/null", "cannot be a key"), ("<&-", "is closed"), ("<empty", "cannot be a key")],
)
async def test_a_standard_input_without_a_key_is_2_and_says_so(
    start: Starting, tmp_path: Path, closing: str, told: str
) -> None:
    (tmp_path / "empty").touch()
    done = await (await start("collect", *ids(1), "--key-file", "-", closing=closing)).finished()
    assert done.code == 2
    assert '[api] key_file = "-"' in done.err
    assert told in done.err


async def test_standard_input_is_for_the_ids_or_for_the_key(start: Starting) -> None:
    done = await (await start("collect", "--ids", "-", "--key-file", "-", stdin=KEY.encode())).finished()
    assert done.code == 2
    assert "[api] key_file must be other than -" in done.err
    assert KEY not in done.err


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Our end and the program's."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


async def test_at_a_terminal_the_key_is_asked_for_and_not_shown_as_it_is_typed(
    terminal: tuple[int, int], tmp_path: Path
) -> None:
    ours, theirs = terminal
    async with serving(found) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "collector", "collect", *ids(1), "--base-url", server.url, "--key-file", "-", "-q"),
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment(tmp_path),
            cwd=tmp_path,
        )
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            assert b"the API key and press Enter" in await process.stderr.readline()
            while shows_what_is_typed(theirs):  # noqa: ASYNC110  # has no event
                await asyncio.sleep(0.01)
            os.write(ours, f"{KEY}\n".encode())
            _, said = await process.communicate()
    assert process.returncode == 0, said
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]
    assert shows_what_is_typed(theirs)
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):  # nothing came back of what was typed
        os.read(ours, 100)


def shows_what_is_typed(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


# The keyring.


async def test_without_the_package_a_keyring_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"pip install 'polytomic-collector\[keyring\]'"):
        await from_keyring("polytomic:me")


BACKEND = """
import threading
import keyring.backend, keyring.errors

class Ours(keyring.backend.KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        open("asked", "w").close()
        if service == "breaks":
            raise RuntimeError("canary of a plug-in")
        if service == "exits":
            raise SystemExit("canary of a plug-in")
        if service == "locked":
            raise keyring.errors.KeyringLocked("canary of a plug-in")
        if service == "silent":
            threading.Event().wait()
        return {("https://poly:8443", "me"): "key-4f1d9a"}.get((service, username))

    def set_password(self, service, username, password):
        raise NotImplementedError
"""


@pytest.fixture
def keyring_of(tmp_path: Path) -> dict[str, str]:
    """An environment in which the package keyring uses the backend above, as it would one that is installed."""
    pytest.importorskip("keyring")
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/our_keyring.py").write_text(BACKEND)
    path = f"{clean_environment(tmp_path)['PYTHONPATH']}{os.pathsep}{tmp_path / 'plugin'}"
    return {"POLYTOMIC_API_KEY": "", "PYTHONPATH": path, "PYTHON_KEYRING_BACKEND": "our_keyring.Ours"}


async def test_the_keyring_gives_the_password_of_a_service_and_a_user(
    call: Calling, keyring_of: dict[str, str]
) -> None:
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(1), "--base-url", server.url, "--key-keyring", "https://poly:8443:me"), env=keyring_of
        )
    assert done.code == 0, done.err
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (
            "poly:nobody here",
            "key_keyring poly:nobody here: the keyring has no such entry; run: keyring set poly 'nobody here'",
        ),
        ("breaks:me", "cannot be used (RuntimeError); to see why, run: keyring get breaks me"),
        ("exits:me", "cannot be used (SystemExit)"),
        ("locked:me", "cannot be used (KeyringLocked)"),
    ],
)
async def test_a_keyring_without_a_key_is_2_and_says_what_to_do(
    call: Calling, keyring_of: dict[str, str], place: str, told: str
) -> None:
    done = await call("collect", *ids(1), "--key-keyring", place, env=keyring_of)
    assert done.code == 2
    assert told in done.err
    assert "canary" not in done.err
    assert "Traceback" not in done.err


async def test_a_host_without_a_keyring_is_2_and_says_so(call: Calling, keyring_of: dict[str, str]) -> None:
    keyring_of["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    done = await call("collect", *ids(1), "--key-keyring", "poly:me", env=keyring_of)
    assert done.code == 2
    assert "cannot be used (NoKeyringError)" in done.err


async def test_a_keyring_that_never_answers_does_not_hold_up_a_signal(
    start: Starting, keyring_of: dict[str, str], tmp_path: Path
) -> None:
    running = await start("collect", *ids(1), "--key-keyring", "silent:me", env=keyring_of)
    await until((tmp_path / "asked").exists)
    running.send(signal.SIGTERM)
    done = await running.finished()
    assert done.code == 143, done.err
    assert "the operating system does not respond" not in done.err  # which the watchdog says
