"""Masks the secrets of a record: chooses the marks of its type for the walk, and masks the record's own texts.

What is a secret is known from its place (`fields`: the schemas, names, the user's rules) or from its form (`patterns`),
also inside JSON that is text. A secret becomes `REDACTED` whatever it was, since a length is a fact about a secret, or,
with a fingerprint, `[REDACTED:…]`, which differs from run to run only when the secret does. Of a URL or a sentence only
the secret part goes. null stays null: it says that nothing is there. What the server masked itself is masked alike.

A value that had something masked in it is counted by its path, such as `configuration.auth.header.value`, and by the
rule that found the last of it (`detect.reasons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from collector.model.ids import is_canonical
from collector.model.outcome import Masked, Redaction
from collector.model.record import RECORD, Json, Kind, Record, names_of
from collector.model.timestamps import is_utc
from collector.redaction.detect.fields import FieldVerdicts, field_verdicts
from collector.redaction.detect.masks import is_masked, is_servers_mask
from collector.redaction.detect.patterns import mask
from collector.redaction.detect.reasons import SERVER
from collector.redaction.detect.rules import Rules
from collector.redaction.json_texts import JSON_STARTS
from collector.redaction.keys import masked_key
from collector.redaction.plain_texts import Remembered, is_harmless
from collector.redaction.substitute import Fingerprint, Masker
from collector.redaction.walker import Walker

_CANONICAL_LENGTH: Final = 36
_MOST_TYPES: Final = 1024

# Also those that should be ids and times: what is none stays as it came, and so could be anything. But the record's own
# id is the one that was asked for.
_TEXTS: Final = tuple(
    field.name
    for field in RECORD
    if field.kind in {Kind.ID, Kind.TEXT, Kind.TIME} and field.source is not None and field.name != "id"
)
_LISTS: Final = names_of(Kind.IDS, Kind.TEXTS)


class Redactor:
    """Masks the secrets of the connections of a run."""

    def __init__(self, rules: Rules | None = None, fingerprint: Fingerprint | None = None) -> None:
        self._rules = rules or Rules()
        self._elsewhere = field_verdicts(None, self._rules, is_configuration=False)
        self._by_type: dict[str | None, FieldVerdicts] = {}
        self._put = Masker(fingerprint)
        self._walker = Walker(self._put, Remembered())
        self._plain_texts = Remembered()
        self._plain_errors = Remembered()  # in which what looks drawn by lot is a secret

    def add_schema(self, type_id: str, fields: Mapping[str, bool]) -> None:
        """Take the fields of a type's live schema into account: path → is it marked as sensitive?"""
        self._by_type[type_id] = field_verdicts(type_id, self._rules, fields)

    def redact_configuration(self, configuration: dict[str, Json], type_id: str | None, masked: Masked) -> None:
        """Mask the secrets of a connection's configuration, in place; their paths are appended to `masked`."""
        verdicts = self._by_type.get(type_id)
        if verdicts is None:
            verdicts = field_verdicts(type_id, self._rules)
            if len(self._by_type) < _MOST_TYPES:  # its name comes from outside
                self._by_type[type_id] = verdicts
        self._walker.walk(configuration, verdicts, "configuration", masked)

    def redact_elsewhere(self, values: dict[str, Json], path: str, masked: Masked) -> None:
        """The same for fields outside of a configuration, which no schema describes."""
        self._walker.walk(values, self._elsewhere, path, masked)

    @staticmethod
    def path_of(keys: Iterable[str]) -> str:
        """The keys to a value as a path, in which keys that are secrets themselves are masked."""
        return ".".join(map(masked_key, keys)).replace(".[]", "[]")

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

    def _text(self, text: str, path: str, masked: Masked, plain: Remembered) -> str:
        is_formed = (len(text) == _CANONICAL_LENGTH and is_canonical(text)) or (text[-1:] == "Z" and is_utc(text))
        if is_formed or is_harmless(text):
            plain.add(text)
            return text
        substitute, is_error = self._put, path == "status_error"
        substitute.rule = SERVER  # where nothing else masks it, the server has
        found = (
            substitute(text, SERVER)
            if is_servers_mask(text)
            else mask(text, substitute, guess=is_error, is_prose=is_error)
        )
        if is_error and text[0] in JSON_STARTS:  # names decide in it, forms in the rest
            found = self._walker.json_in(found, self._elsewhere) or found
        if is_masked(found):
            masked.append(Redaction(path, substitute.rule))
        elif found == text and path != "name":
            plain.add(text)
        return found
