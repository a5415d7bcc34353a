"""Which engine this shop has: Meilisearch when its address is set, else Postgres itself."""

from models.database import Database
from models.search.embedded import Embedded
from models.search.question import Engine
from models.settings import Shared


def engine_of(settings: Shared, database: Database) -> Engine:
    """The engine that the settings name. Connects when it is first asked."""
    if settings.meilisearch_url:
        from models.search.meilisearch import Meilisearch  # its client is large, and most shops never need it

        return Meilisearch(settings.meilisearch_url, settings.meilisearch_api_key, database)
    return Embedded(database)
