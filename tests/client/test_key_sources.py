"""Sources of keys, with real files, pipes, processes and terminals."""

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
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath)}


def python(source: str) -> str:
    return shlex.join([sys.executable, "-c", source])


def file_with(folder: Path, content: str = KEY, mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


async def wait_until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Is this process running? A zombie is not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


# A command.


async def test_a_command_receives_its_arguments_unchanged_and_runs_without_a_shell() -> None:
    echo = shlex.join([sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='|')", "$HOME;ls", "a b", "`id`"])
    assert await from_command(echo, ENVIRONMENT) == Secret("$HOME;ls|a b|`id`\n")


async def test_a_command_receives_neither_the_key_variables_nor_standard_input() -> None:
    show = python("import os, sys; print(sorted(os.environ.keys() & {'X', 'POLYTOMIC_API_KEY'}), [sys.stdin.read()])")
    environ = {**ENVIRONMENT, "X": "1", "POLYTOMIC_API_KEY": KEY}
    assert await from_command(show, environ) == Secret("['X'] ['']\n")
    for name in ("POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY"):
        assert await from_command(
            python("import os; print(len(os.environ))"), {**ENVIRONMENT, "LC_ALL": "C", name: KEY}
        ) == (await from_command(python("import os; print(len(os.environ))"), {**ENVIRONMENT, "LC_ALL": "C"}))


async def test_the_stderr_of_a_command_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    await from_command(python(f"import sys; print('{KEY}', file=sys.stderr); print('{KEY}')"), ENVIRONMENT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "expected"),
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
async def test_a_failed_command_is_an_error_with_the_reason_and_without_its_output(command: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=rf"^\[api\] key_command {expected}") as caught:
        await from_command(command, ENVIRONMENT)
    assert "4f1d9a" not in str(caught.value)


async def test_endless_output_of_a_command_is_not_read_to_the_end() -> None:
    printed = await from_command("yes", ENVIRONMENT)
    assert len(printed.reveal()) < 10_000


TWO_STUBBORN_PROCESSES = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child: open('pids.new', 'w').write(f'{os.getpid()} {child}'); os.rename('pids.new', 'pids')
time.sleep(60)
"""


async def test_a_command_that_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^\[api\] key_command returned no key within 2 s"):
        await from_command(python(TWO_STUBBORN_PROCESSES), ENVIRONMENT, within=2)
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        await wait_until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]  # bound early on purpose


async def test_a_cancellation_kills_a_running_command_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    waiting = asyncio.create_task(from_command(python(TWO_STUBBORN_PROCESSES), ENVIRONMENT))
    await wait_until((tmp_path / "pids").exists)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        await wait_until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]  # bound early on purpose


async def test_processes_that_a_command_leaves_behind_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leaving = "sleep 60 >/dev/null & echo $! >pid; echo " + KEY
    assert await from_command(shlex.join(["sh", "-c", leaving]), ENVIRONMENT) == Secret(f"{KEY}\n")
    pid = int((tmp_path / "pid").read_text())
    await wait_until(lambda: not is_alive(pid))


async def test_the_event_loop_runs_while_a_command_runs(tmp_path: Path) -> None:
    waiting = asyncio.create_task(
        from_command(f"sh -c 'until test -e {tmp_path}/go; do sleep 0.01; done; echo k'", ENVIRONMENT)
    )
    await asyncio.sleep(0)
    (tmp_path / "go").touch()  # only if the event loop is not blocked
    assert await waiting == Secret("k\n")


# A file.


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o666, 0o602, 0o610, 0o601])
def test_a_key_file_that_other_users_can_access_is_an_error_with_the_command_to_run(mode: int, tmp_path: Path) -> None:
    path = file_with(tmp_path, mode=mode)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    assert str(caught.value).endswith(f"run: chmod 600 {path}")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_file_that_only_its_owner_can_access_is_read(mode: int, tmp_path: Path) -> None:
    assert from_file(file_with(tmp_path, mode=mode)) == Secret(KEY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_file_of_another_user_is_an_error_with_the_commands_to_run(tmp_path: Path) -> None:
    path = file_with(tmp_path, mode=0o640)
    os.chown(path, 4711, -1)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    user_name = pwd.getpwuid(os.geteuid()).pw_name
    assert str(caught.value).endswith(f"run: chown {user_name} {path} && chmod 600 {path}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a secret for others")
def test_a_secret_mounted_by_root_is_an_error_with_the_option_that_reads_it() -> None:
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


def test_the_command_to_run_can_be_pasted_for_any_file_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's; a folder"
    folder.mkdir()
    path = file_with(folder, mode=0o644)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    run = str(caught.value).partition("run: ")[2]
    subprocess.run(["sh", "-c", run], check=True)
    assert from_file(path) == Secret(KEY)


def test_a_symbolic_link_is_checked_by_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file_with(tmp_path))
    assert from_file(str(link)) == Secret(KEY)
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        from_file(str(link))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing", "missing: No such file"),
        (".", "is not a regular file"),
        ("pipe", "is not a regular file; pass a pipe with --key-fd"),
        ("/dev/null", "/dev/null is not a regular file"),
        ("/dev/zero", "/dev/zero is not a regular file"),
        ("a\0b", "is not a valid file name"),
    ],
)
def test_anything_but_a_regular_file_is_an_error_and_does_not_block(name: str, expected: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match=rf"^\[api\] key_file.*{expected}"):
        from_file(os.path.join(tmp_path, name))


@pytest.mark.parametrize(
    "pasted",
    ["9f86d081884c7d659a2feaa0c55ad015", "Zx9Kq7Lm2N.aB3dE6gH9jK2mN5p", "Zx9Kq7L/m2Np4Rt6Vw8YbaB3d", 300 * "k9"],
)
def test_a_key_pasted_in_place_of_its_file_is_not_shown(pasted: str) -> None:
    with pytest.raises(ConfigError, match="never the key") as caught:
        from_file(pasted)
    assert pasted not in str(caught.value)


# A descriptor.


def make_inheritable(descriptor: int) -> int:
    os.set_inheritable(descriptor, True)
    return descriptor


def is_open(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


async def test_a_descriptor_of_a_file_is_read_from_its_position_and_closed(tmp_path: Path) -> None:
    descriptor = make_inheritable(os.open(file_with(tmp_path, f"skipped\n{KEY}\n", mode=0o644), os.O_RDONLY))
    os.read(descriptor, len("skipped\n"))
    assert await from_descriptor(descriptor) == Secret(f"{KEY}\n")
    assert not is_open(descriptor)


async def test_a_descriptor_of_a_pipe_is_read_to_its_end_without_blocking_the_loop() -> None:
    reader, writer = os.pipe()
    reading = asyncio.create_task(from_descriptor(make_inheritable(reader)))
    await asyncio.sleep(0)
    for part in (b"key-", b"4f1d9a"):
        os.write(writer, part)
        await asyncio.sleep(0.01)
    assert not reading.done()
    os.close(writer)
    assert await reading == Secret(KEY)
    assert not is_open(reader)


async def test_a_cancellation_ends_the_read_of_a_silent_pipe_and_closes_it() -> None:
    reader, writer = os.pipe()
    reading = asyncio.create_task(from_descriptor(make_inheritable(reader)))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not is_open(reader)
    os.close(writer)


async def test_a_descriptor_that_was_not_passed_is_an_error_and_stays_open() -> None:
    reader, writer = os.pipe()  # not inheritable, like the event loop's own
    with pytest.raises(ConfigError, match=rf"^\[api\] key_fd {reader} was not passed; pass it as in: {reader}<"):
        await from_descriptor(reader)
    assert is_open(reader)
    os.close(reader)
    os.close(writer)
    with pytest.raises(ConfigError, match=r"^\[api\] key_fd 9999: Bad file descriptor; pass it as in: 9999<"):
        await from_descriptor(9999)


async def test_an_unreadable_descriptor_is_an_error_with_the_reason(tmp_path: Path) -> None:
    for descriptor in (os.open(tmp_path / "new", os.O_WRONLY | os.O_CREAT), os.open(tmp_path, os.O_RDONLY)):
        with pytest.raises(ConfigError, match=rf"^\[api\] key_fd {descriptor}: (Bad file|Is a dir)"):
            await from_descriptor(make_inheritable(descriptor))
        assert not is_open(descriptor)


async def test_a_shell_can_pass_the_key_by_descriptor(start: Starting) -> None:
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
    ("closing", "expected"),
    [("</dev/null", "cannot be a key"), ("<&-", "is closed"), ("<empty", "cannot be a key")],
)
async def test_standard_input_without_a_key_is_exit_code_2(
    start: Starting, tmp_path: Path, closing: str, expected: str
) -> None:
    (tmp_path / "empty").touch()
    done = await (await start("collect", *ids(1), "--key-file", "-", closing=closing)).finished()
    assert done.code == 2
    assert '[api] key_file = "-"' in done.err
    assert expected in done.err


async def test_standard_input_carries_either_the_ids_or_the_key(start: Starting) -> None:
    done = await (await start("collect", "--ids", "-", "--key-file", "-", stdin=KEY.encode())).finished()
    assert done.code == 2
    assert "[api] key_file must be other than -" in done.err
    assert KEY not in done.err


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal: the test's and the program's."""
    controller, terminal_end = os.openpty()
    yield controller, terminal_end
    os.close(controller)
    os.close(terminal_end)


async def test_a_terminal_prompts_for_the_key_without_echo(terminal: tuple[int, int], tmp_path: Path) -> None:
    controller, terminal_end = terminal
    async with serving(found) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "collector", "collect", *ids(1), "--base-url", server.url, "--key-file", "-", "-q"),
            stdin=terminal_end,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment(tmp_path),
            cwd=tmp_path,
        )
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            assert b"the API key and press Enter" in await process.stderr.readline()
            while has_echo(terminal_end):  # noqa: ASYNC110  # has no event
                await asyncio.sleep(0.01)
            os.write(controller, f"{KEY}\n".encode())
            _, stderr = await process.communicate()
    assert process.returncode == 0, stderr
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]
    assert has_echo(terminal_end)
    os.set_blocking(controller, False)
    with pytest.raises(BlockingIOError):  # the key was not echoed
        os.read(controller, 100)


