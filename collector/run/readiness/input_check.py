"""The input part of `collector check`: the key of fingerprints, and the ids of arguments and files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from collector.model.errors import ConfigError, InputError, UsageError
from collector.run.assembly import redactor_of
from collector.run.ids.id_input import IdInput
from collector.run.listing import require_input
from collector.run.readiness.checks import ids as id_check
from collector.run.readiness.checks.finding import Finding, failure_from, ok
from collector.run.readiness.probes.daemon_thread import in_daemon_thread
from collector.run.readiness.report import Report
from collector.run.settings import Settings

_FINGERPRINTS: Final = "fingerprints"
_IDS_WITHIN: Final = 60.0  # seconds to read the files of ids


def check_fingerprint_key(settings: Settings, report: Report) -> None:
    """Read the key of fingerprints, if there is one: a run reads it before its first request."""
    if settings.redact.fingerprint_key_file is None:
        return
    try:
        redactor_of(settings.redact, [])
    except ConfigError as error:
        report.add(failure_from(_FINGERPRINTS, error))
    else:
        report.add(ok(_FINGERPRINTS, "their key can be read"))


async def check_ids(settings: Settings, ids: Sequence[str], report: Report) -> IdInput | None:
    """Read the ids of the arguments and files, if there are any. Standard input is left to the run."""
    files = [each for each in settings.ids.files if each != "-"]
    if not (ids or files):
        if settings.ids.files:
            report.skip([id_check.IDS], "standard input is left to the run")
        return None
    try:
        found = await in_daemon_thread(partial(settings.read_ids, ids, files), _IDS_WITHIN)
    except (InputError, TimeoutError) as error:
        report.add(id_check.unread(error, _IDS_WITHIN))
        return None
    report.add(_judge(settings, found))
    return found


def _judge(settings: Settings, found: IdInput) -> Finding:
    notes: list[str] = []
    try:
        require_input(settings, found, notes.append)
    except UsageError as error:
        return failure_from(id_check.IDS, error)
    return id_check.check_ids(found.count, found.line_errors, notes)
