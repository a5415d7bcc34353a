"""A hundred thousand products, if need be: `python -m dev.seed --products 100000` shows how a big shop behaves.

The same number makes the same goods. Rows go in by COPY past the triggers, a batch a transaction, and each batch is
listed by the same function that the triggers call; so a role is needed that may set `session_replication_role`.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product as combinations
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy.engine import make_url
from tqdm import tqdm

from models.ids import new_id
from models.inventory import MAIN

BATCH = 1000
CURRENCIES = {"usd": 1.0, "eur": 0.9}
VARIANTS = 3
SIZES, COLOURS = ("S", "M", "L"), ("sand", "moss", "clay", "night", "rose", "stone")
BRANCHES = (10, 8, 6)
"""Categories a level: ten at the top, eight in each of these, six in each of those."""
VENDORS, TAGS = 200, 60
_ONSETS, _VOWELS, _ENDS = (
    "b c d f g k l m n p r s t v w br cl dr fl gr pl st tr".split(),
    "aeiou",
    "n r s t l x".split(),
)
_KINDS = (
    "mug cup bowl plate pan kettle teapot blanket cushion rug lamp candle vase tent tarp stove lantern backpack "
    "trowel planter shirt sweater jacket coat trousers scarf boots hat notebook pencil book print clock shelf chair"
).split()
_LOOKS = (
    "small tall wide plain striped woven carved glazed folded quilted waxed brushed light heavy round square warm "
    "soft bright dark quiet old new simple fine rough double single winter summer"
).split()


class Aisles(NamedTuple):
    """What the goods stand in and belong to."""

    categories: list[UUID]
    vendors: list[UUID]
    tags: list[UUID]


def words(count: int) -> list[str]:
    """So many made-up words, the same each time: names as brands give them, for a vocabulary of a real size."""
    dice, found = random.Random("words"), dict[str, None]()
    while len(found) < count:
        found["".join(dice.choice(_ONSETS) + dice.choice(_VOWELS) for _ in range(2)) + dice.choice(_ENDS)] = None
    return list(found)


async def crowd(url: str, count: int) -> int:
    """Bring the shop to `count` generated products; how many were added."""
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
    try:
        there = int(await connection.fetchval("SELECT count(*) FROM variants WHERE sku LIKE 'CROWD-%-0'"))
        aisles = await _aisles(connection)
        with tqdm(total=count, initial=there, unit=" products", disable=there >= count) as bar:
            for first in range(there, count, BATCH):
                numbers = range(first, min(first + BATCH, count))
                await _batch(connection, aisles, numbers)
                bar.update(len(numbers))
        if there < count:
            await connection.execute("ANALYZE")
        return max(count - there, 0)
    finally:
        await connection.close()


async def _aisles(connection: asyncpg.Connection) -> Aisles:
    """Made in the usual way, with all triggers: they are few."""
    names = words(sum(BRANCHES) + VENDORS + TAGS)
    async with connection.transaction():
        level: list[tuple[UUID | None, str]] = [(None, "crowd")]
        for depth, width in enumerate(BRANCHES):
            rows = [
                (f"{slug}-{number}", names[number + depth * width].title(), above, number)
                for above, slug in level for number in range(width)
            ]  # fmt: skip
            for slug, name, above, position in rows:
                await connection.execute(
                    "INSERT INTO categories (id, slug, name, parent_id, position) VALUES ($1, $2, $3, $4, $5) "
                    "ON CONFLICT DO NOTHING", new_id(), slug, name, above, position,
                )  # fmt: skip
            made = "SELECT id, slug FROM categories WHERE slug = ANY ($1) ORDER BY slug"
            level = [(row["id"], row["slug"]) for row in await connection.fetch(made, [row[0] for row in rows])]
        for table, prefix, most in (("vendors", "crowd-vendor", VENDORS), ("tags", "crowd-tag", TAGS)):
            for number in range(most):
                await connection.execute(
                    f"INSERT INTO {table} (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    new_id(), f"{prefix}-{number}", names[-number - 1].title(),
                )  # fmt: skip
        named = "SELECT id FROM {} WHERE slug LIKE 'crowd-%' ORDER BY slug"
        vendors, tags = [await connection.fetch(named.format(table)) for table in ("vendors", "tags")]
    return Aisles([id for id, _ in level if id is not None], [row[0] for row in vendors], [row[0] for row in tags])


async def _batch(connection: asyncpg.Connection, aisles: Aisles, numbers: range) -> None:
    tables: dict[str, list[dict[str, Any]]] = {}
    for number in numbers:
        for table, row in _goods(aisles, number):
            tables.setdefault(table, []).append(row)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table, rows in tables.items():
            await connection.copy_records_to_table(
                table, records=[tuple(row.values()) for row in rows], columns=list(rows[0])
            )
        await connection.execute("SET LOCAL session_replication_role = origin")
        if numbers.start == 0:
            # Of tables that were emptied Postgres believes that they stay so, and would look through all of each.
            await connection.execute(f"ANALYZE {', '.join(tables)}")
        await connection.execute("SELECT relist($1)", [row["id"] for row in tables["products"]])


_VOCABULARY = words(4000)
_TODAY = datetime(2026, 11, 1, tzinfo=UTC)


def _goods(aisles: Aisles, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """All rows of one product, by table."""
    dice = random.Random(number)
    id, kind = new_id(), dice.choice(_KINDS)
    brand, look = dice.choice(_VOCABULARY), dice.choice(_LOOKS)
    colours = dice.sample(COLOURS, 1)
    ratings = dice.choice((0, 0, 1, 3, 12, 80))
    born = _TODAY - timedelta(seconds=dice.randrange(3 * 365 * 86400))
    yield "products", {
        "id": id, "slug": f"{look}-{brand}-{kind}-{number}", "name": f"{look.title()} {brand.title()} {kind.title()}",
        "description": f"A {look} {kind}. {' '.join(dice.choices(_VOCABULARY, k=25)).capitalize()}.",
        "category_id": aisles.categories[int(len(aisles.categories) * dice.random() ** 2)],
        "vendor_id": dice.choice(aisles.vendors) if dice.random() < 0.8 else None, "tax_category": "standard",
        "featured": dice.random() < 0.01, "created_at": born, "updated_at": born, "ratings": ratings,
        "stars": sum(dice.choices((1, 2, 3, 4, 5), (1, 1, 2, 5, 6), k=ratings)),
        "images": _json([{"url": f"/media/products/{kind}.svg", "alt": f"{look} {kind}"}]),
        "options": _json([{"name": "colour", "values": colours}, {"name": "size", "values": list(SIZES)}]),
    }  # fmt: skip
    for tag in dice.sample(aisles.tags, dice.choice((0, 1, 2, 3))):
        yield "product_tags", {"product_id": id, "tag_id": tag}
    if dice.random() < 0.5:
        sold = int(dice.paretovariate(1.2)) - 1
        yield "product_figures", {"product_id": id, "sold": sold, "popularity": sold * 5 + dice.randrange(20),
                                  "trend": max(dice.gauss(0, 1), 0.0)}  # fmt: skip
    base, on_sale = 100 * dice.randint(3, 400), dice.random() < 0.03
    opens = datetime.now(UTC) - timedelta(hours=1)
    for place, (colour, size) in enumerate(combinations(colours, SIZES)):
        variant, amount = new_id(), base + 100 * place
        yield "variants", {
            "id": variant, "product_id": id, "sku": f"CROWD-{number}-{place}", "weight": 300, "position": place,
            "attributes": _json({"colour": colour, "size": size}), "images": "[]",
        }  # fmt: skip
        for currency, rate in CURRENCIES.items():
            price = int(amount * rate)
            yield "prices", {
                "variant_id": variant, "currency": currency, "amount": price,
                "compare_at": price * 5 // 4 if number % 7 == 0 else None,
                "sale_amount": price * 7 // 10 if on_sale else None,
                "sale_starts_at": opens if on_sale else None,
                "sale_ends_at": opens + timedelta(days=1 + number % 28) if on_sale else None,
            }  # fmt: skip
        units = dice.choice((0, 3, 12, 40))
        yield "stock", {"variant_id": variant, "on_hand": units, "held": 0}
        yield "stock_levels", {"variant_id": variant, "location_id": MAIN, "on_hand": units, "held": 0}
        if units:
            delivery = new_id()
            yield "stock_movements", {
                "id": delivery, "variant_id": variant, "location_id": MAIN, "kind": "receive", "on_hand": units,
                "held": 0, "operation": f"receive/{delivery}", "actor": "seed", "reason": "first delivery",
            }  # fmt: skip


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
