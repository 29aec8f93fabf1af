"""The output part of `collector check`: the path, the folder, the lock and the space. Leaves no file.

With standard output as the output, the files of `--errors` and `--manifest` are checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from collector.model.errors import CollectorError, ExitCode
from collector.run.identity import new_identity
from collector.run.output import RunOutput
from collector.run.readiness.checks import folder
from collector.run.readiness.checks.finding import Finding, failure, failure_from, ok, skipped
from collector.run.readiness.probes.daemon_thread import in_daemon_thread
from collector.run.readiness.probes.folder import is_held, rehearse, space_for
from collector.run.settings import Output, Settings

T = TypeVar("T")
_WITHIN: Final = 15.0  # seconds; a network file system may block for minutes


async def check_output(settings: Settings, report: Callable[[Finding], bool]) -> None:
    """Check the place of every output file. `report` returns False for a failure."""
    found = await limited(partial(output_of, settings))
    if isinstance(found, Finding):
        report(found)
        _skip(report, "there is no usable output path")
    elif found.sink.is_resumable:
        await _check_snapshot(found, report)
    else:
        await _check_stream(settings.output, report)


def output_of(settings: Settings) -> RunOutput | Finding:
    """The output as a run would open it, which checks its path."""
    now = time.time()
    warnings: list[str] = []
    try:
        return RunOutput(
            settings.output,
            run_id=new_identity(now).run_id,
            now=now,
            backlog=1,
            warn=warnings.append,
            tables=settings.tables.include,
        )
    except CollectorError as error:
        return failure_from(folder.OUTPUT, error, "correct --output")


async def _check_snapshot(output: RunOutput, report: Callable[[Finding], bool]) -> None:
    path = Path(output.sink.place(finished=True))
    rehearsal = await limited(partial(rehearse, path.parent))
    if isinstance(rehearsal, Finding):
        report(rehearsal)
        _skip(report, "the folder does not respond")
        return
    report(folder.check_rehearsal(rehearsal))
    held = await limited(partial(is_held, path))
    report(held if isinstance(held, Finding) else folder.check_lock(path if held else None))
    space = await limited(partial(space_for, output.template, rehearsal.probed))
    report(space if isinstance(space, Finding) else folder.check_space(rehearsal.probed, space))


async def _check_stream(settings: Output, report: Callable[[Finding], bool]) -> None:
    """Check the folders of the files beside a stream; the stream itself is not opened."""
    files = [Path(each) for each in (settings.errors, settings.manifest) if each]
    if not files:
        report(ok(folder.OUTPUT, "standard output or a pipe: not opened, no other file is written"))
    for each in dict.fromkeys(file.parent for file in files):
        found = await limited(partial(rehearse, each))
        report(found if isinstance(found, Finding) else folder.check_rehearsal(found))
    _skip(report, "the output is standard output or a pipe")


def _skip(report: Callable[[Finding], bool], reason: str) -> None:
    for check in (folder.LOCK, folder.SPACE):
        report(skipped(check, reason))


async def limited(function: Callable[[], T]) -> T | Finding:
    """The result of a blocking call; the finding if the disk does not respond or refuses."""
    try:
        return await in_daemon_thread(function, _WITHIN)
    except TimeoutError:
        return failure(
            folder.OUTPUT,
            f"the disk does not respond within {_WITHIN:g} s",
            "check the mount, such as a network file system whose server is down",
            ExitCode.OUTPUT,
        )
    except OSError as error:
        return failure(folder.OUTPUT, f"{error.filename}: {error.strerror}", "correct --output", ExitCode.OUTPUT)
