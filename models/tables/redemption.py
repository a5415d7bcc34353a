"""Coupons used up by orders: counted under the coupon's lock, so that its limits hold however many buy at once."""

from collections.abc import Sequence
from typing import Any

import msgspec

from models.coupon import Coupon, Judged
from models.database import Reader, Writer
from models.ids import CartId, OrderId, UserId
from models.inventory import HoldStatus
from models.order import Order


class Overtaken(Exception):
    """Between our look at a coupon and our turn, somebody else has used it up, or this buyer has elsewhere."""


_USES = """
(SELECT count(*) FROM coupon_redemptions r
 WHERE r.coupon_id = k.id AND r.status <> 'released' AND (r.user_id = $2 OR r.email = lower($3)))
"""
_EARLIER_ORDER = """
EXISTS (SELECT FROM orders o
        WHERE o.id <> $1 AND o.status <> 'cancelled' AND (o.customer_id = $2 OR lower(o.email) = lower($3)))
"""
_BUYER = f"""
SELECT k.id, CASE WHEN k.max_per_buyer IS NULL THEN 0 ELSE {_USES} END AS used,
       k.first_order_only AND {_EARLIER_ORDER} AS ordered
FROM coupons k WHERE k.id = ANY ($4::uuid[])
"""  # noqa: S608
_ONE_AT_A_TIME = """
SELECT pg_advisory_xact_lock(buyer.key) FROM (
    SELECT DISTINCT hashtextextended('buyer/' || name, 0) AS key
    FROM unnest(ARRAY[lower($1), $2::uuid::text]) AS name WHERE name IS NOT NULL ORDER BY 1
) AS buyer
"""
_COUNT = """
WITH locked AS (SELECT id FROM coupons WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE)
UPDATE coupons k SET redeemed = k.redeemed + 1 FROM locked
WHERE k.id = locked.id AND k.archived_at IS NULL AND (k.max_redemptions IS NULL OR k.redeemed < k.max_redemptions)
"""
_WRITE = f"""
INSERT INTO coupon_redemptions (order_id, coupon_id, status, user_id, email, amount, currency)
SELECT $1::uuid, k.id, 'held', $2::uuid, lower($3), used.amount, $4
FROM unnest($5::uuid[], $6::bigint[]) AS used (id, amount) JOIN coupons k ON k.id = used.id
WHERE (k.max_per_buyer IS NULL OR k.max_per_buyer > {_USES}) AND NOT (k.first_order_only AND {_EARLIER_ORDER})
"""  # noqa: S608
_RELEASE = """
WITH released AS (
    UPDATE coupon_redemptions SET status = 'released' WHERE order_id = $1 AND status = 'held' RETURNING coupon_id
), locked AS (
    SELECT k.id FROM coupons k JOIN released ON released.coupon_id = k.id ORDER BY k.id FOR NO KEY UPDATE OF k
)
UPDATE coupons k SET redeemed = k.redeemed - 1 FROM locked WHERE k.id = locked.id
"""
_GIVE_BACK = _RELEASE.replace("status = 'held'", "status <> 'released'")
_COMMIT = "UPDATE coupon_redemptions SET status = 'committed' WHERE order_id = $1 AND status = 'held'"
_TAKE_OFF = """
DELETE FROM cart_coupons WHERE cart_id = $1
AND coupon_id IN (SELECT coupon_id FROM coupon_redemptions WHERE order_id = $2)
"""
_DRIFT = """
SELECT k.code, k.redeemed, count(r.order_id)::int FROM coupons k
LEFT JOIN coupon_redemptions r ON r.coupon_id = k.id AND r.status <> 'released'
GROUP BY k.id HAVING k.redeemed <> count(r.order_id)
"""


async def for_buyer(
    writer: Writer, coupons: Sequence[Coupon], order: OrderId, user: UserId | None, email: str
) -> tuple[Coupon, ...]:
    """The coupons with what is known of the buyer: the account, or the e-mail address in any spelling of case."""
    asking = [coupon.id for coupon in coupons if coupon.asks_who_buys]
    if not asking:
        return tuple(coupons)
    rows = {row.id: row for row in await writer.exec_driver_sql(_BUYER, (order, user, email, asking))}
    return tuple(
        msgspec.structs.replace(coupon, used_by_buyer=rows[coupon.id].used, ordered_before=rows[coupon.id].ordered)
        if coupon.id in rows
        else coupon
        for coupon in coupons
    )


async def redeem(writer: Writer, order: Order, used: Sequence[Judged]) -> None:
    """Use coupons up for an order that is written already; late, because a coupon's buyers queue up behind this.

    Raises: Overtaken when a limit was reached since they were judged; the transaction must then be rolled back.
    """
    ids, amounts = [each.coupon.id for each in used], [each.discount.amount for each in used]
    if any(each.coupon.first_order_only for each in used):
        # Its buyer may be placing another first order with another coupon, which no coupon's lock would show.
        await writer.exec_driver_sql(_ONE_AT_A_TIME, (order.email, order.customer_id))
    if (await writer.exec_driver_sql(_COUNT, (ids,))).rowcount != len(ids):
        raise Overtaken
    # A statement of its own: it then sees what whoever held the lock before has written.
    written = (order.id, order.customer_id, order.email, order.totals.total.currency, ids, amounts)
    if (await writer.exec_driver_sql(_WRITE, written)).rowcount != len(ids):
        raise Overtaken


async def settle(writer: Writer, order: OrderId, end: HoldStatus) -> None:
    """Make an order's uses final (COMMITTED) or give them back (RELEASED); again: changes nothing."""
    await writer.exec_driver_sql(_RELEASE if end is HoldStatus.RELEASED else _COMMIT, (order,))


async def give_back(writer: Writer, order: OrderId) -> None:
    """Give back what an order used up that was paid and is cancelled; again: changes nothing."""
    await writer.exec_driver_sql(_GIVE_BACK, (order,))


async def take_off_cart(writer: Writer, cart: CartId, order: OrderId) -> None:
    """Take the coupons that an order used up off its cart; again: changes nothing."""
    await writer.exec_driver_sql(_TAKE_OFF, (cart, order))


async def drift(reader: Reader) -> list[Any]:
    """Coupons whose count is not the number of their uses: (code, redeemed, uses). Normally none."""
    return list(await reader.exec_driver_sql(_DRIFT))
