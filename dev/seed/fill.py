"""Puts the sample shop into the database, in one transaction, and the pictures beside it.

What has rows already is left alone: goods, shipping, tax and coupons are each filled only while their table is empty.
So a second run changes nothing, sold stock is not refilled, and what somebody edited or deleted stays that way. Rows
have fresh ids; the names that stay the same on every machine are slugs, SKUs and codes.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import sqlalchemy as sa

from dev.pictures.draw import draw
from dev.seed import promotions, shipping, tax
from dev.seed.catalog import CATEGORIES, Good, Variant, goods, variants
from dev.seed.makers import MAKERS, SALE, SALE_DAYS, TAGS
from dev.seed.opinions import OPINIONS, READERS
from models.database import Writer, patiently
from models.ids import LocationId, UserId, new_id
from models.inventory import MAIN, Movement
from models.review import ReviewStatus
from models.tables import catalog as shelf
from models.tables import inventory
from models.tables import pricing as tariff
from models.tables import user as users
from models.tables.coupon import coupons
from models.tables.location import locations
from models.tables.review import reviews
from models.tables.tag import product_tags, tags
from models.tables.vendor import vendors

HOUSES: dict[str, dict[str, Any]] = {
    "main": {"name": "Newark", "country": "US", "region": "NJ", "postal_code": "07102"},
    "berlin": {"name": "Berlin", "country": "DE", "region": "BE", "postal_code": "10115", "priority": 10},
    "osaka": {"name": "Osaka", "country": "JP", "region": "27", "postal_code": "530-0001", "priority": 20},
}
"""Where the sample goods lie, by code."""
SPREAD = 20
"""Units of a variant from which on it lies in all houses."""
REORDER_POINT, REORDER_QUANTITY = 8, 24
_ONE_AT_A_TIME = 4818
"""Key of the advisory lock that keeps two seeds from filling the same tables side by side."""


def hang_pictures(media: Path) -> int:
    """Write the products' pictures under `media`; returns how many were missing or not as they should be."""
    folder = media / "products"
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for good in goods():
        picture = good.picture
        drawn = draw(good.slug, good.alt, picture.kind, picture.main, picture.accent, picture.word).encode()
        target = folder / good.image
        if target.exists() and target.read_bytes() == drawn:
            continue
        fresh = target.with_suffix(f".{os.getpid()}.part")
        fresh.write_bytes(drawn)
        fresh.replace(target)
        written += 1
    return written


