"""What a buyer is told inside the shop: written in the transaction of its cause, once a cause."""

import sqlalchemy as sa

from models.tables.base import Json, key, metadata, now_column, reference

notifications = sa.Table(
    "notifications", metadata,
    key(),
    reference("user_id", "users.id"),
    sa.Column("cause", sa.Text, nullable=False, unique=True, comment="`order_confirmed/<order>`: told once"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("order_number", sa.Text),
    sa.Column("facts", Json, nullable=False, server_default="{}"),
    now_column(),
    sa.Column("read_at", sa.DateTime(timezone=True)),
    sa.Index("ix_notifications_newest", "user_id", sa.text("created_at DESC"), sa.text("id DESC")),
    sa.Index("ix_notifications_unread", "user_id", postgresql_where=sa.text("read_at IS NULL")),
)  # fmt: skip
