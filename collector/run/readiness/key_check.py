"""The key part of `collector check`: reads each key once, and hides it in all findings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from collector.client import address
from collector.client.auth.authorization import KeySource, SharedKey, authorization, read_shared_key
from collector.client.auth.header import scheme_of, secrets_of
from collector.client.auth.key_wrapping import KEY_VARIABLES, SHARED_KEY_VARIABLES
from collector.model.errors import ConfigError
from collector.model.secret import Environment, Secret
from collector.run.organizations.organization import Organization
from collector.run.readiness.checks import key
from collector.run.readiness.checks.finding import Finding
from collector.run.readiness.report import Report
from collector.run.settings import Settings

T = TypeVar("T")


async def check_key(settings: Settings, report: Report, environ: Environment) -> Secret | None:
    """Read the key of a run; returns its header, or None after a failure."""
    source = settings.api.key_source
    found = await _read(partial(authorization, source, environ), source, report)
    if found is None:
        return None
    header, notes = found
    _hide(header, settings, report)
    report.add(key.check_key(_source(source, environ, KEY_VARIABLES), scheme_of(header), notes))
    return header


async def check_shared_key(
    settings: Settings, report: Report, environ: Environment, *, is_for_list: bool
) -> SharedKey | None:
    """Read the key that several organizations share; None after a failure. `is_for_list`: the API lists them."""
    source = settings.api.key_source
    found = await _read(partial(read_shared_key, source, environ), source, report, key.no_shared_key)
    if found is None:
        return None
    shared, notes = found
    _hide(shared.header, settings, report)
    name = _source(source, environ, SHARED_KEY_VARIABLES)
    report.add(key.check_shared_key(name, notes, is_for_list=is_for_list))
    return shared


async def check_own_key(organization: Organization, report: Report, environ: Environment) -> Secret | None:
    """Read the key of an organization that has a source of its own; returns its header, or None after a failure."""
    settings = organization.settings
    source = organization.key_source or settings.api.key_source
    found = await _read(partial(authorization, source, environ), source, report, key.no_own_key)
    if found is None:
        return None
    header, notes = found
    _hide(header, settings, report)
    report.add(key.check_key(_source(source, environ, ()), scheme_of(header), notes))
    return header


async def _read(
    read: Callable[[Callable[[str], None]], Awaitable[T]],
    source: KeySource,
    report: Report,
    judge: Callable[[ConfigError], Finding] = key.no_key,
) -> tuple[T, list[str]] | None:
    """The result of `read` and its notes on the key of this source; None after a failure, which is reported."""
    notes: list[str] = []
    try:
        return await read(report.prompt if source.file == "-" else notes.append), notes
    except ConfigError as error:
        report.add(judge(error))
        return None


def _hide(header: Secret, settings: Settings, report: Report) -> None:
    proxy = settings.api.proxy
    report.hide([*secrets_of(header), *(address.proxy(proxy).secrets if proxy else ())])


def _source(source: KeySource, environ: Environment, variables: Sequence[str]) -> str:
    return key.source_of(source, [name for name in variables if environ.get(name)])
