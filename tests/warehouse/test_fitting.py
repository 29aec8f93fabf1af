"""A value that does not fit its typed column moves to `extra`."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.fitting import fit

TABLE: Final = TABLES[CONNECTIONS]


def row(**values: Json) -> dict[str, Json]:
    return {**{column.name: None for column in TABLE.columns}, "extra": {}, **values}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_at", "yesterday"),
        ("updated_at", "2026-02-30T00:00:00.000000Z"),
        ("api_calls_last_24_hours", 2**63),
        ("api_calls_last_24_hours", -(10**40)),
    ],
)
def test_a_misfit_becomes_null_and_stays_in_extra(name: str, value: Json) -> None:
    found = row(**{name: value}, extra={"team": "x"})
    assert fit(TABLE, found) == (name,)
    assert found == row(extra={name: value, "team": "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("created_at", "2026-02-28T00:00:00.000000Z"), ("api_calls_last_24_hours", 2**63 - 1), ("created_at", None)],
)
def test_a_value_that_fits_stays(name: str, value: Json) -> None:
    found = row(**{name: value})
    assert fit(TABLE, found) == ()
    assert found == row(**{name: value})


def test_extra_keeps_its_own_value_of_that_name() -> None:
    found = row(created_at="yesterday", extra={"created_at": "[REDACTED]"})
    fit(TABLE, found)
    assert found == row(extra={"created_at": "[REDACTED]"})


@given(count=st.integers(), time=st.text())
def test_a_fitted_row_fits(count: int, time: str) -> None:
    found = row(api_calls_last_24_hours=count, created_at=time)
    moved = fit(TABLE, found)
    assert fit(TABLE, found) == ()
    assert found["extra"] == {
        name: value for name, value in {"api_calls_last_24_hours": count, "created_at": time}.items() if name in moved
    }
