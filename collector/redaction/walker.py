"""Masks one tree of JSON values in place: by the place, the name and the form of each.

A text that is JSON is a tree too, and is walked as one.
"""

from __future__ import annotations

from typing import Final, TypeGuard

from collector.model.lazy_pattern import lazy_pattern
from collector.model.outcome import Masked, Redaction
from collector.model.record import Json
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.redaction.detect.field_names import squash
from collector.redaction.detect.fields import VALUE_KEYS, FieldVerdict, FieldVerdicts
from collector.redaction.detect.json_schemas import EXAMPLES, is_schema
from collector.redaction.detect.masks import MASKED, is_masked, is_servers_mask, masked_paths
from collector.redaction.detect.patterns import mask
from collector.redaction.detect.plain_kinds import is_of_a_kind, is_robot
from collector.redaction.detect.reasons import NAME, NESTED, SCHEMA, SERVER, URL_PART
from collector.redaction.detect.rules import Verdict
from collector.redaction.detect.shapes import (
    COLUMN_TYPES,
    is_flag,
    is_query,
    is_reference,
    names_columns,
    proves_itself,
)
from collector.redaction.detect.urls import is_plain_dsn, mask_address
from collector.redaction.json_texts import JSON_STARTS, dump, with_twins
from collector.redaction.keys import mask_keys
from collector.redaction.plain_texts import Remembered, is_harmless
from collector.redaction.substitute import Masker

_DEEPEST_TEXT: Final = 4  # JSON in JSON in JSON
_UNKNOWN, _PLAIN = Verdict.UNKNOWN, Verdict.KNOWN_SAFE  # looked up for every value
_NESTING: Final = frozenset((dict, list))
_WEB: Final = ("http://", "https://")  # whose paths may be passwords
_URL: Final = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+")


