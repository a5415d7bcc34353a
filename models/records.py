"""The catalogue as staff keep it: also what is archived or not complete yet. What shoppers see is `catalog.py`."""

from datetime import datetime
from typing import Annotated

import msgspec

SLUG = r"^[a-z0-9][a-z0-9-]{0,99}$"
Slug = Annotated[
    str,
    msgspec.Meta(
        pattern=SLUG + r"(?!\n)", examples=["stone-mugs"],
        description="Lower case letters, digits and dashes; part of addresses, so given once for ever",
    ),
]  # fmt: skip
Prose = Annotated[str, msgspec.Meta(max_length=20_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
"""Text of several lines, kept as written; no control characters but tabs and ends of lines."""
DEEPEST = 100
"""Most levels of categories."""


class TagRecord(msgspec.Struct, frozen=True):
    """A word that products have in common across categories."""

    slug: str
    name: str
    """As shoppers read it."""
    created_at: datetime
    archived_at: datetime | None
    """Set: no longer shown, nor given to products; those that have it keep it."""


class VendorRecord(msgspec.Struct, frozen=True):
    """Who makes or sells some of the products."""

    slug: str
    name: str
    description: str
    created_at: datetime
    archived_at: datetime | None
    """Set: has no page any more; its products stay where they are."""


class CategoryRecord(msgspec.Struct, frozen=True):
    """A category and its place in the tree."""

    slug: str
    name: str
    description: str
    parent: str | None
    """Slug of the category it stands in; null: outermost."""
    path: list[str]
    """Slugs from the outermost category to this one."""
    position: int
    """Its place among those of the same parent, from 0."""
    created_at: datetime
    archived_at: datetime | None
    """Set: not shown. Nothing that is on sale stands in it."""
