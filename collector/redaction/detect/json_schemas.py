"""JSON Schemas inside configurations: a property named `password` describes a password. Pure.

(Source: JSON Schema 2020-12, core and validation vocabularies, with the older `definitions` and OpenAPI's `nullable`
and `example`.)
"""

from __future__ import annotations

from typing import Final

from collector.model.record import Json
from collector.redaction.detect.field_names import words

_TYPES: Final = words("string number integer boolean object array null keyword text")  # the last two: Elasticsearch
_REFERENCES: Final = ("$ref", "anyOf", "oneOf", "allOf")
_KEYWORDS: Final = words(
    "type title description $comment $id $ref $schema $anchor $defs definitions properties required "
    "additionalProperties patternProperties propertyNames dependentRequired items prefixItems contains uniqueItems "
    "minItems maxItems minProperties maxProperties minLength maxLength pattern format contentEncoding "
    "contentMediaType minimum maximum exclusiveMinimum exclusiveMaximum multipleOf anyOf oneOf allOf not if then else "
    "nullable deprecated readOnly writeOnly default const enum examples example sensitive airbyte_secret "
    "airbyte_hidden order group multiline placeholder always_show pattern_descriptor display_type secret unit "
    "enumNames index analyzer fields"
)
EXAMPLES: Final = ("default", "const", "enum", "examples", "example")
"""The keywords with example values of the described field, which may be secrets."""


def is_schema(value: dict[str, Json]) -> bool:
    """Does an object describe a value, rather than being one?"""
    if value and all(key.startswith("ui:") for key in value):  # react-jsonschema-form
        return True
    if not _KEYWORDS.issuperset(value):
        return False
    kind = value.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    is_typed = bool(kinds) and all(isinstance(each, str) and each in _TYPES for each in kinds)
    return is_typed or (kind is None and any(reference in value for reference in _REFERENCES))
