"""Carts left behind: whose owner wants to be reminded of them, and which nobody will come back for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from models.cart import ACCOUNT_LIFETIME, REMINDED_AT_MOST_EVERY
from models.database import Database, Writer
from models.ids import CartId, UserId
from models.tables.cart import BEING_BOUGHT
from models.tables.outbox import write_account_letter

_TO_REMIND = f"""
u.marketing_consent AND u.archived_at IS NULL AND EXISTS (SELECT FROM cart_items i WHERE i.cart_id = c.id)
AND c.updated_at <= now() - $1::interval AND c.updated_at > now() - $1::interval - $2::interval
AND (c.reminded_at IS NULL OR c.reminded_at < least(c.updated_at, now() - $2::interval))
AND NOT EXISTS ({BEING_BOUGHT})
AND NOT EXISTS (SELECT FROM orders o WHERE o.cart_id = c.id AND o.placed_at > now() - $1::interval)
"""  # noqa: S608
"""Once a time it was left behind: not when it did not change since the last letter, nor twice in $2, nor when it was
left so long ago that a letter would only surprise (after a week without a worker, or a late consent)."""
_FIND_TO_REMIND = f"""
SELECT c.id FROM carts c JOIN users u ON u.id = c.user_id WHERE {_TO_REMIND}
ORDER BY c.updated_at LIMIT $3 FOR UPDATE OF c SKIP LOCKED
"""  # noqa: S608
_REMIND = f"""
UPDATE carts c SET reminded_at = now() FROM users u WHERE u.id = c.user_id AND c.id = ANY($3::uuid[]) AND {_TO_REMIND}
RETURNING c.id, c.user_id, c.updated_at
"""  # noqa: S608

_FORGOTTEN = f"""
c.updated_at < now() - CASE WHEN c.user_id IS NULL THEN $1::interval ELSE $2::interval END
AND NOT EXISTS ({BEING_BOUGHT})
"""
_FIND_FORGOTTEN = f"""
SELECT c.id, c.attempt FROM carts c
WHERE c.updated_at < now() - least($1::interval, $2::interval) AND {_FORGOTTEN} ORDER BY c.updated_at LIMIT $3
"""  # noqa: S608
_STILL_FORGOTTEN = f"SELECT c.id FROM carts c WHERE c.id = ANY($3::uuid[]) AND {_FORGOTTEN}"  # noqa: S608
_OF_A_CART = {"cart_items": "cart_id", "cart_coupons": "cart_id", "cart_gift_cards": "cart_id", "carts": "id"}
_REMOVE = [f"DELETE FROM {table} WHERE {key} = ANY($1::uuid[])" for table, key in _OF_A_CART.items()]  # noqa: S608


class Forgotten(NamedTuple):
    """A cart that nobody touched for its whole lifetime, and the number of its next checkout."""

    cart: CartId
    attempt: int


async def remind(writer: Writer, after: timedelta, most: int) -> int:
    """Write letters to owners who want them about carts untouched for `after`. Returns how many.

    Looked at twice, the second time with the carts locked: what changed or was bought meanwhile is left alone.
    """
    found = (await writer.exec_driver_sql(_FIND_TO_REMIND, (after, REMINDED_AT_MOST_EVERY, most))).scalars().all()
    values = (after, REMINDED_AT_MOST_EVERY, list(found))
    reminded = (await writer.exec_driver_sql(_REMIND, values)).all() if found else []
    for row in reminded:
        await _write(writer, row.id, row.user_id, row.updated_at)
    return len(reminded)


async def _write(writer: Writer, cart: UUID, user: UUID, left_at: datetime) -> None:
    cause = f"cart_reminder/{cart}/{left_at.isoformat()}"
    await write_account_letter(writer, "cart_reminder", UserId(user), cause, {"cart_updated_at": left_at})


async def find_forgotten(database: Database, lifetime: timedelta, most: int) -> list[Forgotten]:
    """Carts untouched for `lifetime`, accounts' for half a year, that no order is open for; oldest first."""
    rows = await database.fetch(_FIND_FORGOTTEN, lifetime, ACCOUNT_LIFETIME, most)
    return [Forgotten(CartId(UUID(int=row["id"].int)), row["attempt"]) for row in rows]


async def remove(writer: Writer, carts: Sequence[CartId], lifetime: timedelta) -> int:
    """Remove these carts and what is in them, but those touched or checked out meanwhile. Returns how many went.

    What was bought stays in orders and checkouts, from which a cart that comes back goes on counting.
    """
    values: list[Any] = list(carts)
    # Looked at again once they are locked: only then what others committed before is seen.
    for sql in (f"{_STILL_FORGOTTEN} FOR UPDATE SKIP LOCKED", _STILL_FORGOTTEN):
        values = list((await writer.exec_driver_sql(sql, (lifetime, ACCOUNT_LIFETIME, values))).scalars())
    for sql in _REMOVE:
        await writer.exec_driver_sql(sql, (values,))
    return len(values)
