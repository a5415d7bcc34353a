"""What is shown of products that were found, in one look: as they are now."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from models.catalog import ProductCard
from models.database import Database
from models.tables.listing import CARD, OFFER, Cards

_SHOWN = f"""
SELECT l.product_id, left(p.description, 4000), {CARD} FROM unnest($2::uuid[]) AS w (id)
JOIN listings l ON l.product_id = w.id AND l.currency = $1 {OFFER}
"""  # noqa: S608 - words of ours
_TITLES = """
SELECT p.id, p.slug, p.name FROM unnest($2::uuid[]) AS w (id) JOIN products p ON p.id = w.id
WHERE EXISTS (SELECT FROM listings l WHERE l.product_id = p.id AND l.currency = $1)
"""


class Shown(NamedTuple):
    """A product as results show it."""

    card: ProductCard
    description: str
    """Its beginning."""


class Title(NamedTuple):
    """What a product is called."""

    slug: str
    name: str


async def shown(database: Database, currency: str, products: Sequence[UUID]) -> list[Shown]:
    """These products in this order; those that are not sold in `currency` are left out."""
    if not products:
        return []
    cards = Cards(currency)
    rows = {row[0]: row for row in await database.fetch(_SHOWN, currency, products)}
    found = [rows[id] for id in products if id in rows]
    return [Shown(cards.card(*card), description) for _, description, *card in found]


async def titles(database: Database, currency: str, products: Sequence[UUID]) -> list[Title]:
    """The same in fewer words."""
    if not products:
        return []
    rows = {row[0]: row for row in await database.fetch(_TITLES, currency, products)}
    return [Title(*rows[id][1:]) for id in products if id in rows]