class Walker:
    """Masks what is in objects, in place. What it masks it appends the path of to a list that it is given."""

    def __init__(self, substitute: Masker, plain: Remembered, depth: int = 0) -> None:
        self._put = substitute
        self._plain = plain
        self._without_forms = Remembered()  # texts that may look drawn by lot, as no secret does in a plain field
        self._plain_keys = Remembered()
        self._depth = depth

    def walk(self, values: dict[str, Json], verdicts: FieldVerdicts, path: str, masked: Masked) -> None:
        """Mask the values of an object by its marks; `path` is its own."""
        plain = self._plain
        if not self._plain_keys.issuperset(values):
            mask_keys(values)
            self._plain_keys.update(values.keys() - VALUE_KEYS)
            if not VALUE_KEYS.isdisjoint(values):
                verdicts = verdicts.of_pair(values)
        for key, value in values.items():
            verdict = verdicts[key]
            kind = type(value)
            if verdict is _UNKNOWN or verdict is _PLAIN:
                if kind is str:
                    if value in plain or (verdict is _PLAIN and value in self._without_forms):
                        continue  # the way of most values, without a call
                    if is_harmless(value):
                        plain.add(value)
                        continue
                elif kind is not dict and kind is not list:
                    continue
            values[key] = self._value(value, verdict, verdicts, f"{path}.{key}", masked)

    def _value(self, value: Json, verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked) -> Json:
        """What is to stand in the place of a value; its marks are those of the object it is in."""
        kind = type(value)
        if value is None or verdict is Verdict.ALLOWED_BY_USER:
            if (
                verdict is Verdict.ALLOWED_BY_USER
            ):  # what the server masked in it counts, as whoever reads it will count
                masked.extend(Redaction(each, SERVER) for each in masked_paths(path, value))
            return value
        if kind is dict:
            return self._object(value, verdict, verdicts, path, masked)
        if verdict is Verdict.SECRET:
            redaction = verdicts.redaction(path)
            is_plain = redaction.rule == NAME and kind is str and is_robot(value)
            return value if is_plain else self._whole(value, masked, redaction)
        if kind is str:
            return self._text(value, verdict, verdicts, path, masked)
        if kind is list:
            return self._list(value, verdict, verdicts, f"{path}[]", masked)
        is_secret = _is_known(verdict) or (verdict is Verdict.LIKELY_SECRET and kind is not bool and not is_flag(value))
        return self._whole(value, masked, verdicts.redaction(path)) if is_secret else value

    def _schema(self, schema: dict[str, Json], verdicts: FieldVerdicts, path: str, masked: Masked) -> Json:
        """A description of a secret: only its examples are secrets themselves."""
        examples = {key: schema.pop(key) for key in EXAMPLES if key in schema}
        self.walk(schema, verdicts.inside(_UNKNOWN), path, masked)
        for key, value in examples.items():
            is_plain = value is None or type(value) is bool
            schema[key] = value if is_plain else self._whole(value, masked, Redaction(f"{path}.{key}", NAME))
        return schema

    def _list(
        self, items: list[Json], verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked
    ) -> Json:
        """Items one by one; a list of two texts, inside another list, may be a name and its value."""
        if path.endswith("[][]") and len(items) == 2 and type(items[0]) is type(items[1]) is str:
            name, value = items
            of_name = verdicts.inside(verdict)[name]
            if of_name is not _UNKNOWN and of_name is not _PLAIN:
                is_type = squash(value) in COLUMN_TYPES
                return items if is_type else [name, self._value(value, of_name, verdicts, path, masked)]
        found: list[Json] = []
        of_option: FieldVerdict = verdict
        for item in items:
            found.append(self._value(item, of_option, verdicts, path, masked))
            of_option = verdicts.of_option(item, verdict)
        return found

    def _object(
        self, value: dict[str, Json], verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked
    ) -> Json:
        if is_reference(value) or names_columns(value, is_map=verdict is _PLAIN):
            return value
        if is_query(value):
            self.walk(value, verdicts.inside(_UNKNOWN), path, masked)
            return value
        if verdict is not _UNKNOWN and verdict is not _PLAIN and is_schema(value):
            return self._schema(value, verdicts, path, masked)
        if verdict is Verdict.SECRET:
            return self._whole(value, masked, verdicts.redaction(path))
        if _is_known(verdict) and verdict.is_array and not path.endswith("[]"):
            return self._whole(
                value, masked, Redaction(path, SCHEMA)
            )  # where it has an array, so nothing is known of its parts
        self.walk(value, verdicts.inside(verdict), path, masked)
        return value

    def _text(self, text: str, verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked) -> str:
        is_known = _is_known(verdict)
        if verdict is Verdict.LIKELY_SECRET and proves_itself(text):
            return text
        if is_known or (verdict is Verdict.LIKELY_SECRET and not _URL.fullmatch(text)):
            return self._whole(text, masked, Redaction(path, SCHEMA) if is_known else verdicts.redaction(path))
        if is_servers_mask(text) or MASKED.fullmatch(text):
            return self._whole(text, masked, Redaction(path, SERVER))
        self._put.rule = SERVER  # where nothing else masks it, the server has
        found = self._json(text, verdict, verdicts) if text.lstrip()[:1] in JSON_STARTS else None
        if found is None:
            found = self._free_text(text, verdict)
        if is_masked(found):
            masked.append(Redaction(path, self._put.rule))
        return found

    def _free_text(self, text: str, verdict: FieldVerdict) -> str:
        if verdict is Verdict.LIKELY_SECRET or verdict is Verdict.MAY_EMBED_SECRET:
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

    def json_in(self, text: str, verdicts: FieldVerdicts) -> str | None:
        """A text that is JSON without the secrets in it, None for another text; its random-looking words stay."""
        return self._json(text, _PLAIN, verdicts)

    def _json(self, text: str, verdict: FieldVerdict, verdicts: FieldVerdicts) -> str | None:
        """JSON that is text, masked as the value it is would be; None when there is no object and no array in it."""
        try:
            value, _ = parse_tolerantly(text.encode())
        except NotJson:
            return None
        if type(value) not in _NESTING and not (type(value) is str and value.lstrip()[:1] in JSON_STARTS):
            return None
        if self._depth >= _DEEPEST_TEXT:
            return self._put(text, NESTED)
        if verdict is Verdict.MAY_EMBED_SECRET:  # what is in it is known by its names
            verdict = _UNKNOWN
        try:
            if (found := self._inside(value, verdict, verdicts)) is not None:
                return found
            twins = with_twins(text)
            hides_one = twins is not None and self._inside(twins, verdict, verdicts) is not None
        except RecursionError:  # a hundred levels in each of them
            hides_one = True
        return self._put(text, NESTED) if hides_one else text

    def _inside(self, value: Json, verdict: FieldVerdict, verdicts: FieldVerdicts) -> str | None:
        """What stands in a text as JSON, masked; None when there is no secret in it. `value` is used up."""
        masked: Masked = []
        found = dump(Walker(self._put, self._plain, self._depth + 1)._value(value, verdict, verdicts, "{}", masked))
        if masked:
            self._put.rule = masked[-1].rule
        return found if is_masked(found) else None

    def _whole(self, value: Json, masked: Masked, redaction: Redaction) -> str:
        masked.append(redaction)
        return self._put(value if type(value) is str else dump(value), redaction.rule)


def _is_known(verdict: FieldVerdict) -> TypeGuard[FieldVerdicts]:
    """Does a schema mark something deeper down, so that anything else in its place may be that in another form?"""
    return isinstance(verdict, FieldVerdicts) and verdict.is_known
