"""The catalogue as a table, batch by batch: never whole in memory, each product as it is at its turn."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models import csv_lines
from models.database import Database
from models.product_csv import (
    OF_PRICE,
    OF_PRODUCT,
    OF_VARIANT,
    amount_cell,
    guarded,
    options_cell,
    pairs_cell,
    time_cell,
)
from models.records import ProductOption

BATCH = 200
"""Products."""
_CURRENCIES = "SELECT DISTINCT currency FROM prices ORDER BY currency"
_BATCH = """
WITH page AS (
    SELECT id FROM products WHERE (archived_at IS NOT NULL) = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
)
SELECT p.id, p.slug, p.name, p.description, c.slug AS category, w.slug AS vendor, p.tax_category, p.featured, p.options,
       ARRAY(SELECT t.slug FROM product_tags x JOIN tags t ON t.id = x.tag_id WHERE x.product_id = p.id ORDER BY t.slug)
       AS tags,
       v.sku, v.attributes, v.weight,
       (SELECT jsonb_object_agg(r.currency, to_jsonb(r)) FROM prices r WHERE r.variant_id = v.id) AS prices
FROM page JOIN products p ON p.id = page.id
JOIN categories c ON c.id = p.category_id
LEFT JOIN vendors w ON w.id = p.vendor_id
LEFT JOIN variants v ON v.product_id = p.id AND v.archived_at IS NULL
ORDER BY p.id, v.position, v.sku
"""


class _Price(msgspec.Struct, frozen=True):
    amount: int
    compare_at: int | None
    sale_amount: int | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None


_options = msgspec.json.Decoder(list[ProductOption]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode
_prices = msgspec.json.Decoder(dict[str, _Price]).decode


async def export(database: Database, archived: bool) -> AsyncIterator[str]:
    """The first line, then batches of products by age. Archived variants are left out; stock and pictures too."""
    currencies = [row["currency"] for row in await database.fetch(_CURRENCIES)]
    prices = [f"{name}_{currency}" for currency in currencies for name in OF_PRICE]
    yield csv_lines.BOM.decode() + csv_lines.line_of(["product", *OF_PRODUCT, *OF_VARIANT, *prices])
    after: UUID | None = None
    while rows := await database.fetch(_BATCH, archived, after, BATCH):
        lines, last = [], after
        for row in rows:
            lines.append(csv_lines.line_of([*_product(row, first=row["id"] != last), *_variant(row, currencies)]))
            last = row["id"]
        after = last
        yield "".join(lines)


def _product(row: Any, first: bool) -> list[str]:
    """What is the product's stands in its first row."""
    if not first:
        return [row["slug"], *[""] * len(OF_PRODUCT)]
    told = {
        "name": guarded(row["name"]), "description": guarded(row["description"]), "category": row["category"],
        "vendor": row["vendor"] or "", "tags": "|".join(row["tags"]), "tax_category": row["tax_category"],
        "featured": "true" if row["featured"] else "false", "options": guarded(options_cell(_options(row["options"]))),
    }  # fmt: skip
    return [row["slug"], *(told[name] for name in OF_PRODUCT)]


def _variant(row: Any, currencies: Sequence[str]) -> list[str]:
    if row["sku"] is None:
        return [""] * (len(OF_VARIANT) + len(OF_PRICE) * len(currencies))
    cells = [guarded(row["sku"]), guarded(pairs_cell(_attributes(row["attributes"]))), str(row["weight"])]
    prices = _prices(row["prices"]) if row["prices"] else {}
    for currency in currencies:
        price = prices.get(currency)
        if price is None:
            cells += [""] * len(OF_PRICE)
        else:
            cells += [
                *(amount_cell(each, currency) for each in (price.amount, price.compare_at, price.sale_amount)),
                *(time_cell(each) for each in (price.sale_starts_at, price.sale_ends_at)),
            ]
    return cells