async def fill(writer: Writer, today: datetime | None = None) -> dict[str, int]:
    """Fill what is empty; returns how many rows of each kind were added, {} when all was there."""
    # Who comes second waits for all of the first one's work.
    await patiently(writer, "SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    added: dict[str, int] = {}
    if await _empty(writer, shelf.products):
        added |= await _fill_shelves(writer, today or datetime.now(UTC))
    if await _empty(writer, tariff.shipping_methods):
        added |= await _fill_shipping(writer)
    if await _empty(writer, tariff.tax_rates):
        rows = [{"id": new_id(), **row} for row in tax.as_rows()]
        await writer.execute(sa.insert(tariff.tax_rates), rows)
        added["tax rates"] = len(rows)
    if await _empty(writer, coupons):
        added["coupons"] = await _fill_coupons(writer)
    return added


async def _fill_shelves(writer: Writer, today: datetime) -> dict[str, int]:
    branches = {category.slug: new_id() for category in CATEGORIES}
    await writer.execute(
        sa.insert(shelf.categories),
        [
            {"id": branches[category.slug], "slug": category.slug, "name": category.name,
             "parent_id": branches.get(category.parent or ""), "position": position}
            for position, category in enumerate(CATEGORIES)
        ],
    )  # fmt: skip
    makers = {slug: new_id() for slug in MAKERS}
    await writer.execute(
        sa.insert(vendors),
        [{"id": makers[slug], "slug": slug, "name": maker.name, "description": maker.description}
         for slug, maker in MAKERS.items()],
    )  # fmt: skip
    made_by = {product: makers[slug] for slug, maker in MAKERS.items() for product in maker.makes}
    stocked = [(new_id(), good) for good in goods()]
    offered = [(new_id(), owner, position, variant)
               for owner, good in stocked for position, variant in enumerate(variants(good))]  # fmt: skip
    await writer.execute(
        sa.insert(shelf.products),
        [_product(key, good, branches[good.category], made_by.get(good.slug), today) for key, good in stocked],
    )
    await writer.execute(
        sa.insert(shelf.variants),
        [
            {"id": key, "product_id": owner, "sku": variant.sku, "attributes": variant.attributes,
             "weight": variant.grams, "position": position}
            for key, owner, position, variant in offered
        ],
    )  # fmt: skip
    keys = {good.slug: key for key, good in stocked}
    slugs = {key: slug for slug, key in keys.items()}
    tickets = [
        ticket for key, owner, _, variant in offered for ticket in _prices(key, variant, SALE.get(slugs[owner]), today)
    ]
    await writer.execute(sa.insert(shelf.prices), tickets)
    await _hang_tags(writer, keys)
    await _deliver(writer, [(key, variant) for key, _, _, variant in offered])
    return {
        "categories": len(branches), "products": len(stocked), "variants": len(offered), "prices": len(tickets),
        "vendors": len(makers), "tags": len(TAGS), "reviews": await _let_speak(writer, keys, today),
    }  # fmt: skip


async def _deliver(writer: Writer, offered: Sequence[tuple[UUID, Variant]]) -> None:
    """Everything into its houses, by two statements: a thousand deliveries one by one would take seconds."""
    houses = await _open_houses(writer)
    lying = [
        {"variant_id": key, "location_id": houses[house], "on_hand": units}
        for key, variant in offered for house, units in _shares(variant.stock).items()
    ]  # fmt: skip
    watch = {"reorder_point": REORDER_POINT, "reorder_quantity": REORDER_QUANTITY}
    nobody = dict.fromkeys(watch)
    await writer.execute(
        sa.insert(inventory.levels).values(
            [{**row, **(watch if row["location_id"] == MAIN else nobody)} for row in lying]
        )
    )
    deliveries = [(new_id(), row) for row in lying]
    await writer.execute(
        sa.insert(inventory.movements).values(
            [{"id": key, **row, "kind": Movement.RECEIVE, "held": 0, "operation": f"receive/{key}", "actor": "seed",
              "reason": "first delivery"} for key, row in deliveries]
        )
    )  # fmt: skip


async def _open_houses(writer: Writer) -> dict[str, LocationId]:
    """The first house gets its place on the map, two more are opened; their ids by code."""
    main, *others = HOUSES
    await writer.execute(sa.update(locations).where(locations.c.id == MAIN).values(HOUSES[main]))
    opened = {main: MAIN, **{code: LocationId(new_id()) for code in others}}
    rows = [{"id": opened[code], "code": code, **HOUSES[code]} for code in others]
    await writer.execute(sa.insert(locations), rows)
    return opened


def _shares(units: int) -> dict[str, int]:
    """Where the units of a variant lie: few of them in one house, more of them in all."""
    if units < SPREAD:
        return {"main": units}
    return {"main": units - units // 4 - units // 10, "berlin": units // 4, "osaka": units // 10}


async def _hang_tags(writer: Writer, products: dict[str, UUID]) -> None:
    kept = {slug: new_id() for slug in TAGS}
    await writer.execute(
        sa.insert(tags), [{"id": kept[slug], "slug": slug, "name": tag.name} for slug, tag in TAGS.items()]
    )
    await writer.execute(
        sa.insert(product_tags),
        [{"product_id": products[product], "tag_id": kept[slug]} for slug, tag in TAGS.items() for product in tag.on],
    )


async def _let_speak(writer: Writer, products: dict[str, UUID], today: datetime) -> int:
    """Reviews of people without a password, one a day; none of a shop that has such people already."""
    readers = {address: UserId(new_id()) for address in READERS}
    for address, (first, last) in READERS.items():
        if not await users.insert(writer, readers[address], address, None, first_name=first, last_name=last):
            return 0
    await writer.execute(
        sa.insert(reviews),
        [
            {"id": new_id(), "product_id": products[each.slug], "user_id": readers[each.reader], "stars": each.stars,
             "title": each.title, "body": each.body, "status": ReviewStatus.PUBLISHED, "verified_purchase": False,
             "created_at": today - timedelta(days=day)}
            for day, each in enumerate(OPINIONS)
        ],
    )  # fmt: skip
    return len(OPINIONS)


def _product(key: UUID, good: Good, category: UUID, vendor: UUID | None, today: datetime) -> dict[str, Any]:
    """Products of one day came in at different minutes, so that newest first is one order."""
    born = today - timedelta(days=good.aged, minutes=crc32(good.slug.encode()) % 600 if good.aged else 0)
    return {
        "id": key, "slug": good.slug, "name": good.name, "description": good.description, "category_id": category,
        "tax_category": good.tax, "featured": good.featured, "created_at": born,
        "vendor_id": vendor, "options": [{"name": name, "values": values} for name, values in good.options.items()],
        "images": [{"url": f"/media/products/{good.image}", "alt": good.alt}],
    }  # fmt: skip


def _prices(variant_id: UUID, variant: Variant, percent: int | None, today: datetime) -> list[dict[str, Any]]:
    """With what it costs in the shop's first days, where it is `percent` cheaper then."""
    return [
        {"variant_id": variant_id, "currency": currency, "amount": amount,
         "compare_at": variant.compare_at.get(currency),
         "sale_amount": amount * (100 - percent) // 100 if percent else None,
         "sale_starts_at": today if percent else None,
         "sale_ends_at": today + timedelta(days=SALE_DAYS) if percent else None}
        for currency, amount in variant.price.items()
    ]  # fmt: skip


async def _fill_shipping(writer: Writer) -> dict[str, int]:
    methods = {method.code: new_id() for method in shipping.METHODS}
    zones = {code: new_id() for code in shipping.ZONES}
    bands = shipping.bands()
    await writer.execute(
        sa.insert(tariff.shipping_methods),
        [{"id": methods[method.code], "code": method.code, "name": method.name, "min_days": method.min_days,
          "max_days": method.max_days} for method in shipping.METHODS],
    )  # fmt: skip
    await writer.execute(
        sa.insert(tariff.shipping_zones),
        [{"id": zones[code], "code": code, "countries": countries} for code, countries in shipping.ZONES.items()],
    )
    await writer.execute(sa.insert(tariff.shipping_bands), _band_rows(bands, methods, zones))
    return {"shipping methods": len(methods), "shipping bands": len(bands)}


def _band_rows(
    bands: Sequence[shipping.Band], methods: dict[str, UUID], zones: dict[str, UUID]
) -> list[dict[str, Any]]:
    return [
        {"id": new_id(), "method_id": methods[band.method], "zone_id": zones[band.zone], "currency": band.currency,
         "price": band.price, "min_weight": band.min_weight, "max_weight": band.max_weight,
         "min_subtotal": band.min_subtotal, "max_subtotal": None}
        for band in bands
    ]  # fmt: skip


async def _fill_coupons(writer: Writer) -> int:
    found = await writer.execute(sa.select(shelf.categories.c.slug, shelf.categories.c.id))
    rows = [{"id": new_id(), **row} for row in promotions.as_rows({row.slug: row.id for row in found})]
    if rows:
        await writer.execute(sa.insert(coupons), rows)
    return len(rows)


async def _empty(writer: Writer, table: sa.Table) -> bool:
    return (await writer.execute(sa.select(sa.literal(1)).select_from(table).limit(1))).first() is None
