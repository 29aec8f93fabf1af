"""The list of connections as one run uses it.

    find_ids    before the output begins: adds the ids (--all), filters, fingerprints payloads for --cross-check
    collect     after it has begun: the payloads of the list become the records (--from-list)

A list that breaks off is read again from its start, so each attempt begins with the state before the first one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from collector.client.client import Client
from collector.model.connection_types import connection_types
from collector.model.errors import UsageError
from collector.model.ids import IdSet, canonical_id
from collector.polytomic.cross_check import CrossCheck
from collector.polytomic.discovery import ListedConnection, read_list
from collector.polytomic.filters import ConnectionFilter, Patterns, parse_since
from collector.polytomic.listed_records import ListedRecords
from collector.polytomic.record_reader import RecordReader
from collector.run.ids.id_input import IdInput
from collector.run.pipeline import Emit
from collector.run.settings import Filter, Settings

_WILDCARDS: Final = frozenset("*?")


class _Row(NamedTuple):
    """One listed connection: its id, verbatim, and whether the filters let it pass."""

    id: str | None
    passes: bool


class Listing:
    """Reads the list of connections for one run."""

    def __init__(self, settings: Settings, id_input: IdInput) -> None:
        self._settings = settings
        self._input = id_input
        self._filter = _filter_of(settings.filter)
        if self._filter is not None:
            id_input.count.filtered = 0

    @property
    def purpose(self) -> str | None:
        """The option that needs the list; None if the run does not read it."""
        ids, conditions = self._settings.ids, self._settings.filter
        needed_by = {"--all": ids.all, "--from-list": ids.from_list, "--cross-check": ids.cross_check}
        needed_by |= {f"--{key.replace('_', '-')}": True for key in conditions.as_manifest()}
        return next((option for option, is_needed in needed_by.items() if is_needed), None)

    async def find_ids(self, client: Client, reader: RecordReader, cross_check: CrossCheck | None) -> None:
        """Complete the input from the list. Raises the errors of `read_list`."""

        async def read(items: AsyncIterator[ListedConnection]) -> list[_Row]:
            rows = []
            if cross_check is not None:
                cross_check.restart()
            async for item in items:
                rows.append(_Row(item.id, self._filter is None or self._filter.matches(item.fields)))
                if cross_check is not None:
                    _fingerprint(item, reader, cross_check)
            return rows

        if self.purpose is not None:
            self._add(await read_list(client, read, purpose=self.purpose))

    def _add(self, rows: list[_Row]) -> None:
        if self._settings.ids.all:
            for number, row in enumerate(rows, start=1):
                self._input.add_line(row.id, "--all", number)
        passed = {row.id for row in rows if row.passes}  # an id that is listed twice passes if one of its rows does
        for row in rows:
            if not row.passes and row.id not in passed and (canonical := canonical_id(row.id or "")):
                self._input.leave_out(canonical)

    def require_ids(self) -> None:
        """Raise `InputError` unless the complete input has ids, or a filter has left out all of them."""
        if self.purpose is not None and not self._input.count.filtered:
            self._input.require_ids(
                f"the list of {self.purpose}", "check which organization the key reads (--organization-id)"
            )

    @property
    def warning(self) -> str | None:
        """A warning if the filters have left out every id; None otherwise."""
        if self._input.ids or not self._input.count.filtered:
            return None
        conditions = " ".join(
            f"--{key.replace('_', '-')} {value if isinstance(value, str) else ','.join(value)}"
            for key, value in self._settings.filter.as_manifest().items()
        )
        return f"no connection passes the filters ({conditions}): nothing is left to collect; check them"

    async def collect(self, client: Client, records: ListedRecords, emit: Emit) -> None:
        """Emit the outcome of every selected connection of the list. Raises the errors of `read_list`."""

        async def read(items: AsyncIterator[ListedConnection]) -> None:
            attempt = _Attempt(self._input, self._filter, is_all=self._settings.ids.all)
            number = 0
            async for item in items:
                number += 1
                if canonical := attempt.accept(item, number):
                    await emit(await records.outcome_of(canonical, item))
            attempt.finish()

        await read_list(client, read, purpose="--from-list")
        for canonical in list(self._input.ids):
            await emit(records.missing(canonical))


class _Attempt:
    """One reading of the list for --from-list.

    An id that this attempt or an earlier one has emitted is not emitted again. An id whose item a filter rejects is
    left out only at the end of the list: another item of the id may pass, and a list that breaks off decides nothing.
    """

    def __init__(self, id_input: IdInput, conditions: ConnectionFilter | None, *, is_all: bool) -> None:
        self._input = id_input
        self._filter = conditions
        self._is_all = is_all
        self._seen = IdSet()
        self._rejected = IdSet()
        if is_all:
            id_input.forget_lines()

    def accept(self, item: ListedConnection, number: int) -> str | None:
        """Count an item, and return its id if its outcome is to be emitted."""
        canonical = canonical_id(item.id or "")
        if self._is_all:
            self._count(item, canonical, number)
        if canonical is None:
            return None
        if self._filter is not None and not self._filter.matches(item.fields):
            self._rejected.add(canonical)
            return None
        return canonical if self._input.ids.mark_done(canonical) else None

    def _count(self, item: ListedConnection, canonical: str | None, number: int) -> None:
        if canonical is not None and not self._seen.add(canonical):
            self._input.count.duplicates += 1
        elif canonical is None or canonical not in self._input.ids:  # else an earlier attempt has counted it
            self._input.add_line(item.id, "--all", number)

    def finish(self) -> None:
        """The list is complete: leave out the rejected ids, and forget those that only an earlier attempt contained."""
        for canonical in list(self._input.ids):  # those that were not emitted
            if canonical in self._rejected:
                self._input.leave_out(canonical)
            elif self._is_all:
                self._input.forget(canonical)


def _fingerprint(item: ListedConnection, reader: RecordReader, cross_check: CrossCheck) -> None:
    if canonical := canonical_id(item.id or ""):
        cross_check.add_listed(canonical, reader.payload_of(item.body))


def _filter_of(settings: Filter) -> ConnectionFilter | None:
    if not settings.is_active:
        return None
    since = settings.updated_since
    return ConnectionFilter(
        Patterns(settings.type),
        Patterns(settings.status),
        Patterns(settings.name),
        parse_since(since) if since else None,
    )


def require_input(settings: Settings, id_input: IdInput, warn: Callable[[str], None]) -> None:
    """Raise `UsageError` unless the settings and the input select connections; warn about a doubtful filter."""
    if not settings.ids.all:
        id_input.require_ids("the input", "pass ids, --ids FILE (- is standard input) or --all")
    elif settings.ids.from_list and id_input.count.lines:
        raise UsageError("--from-list takes its ids from --all or from the input, not from both; remove one of them")
    for text in unknown_types(settings.filter):
        warn(f"--type {text}: not a known connection type; compare it with type_id in an earlier snapshot")


def unknown_types(settings: Filter) -> list[str]:
    """The types of a filter that the packaged list does not contain, by id or by name; patterns are not checked."""
    known = {text.lower() for id_, kind in connection_types().items() for text in (str(id_), str(kind["name"]))}
    named = (text.removeprefix("!") for text in settings.type)
    return [text for text in named if not _WILDCARDS & set(text) and text.lower() not in known]
