"""Masks one tree of JSON values in place: by the position, the name and the form of each.

A text that contains JSON is parsed and walked in the same way.
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
from collector.redaction.detect.known_safe import is_known_safe, is_service_account
from collector.redaction.detect.masks import MASKED, is_masked, is_servers_mask, masked_paths
from collector.redaction.detect.patterns import mask
from collector.redaction.detect.reasons import NAME, NESTED, SCHEMA, SERVER, URL_PART
from collector.redaction.detect.rules import Verdict
from collector.redaction.detect.shapes import (
    COLUMN_TYPES,
    is_flag,
    is_query,
    is_reference,
    is_safe_by_form,
    names_columns,
)
from collector.redaction.detect.urls import is_safe_dsn, mask_address
from collector.redaction.json_texts import JSON_STARTS, dump, with_duplicate_keys
from collector.redaction.keys import mask_keys
from collector.redaction.substitute import Masker
from collector.redaction.text_cache import TextCache, is_harmless

_MAX_TEXT_DEPTH: Final = 4  # of JSON texts inside JSON texts
_UNKNOWN, _PLAIN = Verdict.UNKNOWN, Verdict.KNOWN_SAFE  # looked up for every value
_NESTING: Final = frozenset((dict, list))
_WEB: Final = ("http://", "https://")  # their paths may be passwords
_URL: Final = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+")


class Walker:
    """Masks the values of objects in place, and appends the path of each masked value to a given list."""

    def __init__(self, substitute: Masker, safe: TextCache, depth: int = 0) -> None:
        self._substitute = substitute
        self._safe = safe
        self._safe_in_known_field = TextCache()  # may contain random-looking words, which known-safe fields allow
        self._safe_keys = TextCache()
        self._depth = depth

    def walk(self, values: dict[str, Json], verdicts: FieldVerdicts, path: str, masked: Masked) -> None:
        """Mask the values of an object at `path` by its verdicts."""
        safe = self._safe
        if not self._safe_keys.issuperset(values):
            mask_keys(values)
            self._safe_keys.update(values.keys() - VALUE_KEYS)
            if not VALUE_KEYS.isdisjoint(values):
                verdicts = verdicts.of_pair(values)
        for key, value in values.items():
            verdict = verdicts[key]
            kind = type(value)
            if verdict is _UNKNOWN or verdict is _PLAIN:
                if kind is str:
                    if value in safe or (verdict is _PLAIN and value in self._safe_in_known_field):
                        continue  # the common case, without a call
                    if is_harmless(value):
                        safe.add(value)
                        continue
                elif kind is not dict and kind is not list:
                    continue
            values[key] = self._value(value, verdict, verdicts, f"{path}.{key}", masked)

    def _value(self, value: Json, verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked) -> Json:
        """The value with its secrets masked; `verdicts` are those of the object that contains it."""
        kind = type(value)
        if value is None or verdict is Verdict.ALLOWED_BY_USER:
            if verdict is Verdict.ALLOWED_BY_USER:  # the server's masks count as ours do
                masked.extend(Redaction(each, SERVER) for each in masked_paths(path, value))
            return value
        if kind is dict:
            return self._object(value, verdict, verdicts, path, masked)
        if verdict is Verdict.SECRET:
            redaction = verdicts.redaction(path)
            is_plain = redaction.rule == NAME and kind is str and is_service_account(value)
            return value if is_plain else self._whole(value, masked, redaction)
        if kind is str:
            return self._text(value, verdict, verdicts, path, masked)
        if kind is list:
            return self._list(value, verdict, verdicts, f"{path}[]", masked)
        is_secret = _is_known(verdict) or (verdict is Verdict.LIKELY_SECRET and kind is not bool and not is_flag(value))
        return self._whole(value, masked, verdicts.redaction(path)) if is_secret else value

    def _schema(self, schema: dict[str, Json], verdicts: FieldVerdicts, path: str, masked: Masked) -> Json:
        """Mask the JSON Schema of a secret: only its examples are secrets."""
        examples = {key: schema.pop(key) for key in EXAMPLES if key in schema}
        self.walk(schema, verdicts.inside(_UNKNOWN), path, masked)
        for key, value in examples.items():
            is_plain = value is None or type(value) is bool
            schema[key] = value if is_plain else self._whole(value, masked, Redaction(f"{path}.{key}", NAME))
        return schema

    def _list(
        self, items: list[Json], verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked
    ) -> Json:
        """Mask the items. A list of two texts inside another list may be a name and its value."""
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
            # The schema has an array here, so its fields do not apply.
            return self._whole(value, masked, Redaction(path, SCHEMA))
        self.walk(value, verdicts.inside(verdict), path, masked)
        return value

    def _text(self, text: str, verdict: FieldVerdict, verdicts: FieldVerdicts, path: str, masked: Masked) -> str:
        is_known = _is_known(verdict)
        if verdict is Verdict.LIKELY_SECRET and is_safe_by_form(text):
            return text
        if is_known or (verdict is Verdict.LIKELY_SECRET and not _URL.fullmatch(text)):
            return self._whole(text, masked, Redaction(path, SCHEMA) if is_known else verdicts.redaction(path))
        if is_servers_mask(text) or MASKED.fullmatch(text):
            return self._whole(text, masked, Redaction(path, SERVER))
        self._substitute.rule = SERVER  # applies if the server masked it and no rule did
        found = self._json(text, verdict, verdicts) if text.lstrip()[:1] in JSON_STARTS else None
        if found is None:
            found = self._free_text(text, verdict)
        if is_masked(found):
            masked.append(Redaction(path, self._substitute.rule))
        return found

    def _free_text(self, text: str, verdict: FieldVerdict) -> str:
        if verdict is Verdict.LIKELY_SECRET or verdict is Verdict.MAY_EMBED_SECRET:
            return self._address(text) if text else text
        found = mask(text, self._substitute, guess=verdict is not _PLAIN or text.startswith(_WEB))
        if found == text and not is_masked(text):
            (self._safe if verdict is _UNKNOWN else self._safe_in_known_field).add(text)
        return found

    def _address(self, text: str) -> str:
        found = mask_address(text, self._substitute)
        if found is not None:
            return found
        found = mask(text, self._substitute, guess=True)
        is_unknown = found == text and not (is_masked(text) or is_safe_dsn(text) or is_known_safe(text))
        return self._substitute(text, URL_PART) if is_unknown else found

    def json_in(self, text: str, verdicts: FieldVerdicts) -> str | None:
        """JSON text with its secrets masked, or None for other text. Random-looking words stay."""
        return self._json(text, _PLAIN, verdicts)

    def _json(self, text: str, verdict: FieldVerdict, verdicts: FieldVerdicts) -> str | None:
        """JSON text, masked like the value it contains; None unless it contains an object or an array."""
        try:
            value, _ = parse_tolerantly(text.encode())
        except NotJson:
            return None
        if type(value) not in _NESTING and not (type(value) is str and value.lstrip()[:1] in JSON_STARTS):
            return None
        if self._depth >= _MAX_TEXT_DEPTH:
            return self._substitute(text, NESTED)
        if verdict is Verdict.MAY_EMBED_SECRET:  # its contents are judged by their names
            verdict = _UNKNOWN
        try:
            if (found := self._inside(value, verdict, verdicts)) is not None:
                return found
            duplicated = with_duplicate_keys(text)
            hides_a_secret = duplicated is not None and self._inside(duplicated, verdict, verdicts) is not None
        except RecursionError:  # deep nesting in each level of text
            hides_a_secret = True
        return self._substitute(text, NESTED) if hides_a_secret else text

    def _inside(self, value: Json, verdict: FieldVerdict, verdicts: FieldVerdicts) -> str | None:
        """The masked JSON text of `value`, which is consumed; None if it contains no secret."""
        masked: Masked = []
        found = dump(
            Walker(self._substitute, self._safe, self._depth + 1)._value(value, verdict, verdicts, "{}", masked)
        )
        if masked:
            self._substitute.rule = masked[-1].rule
        return found if is_masked(found) else None

    def _whole(self, value: Json, masked: Masked, redaction: Redaction) -> str:
        masked.append(redaction)
        return self._substitute(value if type(value) is str else dump(value), redaction.rule)


def _is_known(verdict: FieldVerdict) -> TypeGuard[FieldVerdicts]:
    """Does a schema mark a field inside this value, so that any other value here may be that secret in another form?"""
    return isinstance(verdict, FieldVerdicts) and verdict.is_known
