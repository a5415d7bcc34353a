"""Gift cards and store credit: balances that cannot go below zero, and a ledger that says why each moved."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.inventory import HoldStatus
from models.tables.base import currency, key, metadata, minor_units, now_column, one_of, reference

credit_accounts = sa.Table(
    "credit_accounts", metadata,
    key(),
    sa.Column("kind", sa.Text, nullable=False),
    reference("user_id", "users.id", nullable=True, comment="whose store credit; null: a bearer's gift card"),
    sa.Column("code_key", sa.Text, unique=True, comment="keyed hash of a gift card's code"),
    sa.Column("last4", sa.String(4), comment="of a gift card's code"),
    currency(),
    minor_units("balance", server_default="0"),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("balance >= 0", name="never_overspent"),
    sa.CheckConstraint(
        "(kind = 'gift_card' AND user_id IS NULL AND code_key IS NOT NULL) "
        "OR (kind = 'store_credit' AND user_id IS NOT NULL AND code_key IS NULL)", name="kind_has_its_owner",
    ),
    sa.Index("uq_credit_accounts_store_credit", "user_id", "currency", unique=True,
             postgresql_where=sa.text("kind = 'store_credit'")),
)  # fmt: skip

credit_entries = sa.Table(
    "credit_entries", metadata,
    key(),
    reference("account_id", "credit_accounts.id"),
    sa.Column("operation", sa.Text, nullable=False, comment="`hold/<order>`: one fact, booked once an account"),
    minor_units("amount", comment="positive: the balance gains"),
    sa.Column("order_id", pg.UUID(as_uuid=True), index=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    now_column("at"),
    sa.UniqueConstraint("account_id", "operation"),
)  # fmt: skip

cart_gift_cards = sa.Table(
    "cart_gift_cards", metadata,
    sa.Column("cart_id", pg.UUID(as_uuid=True), sa.ForeignKey("carts.id"), primary_key=True),
    sa.Column("account_id", pg.UUID(as_uuid=True), sa.ForeignKey("credit_accounts.id"), primary_key=True),
    now_column("added_at"),
)  # fmt: skip

credit_holds = sa.Table(
    "credit_holds", metadata,
    sa.Column("order_id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("account_id", pg.UUID(as_uuid=True), sa.ForeignKey("credit_accounts.id"), primary_key=True),
    *one_of("status", HoldStatus),
    minor_units("amount"),
    currency(),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
)  # fmt: skip
