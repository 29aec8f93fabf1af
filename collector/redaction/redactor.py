"""Masks the secrets of a record: walks its objects with the verdicts of its type, and masks its texts.

A secret is recognized by its position (`fields`: schemas, names, the user's rules) or by its form (`patterns`), even in
JSON inside a text. Its mask is always `[REDACTED]`, because even a length reveals something. With a fingerprint it is
`[REDACTED:…]`, which changes only when the secret changes. In a URL or a sentence only the secret part is masked. null
stays null. Values that the server masked get the same mask.

A value that contains a mask is counted by its path, such as `configuration.auth.header.value`, and by the rule that
found its last secret (`detect.reasons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from collector.model.ids import is_canonical
from collector.model.outcome import Masked, Redaction
from collector.model.record import RECORD, Field, Json, Kind, Record, names_of
from collector.model.timestamps import is_utc
from collector.redaction.detect.fields import FieldVerdicts, field_verdicts
from collector.redaction.detect.masks import is_masked, is_servers_mask
from collector.redaction.detect.patterns import mask
from collector.redaction.detect.reasons import SERVER
from collector.redaction.detect.rules import Rules
from collector.redaction.json_texts import JSON_STARTS
from collector.redaction.keys import masked_key
from collector.redaction.substitute import Fingerprint, Masker
from collector.redaction.text_cache import TextCache, is_harmless
from collector.redaction.walker import Walker

_CANONICAL_LENGTH: Final = 36
_MAX_TYPES: Final = 1024


class TextFields(NamedTuple):
    """The fields of a record or a row that may contain a secret by their form: texts, and arrays of texts."""

    texts: tuple[str, ...]
    arrays: tuple[str, ...]


def text_fields(fields: Iterable[Field], *, but: str = "") -> TextFields:
    """The texts among `fields` that the API sends, except the field `but`.

    Ids and timestamps too: invalid ones are kept verbatim, so they can be anything.
    """
    sent = [field for field in fields if field.source is not None and field.name != but]
    return TextFields(names_of(Kind.ID, Kind.TEXT, Kind.TIME, fields=sent), names_of(Kind.IDS, Kind.TEXTS, fields=sent))


_OF_RECORD: Final = text_fields(RECORD, but="id")  # its own id is the requested one


class Redactor:
    """Masks the secrets of the connections of a run."""

    def __init__(self, rules: Rules | None = None, fingerprint: Fingerprint | None = None) -> None:
        self._rules = rules or Rules()
        self._elsewhere = field_verdicts(None, self._rules, is_configuration=False)
        self._by_known_safe: dict[tuple[str, ...], FieldVerdicts] = {}
        self._by_type: dict[str | None, FieldVerdicts] = {}
        self._substitute = Masker(fingerprint)
        self._walker = Walker(self._substitute, TextCache())
        self._safe_texts = TextCache()
        self._safe_errors = TextCache()  # free of random-looking words too

    def add_schema(self, type_id: str, fields: Mapping[str, bool]) -> None:
        """Use the live schema of a type: path → is it marked as sensitive?"""
        self._by_type[type_id] = field_verdicts(type_id, self._rules, fields)

    def redact_configuration(self, configuration: dict[str, Json], type_id: str | None, masked: Masked) -> None:
        """Mask the secrets of a connection's configuration, in place. Appends their paths to `masked`."""
        verdicts = self._by_type.get(type_id)
        if verdicts is None:
            verdicts = field_verdicts(type_id, self._rules)
            if len(self._by_type) < _MAX_TYPES:  # the type id is untrusted
                self._by_type[type_id] = verdicts
        self._walker.walk(configuration, verdicts, "configuration", masked)

    def redact_elsewhere(self, values: dict[str, Json], path: str, masked: Masked) -> None:
        """Mask the secrets in fields outside a configuration, in place. No schema describes these fields.

        Appends their paths to `masked`.
        """
        self._walker.walk(values, self._elsewhere, path, masked)

    @staticmethod
    def path_of(keys: Iterable[str]) -> str:
        """The keys to a value as a path, with keys that are secrets masked."""
        return ".".join(map(masked_key, keys)).replace(".[]", "[]")

    def redact_arrays(
        self, arrays: dict[str, Json], path: str, masked: Masked, known_safe: tuple[str, ...] = ()
    ) -> None:
        """Mask the secrets in arrays outside a configuration, by name, in place. Appends their paths to `masked`.

        `known_safe` are paths that are not secrets, although their names suggest it. An array that the user's rules
        mask as a whole becomes an array of one mask.
        """
        if known_safe not in self._by_known_safe:
            self._by_known_safe[known_safe] = field_verdicts(
                None, self._rules, is_configuration=False, known_safe=known_safe
            )
        self._walker.walk(arrays, self._by_known_safe[known_safe], path, masked)
        arrays.update((name, [items]) for name, items in arrays.items() if type(items) is not list)

    def redact_texts(self, record: Record, masked: Masked) -> None:
        """Mask texts of the record that have the form of a secret: systems quote their input in names and errors."""
        self.redact_fields(record, _OF_RECORD, masked)
        error = record["status_error"]
        if error and error not in self._safe_errors:
            record["status_error"] = self._text(error, "status_error", masked, self._safe_errors)

    def redact_fields(self, row: dict[str, Json], fields: TextFields, masked: Masked) -> None:
        """Mask texts in these fields that have the form of a secret, in place. Appends their paths to `masked`."""
        safe = self._safe_texts
        for key in fields.texts:
            text = row[key]
            if text is not None and text not in safe:
                row[key] = self._text(text, key, masked, safe)
        for key in fields.arrays:
            for index, text in enumerate(row[key]):
                if text not in safe:
                    row[key][index] = self._text(text, f"{key}[]", masked, safe)

    def _text(self, text: str, path: str, masked: Masked, safe: TextCache) -> str:
        is_id_or_time = (len(text) == _CANONICAL_LENGTH and is_canonical(text)) or (text[-1:] == "Z" and is_utc(text))
        if is_id_or_time or is_harmless(text):
            safe.add(text)
            return text
        substitute, is_error = self._substitute, path == "status_error"
        substitute.rule = SERVER  # applies if the server masked it and no rule did
        found = (
            substitute(text, SERVER)
            if is_servers_mask(text)
            else mask(text, substitute, guess=is_error, is_prose=is_error)
        )
        if is_error and text[0] in JSON_STARTS:  # its names are known; other texts only have a form
            found = self._walker.json_in(found, self._elsewhere) or found
        if is_masked(found):
            masked.append(Redaction(path, substitute.rule))
        elif found == text and path != "name":
            safe.add(text)
        return found
