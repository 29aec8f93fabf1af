"""The tests: modules mirror the package; `serving` and `checker` are what they share."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.transport_contract")  # which holds tests under a name that pytest does not know

settings.register_profile("collector", deadline=None)  # no test asserts how long something takes
settings.load_profile("collector")
