"""The tests: modules mirror the package; `serving` and `checker` are what they share."""

from hypothesis import settings

settings.register_profile("collector", deadline=None)  # no test asserts how long something takes
settings.load_profile("collector")
