"""The tests: they follow the rooms of the package; `support` is what they share."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite(
    "tests.support.transport_contract"
)  # which holds tests under a name that pytest does not know

settings.register_profile("collector", deadline=None)  # no test asserts how long something takes
settings.load_profile("collector")