def has_echo(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


# The keyring.


async def test_a_keyring_without_its_package_is_an_error_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"pip install 'polytomic-collector\[keyring\]'"):
        await from_keyring("polytomic:me")


BACKEND = """
import threading
import keyring.backend, keyring.errors

class FakeKeyring(keyring.backend.KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        open("requested", "w").close()
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
def keyring_environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the package keyring uses the backend above like an installed one."""
    pytest.importorskip("keyring")
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/fake_keyring.py").write_text(BACKEND)
    path = f"{clean_environment(tmp_path)['PYTHONPATH']}{os.pathsep}{tmp_path / 'plugin'}"
    return {"POLYTOMIC_API_KEY": "", "PYTHONPATH": path, "PYTHON_KEYRING_BACKEND": "fake_keyring.FakeKeyring"}


async def test_the_keyring_returns_the_password_of_a_service_and_a_user(
    call: Calling, keyring_environment: dict[str, str]
) -> None:
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(1), "--base-url", server.url, "--key-keyring", "https://poly:8443:me"),
            env=keyring_environment,
        )
    assert done.code == 0, done.err
    assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "poly:missing user",
            "key_keyring poly:missing user: the keyring has no such entry; run: keyring set poly 'missing user'",
        ),
        ("breaks:me", "cannot be used (RuntimeError); to see why, run: keyring get breaks me"),
        ("exits:me", "cannot be used (SystemExit)"),
        ("locked:me", "cannot be used (KeyringLocked)"),
    ],
)
async def test_a_keyring_without_a_key_is_exit_code_2_with_the_next_step(
    call: Calling, keyring_environment: dict[str, str], entry: str, expected: str
) -> None:
    done = await call("collect", *ids(1), "--key-keyring", entry, env=keyring_environment)
    assert done.code == 2
    assert expected in done.err
    assert "canary" not in done.err
    assert "Traceback" not in done.err


async def test_a_host_without_a_keyring_is_exit_code_2(call: Calling, keyring_environment: dict[str, str]) -> None:
    keyring_environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    done = await call("collect", *ids(1), "--key-keyring", "poly:me", env=keyring_environment)
    assert done.code == 2
    assert "cannot be used (NoKeyringError)" in done.err


async def test_a_keyring_that_never_answers_does_not_delay_a_signal(
    start: Starting, keyring_environment: dict[str, str], tmp_path: Path
) -> None:
    running = await start("collect", *ids(1), "--key-keyring", "silent:me", env=keyring_environment)
    await wait_until((tmp_path / "requested").exists)
    running.send(signal.SIGTERM)
    done = await running.finished()
    assert done.code == 143, done.err
    assert "the operating system does not respond" not in done.err  # the watchdog's message
