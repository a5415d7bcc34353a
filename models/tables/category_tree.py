"""The tree of categories as staff edit it: put in, moved to another place, taken out when nothing stands in it."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.database import Writer, patiently
from models.errors import Refusal
from models.records import DEEPEST, CategoryRecord
from models.tables.base import plain_uuid
from models.tables.category import categories, records
from models.tables.named import living

_LAST = 10**9
"""A place behind all others."""
_MOST_NAMED = 20

# Taken before any row: the trigger that places a category takes it too, when a row of the tree is already locked.
_LOCK = "SELECT pg_advisory_xact_lock(4819)"
_LOCK_BELOW = "SELECT FROM categories WHERE lineage @> ARRAY[$1::uuid] ORDER BY id FOR NO KEY UPDATE"
"""In one order, as whoever lists products of them locks them."""
_PLACE = "SELECT id, parent_id, lineage FROM categories WHERE slug = $1"
_HEIGHT = "SELECT max(cardinality(lineage)) - $2 + 1 FROM categories WHERE lineage @> ARRAY[$1::uuid]"
_SIBLINGS = """
SELECT id FROM categories WHERE parent_id IS NOT DISTINCT FROM $1 AND id <> $2 AND archived_at IS NULL
ORDER BY position, name, id
"""
_NUMBER = """
UPDATE categories c SET position = o.place - 1 FROM unnest($1::uuid[]) WITH ORDINALITY AS o (id, place)
WHERE c.id = o.id AND c.position <> o.place - 1
"""
_MOVE = f"UPDATE categories SET parent_id = $2, position = {_LAST} WHERE id = $1"  # noqa: S608
_BELOW = "SELECT slug FROM categories WHERE parent_id = $1 AND archived_at IS NULL ORDER BY slug"
_PRODUCTS = "SELECT count(*) FROM products WHERE category_id = $1 AND archived_at IS NULL"


async def lock(writer: Writer, slug: str) -> CategoryRecord | None:
    """One category, in a tree that nobody else edits to the end of the transaction."""
    await writer.exec_driver_sql(_LOCK)
    return await records.lock(writer, slug)


async def create(
    writer: Writer, slug: str, name: str, description: str, parent: str | None, position: int | None
) -> CategoryRecord:
    """A new category; without `position` behind its siblings.

    Raises: Refusal `slug_taken`, `category_unknown`, `archived`, `category_too_deep`.
    """
    await writer.exec_driver_sql(_LOCK)
    above = await _parent(writer, parent, height=1)
    values = {"name": name, "description": description, "parent_id": above, "position": _LAST}
    made = await records.insert(writer, slug, values)
    await _number(writer, made, above, position)
    return await records.read(writer, slug)


async def change(writer: Writer, was: CategoryRecord, wanted: dict[str, Any]) -> CategoryRecord:
    """Other words or another place for a locked category; what stands below comes along.

    Raises: Refusal `category_cycle`, `category_unknown`, `archived`, `category_too_deep`.
    """
    values: dict[str, Any] = {name: wanted[name] for name in ("name", "description") if name in wanted}
    moves = "parent" in wanted and wanted["parent"] != was.parent
    if moves or "position" in wanted:
        place = await _place(writer, was.slug)
        above = place.parent_id
        if moves:
            await writer.exec_driver_sql(_LOCK_BELOW, (place.id,))
            height = (await writer.exec_driver_sql(_HEIGHT, (place.id, len(place.lineage)))).scalar_one()
            above = await _parent(writer, wanted["parent"], height, place.id)
            await patiently(writer, _MOVE, place.id, above)
    if values:
        await records.change(writer, was.slug, values)
    if moves or "position" in wanted:
        await _number(writer, place.id, above, wanted.get("position"))
    return await records.read(writer, was.slug)


async def archive(writer: Writer, was: CategoryRecord) -> CategoryRecord:
    """Show a locked category no longer. Raises: Refusal `category_in_use` while something living stands in it."""
    place = await _place(writer, was.slug)
    below = list((await writer.exec_driver_sql(_BELOW, (place.id,))).scalars())
    products = (await writer.exec_driver_sql(_PRODUCTS, (place.id,))).scalar_one()
    if below or products:
        raise Refusal(
            "category_in_use", "Categories or products that are in use stand in it: move or archive them first.",
            categories=below[:_MOST_NAMED], products=products,
        )  # fmt: skip
    return await records.move(writer, was.slug, archived=True)


async def restore(writer: Writer, was: CategoryRecord) -> CategoryRecord:
    """Show a locked category again, behind its siblings. Raises: Refusal `archived` when what it stands in is."""
    if was.parent is not None:
        await living(writer, categories, [was.parent], "category", "categories")
    await records.move(writer, was.slug, archived=False)
    place = await _place(writer, was.slug)
    await _number(writer, place.id, place.parent_id, None)
    return await records.read(writer, was.slug)


async def into(writer: Writer, slug: str) -> UUID:
    """A category that products are put into, in use to the end of the transaction.

    Raises: Refusal `category_unknown`, `archived`.
    """
    await writer.execute(sa.select(categories.c.id).where(categories.c.slug == slug).with_for_update(read=True))
    return (await living(writer, categories, [slug], "category", "categories"))[slug]


async def _place(writer: Writer, slug: str) -> Any:
    return (await writer.exec_driver_sql(_PLACE, (slug,))).one()


async def _parent(writer: Writer, slug: str | None, height: int, itself: UUID | None = None) -> UUID | None:
    """The id of what a subtree of `height` levels shall stand in; None: it is outermost."""
    if slug is None:
        return None
    above = await living(writer, categories, [slug], "category", "categories")
    place = await _place(writer, slug)
    if itself in place.lineage:
        raise Refusal("category_cycle", "A category cannot stand in itself, nor in one that stands in it.")
    if len(place.lineage) + height > DEEPEST:
        raise Refusal("category_too_deep", f"Categories have at most {DEEPEST} levels.", most=DEEPEST)
    return above[slug]


async def _number(writer: Writer, category: UUID, parent: UUID | None, position: int | None) -> None:
    """Put a category at `position` among its siblings, or behind them, and number all from 0."""
    rows = await writer.exec_driver_sql(_SIBLINGS, (parent, category))
    siblings = [plain_uuid(row.id) for row in rows]
    siblings.insert(len(siblings) if position is None else position, plain_uuid(category))
    await writer.exec_driver_sql(_NUMBER, (siblings,))
