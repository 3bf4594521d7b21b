"""For all tests."""

from hypothesis import settings

settings.register_profile("here", deadline=None)  # nobody knows how busy the machine is
settings.load_profile("here")
