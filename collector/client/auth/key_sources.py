"""Reads a key from a command, a file, standard input, a descriptor or the system's keyring.

Each source returns its content as a `Secret` without checking it, and raises `ConfigError` if it cannot be read.
Messages name the `setting` that gives the source, and never contain the content. No source blocks the event loop, and
each ends immediately on cancellation: a command is killed with its process group, a read is abandoned, and the keyring,
which cannot be stopped, is left to its thread.

A `BytesIO` holds the bytes during the read, because a traceback with local variables does not show its content.
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
"""Seconds until a command or the keyring must have returned the key."""

_WRAPPING: Final = 128  # bytes around a key, including the line end
_MAX_READ: Final = MAX_KEY_LENGTH + _WRAPPING  # bytes; a longer text is never a key
_STDIN: Final = 0


async def from_command(
    command: str, environ: Mapping[str, str], within: float = KEY_TIMEOUT, setting: str = "[api] key_command"
) -> Secret:
    """Return the output of a command; it runs without a shell, and its stderr is discarded.

    It runs in a new session, so it cannot prompt, and receives neither this process's keys nor its standard input.
    """
    process = _start(command, {name: value for name, value in environ.items() if name not in KEY_VARIABLES}, setting)
    try:
        with anyio.fail_after(within):
            printed = await _read(cast("IO[bytes]", process.stdout).fileno())
            while len(printed.reveal()) < _MAX_READ and process.poll() is None:  # noqa: ASYNC110  # has no event
                await anyio.sleep(0.005)
        exit_code = process.returncode  # None for endless output, which is not a key
    except TimeoutError:
        raise ConfigError(f"{setting} returned no key within {within:g} s; run it by hand to see why") from None
    finally:
        _kill_group(process)
    if exit_code:
        raise ConfigError(f"{setting} ended with exit code {exit_code}; run it by hand to see why")
    return printed


def _start(command: str, environ: Mapping[str, str], setting: str) -> subprocess.Popen[bytes]:
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
        raise ConfigError(f"{setting} cannot be run: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{setting} cannot be run: {error}") from None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group of the command, and wait for it for at most 1 s.

    A group that runs as another user (sudo) survives.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout:
        process.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)


def from_file(path: str, setting: str = "[api] key_file", *, encoding: str = "utf-8") -> Secret:
    """Return the content of a regular file that this user or root owns and no other user can access.

    The check applies to the file that was opened. Symbolic links are followed,
    because Kubernetes mounts secrets as links; a user who can change the link could replace the file as well.
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
    except ValueError:  # its name contains a NUL
        raise ConfigError(f"{setting} is not a valid file name") from None


def _describe_setting(setting: str, path: str) -> str:
    """Return the setting and its file; without the name if it does not exist, because it may be a pasted key."""
    is_path = os.path.lexists(path) or (os.sep in path and not has_mixed_runs(path))
    return f"{setting} {path}" if is_path else f"{setting} (value not shown; give the path of a file, never the key)"


