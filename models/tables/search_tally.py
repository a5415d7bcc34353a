"""What shoppers search for: a number a day and query, of nobody in particular."""

import sqlalchemy as sa

from models.tables.base import metadata

search_tallies = sa.Table(
    "search_tallies", metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("query", sa.Text, primary_key=True, comment="tidied; `…` for what may have told of somebody"),
    sa.Column("searches", sa.Integer, nullable=False, server_default="0"),
    sa.Column("empty", sa.Integer, nullable=False, server_default="0", comment="of these: found nothing"),
    sa.Column("clicks", sa.Integer, nullable=False, server_default="0"),
)  # fmt: skip
