"""Property tests here look at a hundred cases each, the same at each run, however slow the machine is today."""

from hypothesis import HealthCheck, settings

from tests.models.swept import database, database_url, swept_url

__all__ = ["database", "database_url", "swept_url"]

settings.register_profile(
    "house", deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")
