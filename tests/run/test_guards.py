"""Checks that end a run whose outcomes show that the API key is the wrong one."""

from __future__ import annotations

import pytest

from collector.model.errors import ConfigError
from collector.run.guards import require_owner
from tests.support.scripted_server import ids

FIRST, SECOND = ids(2, 0xABCDEF01)


@pytest.mark.parametrize(
    ("found", "wanted"), [(FIRST, FIRST), (FIRST, FIRST.upper()), (FIRST.upper(), FIRST), (None, FIRST), (FIRST, None)]
)
def test_a_record_of_the_wanted_organization_in_any_case_or_of_an_unknown_one_passes(
    found: str | None, wanted: str | None
) -> None:
    require_owner(found, wanted)


def test_a_record_of_another_organization_is_an_error_that_names_both() -> None:
    with pytest.raises(ConfigError) as caught:
        require_owner(SECOND, FIRST)
    assert str(caught.value) == (
        f"the key reads organization {SECOND}, but the records of {FIRST} were requested; correct the id or the key"
    )
