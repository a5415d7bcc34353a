"""A database that is emptied before each test."""

from tests.models.swept import database, database_url, swept_url

__all__ = ["database", "database_url", "swept_url"]
