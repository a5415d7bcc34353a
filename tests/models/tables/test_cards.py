"""Cards of products that somebody else has chosen: in the asked order, priced now, without what is not sold."""

import asyncio

import sqlalchemy as sa

from models.catalog import CategoryName, ProductCard
from models.ids import new_id
from models.money import Money
from models.tables.catalog import products
from models.tables.listing import cards
from tests.models.tables.shelf import Shelf


async def test_cards_of_chosen_products(shelf: Shelf) -> None:
    """Given the ids of two products and one of nothing, then two cards come in that order; archived ones do not."""
    ids = {row[0]: row[1] for row in await shelf.ask("SELECT slug, id FROM products")}
    await shelf.tell("UPDATE products SET ratings = 3, stars = 13 WHERE slug = 'mug'")

    found = await cards(shelf.database, "usd", [ids["mug"], new_id(), ids["cup"]])

    usd, everything = Money(1000, "usd"), CategoryName("all", "All")
    assert found == [
        ProductCard("mug", "Mug", everything, None, usd, None, 10, 4.33, 3),
        ProductCard("cup", "Cup", everything, None, usd, None, 10),
    ]
    assert [card.slug for card in await cards(shelf.database, "eur", list(ids.values()))] == ["mug"]
    async with shelf.database.writing() as writer:
        await writer.execute(sa.update(products).values(archived_at=sa.func.now()))
    assert await cards(shelf.database, "usd", list(ids.values())) == []


async def test_a_card_tells_of_an_open_sale(shelf: Shelf) -> None:
    """Given a sale that is open and one to come, then only the first sets a price, and the card says until when."""
    await shelf.tell(
        "UPDATE prices SET sale_amount = 700, sale_starts_at = now() - interval '1 hour', "
        "sale_ends_at = now() + CASE WHEN currency = 'usd' THEN interval '1 hour' ELSE interval '-1 minute' END"
    )
    [(mug, ends)] = await shelf.ask(
        "SELECT product_id, sale_ends_at FROM prices JOIN variants v ON v.id = variant_id "
        "WHERE sku = 'MUG' AND currency = 'usd'"
    )

    [card] = await cards(shelf.database, "usd", [mug])
    assert (card.price, card.compare_at_price) == (Money(700, "usd"), Money(1000, "usd"))
    assert card.sale_ends_at == ends
    [card] = await cards(shelf.database, "eur", [mug])
    assert (card.price, card.compare_at_price, card.sale_ends_at) == (Money(900, "eur"), None, None)


async def test_a_card_is_never_behind_the_clock(shelf: Shelf) -> None:
    """Given a sale that has opened and nobody who relists, then the card has its price all the same; closed, too."""
    [(mug,)] = await shelf.ask("SELECT id FROM products WHERE slug = 'mug'")
    soon = "clock_timestamp() + interval '200 milliseconds'"
    edges = {
        f"sale_starts_at = {soon}, sale_ends_at = now() + interval '1 hour'": (700, True),
        f"sale_ends_at = {soon}": (1000, False),
    }
    for (edge, wanted), listed in zip(edges.items(), (1000, 700), strict=True):
        await shelf.tell(f"UPDATE prices SET sale_amount = 700, {edge} WHERE currency = 'usd'")
        told: tuple[int, bool] | None = None
        async with asyncio.timeout(60):
            while told != wanted:
                [card] = await cards(shelf.database, "usd", [mug])
                told = card.price.amount, card.sale_ends_at is not None
                await asyncio.sleep(0.02)
        behind = await shelf.ask("SELECT amount FROM listings WHERE product_id = $1 AND currency = 'usd'", mug)
        assert behind == [(listed,)]
