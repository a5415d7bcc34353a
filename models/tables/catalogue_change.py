"""What changed on the shelves, for whoever keeps a copy: written by triggers in the transaction of the change.

Each reader has rows of its own, takes them in batches, acts, and only then deletes them: at least once, none lost.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.tables.base import metadata, now_column

catalogue_changes = sa.Table(
    "catalogue_changes", metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("reader", sa.Text, nullable=False, comment="`answers`: cached answers; `search`: the search index"),
    sa.Column("product_id", pg.UUID(as_uuid=True), comment="this product changed"),
    sa.Column("category_id", pg.UUID(as_uuid=True), comment="null product: this changed; else: that was in here"),
    now_column(),
    sa.Index("ix_catalogue_changes_reader", "reader", "id"),
)  # fmt: skip
