"""Cards that a buyer saved with the payment provider: what people recognise them by, never a number."""

import sqlalchemy as sa

from models.tables.base import metadata, now_column, reference

payment_methods = sa.Table(
    "payment_methods", metadata,
    sa.Column("reference", sa.Text, primary_key=True, comment="the provider's id: pm_…"),
    reference("user_id", "users.id", index=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("brand", sa.Text, nullable=False),
    sa.Column("last4", sa.String(4), nullable=False),
    sa.Column("exp_month", sa.Integer, nullable=False),
    sa.Column("exp_year", sa.Integer, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    now_column(),
    sa.Column("removed_at", sa.DateTime(timezone=True), comment="set: its owner does not want it kept"),
    sa.CheckConstraint("NOT (is_default AND removed_at IS NOT NULL)", name="default_is_kept"),
    sa.Index("uq_payment_methods_default", "user_id", unique=True, postgresql_where=sa.text("is_default")),
)  # fmt: skip
