"""What of a record is masked is decided here; `detect` finds it, and puts what it is given in its place.

What is a secret is known from its place (`fields`: the schemas, names, the user's rules) or from its form (`patterns`),
also inside JSON that is text. A secret becomes `REDACTED` whatever it was, since a length is a fact about a secret, or,
with a fingerprint, `[REDACTED:…]`, which differs from run to run only when the secret does. Of a URL or a sentence only
the secret part goes. null stays null: it says that nothing is there. What the server masked itself is masked alike.

A value that had something masked in it is counted by its path, such as `configuration.auth.header.value`, and by the
rule that found the last of it (`detect.reasons`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final, TypeAlias, TypeGuard

import orjson

from collector.model.ids import is_canonical
from collector.model.lazy_pattern import lazy_pattern
from collector.model.outcome import Redaction
from collector.model.record import RECORD, Json, Kind, Record, names_of
from collector.model.secret import REDACTED
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.model.timestamps import is_utc
from collector.redaction.detect.field_names import squash, words
from collector.redaction.detect.fields import (
    LONGEST_REMEMBERED,
    MOST_REMEMBERED,
    VALUE_KEYS,
    Judgement,
    Marks,
    marks_of,
)
from collector.redaction.detect.json_schemas import EXAMPLES, is_schema
from collector.redaction.detect.masks import MASKED, is_masked, is_servers_mask, masked_paths
from collector.redaction.detect.patterns import mask
from collector.redaction.detect.plain_kinds import is_of_a_kind, is_public_id, is_robot
from collector.redaction.detect.reasons import NAME, NESTED, SCHEMA, SERVER, URL_PART
from collector.redaction.detect.rules import Rules, Verdict
from collector.redaction.detect.urls import is_plain_dsn, mask_address

# Too short, and of too few kinds of characters, to have the form of a secret or of a mask.
_is_harmless: Final = re.compile(r"(?![xX]{4})(?:[A-Za-z0-9_.-]{0,17}|[A-Za-z _.,-]{0,19})").fullmatch
_DEEPEST_TEXT: Final = 4  # JSON in JSON in JSON
_CANONICAL_LENGTH: Final = 36
_UNKNOWN, _PLAIN = Verdict.UNKNOWN, Verdict.PLAIN  # looked up for every value
_JSON_STARTS: Final = frozenset('{["\ufeff')
_NESTING: Final = frozenset((dict, list))
_TEMPLATE: Final = lazy_pattern(r"(?:[A-Za-z-]{1,40}: ?)?(?:(?:Bearer|Basic|Token) )?(?:\{\{[^{}]*\}\}|\$\{[^{}]*\})")
_FLAGS: Final = (0, 1, -1)  # in a projection or a sort order
_WEB: Final = ("http://", "https://")  # whose paths may be passwords
_URL: Final = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+")
# Beside the name of a column, the type of its values.
_COLUMN_TYPES: Final = words(
    "varchar char text string str nvarchar clob bytes binary blob int integer bigint smallint number numeric decimal "
    "float double real boolean bool date time datetime timestamp timestamptz json jsonb variant uuid array object null"
)
_COLUMN_TYPE: Final = lazy_pattern(
    rf"(?:{'|'.join(sorted(_COLUMN_TYPES))}|bytea|blob)(?:\([0-9, ]{{1,12}}\))?(?: not null)?"
)
_SHORTEST_TOKEN: Final = 17  # characters of what has the form of a secret and could be a key
_MOST_TYPES: Final = 1024

# Also those that should be ids and times: what is none stays as it came, and so could be anything. But the record's own
# id is the one that was asked for.
_TEXTS: Final = tuple(
    field.name
    for field in RECORD
    if field.kind in {Kind.ID, Kind.TEXT, Kind.TIME} and field.source is not None and field.name != "id"
)
_LISTS: Final = names_of(Kind.IDS, Kind.TEXTS)

Masked: TypeAlias = list[Redaction]
"""The values that were masked so far; what masks another appends it."""

Fingerprint: TypeAlias = Callable[[bytes], str]
"""A secret → a few characters that tell it from another, and nothing else of it."""


class Redactor:
    """Masks the secrets of the connections of a run."""

    def __init__(self, rules: Rules | None = None, fingerprint: Fingerprint | None = None) -> None:
        self._rules = rules or Rules()
        self._elsewhere = marks_of(None, self._rules, is_configuration=False)
        self._by_type: dict[str | None, Marks] = {}
        self._put = _Substitute(fingerprint)
        self._walker = _Walker(self._put, _Remembered())
        self._plain_texts = _Remembered()
        self._plain_errors = _Remembered()  # in which what looks drawn by lot is a secret

    def learn(self, type_id: str, fields: Mapping[str, bool]) -> None:
        """Take the fields of a type's live schema into account: path → is it marked as sensitive?"""
        self._by_type[type_id] = marks_of(type_id, self._rules, fields)

    def redact_configuration(self, configuration: dict[str, Json], type_id: str | None, masked: Masked) -> None:
        """Mask the secrets of a connection's configuration, in place; their paths are appended to `masked`."""
        marks = self._by_type.get(type_id)
        if marks is None:
            marks = marks_of(type_id, self._rules)
            if len(self._by_type) < _MOST_TYPES:  # its name comes from outside
                self._by_type[type_id] = marks
        self._walker.walk(configuration, marks, "configuration", masked)

    def redact_elsewhere(self, values: dict[str, Json], path: str, masked: Masked) -> None:
        """The same for fields outside of a configuration, which no schema describes."""
        self._walker.walk(values, self._elsewhere, path, masked)

    @staticmethod
    def path_of(keys: Iterable[str]) -> str:
        """The keys to a value as a path, in which keys that are secrets themselves are masked."""
        return ".".join(map(_masked_key, keys)).replace(".[]", "[]")

    def redact_texts(self, record: Record, masked: Masked) -> None:
        """Mask what has the form of a secret in a record's own texts: systems quote what they were sent."""
        plain = self._plain_texts
        for key in _TEXTS:
            text = record[key]
            if text is not None and text not in plain:
                record[key] = self._text(text, key, masked, plain)
        error = record["status_error"]
        if error and error not in self._plain_errors:
            record["status_error"] = self._text(error, "status_error", masked, self._plain_errors)
        for key in _LISTS:
            for index, text in enumerate(record[key]):
                if text not in plain:
                    record[key][index] = self._text(text, f"{key}[]", masked, plain)

    def _text(self, text: str, path: str, masked: Masked, plain: _Remembered) -> str:
        is_formed = (len(text) == _CANONICAL_LENGTH and is_canonical(text)) or (text[-1:] == "Z" and is_utc(text))
        if is_formed or _is_harmless(text):
            plain.add(text)
            return text
        put, is_error = self._put, path == "status_error"
        put.rule = SERVER  # where nothing else masks it, the server has
        found = put(text, SERVER) if is_servers_mask(text) else mask(text, put, guess=is_error, is_prose=is_error)
        if is_error and text[0] in _JSON_STARTS:  # names decide in it, forms in the rest
            found = self._walker.json_in(found, self._elsewhere) or found
        if is_masked(found):
            masked.append(Redaction(path, put.rule))
        elif found == text and path != "name":
            plain.add(text)
        return found


