"""The cart that somebody filled before they signed in becomes part of their account's."""

from models.cart import MOST_LINES, merged
from models.coupon import MOST_COUPONS
from models.credit import MOST_GIFT_CARDS
from models.database import Writer
from models.ids import CartId, UserId, new_id
from models.tables.cart import NEXT_ATTEMPT

_FILLED = """
SELECT c.currency FROM carts c WHERE c.id = $1 AND c.user_id IS NULL AND (
    EXISTS (SELECT FROM cart_items WHERE cart_id = c.id) OR EXISTS (SELECT FROM cart_coupons WHERE cart_id = c.id)
    OR EXISTS (SELECT FROM cart_gift_cards WHERE cart_id = c.id)
)
"""
_LOCK = "UPDATE carts SET updated_at = now() WHERE id = $1"
_OPEN = f"""
INSERT INTO carts (id, currency, user_id, attempt) VALUES ($1, $2, $1, {NEXT_ATTEMPT})
ON CONFLICT (id) DO UPDATE SET updated_at = now()
"""  # noqa: S608
_STATE = """
SELECT source.currency, (SELECT count(*) FROM cart_items WHERE cart_id = $2) AS lines,
       EXISTS (SELECT FROM orders WHERE cart_id = source.id AND attempt = source.attempt) AS bought
FROM carts source WHERE source.id = $1
"""
_TURN = "UPDATE carts SET currency = $2 WHERE id = $1"
_LINES = """
SELECT item.variant_id, item.quantity, item.seen_price, price.price_now AS amount,
       source.currency = target.currency AS same,
       greatest(coalesce(stock.sellable, 0), 0) AS available,
       coalesce(own.quantity, 0) AS own, coalesce(ordered.quantity, 0) AS ordered
FROM cart_items item
JOIN carts source ON source.id = item.cart_id
JOIN carts target ON target.id = $2
LEFT JOIN cart_items own ON own.cart_id = target.id AND own.variant_id = item.variant_id
LEFT JOIN prices price ON price.variant_id = item.variant_id AND price.currency = target.currency
LEFT JOIN stock ON stock.variant_id = item.variant_id
LEFT JOIN (
    SELECT line.variant_id, sum(line.quantity) AS quantity
    FROM carts JOIN orders ON orders.cart_id = carts.id AND orders.attempt = carts.attempt
    JOIN order_lines line ON line.order_id = orders.id
    WHERE carts.id = $1 GROUP BY 1
) ordered ON ordered.variant_id = item.variant_id
WHERE item.cart_id = $1
ORDER BY item.added_at, item.id
"""
"""What there is, its price where it would go, and how much of it an open order of the cart has bought."""
_PUT = """
INSERT INTO cart_items (id, cart_id, variant_id, quantity, seen_price)
SELECT line.id, $1::uuid, line.variant_id, line.quantity, line.seen_price
FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::bigint[]) AS line (id, variant_id, quantity, seen_price)
ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity
"""
_LEAVE = """
WITH kept AS (SELECT * FROM unnest($2::uuid[], $3::int[]) AS line (variant_id, quantity)),
gone AS (DELETE FROM cart_items WHERE cart_id = $1 AND variant_id NOT IN (SELECT variant_id FROM kept))
UPDATE cart_items item SET quantity = kept.quantity FROM kept
WHERE item.cart_id = $1 AND item.variant_id = kept.variant_id
"""
_MOVE_COUPONS = """
WITH gone AS (DELETE FROM cart_coupons WHERE cart_id = $1 RETURNING coupon_id, added_at)
INSERT INTO cart_coupons (cart_id, coupon_id, added_at)
SELECT $2, gone.coupon_id, gone.added_at FROM gone JOIN coupons coming ON coming.id = gone.coupon_id
WHERE NOT EXISTS (
    SELECT FROM cart_coupons own JOIN coupons there ON there.id = own.coupon_id
    WHERE own.cart_id = $2 AND NOT (there.stackable AND coming.stackable)
)
ORDER BY gone.added_at LIMIT greatest($3 - (SELECT count(*) FROM cart_coupons WHERE cart_id = $2), 0)
ON CONFLICT DO NOTHING
"""
_MOVE_GIFT_CARDS = """
WITH gone AS (DELETE FROM cart_gift_cards WHERE cart_id = $1 RETURNING account_id, added_at)
INSERT INTO cart_gift_cards (cart_id, account_id, added_at)
SELECT $2, gone.account_id, gone.added_at FROM gone JOIN credit_accounts card ON card.id = gone.account_id
WHERE card.currency = (SELECT currency FROM carts WHERE id = $2)
ORDER BY gone.added_at LIMIT greatest($3 - (SELECT count(*) FROM cart_gift_cards WHERE cart_id = $2), 0)
ON CONFLICT DO NOTHING
"""


async def merge(writer: Writer, source: CartId, user: UserId) -> None:
    """Move what is in the anonymous cart `source` to the account's. Nothing is refused: what does not fit is left out.

    Quantities sum up as far as the stock goes. The account's cart keeps its currency while it has lines: what is not
    sold in that does not come along, nor do coupons that do not stack with its own. What an open order of `source` has
    bought stays there until that order is paid or over, and so do its coupons and gift cards. A cart of somebody's
    account is never moved.
    """
    target = CartId(user)
    currency = (await writer.exec_driver_sql(_FILLED, (source,))).scalar()
    if currency is None:
        return
    for cart in sorted((source, target)):  # in one order, so that two merges cannot wait for each other
        await writer.exec_driver_sql(*((_LOCK, (cart,)) if cart == source else (_OPEN, (cart, currency))))
    state = (await writer.exec_driver_sql(_STATE, (source, target))).one()
    if not state.lines:
        await writer.exec_driver_sql(_TURN, (target, state.currency))
    await _move_lines(writer, source, target, MOST_LINES - state.lines)
    if not state.bought:
        await writer.exec_driver_sql(_MOVE_COUPONS, (source, target, MOST_COUPONS))
        await writer.exec_driver_sql(_MOVE_GIFT_CARDS, (source, target, MOST_GIFT_CARDS))


async def _move_lines(writer: Writer, source: CartId, target: CartId, room: int) -> None:
    """At most `room` lines more than there are."""
    put, left = [], []
    for line in (await writer.exec_driver_sql(_LINES, (source, target))).all():
        staying = min(line.quantity, int(line.ordered))
        if staying:
            left.append((line.variant_id, staying))
        if staying == line.quantity or not (line.same or line.amount is not None):
            continue
        if not line.own:
            if room <= 0:
                continue
            room -= 1
        units = merged(line.own, line.quantity - staying, line.available)
        put.append((new_id(), line.variant_id, units, line.seen_price if line.same else line.amount))
    if put:
        await writer.exec_driver_sql(_PUT, (target, *(list(column) for column in zip(*put, strict=True))))
    await writer.exec_driver_sql(_LEAVE, (source, [variant for variant, _ in left], [units for _, units in left]))
