"""Where a key can be read from: a command, a file, standard input, a descriptor, the system's keyring.

Each gives what it read as a `Secret`, whatever it is, and raises `ConfigError` when it cannot be read; what it says
never holds what was read. None of them holds up the event loop, and each ends at once when it is cancelled: a command
with its whole process group, a read where it waits, the keyring, which cannot be ended, by being left to its thread.

What is being read is kept in `BytesIO`, which does not show in a traceback with local variables.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shlex
import signal
import stat
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Final, cast

import anyio

from collector.client.auth.header import MAX_KEY_LENGTH
from collector.client.auth.key_shape import has_mixed_runs
from collector.client.auth.key_wrapping import KEY_VARIABLES
from collector.model.errors import ConfigError
from collector.model.secret import Secret
from collector.storage.ownership import NotOwned, is_owned, is_owned_by_other, require_owned

KEY_TIMEOUT: Final = 30.0
"""Seconds a command or the keyring has."""

_WRAPPING: Final = 128  # bytes that may be around a key, its line end among them
_MAX_READ: Final = MAX_KEY_LENGTH + _WRAPPING  # bytes: a longer text is not a key, however long it is
_STDIN: Final = 0


async def from_command(command: str, environ: Mapping[str, str], within: float = KEY_TIMEOUT) -> Secret:
    """What a command prints; it is split without a shell, and what it says on standard error is not passed on.

    It is in a session of its own, so it can ask nobody anything, and gets neither our keys nor our standard input.
    """
    process = _start(command, {name: value for name, value in environ.items() if name not in KEY_VARIABLES})
    try:
        with anyio.fail_after(within):
            printed = await _read(cast("IO[bytes]", process.stdout).fileno())
            while len(printed.reveal()) < _MAX_READ and process.poll() is None:  # noqa: ASYNC110  # has no event
                await anyio.sleep(0.005)
        exit_code = process.returncode  # None for one that prints on and on: what it prints is no key
    except TimeoutError:
        raise ConfigError(f"[api] key_command gave no key within {within:g} s") from None
    finally:
        _kill_group(process)
    if exit_code:
        raise ConfigError(f"[api] key_command ended with exit code {exit_code}; run it by hand to see why")
    return printed


def _start(command: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603  # the user's own command, split without a shell
            shlex.split(command) or [""],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(f"[api] key_command cannot be run: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"[api] key_command cannot be run: {error}") from None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of its process group, and wait for it, unless it is another user's (by sudo)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout:
        process.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)


def from_file(path: str, setting: str = "[api] key_file", *, encoding: str = "utf-8") -> Secret:
    """What a regular file, named by a setting, holds that is ours or root's and that nobody else can use.

    What counts is the file that was opened. A symbolic link is followed, since that is how Kubernetes mounts secrets:
    who can change where it leads to can also replace a file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _require_private(f"{setting} {path}", path, os.fstat(descriptor))
            return _decode(io.BytesIO(os.read(descriptor, _MAX_READ)), encoding)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigError(f"{_describe_setting(setting, path)}: {error.strerror}") from None
    except ValueError:  # its name has a NUL in it
        raise ConfigError(f"{setting} is not the name of a file") from None


def _describe_setting(setting: str, path: str) -> str:
    """The setting and its file, unless there is none of that name: then it may be the key itself, pasted here."""
    is_path = os.path.lexists(path) or (os.sep in path and not has_mixed_runs(path))
    return f"{setting} {path}" if is_path else f"{setting} (not shown; it takes a file's path, never the key)"


