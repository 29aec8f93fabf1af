"""The tests, in the rooms of the package; `support` contains shared code."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite(
    "tests.support.transport_contract"
)  # contains tests, but its name does not match pytest's pattern

settings.register_profile("collector", deadline=None)  # no test asserts a duration
settings.load_profile("collector")
