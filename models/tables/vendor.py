"""Who makes or sells what is on the shelves."""

import sqlalchemy as sa

from models.records import VendorRecord
from models.tables.base import key, metadata, now_column
from models.tables.named import Named

vendors = sa.Table(
    "vendors", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: has no page; its products stay where they are"),
    sa.Index("ix_vendors_name", "name", "slug"),
)  # fmt: skip

records = Named(vendors, VendorRecord)
"""The vendors as staff keep them."""
