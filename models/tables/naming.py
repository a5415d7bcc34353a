"""Names of all categories, tags and vendors that shoppers see: few, and wanted by many answers."""

from typing import NamedTuple
from uuid import UUID

from models.database import Database


class Name(NamedTuple):
    """What something is called. `kind`: category, tag or vendor."""

    kind: str
    id: UUID
    slug: str
    name: str


MOST = 20_000

_NAMES = """
SELECT * FROM (
    SELECT 'category' AS kind, id, slug, name FROM categories WHERE archived_at IS NULL
    UNION ALL SELECT 'tag', id, slug, name FROM tags WHERE archived_at IS NULL
    UNION ALL SELECT 'vendor', id, slug, name FROM vendors WHERE archived_at IS NULL
) n ORDER BY kind, name, slug LIMIT $1
"""


async def names(database: Database) -> list[Name]:
    """All of them, kind by kind, in the order of their names."""
    return [Name(*row) for row in await database.fetch(_NAMES, MOST)]