class _Substitute:
    """Puts a mask in the place of secrets; `rule` is the rule that found the last one."""

    def __init__(self, fingerprint: Fingerprint | None) -> None:
        self._fingerprint = fingerprint
        self.rule = SERVER

    def __call__(self, secret: str, rule: str) -> str:
        self.rule = rule
        if self._fingerprint is None:
            return REDACTED
        if MASKED.fullmatch(secret):
            return secret
        if is_masked(secret) or is_servers_mask(secret):  # a mask tells nothing of the secret
            return REDACTED
        return f"[REDACTED:{self._fingerprint(secret.encode())}]"


class _Remembered(set[str]):
    """Texts without a secret in them, whatever field and type of connection they stand in: hosts, logos and people come
    again and again. Never more than a few thousand, and short ones."""

    def add(self, text: str) -> None:
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:  # texts come from outside
                self.clear()
            super().add(text)

    def update(self, *texts: Iterable[str]) -> None:
        for text in chain(*texts):
            self.add(text)


class _Walker:
    """Masks what is in objects, in place. What it masks it appends the path of to a list that it is given."""

    def __init__(self, put: _Substitute, plain: _Remembered, depth: int = 0) -> None:
        self._put = put
        self._plain = plain
        self._without_forms = _Remembered()  # texts that may look drawn by lot, as no secret does in a plain field
        self._plain_keys = _Remembered()
        self._depth = depth

    def walk(self, values: dict[str, Json], marks: Marks, path: str, masked: Masked) -> None:
        plain = self._plain
        if not self._plain_keys.issuperset(values):
            _mask_keys(values)
            self._plain_keys.update(values.keys() - VALUE_KEYS)
            if not VALUE_KEYS.isdisjoint(values):
                marks = marks.of_pair(values)
        for key, value in values.items():
            verdict = marks[key]
            kind = type(value)
            if verdict is _UNKNOWN or verdict is _PLAIN:
                if kind is str:
                    if value in plain or (verdict is _PLAIN and value in self._without_forms):
                        continue  # the way of most values, without a call
                    if _is_harmless(value):
                        plain.add(value)
                        continue
                elif kind is not dict and kind is not list:
                    continue
            values[key] = self._value(value, verdict, marks, f"{path}.{key}", masked)

    def _value(self, value: Json, verdict: Judgement, marks: Marks, path: str, masked: Masked) -> Json:
        """What is to stand in the place of a value; its marks are those of the object it is in."""
        kind = type(value)
        if value is None or verdict is Verdict.KEPT:
            if verdict is Verdict.KEPT:  # what the server masked in it counts, as whoever reads it will count
                masked.extend(Redaction(each, SERVER) for each in masked_paths(path, value))
            return value
        if kind is dict:
            return self._object(value, verdict, marks, path, masked)
        if verdict is Verdict.WHOLE:
            redaction = marks.redaction(path)
            is_plain = redaction.rule == NAME and kind is str and is_robot(value)
            return value if is_plain else self._whole(value, masked, redaction)
        if kind is str:
            return self._text(value, verdict, marks, path, masked)
        if kind is list:
            return self._list(value, verdict, marks, f"{path}[]", masked)
        is_secret = _is_known(verdict) or (verdict is Verdict.STRICT and kind is not bool and not _is_flag(value))
        return self._whole(value, masked, marks.redaction(path)) if is_secret else value

    def _schema(self, schema: dict[str, Json], marks: Marks, path: str, masked: Masked) -> Json:
        """A description of a secret: only its examples are secrets themselves."""
        examples = {key: schema.pop(key) for key in EXAMPLES if key in schema}
        self.walk(schema, marks.inside(_UNKNOWN), path, masked)
        for key, value in examples.items():
            is_plain = value is None or type(value) is bool
            schema[key] = value if is_plain else self._whole(value, masked, Redaction(f"{path}.{key}", NAME))
        return schema

    def _list(self, items: list[Json], verdict: Judgement, marks: Marks, path: str, masked: Masked) -> Json:
        """Items one by one; a list of two texts, inside another list, may be a name and its value."""
        if path.endswith("[][]") and len(items) == 2 and type(items[0]) is type(items[1]) is str:
            name, value = items
            of_name = marks.inside(verdict)[name]
            if of_name is not _UNKNOWN and of_name is not _PLAIN:
                is_type = squash(value) in _COLUMN_TYPES
                return items if is_type else [name, self._value(value, of_name, marks, path, masked)]
        found: list[Json] = []
        of_option: Judgement = verdict
        for item in items:
            found.append(self._value(item, of_option, marks, path, masked))
            of_option = marks.of_option(item, verdict)
        return found

    def _object(self, value: dict[str, Json], verdict: Judgement, marks: Marks, path: str, masked: Masked) -> Json:
        if _is_reference(value) or _names_columns(value, is_map=verdict is _PLAIN):
            return value
        if _is_query(value):
            self.walk(value, marks.inside(_UNKNOWN), path, masked)
            return value
        if verdict is not _UNKNOWN and verdict is not _PLAIN and is_schema(value):
            return self._schema(value, marks, path, masked)
        if verdict is Verdict.WHOLE:
            return self._whole(value, masked, marks.redaction(path))
        if _is_known(verdict) and verdict.is_array and not path.endswith("[]"):
            return self._whole(
                value, masked, Redaction(path, SCHEMA)
            )  # where it has an array, so nothing is known of its parts
        self.walk(value, marks.inside(verdict), path, masked)
        return value

    def _text(self, text: str, verdict: Judgement, marks: Marks, path: str, masked: Masked) -> str:
        is_known = _is_known(verdict)
        if verdict is Verdict.STRICT and _proves_itself(text):
            return text
        if is_known or (verdict is Verdict.STRICT and not _URL.fullmatch(text)):
            return self._whole(text, masked, Redaction(path, SCHEMA) if is_known else marks.redaction(path))
        if is_servers_mask(text) or MASKED.fullmatch(text):
            return self._whole(text, masked, Redaction(path, SERVER))
        self._put.rule = SERVER  # where nothing else masks it, the server has
        found = self._json(text, verdict, marks) if text.lstrip()[:1] in _JSON_STARTS else None
        if found is None:
            found = self._free_text(text, verdict)
        if is_masked(found):
            masked.append(Redaction(path, self._put.rule))
        return found

    def _free_text(self, text: str, verdict: Judgement) -> str:
        if verdict is Verdict.STRICT or verdict is Verdict.ADDRESS:
            return self._address(text) if text else text
        found = mask(text, self._put, guess=verdict is not _PLAIN or text.startswith(_WEB))
        if found == text and not is_masked(text):
            (self._plain if verdict is _UNKNOWN else self._without_forms).add(text)
        return found

    def _address(self, text: str) -> str:
        found = mask_address(text, self._put)
        if found is not None:
            return found
        found = mask(text, self._put, guess=True)
        is_unknown = found == text and not (is_masked(text) or is_plain_dsn(text) or is_of_a_kind(text))
        return self._put(text, URL_PART) if is_unknown else found

    def json_in(self, text: str, marks: Marks) -> str | None:
        """A text that is JSON without the secrets in it, None for another text; its random-looking words stay."""
        return self._json(text, _PLAIN, marks)

    def _json(self, text: str, verdict: Judgement, marks: Marks) -> str | None:
        """JSON that is text, masked as the value it is would be; None when there is no object and no array in it."""
        try:
            value, _ = parse_tolerantly(text.encode())
        except NotJson:
            return None
        if type(value) not in _NESTING and not (type(value) is str and value.lstrip()[:1] in _JSON_STARTS):
            return None
        if self._depth >= _DEEPEST_TEXT:
            return self._put(text, NESTED)
        if verdict is Verdict.ADDRESS:  # what is in it is known by its names
            verdict = _UNKNOWN
        try:
            if (found := self._inside(value, verdict, marks)) is not None:
                return found
            twins = _with_twins(text)
            hides_one = twins is not None and self._inside(twins, verdict, marks) is not None
        except RecursionError:  # a hundred levels in each of them
            hides_one = True
        return self._put(text, NESTED) if hides_one else text

    def _inside(self, value: Json, verdict: Judgement, marks: Marks) -> str | None:
        """What stands in a text as JSON, masked; None when there is no secret in it. `value` is used up."""
        masked: Masked = []
        found = _dump(_Walker(self._put, self._plain, self._depth + 1)._value(value, verdict, marks, "{}", masked))
        if masked:
            self._put.rule = masked[-1].rule
        return found if is_masked(found) else None

    def _whole(self, value: Json, masked: Masked, redaction: Redaction) -> str:
        masked.append(redaction)
        return self._put(value if type(value) is str else _dump(value), redaction.rule)


