"""Shipping methods and tax rates as rows: only what can apply is read, and what is read is what was written."""

import sqlalchemy as sa

from models.database import Database
from models.ids import new_id
from models.money import Money
from models.pricing import Band, ShippingMethod, TaxRate
from models.tables import pricing as tariffs
from tests.models.tables.shelf import Shelf


async def methods(database: Database, country: str, currency: str = "usd") -> list[ShippingMethod]:
    """What may carry a parcel there."""
    async with database.reading() as reader:
        return await tariffs.shipping_methods_for(reader, country, currency)


async def test_bands_of_the_country_and_of_everywhere_are_read(shelf: Shelf) -> None:
    """Given a band for everywhere and one for two countries, then each country gets those that name it or everyone."""
    await _add("express", shelf, zone=["US", "CA"], price=900, max_weight=2000, min_subtotal=100, max_subtotal=999)
    standard = ShippingMethod("standard", "Standard", 2, 4, (Band(frozenset({"*"}), Money(500, "usd")),))
    express = ShippingMethod(
        "express", "Express", 1, 1, (Band(frozenset({"US", "CA"}), Money(900, "usd"), 0, 2000, 100, 999),)
    )
    assert await methods(shelf.database, "US") == [express, standard]
    assert await methods(shelf.database, "DE") == [standard]
    assert [method.code for method in await methods(shelf.database, "US", "kwd")] == []


async def test_an_archived_method_is_not_offered(shelf: Shelf) -> None:
    """Given a method that was withdrawn, then nobody is offered it."""
    await shelf.tell("UPDATE shipping_methods SET archived_at = now()")
    assert await methods(shelf.database, "US") == []


async def test_bands_of_one_method_stay_together(shelf: Shelf) -> None:
    """Given two bands of one method, then it is read as one method with both."""
    await _add("standard", shelf, zone=["US"], price=300)
    [method] = await methods(shelf.database, "US")
    assert sorted(band.price.amount for band in method.bands) == [300, 500]


async def test_all_rates_of_a_country_are_read(shelf: Shelf) -> None:
    """Given rates of several countries, then one country's are read, with region, category and kind."""
    async with shelf.database.reading() as reader:
        assert await tariffs.tax_rates_for(reader, "US") == [
            TaxRate("US", 100_000, False, "Sales tax", "NY", "standard", False)
        ]
        assert await tariffs.tax_rates_for(reader, "DE") == [TaxRate("DE", 190_000, True, "USt")]
        assert await tariffs.tax_rates_for(reader, "JP") == []


async def _add(code: str, shelf: Shelf, *, zone: list[str], price: int, **bounds: int) -> None:
    method, place = new_id(), new_id()
    async with shelf.database.writing() as writer:
        known = sa.select(tariffs.shipping_methods.c.id).where(tariffs.shipping_methods.c.code == code)
        found = (await writer.execute(known)).scalar()
        if found is None:
            await writer.execute(
                sa.insert(tariffs.shipping_methods).values(
                    id=method, code=code, name=code.title(), min_days=1, max_days=1
                )
            )
        await writer.execute(sa.insert(tariffs.shipping_zones).values(id=place, code=str(place), countries=zone))
        await writer.execute(
            sa.insert(tariffs.shipping_bands).values(
                id=new_id(), method_id=found or method, zone_id=place, currency="usd", price=price, **bounds
            )
        )
