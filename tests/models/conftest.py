"""Property tests here look at a hundred random cases each, however slow the machine is today."""

from hypothesis import settings

from tests.models.swept import database, database_url, swept_url

__all__ = ["database", "database_url", "swept_url"]

settings.register_profile("house", deadline=None, database=None)
settings.load_profile("house")