_CONSTANT: Final = _Substitute(None)


def _with_twins(text: str) -> Json:
    """JSON with an array of all values where a key stands more than once; None where none does.

    Of such values parsers take the last, but whoever reads the text sees them all.
    """
    has_any = False

    def every(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        nonlocal has_any
        found = dict(pairs)
        if len(found) < len(pairs):
            has_any = True
            by_key: dict[str, list[Json]] = {}
            for key, value in pairs:
                by_key.setdefault(key, []).append(value)
            found = {key: values if len(values) > 1 else values[0] for key, values in by_key.items()}
        return found

    value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=every)
    return value if has_any else None


_QUERY_KEYS: Final = frozenset(
    ("bool", "match", "match_all", "term", "terms", "range", "exists", "aggs", "multi_match")
)


_FEWEST_COLUMNS: Final = 2
_IDENTIFIER: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")
_SECRET_KEY: Final = re.compile(r"[a-z]+(?:[.-][a-z0-9]+)*")


def _is_query(value: dict[str, Json]) -> bool:
    """Is it a query of Elasticsearch, whose keys name fields?"""
    return not _QUERY_KEYS.isdisjoint(value) or ("query" in value and isinstance(value["query"], dict))


def _names_columns(value: dict[str, Json], *, is_map: bool) -> bool:
    """Does it choose or sort columns, give them types, or, in a field for maps, other names?"""
    if len(value) < _FEWEST_COLUMNS:
        return False
    if set(map(type, value.values())) == {str}:
        has_types = all(_COLUMN_TYPE.fullmatch(each.lower()) for each in value.values())
        return has_types or (is_map and all(map(_IDENTIFIER.fullmatch, value.values())))
    return all(map(_is_flag, value.values()))  # a projection, or a sort order


