"""How the shop is divided, as shoppers see it: the tree of categories, tags, vendors."""

from uuid import UUID

from models.catalog import Category, TagName, Vendor
from models.database import Database
from models.tables.base import plain_uuid

_TREE = """
SELECT id, parent_id, slug, name, description FROM categories WHERE archived_at IS NULL ORDER BY position, name, slug
"""


async def category_tree(database: Database) -> list[Category]:
    """All categories as a forest, in the order staff gave them; what lies below an archived one is not shown."""
    rows = await database.fetch(_TREE)
    nodes = {row["id"]: Category(row["slug"], row["name"], row["description"], []) for row in rows}
    roots: list[Category] = []
    for row in rows:
        if row["parent_id"] is None:
            roots.append(nodes[row["id"]])
        elif row["parent_id"] in nodes:
            nodes[row["parent_id"]].children.append(nodes[row["id"]])
    return roots


_BRANCH = """
SELECT c.id, c.parent_id, c.slug, c.name, c.description FROM categories c
WHERE c.lineage @> ARRAY[(SELECT id FROM categories WHERE slug = $1 AND archived_at IS NULL)] AND c.archived_at IS NULL
ORDER BY c.position, c.name, c.slug
"""


async def category(database: Database, slug: str) -> Category | None:
    """One category with all below it; None when there is none of this name."""
    rows = await database.fetch(_BRANCH, slug)
    nodes = {row["id"]: Category(row["slug"], row["name"], row["description"], []) for row in rows}
    found = None
    for row in rows:
        if row["slug"] == slug:
            found = nodes[row["id"]]
        elif row["parent_id"] in nodes:
            nodes[row["parent_id"]].children.append(nodes[row["id"]])
    return found


async def has_category(database: Database, slug: str) -> bool:
    """Whether there is a category of this name."""
    return bool(await database.fetch("SELECT FROM categories WHERE slug = $1 AND archived_at IS NULL", slug))


_NAMES = """
SELECT id, {columns} FROM {table} t WHERE archived_at IS NULL
AND ($2::uuid IS NULL OR (name, slug) > (SELECT x.name, x.slug FROM {table} x WHERE x.id = $2))
ORDER BY name, slug LIMIT $1
"""
_TAGS = _NAMES.format(table="tags", columns="slug, name")
_VENDORS = _NAMES.format(table="vendors", columns="slug, name, description")


async def tags(database: Database, limit: int, after: UUID | None) -> list[tuple[UUID, TagName]]:
    """Tags by name, from the one after `after` on; each with the id that its place is told by."""
    return [(plain_uuid(id), TagName(*row)) for id, *row in await database.fetch(_TAGS, limit, after)]


async def vendors(database: Database, limit: int, after: UUID | None) -> list[tuple[UUID, Vendor]]:
    """Vendors by name, in the same way."""
    return [(plain_uuid(id), Vendor(*row)) for id, *row in await database.fetch(_VENDORS, limit, after)]


async def vendor(database: Database, slug: str) -> Vendor | None:
    """One vendor; None when there is none of this name."""
    rows = await database.fetch(
        "SELECT slug, name, description FROM vendors WHERE slug = $1 AND archived_at IS NULL", slug
    )
    return Vendor(*rows[0]) if rows else None
