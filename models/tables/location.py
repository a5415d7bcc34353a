"""Where goods lie: warehouses and shops. `main` is there from the first day."""

from collections.abc import Iterable

import sqlalchemy as sa

from models.database import Writer
from models.errors import Refusal
from models.ids import LocationId
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

_OPEN = "SELECT code, archived_at FROM locations WHERE id = ANY ($1::uuid[]) ORDER BY id FOR SHARE"


async def must_be_open(writer: Writer, ids: Iterable[LocationId]) -> None:
    """These locations take and give goods; nobody closes them to the end of the transaction.

    Raises: Refusal `archived`.
    """
    for row in await writer.exec_driver_sql(_OPEN, (list(ids),)):
        if row.archived_at is not None:
            raise Refusal("archived", f"The location {row.code} is archived.", location=row.code)
