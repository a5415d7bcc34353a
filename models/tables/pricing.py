"""Shipping methods with their zones and bands, and tax rates: the tables behind `models/pricing.py`."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Reader
from models.money import Money
from models.pricing import EVERYWHERE, Band, ShippingMethod, TaxRate
from models.tables.base import currency, key, metadata, minor_units, now_column, reference

shipping_methods = sa.Table(
    "shipping_methods", metadata,
    key(),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("min_days", sa.Integer, nullable=False),
    sa.Column("max_days", sa.Integer, nullable=False),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("0 <= min_days AND min_days <= max_days", name="days_in_order"),
)  # fmt: skip

shipping_zones = sa.Table(
    "shipping_zones", metadata,
    key(),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("countries", pg.ARRAY(sa.Text), nullable=False, comment="ISO 3166-1 alpha-2; {*}: everywhere else"),
    now_column(),
)  # fmt: skip

shipping_bands = sa.Table(
    "shipping_bands", metadata,
    key(),
    reference("method_id", "shipping_methods.id", index=True),
    reference("zone_id", "shipping_zones.id"),
    currency(),
    minor_units("price"),
    sa.Column("min_weight", sa.Integer, nullable=False, server_default="0", comment="grams, counted in"),
    sa.Column("max_weight", sa.Integer, comment="grams, not counted in"),
    minor_units("min_subtotal", server_default="0"),
    minor_units("max_subtotal", nullable=True),
    sa.CheckConstraint("price >= 0", name="price_not_negative"),
)  # fmt: skip

tax_rates = sa.Table(
    "tax_rates", metadata,
    key(),
    sa.Column("country", sa.String(2), nullable=False),
    sa.Column("region", sa.Text),
    sa.Column("category", sa.Text, nullable=False, server_default="standard"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("ppm", sa.Integer, nullable=False, comment="parts per million of the net price: 190000 is 19 %"),
    sa.Column("inclusive", sa.Boolean, nullable=False, comment="list prices already contain it"),
    sa.Column("on_shipping", sa.Boolean, nullable=False, server_default=sa.true()),
    now_column(),
    sa.CheckConstraint("ppm BETWEEN 0 AND 1000000", name="ppm_is_a_share"),
    sa.Column("archived_at", sa.DateTime(timezone=True)),
    sa.Index("uq_tax_rates_applies", "country", "region", "category", unique=True, postgresql_nulls_not_distinct=True,
             postgresql_where=sa.text("archived_at IS NULL")),
)  # fmt: skip


_METHODS = """
SELECT m.code, m.name, m.min_days, m.max_days, z.countries, b.price,
       b.min_weight, b.max_weight, b.min_subtotal, b.max_subtotal
FROM shipping_methods m JOIN shipping_bands b ON b.method_id = m.id JOIN shipping_zones z ON z.id = b.zone_id
WHERE m.archived_at IS NULL AND z.countries && $1::text[] AND b.currency = $2
ORDER BY m.code
"""
_RATES = """
SELECT ppm, inclusive, name, region, category, on_shipping FROM tax_rates WHERE country = $1 AND archived_at IS NULL
"""


async def shipping_methods_for(reader: Reader, country: str, currency: str) -> list[ShippingMethod]:
    """Methods with the bands that could apply to a parcel for `country` priced in `currency`."""
    rows = await reader.exec_driver_sql(_METHODS, ([country, EVERYWHERE], currency))
    found: dict[str, ShippingMethod] = {}
    for row in rows:
        fitting = Band(
            frozenset(row.countries), Money(row.price, currency),
            row.min_weight, row.max_weight, row.min_subtotal, row.max_subtotal,
        )  # fmt: skip
        known = found.get(row.code)
        bands = (*known.bands, fitting) if known else (fitting,)
        found[row.code] = ShippingMethod(row.code, row.name, row.min_days, row.max_days, bands)
    return list(found.values())


async def tax_rates_for(reader: Reader, country: str) -> list[TaxRate]:
    """All rates of one country."""
    rows = await reader.exec_driver_sql(_RATES, (country,))
    return [
        TaxRate(country, row.ppm, row.inclusive, row.name, row.region, row.category, row.on_shipping) for row in rows
    ]
