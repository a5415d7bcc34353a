"""Coupons on a cart: put on when they take something off it, taken off again, each change under the cart's lock."""

from datetime import datetime

from models.cart import Cart
from models.coupon import MOST_COUPONS, code_of, unknown
from models.database import Writer
from models.errors import Refusal
from models.ids import CartId
from models.tables import cart as carts

_FIND = "SELECT id FROM coupons WHERE code = $1"
_PUT = "INSERT INTO cart_coupons (cart_id, coupon_id, added_at) VALUES ($1, $2, clock_timestamp())"
_TAKE_OFF = """
DELETE FROM cart_coupons x USING coupons k
WHERE x.cart_id = $1 AND k.id = x.coupon_id AND ($2::text IS NULL OR k.code = $2)
"""


async def add(writer: Writer, cart: CartId, typed: str, now: datetime) -> Cart:
    """Put the coupon that is called `typed` on the cart, if it counts there; again: changes nothing.

    Raises: Refusal `coupon_unknown`, `cart_empty`, `cart_full`, or why the coupon does not count for this cart.
    """
    code = code_of(typed)
    coupon = (await writer.exec_driver_sql(_FIND, (code,))).scalar() if code else None
    if coupon is None:
        raise unknown(typed)
    held = await carts.lock(writer, cart)
    if held is None or not held.lines:
        raise Refusal("cart_empty", "There is nothing in this cart.")
    if any(each.id == coupon for each in held.coupons):
        return held
    if len(held.coupons) >= MOST_COUPONS:
        raise Refusal("cart_full", f"A cart holds at most {MOST_COUPONS} coupons.", most=MOST_COUPONS)
    await carts.touch(writer, cart)
    await writer.exec_driver_sql(_PUT, (cart, coupon))
    found = await carts.lock(writer, cart)
    assert found is not None
    if (why := found.discounts(now).of(coupon).refusal) is not None:
        raise why
    return found


async def remove(writer: Writer, cart: CartId, typed: str | None) -> Cart | None:
    """Take the coupon that is called `typed`, or (None) every coupon, off the cart; again: changes nothing."""
    held = await carts.lock(writer, cart)
    code = code_of(typed) if typed is not None else None
    if held is None or (typed is not None and code is None):
        return held
    if (await writer.exec_driver_sql(_TAKE_OFF, (cart, code))).rowcount == 0:
        return held
    await carts.touch(writer, cart)
    return await carts.lock(writer, cart)
