"""The load of a file of lines into a table: the parts that all databases share. Pure.

A load reads every value as text or JSON, casts it, and inserts the rows that the table does not hold yet. A value that
does not fit its column becomes null, and `extra` keeps it: the rule of `collector.warehouse.fitting`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from textwrap import fill
from typing import ClassVar, Final, NamedTuple

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import Dialect

YEAR: Final = "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
TIME: Final = "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{6}Z"
UTC: Final = f"^{YEAR}-[0-9]{{2}}-[0-9]{{2}}{TIME}$"
"""The form of a timestamp that fits its column. The cast decides whether its day exists."""

INTEGER: Final = "^-?[0-9]{1,19}$"
"""The form of an integer that may fit its column. The cast decides whether it has 64 bits."""

LINES: Final = "collector_lines"
"""The stage: a table that holds the lines of the file."""

EXTRA: Final = "extra"
RUN: Final = "_run_id"
ORGANIZATION: Final = "organization_id"
_RAW: Final = "raw_"
_LIST: Final = ",\n  "


def wrapped(names: str) -> str:
    """A list of names in indented lines."""
    return fill(names, 108, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def is_configuration(column: Column) -> bool:
    """May the column be text in the file, because of `--configuration-as string`?"""
    return column.name == "configuration"


class Misfit(NamedTuple):
    """A column whose value may not fit: its raw text, and the condition that it does not."""

    column: Column
    raw: str
    condition: str


class Load(ABC):
    """The load of one database. All expressions and conditions are SQL."""

    dialect: ClassVar[Dialect]
    notes: ClassVar[Sequence[str]] = ()
    """The limits of this database, as lines of a comment."""
    place: ClassVar[str] = ""
    """The placeholder for the folder of a file, with a slash at its end."""
    starts: ClassVar[tuple[str, ...]] = ()
    """The beginnings of a path that this database reads; empty for any path."""
    first: ClassVar[tuple[str, ...]] = ()
    """Commands to the client, before every statement."""
    settings: ClassVar[str] = ""
    """The end of the INSERT."""

    @abstractmethod
    def before(self, table: Table, file: str) -> Sequence[str]:
        """The statements that make the lines of the file readable."""

    def after(self, table: Table) -> Sequence[str]:
        """The statements after the INSERT."""
        return ()

    def source(self, table: Table, file: str) -> str:
        """The lines, as an item of FROM with the name `line`."""
        return f"{self.dialect.quote(LINES)} AS line"

    @abstractmethod
    def read(self, column: Column) -> str:
        """A value of `line`. Timestamps and integers are text, and so is JSON in most databases."""

    @abstractmethod
    def timestamp(self, raw: str) -> str:
        """The timestamp of a text, or null."""

    @abstractmethod
    def integer(self, raw: str) -> str:
        """The integer of 64 bits of a text, or null."""

    def json(self, column: Column, raw: str) -> str:
        """The value of a column of JSON, from the value that was read."""
        return raw

    @abstractmethod
    def merged(self, extra: str, misfits: Sequence[Misfit]) -> str:
        """`extra` with the values that do not fit. A value of `extra` with the same name stays."""

    def is_new(self, table: Table) -> str:
        """The condition that the table does not hold a row of `typed` yet.

        A key identifies a row within its organization, which may be null, and one run may collect several.
        """
        names = [self._quoted(name) for name in (*table.key, RUN)]
        same = [f"loaded.{name} = typed.{name}" for name in names]
        organization = self._quoted(ORGANIZATION)
        same.append(f"COALESCE(loaded.{organization}, '') = COALESCE(typed.{organization}, '')")
        return f"NOT EXISTS (\n  SELECT 1 FROM {self._quoted(table.name)} AS loaded\n  WHERE {' AND '.join(same)}\n)"

    def insert(self, table: Table, file: str) -> str:
        """The statement that inserts the new rows: it reads, casts, and puts the misfits into `extra`."""
        names = wrapped(", ".join(self._quoted(column.name) for column in table.columns))
        read = {column.name: self.read(column) for column in table.columns}
        last = [self._value(table, column) for column in table.columns]
        return (
            f"INSERT INTO {self._quoted(table.name)} (\n{names}\n)\nSELECT\n  {_LIST.join(last)}\nFROM (\n"
            f"  SELECT\n{self._select(self._casts(table), '    ')}\n  FROM (\n"
            f"    SELECT\n{self._select(read, '      ')}\n    FROM {self.source(table, file)}\n"
            f"  ) AS raw\n) AS typed\nWHERE {self.is_new(table)}{self.settings};"
        )

    def _quoted(self, name: str) -> str:
        return self.dialect.quote(name)

    def _select(self, expressions: dict[str, str], indent: str) -> str:
        return ",\n".join(f"{indent}{value} AS {self._quoted(name)}" for name, value in expressions.items())

    def _casts(self, table: Table) -> dict[str, str]:
        """Every column with its type, except `extra`, and the raw texts that may not fit."""
        typed = {column.name: self._cast(column, f"raw.{self._quoted(column.name)}") for column in table.columns}
        return {**typed, **{_RAW + each.name: f"raw.{self._quoted(each.name)}" for each in _fallible(table)}}

    def _cast(self, column: Column, raw: str) -> str:
        match column.type:
            case ColumnType.TIMESTAMP:
                return self.timestamp(raw)
            case ColumnType.BIGINT:
                return self.integer(raw)
            case ColumnType.JSON if column.name != EXTRA:
                return self.json(column, raw)
        return raw

    def _value(self, table: Table, column: Column) -> str:
        value = f"typed.{self._quoted(column.name)}"
        if column.name != EXTRA:
            return value
        return self.json(column, self.merged(value, [self._misfit(each) for each in _fallible(table)]))

    def _misfit(self, column: Column) -> Misfit:
        raw = f"typed.{self._quoted(_RAW + column.name)}"
        return Misfit(column, raw, f"{raw} IS NOT NULL AND typed.{self._quoted(column.name)} IS NULL")


def any_of(misfits: Sequence[Misfit]) -> str:
    """The condition that a value of the row does not fit."""
    return " OR ".join(f"({each.condition})" for each in misfits)


def _fallible(table: Table) -> list[Column]:
    return [column for column in table.columns if column.is_fallible]


class TextLoad(Load):
    """The load of a database in which the JSON of a line is text."""

    @abstractmethod
    def has_key(self, extra: str, name: str) -> str:
        """The condition that the JSON text `extra` has this key."""

    @abstractmethod
    def member(self, name: str, text: str) -> str:
        """The text `"name":"…",` with the JSON of a text."""

    def merged(self, extra: str, misfits: Sequence[Misfit]) -> str:
        """Change the text only where a value does not fit."""
        if not misfits:
            return extra
        return f"CASE WHEN {any_of(misfits)} THEN {self.spliced(extra, misfits)} ELSE {extra} END"

    def spliced(self, extra: str, misfits: Sequence[Misfit]) -> str:
        """The text with members behind its opening brace. The last comma is removed if `extra` is empty."""
        members = [
            f"CASE WHEN {each.condition} AND NOT {self.has_key(extra, each.column.name)}\n"
            f"    THEN {self._member(each)} ELSE '' END"
            for each in misfits
        ]
        return self.without_last_comma("\n    || ".join(["'{'", *members, f"SUBSTR({extra}, 2)"]))

    def without_last_comma(self, text: str) -> str:
        """The text of an object without a comma before its closing brace."""
        return f"REGEXP_REPLACE({text}, ',}}$', '}}')"

    def _member(self, misfit: Misfit) -> str:
        if misfit.column.type is ColumnType.BIGINT:
            return f"'\"{misfit.column.name}\":' || {misfit.raw} || ','"
        return self.member(misfit.column.name, misfit.raw)


class ParsedLoad(TextLoad):
    """The load of a database that has a type for JSON: `extra` becomes text only where a value does not fit."""

    serialize: ClassVar[str]
    """The function from JSON to text."""
    parse: ClassVar[str]
    """The function from text to JSON."""

    def merged(self, extra: str, misfits: Sequence[Misfit]) -> str:
        if not misfits:
            return extra
        text = self.spliced(f"{self.serialize}({extra})", misfits)
        return f"CASE WHEN {any_of(misfits)} THEN {self.parse}({text}) ELSE {extra} END"
