"""Where goods lie: warehouses and shops. `main` is there from the first day."""

import sqlalchemy as sa

from models.inventory import MAIN
from models.tables.base import key, metadata, moment, now_column

locations = sa.Table(
    "locations", metadata,
    key(),
    sa.Column("code", sa.Text, nullable=False, unique=True, comment="what people and files call it; never changes"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("country", sa.String(2), comment="ISO 3166-1 alpha-2; null: nearest to nobody"),
    sa.Column("region", sa.Text),
    sa.Column("postal_code", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False, server_default="100", comment="lower first"),
    now_column(),
    moment("archived_at", nullable=True, comment="set: gives and takes nothing; has nothing lying in it"),
)  # fmt: skip

FIRST = f"INSERT INTO locations (id, code, name, priority) VALUES ('{MAIN}', 'main', 'Main', 0)"  # noqa: S608 - ours
"""The row that the migrations begin with."""