def _require_private(label: str, path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{label} is not a regular file; pass a pipe with --key-fd or as standard input (-)")
    try:
        require_owned(path, status, is_private=True)
    except NotOwned as reason:
        # A mounted secret (Kubernetes with an fsGroup, Docker) belongs to root; its group or every user can read it.
        is_mounted = not (is_owned(status) or is_owned_by_other(status))
        cat = shlex.quote(f"cat {shlex.quote(path)}")
        mounted = f"for a mounted secret use --key-command {cat}; otherwise: " if is_mounted else ""
        raise ConfigError(f"{label}: {mounted}{reason}") from None


async def from_stdin(report: Callable[[str], None], setting: str = '[api] key_file = "-"') -> Secret:
    """Return the first line of standard input; at a terminal `report` receives a prompt, and echo is off."""
    if sys.stdin is None:
        raise ConfigError(f"{setting}: standard input is closed; connect it or use another key source")
    try:
        if not os.isatty(_STDIN):
            return await _read(_STDIN, line=True)
        report("type or paste the API key and press Enter; it is not shown")
        with _echo_off(_STDIN):
            return await _read(_STDIN, line=True)
    except (OSError, termios.error) as error:
        reason = os.strerror(error.args[0])
        raise ConfigError(f"{setting}: standard input cannot be read: {reason}") from None


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


async def from_descriptor(number: int, setting: str = "[api] key_fd") -> Secret:
    """Read a descriptor that was passed to this process to its end, and close it.

    Python's own descriptors are not inheritable (PEP 446), so an inheritable one was passed by the parent process.
    """
    try:
        if not os.get_inheritable(number):
            raise ConfigError(f"{setting} {number} was not passed; pass it as in: {number}< FILE")
        try:
            return await _read(number)
        finally:
            os.close(number)
    except OSError as error:
        raise ConfigError(f"{setting} {number}: {error.strerror}; pass it as in: {number}< FILE") from None


async def from_keyring(entry: str, within: float = KEY_TIMEOUT, setting: str = "[api] key_keyring") -> Secret:
    """Return the password of `SERVICE:USER` in the system's keyring (package and extra `keyring`)."""
    service, _, user = entry.rpartition(":")
    try:
        with anyio.fail_after(within):
            found = await _in_daemon_thread(lambda: _look_up(service, user, setting))
    except TimeoutError:
        raise ConfigError(
            f"{setting}: the keyring returned no key within {within:g} s; if it is locked, unlock it"
        ) from None
    if found is None:
        raise ConfigError(
            f"{setting} {entry}: the keyring has no such entry; "
            f"run: keyring set {shlex.quote(service)} {shlex.quote(user)}"
        )
    return found


def _look_up(service: str, user: str, setting: str) -> Secret | None:
    try:
        import keyring  # noqa: PLC0415  # an extra; other runs skip the import
    except ImportError:
        raise ConfigError(
            f"{setting} needs the package keyring; run: pip install 'polytomic-collector[keyring]'"
        ) from None
    try:
        found = keyring.get_password(service, user)
    except BaseException as error:  # backends are plug-ins and may raise anything: a Rust panic, SystemExit
        raise ConfigError(
            f"{setting}: the system's keyring cannot be used ({type(error).__name__}); "
            f"to see why, run: keyring get {shlex.quote(service)} {shlex.quote(user)}"
        ) from None
    return None if found is None else Secret(found)


async def _in_daemon_thread(function: Callable[[], Secret | None]) -> Secret | None:
    """Run `function` in a daemon thread, which does not keep the process alive, unlike a thread of anyio."""
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
            found = function()
        except ConfigError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed, so no task waits
            loop.call_soon_threadsafe(deliver, found, failure)

    threading.Thread(target=work, daemon=True).start()
    return await result


async def _read(descriptor: int, *, line: bool = False) -> Secret:
    """Read to the end, or the first line, without blocking the loop; at most `_MAX_READ` bytes."""
    buffer = io.BytesIO()
    while True:
        with contextlib.suppress(PermissionError):  # epoll rejects descriptors that never block: files, /dev/null
            await anyio.wait_readable(descriptor)
        if not buffer.write(os.read(descriptor, _MAX_READ - buffer.tell())):
            return _decode(buffer)
        if line and b"\n" in buffer.getvalue():
            return _decode(io.BytesIO(buffer.getvalue().partition(b"\n")[0]))


def _decode(buffer: io.BytesIO, encoding: str = "utf-8") -> Secret:
    return Secret(
        buffer.getvalue().decode(encoding, "replace")
    )  # a key is ASCII, so a replaced character makes it invalid


def without_line_end(secret: Secret) -> Secret:
    """Remove the line end of a file's only line."""
    return Secret(secret.reveal().removesuffix("\n").removesuffix("\r"))
