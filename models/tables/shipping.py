"""Shipping zones, and shipping methods with their prices, as staff keep them. What a parcel may cost: `pricing.py`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import new_id
from models.money import Money
from models.tables.base import newest_first, plain_uuid
from models.tables.pricing import shipping_bands as bands
from models.tables.pricing import shipping_methods as methods
from models.tables.pricing import shipping_zones as zones
from models.tariff import ShippingPrice, ShippingTariff, ShippingZone, ZonePrices, in_order

_METHODS = sa.select(methods)
_ZONES = sa.select(zones)


async def list_zones(database: Database, limit: int, after: Cursor | None) -> list[tuple[UUID, ShippingZone]]:
    """Newest first, each with the id that its place in the list is told by."""
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(_ZONES, zones.c.created_at, zones.c.id, limit, after))
        return [(plain_uuid(row.id), _zone(row)) for row in rows]


async def find_zone(database: Database, code: str) -> ShippingZone | None:
    """One zone."""
    async with database.reading() as reader:
        row = (await reader.execute(_ZONES.where(zones.c.code == code))).one_or_none()
    return _zone(row) if row else None


async def lock_zone(writer: Writer, code: str) -> ShippingZone | None:
    """One zone, which nobody else changes or gives a price to the end of the transaction."""
    row = (await writer.execute(_ZONES.where(zones.c.code == code).with_for_update())).one_or_none()
    return _zone(row) if row else None


async def create_zone(writer: Writer, code: str, countries: Sequence[str]) -> ShippingZone:
    """A new zone. Raises: Refusal `code_taken`."""
    new = pg.insert(zones).values(id=new_id(), code=code, countries=list(countries))
    row = (await writer.execute(new.on_conflict_do_nothing().returning(zones))).one_or_none()
    if row is None:
        raise _taken(code)
    return _zone(row)


async def change_zone(writer: Writer, code: str, countries: Sequence[str]) -> ShippingZone:
    """Other countries from now on, for every method that has prices for this locked zone."""
    changed = sa.update(zones).where(zones.c.code == code).values(countries=list(countries)).returning(zones)
    return _zone((await writer.execute(changed)).one())


async def delete_zone(writer: Writer, code: str) -> None:
    """A locked zone goes. Raises: Refusal `shipping_zone_in_use` while any method, also an archived one, prices it."""
    users = (
        sa.select(methods.c.code).distinct().order_by(methods.c.code)
        .join(bands, bands.c.method_id == methods.c.id).join(zones, zones.c.id == bands.c.zone_id)
        .where(zones.c.code == code)
    )  # fmt: skip
    found = list((await writer.execute(users)).scalars())
    if found:
        raise Refusal(
            "shipping_zone_in_use", f"Shipping methods have prices for it: {', '.join(found)}.", shipping_methods=found
        )
    await writer.execute(sa.delete(zones).where(zones.c.code == code))


async def list_methods(
    database: Database, limit: int, archived: bool, after: Cursor | None
) -> list[tuple[UUID, ShippingTariff]]:
    """Newest first, each with the id that its place in the list is told by: those offered, or those no longer."""
    living = methods.c.archived_at.is_(None)
    query = _METHODS.where(~living if archived else living)
    async with database.reading() as reader:
        rows = list(await reader.execute(newest_first(query, methods.c.created_at, methods.c.id, limit, after)))
        return list(zip([plain_uuid(row.id) for row in rows], await _tariffs(reader, rows), strict=True))


async def find_method(database: Database, code: str) -> ShippingTariff | None:
    """One method with its prices, also an archived one."""
    async with database.reading() as reader:
        return await _one(reader, _METHODS.where(methods.c.code == code))


async def lock_method(writer: Writer, code: str) -> ShippingTariff | None:
    """One method, which nobody else changes to the end of the transaction."""
    # Two statements: one that had to wait for the lock would see the prices as they were before it waited.
    await writer.execute(sa.select(methods.c.id).where(methods.c.code == code).with_for_update())
    return await _one(writer, _METHODS.where(methods.c.code == code))


async def create_method(
    writer: Writer, code: str, name: str, days: tuple[int, int], prices: Sequence[ZonePrices]
) -> ShippingTariff:
    """A new method, offered from now on. Raises: Refusal `code_taken`, `shipping_zone_unknown`."""
    new = pg.insert(methods).values(id=new_id(), code=code, name=name, min_days=days[0], max_days=days[1])
    row = (await writer.execute(new.on_conflict_do_nothing().returning(methods))).one_or_none()
    if row is None:
        raise _taken(code)
    await _put_prices(writer, row.id, prices)
    return _tariff(row, in_order(prices))


async def change_method(writer: Writer, wanted: ShippingTariff, *, prices: bool) -> None:
    """Bring a locked method to `wanted`; its prices only where `prices`. Raises: Refusal `shipping_zone_unknown`."""
    changed = (
        sa.update(methods).where(methods.c.code == wanted.code)
        .values(name=wanted.name, min_days=wanted.min_days, max_days=wanted.max_days).returning(methods.c.id)
    )  # fmt: skip
    method = (await writer.execute(changed)).scalar_one()
    if prices:
        await writer.execute(sa.delete(bands).where(bands.c.method_id == method))
        await _put_prices(writer, method, wanted.zones)


async def archive_method(writer: Writer, code: str) -> None:
    """A locked method is offered no longer."""
    await writer.execute(sa.update(methods).where(methods.c.code == code).values(archived_at=sa.func.now()))


async def restore_method(writer: Writer, code: str) -> None:
    """A locked method is offered again."""
    await writer.execute(sa.update(methods).where(methods.c.code == code).values(archived_at=None))


async def _put_prices(writer: Writer, method: UUID, prices: Sequence[ZonePrices]) -> None:
    named = sa.select(zones.c.code, zones.c.id).where(zones.c.code.in_([zone.zone for zone in prices]))
    # Locked in one order, against who would delete them meanwhile.
    found = {row.code: row.id for row in await writer.execute(named.order_by(zones.c.id).with_for_update(read=True))}
    unknown = [zone.zone for zone in prices if zone.zone not in found]
    if unknown:
        raise Refusal("shipping_zone_unknown", f"There is no shipping zone {unknown[0]!r}.", zones=unknown)
    await writer.execute(
        sa.insert(bands),
        [
            {
                "id": new_id(), "method_id": method, "zone_id": found[zone.zone],
                "currency": price.price.currency, "price": price.price.amount,
                "min_weight": price.min_weight, "max_weight": price.max_weight,
                "min_subtotal": price.min_subtotal, "max_subtotal": price.max_subtotal,
            }
            for zone in prices
            for price in zone.prices
        ],
    )  # fmt: skip


async def _one(reader: Reader, query: sa.Select[Any]) -> ShippingTariff | None:
    row = (await reader.execute(query)).one_or_none()
    return (await _tariffs(reader, [row]))[0] if row else None


async def _tariffs(reader: Reader, rows: Sequence[Any]) -> list[ShippingTariff]:
    """Methods with their prices, in the order of `rows`."""
    query = sa.select(bands, zones.c.code).join(zones, zones.c.id == bands.c.zone_id)
    found: dict[UUID, dict[str, list[ShippingPrice]]] = {row.id: {} for row in rows}
    for band in await reader.execute(query.where(bands.c.method_id.in_(list(found)))):
        price = ShippingPrice(
            Money(band.price, band.currency), band.min_weight, band.max_weight, band.min_subtotal, band.max_subtotal
        )
        found[band.method_id].setdefault(band.code, []).append(price)
    return [
        _tariff(row, in_order([ZonePrices(code, tuple(prices)) for code, prices in found[row.id].items()]))
        for row in rows
    ]


def _tariff(row: Any, prices: tuple[ZonePrices, ...]) -> ShippingTariff:
    return ShippingTariff(row.code, row.name, row.min_days, row.max_days, prices, row.created_at, row.archived_at)


def _zone(row: Any) -> ShippingZone:
    return ShippingZone(row.code, list(row.countries), row.created_at)


def _taken(code: str) -> Refusal:
    return Refusal("code_taken", f"There is one with the code {code!r} already, perhaps archived.", code=code)