def _require_private(label: str, path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{label} is no regular file; a pipe goes by --key-fd or as standard input (-)")
    try:
        require_owned(path, status, is_private=True)
    except NotOwned as reason:
        # Where root mounts it for us (Kubernetes with an fsGroup, Docker), we can read it because others can.
        is_mounted = not (is_owned(status) or is_owned_by_other(status))
        cat = shlex.quote(f"cat {shlex.quote(path)}")
        mounted = f"a mounted secret goes by --key-command {cat}; else: " if is_mounted else ""
        raise ConfigError(f"{label}: {mounted}{reason}") from None


async def from_stdin(report: Callable[[str], None]) -> Secret:
    """The first line of standard input; at a terminal `report` says what is waited for, and it is not shown as typed."""
    if sys.stdin is None:
        raise ConfigError('[api] key_file = "-": standard input is closed')
    try:
        if not os.isatty(_STDIN):
            return await _read(_STDIN, line=True)
        report("type or paste the API key and press Enter; it is not shown")
        with _echo_off(_STDIN):
            return await _read(_STDIN, line=True)
    except (OSError, termios.error) as error:
        reason = os.strerror(error.args[0])
        raise ConfigError(f'[api] key_file = "-": standard input cannot be read: {reason}') from None


@contextlib.contextmanager
def _echo_off(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    local_modes = 3
    echo_off = [*before]
    echo_off[local_modes] = before[local_modes] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, echo_off)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


async def from_descriptor(number: int) -> Secret:
    """What is left to read from a descriptor that was passed to this process; it is closed then.

    Our own are never inherited by others (PEP 446), so one that is not inheritable was not passed by anybody.
    """
    try:
        if not os.get_inheritable(number):
            raise ConfigError(f"[api] key_fd {number} was not passed; pass it as in: --key-fd {number} {number}< FILE")
        try:
            return await _read(number)
        finally:
            os.close(number)
    except OSError as error:
        raise ConfigError(f"[api] key_fd {number}: {error.strerror}; pass it as in: {number}< FILE") from None


async def from_keyring(entry: str, within: float = KEY_TIMEOUT) -> Secret:
    """The password of `SERVICE:USER` in the system's keyring (the package keyring, of the extra of that name)."""
    service, _, user = entry.rpartition(":")
    try:
        with anyio.fail_after(within):
            found = await _in_daemon_thread(lambda: _look_up(service, user))
    except TimeoutError:
        raise ConfigError(f"[api] key_keyring: the keyring gave no key within {within:g} s; is it locked?") from None
    if found is None:
        raise ConfigError(
            f"[api] key_keyring {entry}: the keyring has nothing there; "
            f"run: keyring set {shlex.quote(service)} {shlex.quote(user)}"
        )
    return found


def _look_up(service: str, user: str) -> Secret | None:
    try:
        import keyring  # noqa: PLC0415  # an extra, and who does not use it does not wait for it
    except ImportError:
        raise ConfigError(
            "[api] key_keyring needs the package keyring; run: pip install 'polytomic-collector[keyring]'"
        ) from None
    try:
        found = keyring.get_password(service, user)
    except BaseException as error:  # its backends are plug-ins, which raise what they like: a panic of Rust, SystemExit
        raise ConfigError(
            f"[api] key_keyring: the system's keyring cannot be used ({type(error).__name__}); "
            f"to see why, run: keyring get {shlex.quote(service)} {shlex.quote(user)}"
        ) from None
    return None if found is None else Secret(found)


async def _in_daemon_thread(call: Callable[[], Secret | None]) -> Secret | None:
    """The result of `call`, in a thread that does not keep the process when it never ends, unlike anyio's."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Secret | None] = loop.create_future()

    def deliver(found: Secret | None, failure: ConfigError | None) -> None:
        if result.done():
            return
        if failure:
            result.set_exception(failure)
        else:
            result.set_result(found)

    def work() -> None:
        found, failure = None, None
        try:
            found = call()
        except ConfigError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is gone, and so is who asked
            loop.call_soon_threadsafe(deliver, found, failure)

    threading.Thread(target=work, daemon=True).start()
    return await result


async def _read(descriptor: int, *, line: bool = False) -> Secret:
    """All there is to read, or the first line, without holding up the loop; never more than `_MAX_READ` bytes."""
    buffer = io.BytesIO()
    while True:
        with contextlib.suppress(PermissionError):  # epoll does not take what never blocks: files, /dev/null
            await anyio.wait_readable(descriptor)
        if not buffer.write(os.read(descriptor, _MAX_READ - buffer.tell())):
            return _decode(buffer)
        if line and b"\n" in buffer.getvalue():
            return _decode(io.BytesIO(buffer.getvalue().partition(b"\n")[0]))


def _decode(buffer: io.BytesIO, encoding: str = "utf-8") -> Secret:
    return Secret(buffer.getvalue().decode(encoding, "replace"))  # a key is ASCII: another character makes it none


def without_line_end(secret: Secret) -> Secret:
    """A line of a file without what ends it."""
    return Secret(secret.reveal().removesuffix("\n").removesuffix("\r"))
