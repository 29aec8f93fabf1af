"""Connection types as JSON Schemas."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from collector.model.record import Json
from collector.sandbox.catalogue import ConnectionType, catalogue
from collector.sandbox.configuration import configuration_factory
from collector.sandbox.schema import json_schema, list_item


def _type(id: str) -> ConnectionType:
    (connection_type,) = [each for each in catalogue() if each.id == id]
    return connection_type


def _masked_schema(connection_type: ConnectionType) -> dict[str, Json]:
    """The type's schema for masked configurations: each masked field is an optional string."""
    schema = json_schema(connection_type)
    masked = [field.name for field in connection_type.fields if field.masked]
    schema["required"] = [name for name in schema.get("required", ()) if name not in masked]
    schema["properties"] |= {name: {"type": "string"} for name in masked}
    return schema


def test_every_type_has_a_valid_json_schema() -> None:
    for connection_type in catalogue():
        Draft202012Validator.check_schema(json_schema(connection_type))


def test_a_configuration_matches_the_schema_of_its_type_except_for_masked_fields() -> None:
    for connection_type in catalogue():
        validator = Draft202012Validator(_masked_schema(connection_type))
        for byte in (b"\x00", b"\x37", b"\xa0"):
            validator.validate(configuration_factory(connection_type)(byte * 64))


def test_properties_have_the_vendor_keys() -> None:
    properties = json_schema(_type("airtable"))["properties"]
    assert properties["client_secret"] == {
        "title": "Client secret",
        "type": "string",
        "sensitive": True,
        "hidden": True,
    }
    assert properties["connected_user"]["readOnly"] is True


def test_enums_defaults_and_required_fields_are_kept() -> None:
    schema = json_schema(_type("amazon_ads"))
    assert schema["required"] == ["region"]
    assert schema["properties"]["region"]["enum"] == ["na", "eu", "fe"]
    assert schema["properties"]["region"]["default"] == "na"


def test_nested_fields_become_nested_schemas() -> None:
    query = json_schema(_type("webhook"))["properties"]["query"]
    assert query["type"] == "array"
    assert set(query["items"]["properties"]) == {"name", "value"}
    assert json_schema(_type("awsathena"))["properties"]["tags"]["additionalProperties"] == {"type": "string"}


def test_a_list_item_omits_use_oauth_where_it_is_not_documented() -> None:
    assert "use_oauth" not in list_item(_type("amazon_ads"))
    assert list_item(_type("airtable"))["use_oauth"] is True