def _is_reference(value: dict[str, Json]) -> bool:
    """Does it name a secret of Kubernetes and a key in it (SecretKeySelector)?"""
    if "name" not in value or "key" not in value or value.keys() - {"name", "key", "optional"}:
        return False
    return all(type(text) is str and _SECRET_KEY.fullmatch(text) for text in (value["name"], value["key"]))


def _is_flag(value: Json) -> bool:
    """Is it a number that a projection or a sort order has beside the name of a column?"""
    return type(value) is int and value in _FLAGS


def _proves_itself(text: str) -> bool:
    """Is a text, whose name is made of words for a secret, of a kind that cannot be one?"""
    if _TEMPLATE.fullmatch(text):
        return True
    return is_robot(text) or is_public_id(text) or _COLUMN_TYPE.fullmatch(text.lower()) is not None


def _is_known(verdict: Judgement) -> TypeGuard[Marks]:
    """Does a schema mark something deeper down, so that anything else in its place may be that in another form?"""
    return isinstance(verdict, Marks) and verdict.is_known


def _mask_keys(values: dict[str, Json]) -> None:
    """Put masks in the place of keys that are secrets themselves; done first, since paths are written too."""
    masked = list(map(_masked_key, values))
    if masked == list(values):
        return
    items = list(values.values())
    values.clear()
    numbers: Counter[str] = Counter()
    for key, value in zip(masked, items, strict=True):
        unused = key
        while unused in values:
            numbers[key] += 1  # goes on where the last one of its like stopped
            unused = f"{key} {numbers[key] + 1}"
        values[unused] = value


def _masked_key(key: str) -> str:
    return mask(key, _CONSTANT) if len(key) >= _SHORTEST_TOKEN else key


def _dump(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
