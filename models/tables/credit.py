"""Gift cards and store credit: balances that cannot go below zero, and a ledger that says why each moved.

Here is what orders do with them; see `gift_card.py` and `store_credit.py` for how balances come into being.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.credit import GiftCard
from models.database import Reader, Writer
from models.ids import CartId, CreditAccountId, OrderId, UserId
from models.inventory import HoldStatus
from models.money import Money
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
    minor_units("refunded", server_default="0", comment="of what was spent, gone back or reserved for it"),
    currency(),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("refunded BETWEEN 0 AND CASE WHEN status = 'committed' THEN amount ELSE 0 END",
                       name="never_over_refunded"),
)  # fmt: skip


OF_CART = """
BEGIN
    RETURN (
        SELECT jsonb_agg(
            jsonb_build_object(
                'id', a.id, 'last4', a.last4, 'expired', coalesce(a.expires_at <= now(), false),
                'balance', jsonb_build_object('amount', a.balance, 'currency', a.currency)
            ) ORDER BY g.added_at, a.id
        )
        FROM cart_gift_cards g JOIN credit_accounts a ON a.id = g.account_id
        WHERE g.cart_id = $1 AND a.archived_at IS NULL
    );
END
"""
"""Body of the function `gift_cards_of_cart(uuid)`: a cart's gift cards as JSON for `in_cart`. It is a function as
`coupons_of_cart` is: its tables would cost every cart that has no gift card its time."""

in_cart = msgspec.json.Decoder(tuple[GiftCard, ...]).decode


class Purse(msgspec.Struct, frozen=True):
    """An account as an order may spend it, its row locked."""

    id: CreditAccountId
    balance: Money


_LOCK = """
SELECT id, CASE WHEN archived_at IS NULL AND coalesce(expires_at > now(), true) AND currency = $3
                THEN balance ELSE 0 END AS balance
FROM credit_accounts
WHERE id = ANY ($1::uuid[]) OR (kind = 'store_credit' AND user_id = $2::uuid AND currency = $3)
ORDER BY id FOR NO KEY UPDATE
"""
_HOLD = """
WITH wanted AS (SELECT * FROM unnest($2::uuid[], $3::bigint[]) AS w (account_id, amount)),
spent AS (
    UPDATE credit_accounts a SET balance = a.balance - wanted.amount FROM wanted
    WHERE a.id = wanted.account_id AND a.balance >= wanted.amount RETURNING a.id, wanted.amount, a.currency
), held AS (
    INSERT INTO credit_holds (order_id, account_id, status, amount, currency)
    SELECT $1::uuid, id, 'held', amount, currency FROM spent
)
INSERT INTO credit_entries (id, account_id, operation, amount, order_id, actor, reason)
SELECT uuidv7(), id, 'hold/' || ($1::uuid)::text, -amount, $1, 'order', 'checkout' FROM spent
"""
_RELEASE = """
WITH released AS (
    UPDATE credit_holds SET status = 'released' WHERE order_id = $1::uuid AND status = 'held'
    RETURNING account_id, amount
), locked AS (
    SELECT a.id FROM credit_accounts a JOIN released ON released.account_id = a.id ORDER BY a.id FOR NO KEY UPDATE OF a
), given_back AS (
    UPDATE credit_accounts a SET balance = a.balance + released.amount
    FROM released JOIN locked ON locked.id = released.account_id WHERE a.id = released.account_id
)
INSERT INTO credit_entries (id, account_id, operation, amount, order_id, actor, reason)
SELECT uuidv7(), account_id, 'release/' || ($1::uuid)::text, amount, $1, 'order', $2 FROM released
"""
_COMMIT = """
WITH committed AS (UPDATE credit_holds SET status = 'committed' WHERE order_id = $1 AND status = 'held')
SELECT a.kind, h.currency, sum(h.amount)::bigint AS amount
FROM credit_holds h JOIN credit_accounts a ON a.id = h.account_id WHERE h.order_id = $1 GROUP BY 1, 2
"""
"""What was held is counted by its kind also the second time: the ledger of money is written from it."""
_TAKE_OUT = """
DELETE FROM cart_gift_cards WHERE cart_id = $1
AND account_id IN (SELECT account_id FROM credit_holds WHERE order_id = $2)
"""


async def lock(writer: Writer, cards: Sequence[CreditAccountId], user: UserId | None, kind: str) -> list[Purse]:
    """These gift cards in their order, then the account's store credit in this currency: what may be spent.

    Locked to the end of the transaction, in one order everywhere. Archived, expired or in another currency: nothing.
    """
    rows = (await writer.exec_driver_sql(_LOCK, (list(cards), user, kind))).all()
    place = {card: number for number, card in enumerate(cards)}
    purses = [Purse(CreditAccountId(row.id), Money(row.balance, kind)) for row in rows]
    return sorted(purses, key=lambda purse: place.get(purse.id, len(place)))


async def hold(writer: Writer, order: OrderId, parts: Mapping[CreditAccountId, Money]) -> None:
    """Take an order's credit out of accounts that are locked; none may be left below zero."""
    amounts = [part.amount for part in parts.values()]
    taken = await writer.exec_driver_sql(_HOLD, (order, list(parts), amounts))
    assert taken.rowcount == len(parts), "an account changed under its lock"


async def release(writer: Writer, order: OrderId, reason: str) -> None:
    """Give an order's credit back, also to a card that has expired meanwhile; again: changes nothing."""
    await writer.exec_driver_sql(_RELEASE, (order, reason))


async def commit(writer: Writer, order: OrderId) -> dict[str, Money]:
    """Turn an order's held credit into money spent. Again: changes nothing, and answers the same.

    Returns how much by kind, each a name in the ledger of money: what the shop owed and owes no more.
    """
    rows = await writer.exec_driver_sql(_COMMIT, (order,))
    return {row.kind: Money(row.amount, row.currency) for row in rows}


async def take_out_spent(writer: Writer, cart: CartId, order: OrderId) -> None:
    """Take the gift cards that an order was paid with out of its cart; again: changes nothing."""
    await writer.exec_driver_sql(_TAKE_OUT, (cart, order))


async def drift(reader: Reader) -> list[Any]:
    """Balances that are not the sum of their entries: (id, balance, sum). Normally none."""
    booked = sa.func.coalesce(sa.func.sum(credit_entries.c.amount), 0)
    found = await reader.execute(
        sa.select(credit_accounts.c.id, credit_accounts.c.balance, booked)
        .outerjoin(credit_entries, credit_entries.c.account_id == credit_accounts.c.id)
        .group_by(credit_accounts.c.id)
        .having(credit_accounts.c.balance != booked)
    )
    return list(found)
