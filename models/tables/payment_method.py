"""Cards that a buyer saved with the payment provider: what people recognise them by, never a number.

Whoever changes the cards of an account locks its row first: two at once would leave two defaults, or none.
"""

from typing import Any

import sqlalchemy as sa

from models.database import Database, Reader, Writer
from models.ids import UserId
from models.payment_method import MOST_KEPT, KeptCard, SavedCard, Wallet
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

_THEIRS = """
SELECT reference, brand, last4, exp_month, exp_year, is_default, created_at AS saved_at
FROM payment_methods WHERE user_id = $1 AND removed_at IS NULL
"""
_LIST = _THEIRS + " ORDER BY is_default DESC, created_at DESC, reference"
_ONE = _THEIRS + " AND reference = $2"
_WALLET = """
SELECT u.provider_customer, u.archived_at IS NULL AS is_open, u.erased_at IS NOT NULL AS is_erased,
       (SELECT count(*) FROM payment_methods m WHERE m.user_id = u.id AND m.removed_at IS NULL)::int AS kept
FROM users u WHERE u.id = $1
"""
_LOCK = "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"
_ADOPT = """
UPDATE users SET provider_customer = coalesce(provider_customer, $2) WHERE id = $1 AND archived_at IS NULL
RETURNING provider_customer
"""
_LOSE = "UPDATE users SET provider_customer = NULL WHERE id = $1 AND provider_customer = $2"
_REMOVE_ALL = """
UPDATE payment_methods SET removed_at = now(), is_default = false WHERE user_id = $1 AND removed_at IS NULL
"""
_KEEP = """
INSERT INTO payment_methods (reference, user_id, provider, brand, last4, exp_month, exp_year)
SELECT $2, $1::uuid, 'stripe', $3, $4, $5::int, $6::int
WHERE (SELECT count(*) FROM payment_methods WHERE user_id = $1 AND removed_at IS NULL) < $7::int
   OR EXISTS (SELECT FROM payment_methods WHERE reference = $2)
ON CONFLICT (reference) DO UPDATE SET exp_month = excluded.exp_month, exp_year = excluded.exp_year
WHERE payment_methods.user_id = excluded.user_id AND payment_methods.removed_at IS NULL
"""
"""One that was removed stays removed: the provider does not take it back either."""
_NO_DEFAULT = "UPDATE payment_methods SET is_default = false WHERE user_id = $1 AND is_default AND reference <> $2"
_DEFAULT = "UPDATE payment_methods SET is_default = true WHERE user_id = $1 AND reference = $2 AND removed_at IS NULL"
_DEFAULT_IF_NONE = _DEFAULT + " AND NOT EXISTS (SELECT FROM payment_methods WHERE user_id = $1 AND is_default)"
_REMOVE = """
UPDATE payment_methods SET removed_at = coalesce(removed_at, now()), is_default = false
WHERE user_id = $1 AND reference = $2
"""
_NEWEST = """
SELECT reference FROM payment_methods WHERE user_id = $1 AND removed_at IS NULL
ORDER BY created_at DESC, reference LIMIT 1
"""


async def saved(database: Database, user: UserId) -> list[SavedCard]:
    """An account's cards, the default first, then the newest."""
    return [_card(row) for row in await database.fetch(_LIST, user)]


async def find(database: Database, user: UserId, method: str) -> SavedCard | None:
    """One of an account's cards."""
    rows = await database.fetch(_ONE, user, method)
    return _card(rows[0]) if rows else None


async def wallet(reader: Reader, user: UserId) -> Wallet:
    """What an account keeps; of one that is not there, nothing and closed."""
    row = (await reader.exec_driver_sql(_WALLET, (user,))).one_or_none()
    if row is None:
        return Wallet(None, 0, False)
    return Wallet(row.provider_customer, row.kept, row.is_open, row.is_erased)


async def adopt_customer(writer: Writer, user: UserId, customer: str) -> str | None:
    """Write down whom the provider knows the account as, unless that is known. Returns who it is from now on.

    None: the account is closed.
    """
    return (await writer.exec_driver_sql(_ADOPT, (user, customer))).scalar_one_or_none()


async def lose_customer(writer: Writer, user: UserId, customer: str) -> None:
    """This customer was deleted at the provider, and all their cards with it."""
    if (await writer.exec_driver_sql(_LOSE, (user, customer))).rowcount:
        await writer.exec_driver_sql(_REMOVE_ALL, (user,))


async def keep(writer: Writer, user: UserId, card: KeptCard, *, as_default: bool = False) -> SavedCard | None:
    """Keep a card; the first one becomes the default. Again: changes nothing but its expiry.

    None: it is not kept. The account is closed or has enough, the card was removed, or it is another customer's.
    """
    if await adopt_customer(writer, user, card.customer) != card.customer:
        return None
    values = (user, card.reference, card.brand, card.last4, card.exp_month, card.exp_year, MOST_KEPT)
    if not (await writer.exec_driver_sql(_KEEP, values)).rowcount:
        return None
    if as_default:
        await writer.exec_driver_sql(_NO_DEFAULT, (user, card.reference))
    await writer.exec_driver_sql(_DEFAULT_IF_NONE, (user, card.reference))
    return await _one(writer, user, card.reference)


async def make_default(writer: Writer, user: UserId, method: str) -> SavedCard | None:
    """Offer this card first. None: the account has no such card, nothing changed."""
    await writer.exec_driver_sql(_LOCK, (user,))
    if await _one(writer, user, method) is not None:
        await writer.exec_driver_sql(_NO_DEFAULT, (user, method))
        await writer.exec_driver_sql(_DEFAULT, (user, method))
    return await _one(writer, user, method)


async def remove(writer: Writer, user: UserId, method: str) -> bool:
    """Keep a card no longer; the newest of the others takes its place as the default. False: there is no such card."""
    await writer.exec_driver_sql(_LOCK, (user,))
    if not (await writer.exec_driver_sql(_REMOVE, (user, method))).rowcount:
        return False
    newest = (await writer.exec_driver_sql(_NEWEST, (user,))).scalar()
    if newest is not None:
        await writer.exec_driver_sql(_DEFAULT_IF_NONE, (user, newest))
    return True


async def _one(reader: Reader, user: UserId, method: str) -> SavedCard | None:
    row = (await reader.exec_driver_sql(_ONE, (user, method))).mappings().one_or_none()
    return _card(row) if row else None


def _card(row: Any) -> SavedCard:
    return SavedCard(**{name: row[name] for name in SavedCard.__struct_fields__})
