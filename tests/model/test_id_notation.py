"""Ids in braces, in quotes, before a comma, and in addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.id_notation import written_id
from collector.model.ids import ids_in

A = "248df4b7-aa70-47b8-a036-33ac447e668d"
B = "348df4b7-aa70-47b8-a036-33ac447e668d"

POLYTOMIC = "https://app.polytomic.com"

NOTATIONS = [
    *("{}", "{{{}}}", '"{}"', "'{}'", "`{}`", "\u201c{}\u201d", "\u201e{}\u201c", "\u2018{}\u2019"),
    *("{},", '"{}",', "'{}' ,", '"{{{}}}"', "{{ {} }}", " {} "),
    *(
        f"{POLYTOMIC}/org/connections/{{}}",
        f"{POLYTOMIC}/api/connections/{{}}",
        f"<{POLYTOMIC}"[1:] + "/connections/{}/",
    ),
    *(f"{POLYTOMIC}/connections/{{}}?tab=1", f"{POLYTOMIC}/connections/{{}}#tab", f'"{POLYTOMIC}/connections/{{}}",'),
    *("http://polytomic.com/connections/{}", "app.polytomic.com/connections/{}", f"{POLYTOMIC}:443/connections/{{}}"),
    *(f"{POLYTOMIC.upper()}/Connections/{{}}/schemas", f"{POLYTOMIC}/{B}/connections/{{}}?parent={B}"),
    f"{POLYTOMIC}/connections/{{0}}/copies/connections/{{0}}",
]

OTHERS = [
    *("", ",", "{}", '""', f"{A},,", f",{A}", f"({A})", f"<{A}>", f"{{{A}", f'"{A}', f"'{A}\"", f'"""{A}"""'),
    *(f"urn:uuid:{A}", f"{A};", f"{A},{B}", f"{A}?x=1", f"{{{{{{{A}}}}}}}", A[:-1], f'"{A},{B}"'),
    *(f"{POLYTOMIC}/models/{A}", f"{POLYTOMIC}/{A}", f"{POLYTOMIC}/?connections/{A}", f"{POLYTOMIC}/connections/{A}x"),
    *(
        f"{POLYTOMIC}/connections/{A}/connections/{B}",
        f"{POLYTOMIC}/connections/x/{A}",
        f"{POLYTOMIC}/connections/x{A}",
    ),
    *(f"https://example.com/connections/{A}", f"https://evilpolytomic.com/connections/{A}"),
    *(f"https://polytomic.com.example.com/connections/{A}", f"https://user:key@polytomic.com/connections/{A}"),
    *(f"ftp://polytomic.com/connections/{A}", f"/connections/{A}", f"{POLYTOMIC}/connections/{A} {B}"),
    f"{POLYTOMIC}/{'x' * 3000}/connections/{A}",
]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_an_id_is_found_in_every_notation_in_upper_and_lower_case(notation: str) -> None:
    assert written_id(notation.format(A)) == written_id(notation.format(A.upper())) == A


@pytest.mark.parametrize("text", OTHERS)
def test_any_other_text_is_not_an_id(text: str) -> None:
    assert written_id(text) is None


@pytest.mark.parametrize("host", ["polytomic.example", "127.0.0.1", "::1"])
def test_an_address_of_the_deployment_may_contain_an_id(host: str) -> None:
    address = f"https://{f'[{host}]' if ':' in host else host}:8443/sub/api/connections/{A}"
    assert written_id(address, host) == A
    assert written_id(address, "other.example") is None
    assert written_id(address) is None


@given(st.lists(st.sampled_from([A, B, POLYTOMIC, "/connections/", *"{}\"',/?# x"])).map("".join))
def test_a_found_id_is_part_of_the_text(text: str) -> None:
    found = written_id(text)
    assert found is None or found in ids_in(text)
