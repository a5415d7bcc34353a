"""Tax rates as staff keep them. All living rates of one country are contained in prices, or all come on top."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import new_id
from models.tables.base import newest_first, plain_uuid
from models.tables.pricing import tax_rates as rates
from models.tariff import TaxTariff

_RATES_OF_A_COUNTRY = 4820
"""First half of an advisory lock's key; the other is the country: its rates are changed one after another."""

_COLUMNS = [rates.c[name] for name in TaxTariff.__struct_fields__]
_LOCK_COUNTRY = sa.select(sa.func.pg_advisory_xact_lock(_RATES_OF_A_COUNTRY, sa.func.hashtext(sa.bindparam("country"))))
_LIVING = rates.c.archived_at.is_(None)


async def listed(
    database: Database, limit: int, country: str | None, archived: bool, after: Cursor | None
) -> list[TaxTariff]:
    """Newest first; of one country where given; those that are charged, or those that no longer are."""
    query = sa.select(*_COLUMNS).where(_LIVING if not archived else ~_LIVING)
    if country is not None:
        query = query.where(rates.c.country == country)
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, rates.c.created_at, rates.c.id, limit, after))
        return [_tariff(row) for row in rows.mappings()]


async def find(database: Database, rate: UUID) -> TaxTariff | None:
    """One rate, also an archived one."""
    async with database.reading() as reader:
        return await _one(reader, sa.select(*_COLUMNS).where(rates.c.id == rate))


async def lock(writer: Writer, rate: UUID) -> TaxTariff | None:
    """One rate, which nobody else changes, nor any other of its country, to the end of the transaction."""
    by_id = sa.select(*_COLUMNS).where(rates.c.id == rate)
    found = await _one(writer, by_id)
    if found is None:
        return None
    await _lock_country(writer, found.country)
    return await _one(writer, by_id)


async def create(
    writer: Writer,
    country: str,
    region: str | None,
    category: str,
    name: str,
    ppm: int,
    inclusive: bool,
    on_shipping: bool,
) -> TaxTariff:
    """A new rate, charged from now on. Raises: Refusal `tax_rates_mixed`, `tax_rate_exists`."""
    await _lock_country(writer, country)
    await _must_agree(writer, country, inclusive)
    made = await _one(
        writer,
        pg.insert(rates)
        .values(id=new_id(), country=country, region=region, category=category, name=name, ppm=ppm,
                inclusive=inclusive, on_shipping=on_shipping)
        .on_conflict_do_nothing().returning(*_COLUMNS),
    )  # fmt: skip
    if made is None:
        place = f"{country}/{region}" if region else country
        raise Refusal(
            "tax_rate_exists", f"There is a rate for {place} and {category} goods: change it, or archive it first.",
            country=country, region=region, category=category,
        )  # fmt: skip
    return made


async def change(writer: Writer, wanted: TaxTariff) -> TaxTariff:
    """Bring a locked rate to `wanted`: its name, ppm, inclusive and on_shipping. Raises: Refusal `tax_rates_mixed`."""
    await _must_agree(writer, wanted.country, wanted.inclusive, wanted.id)
    made = await _one(
        writer,
        sa.update(rates).where(rates.c.id == wanted.id)
        .values(name=wanted.name, ppm=wanted.ppm, inclusive=wanted.inclusive, on_shipping=wanted.on_shipping)
        .returning(*_COLUMNS),
    )  # fmt: skip
    assert made is not None
    return made


async def archive(writer: Writer, rate: UUID) -> TaxTariff | None:
    """Charge it no longer. None: it was not charged any more."""
    gone = sa.update(rates).where(rates.c.id == rate, _LIVING).values(archived_at=sa.func.now())
    return await _one(writer, gone.returning(*_COLUMNS))


async def _lock_country(writer: Writer, country: str) -> None:
    await writer.execute(_LOCK_COUNTRY, {"country": country})


async def _must_agree(writer: Writer, country: str, inclusive: bool, itself: UUID | None = None) -> None:
    others = sa.select(rates.c.inclusive).where(rates.c.country == country, _LIVING)
    if itself is not None:
        others = others.where(rates.c.id != itself)
    found = (await writer.execute(others.limit(1))).scalar()
    if found is not None and found != inclusive:
        said = "contained in prices" if found else "added to prices"
        raise Refusal(
            "tax_rates_mixed", f"The other rates of {country} are {said}: no single total could say both.",
            country=country, inclusive=found,
        )  # fmt: skip


async def _one(reader: Reader, query: sa.Executable) -> TaxTariff | None:
    row = (await reader.execute(query)).mappings().one_or_none()
    return None if row is None else _tariff(row)


def _tariff(row: Any) -> TaxTariff:
    return TaxTariff(**{**row, "id": plain_uuid(row["id"])})
