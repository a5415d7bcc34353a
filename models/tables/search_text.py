"""Texts of products as they are now, for showing where they match."""

from collections.abc import Sequence
from uuid import UUID

from models.database import Database


async def descriptions(database: Database, products: Sequence[UUID]) -> dict[str, str]:
    """Descriptions by slug."""
    if not products:
        return {}
    rows = await database.fetch(
        "SELECT slug, left(description, 4000) AS text FROM products WHERE id = ANY ($1)", products
    )
    return {row[0]: row[1] for row in rows}
