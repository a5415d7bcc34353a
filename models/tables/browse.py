"""How the shop is divided, as shoppers see it: the tree of categories, tags, vendors."""

from models.catalog import Category
from models.database import Database

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
