"""Property tests here look at a hundred random cases each, however slow the machine is today."""

from hypothesis import settings

settings.register_profile("house", deadline=None, database=None)
settings.load_profile("house")
