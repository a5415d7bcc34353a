"""Builders: coupons of a shop, and how often each is used."""

from typing import Any

import sqlalchemy as sa

from models import clock
from models.database import Database, Writer
from models.ids import CartId, CouponId, new_id
from models.tables import cart_coupon as cart_coupons
from models.tables.coupon import coupons


async def coupon(writer: Writer, code: str, **terms: Any) -> CouponId:
    """A coupon that has begun; 10 % off everything unless said otherwise."""
    made = CouponId(new_id())
    kind: dict[str, Any] = {"kind": "fixed"} if "amounts" in terms else {"kind": "percentage", "ppm": 100_000}
    values = {"id": made, "code": code, "description": f"The coupon {code}", **kind, **terms}
    await writer.execute(sa.insert(coupons).values(**values))
    return made


async def change(database: Database, code: str, **terms: Any) -> None:
    """Staff change a coupon's terms."""
    async with database.writing() as writer:
        await writer.execute(sa.update(coupons).where(coupons.c.code == code).values(**terms))


async def redeemed(database: Database, code: str) -> int:
    """By how many orders it is used."""
    rows = await database.fetch("SELECT redeemed FROM coupons WHERE code = $1", code)
    return int(rows[0]["redeemed"])


async def on_cart(database: Database, cart: CartId, *codes: str) -> None:
    """A buyer types these codes."""
    async with database.writing() as writer:
        for code in codes:
            await cart_coupons.add(writer, cart, code, clock.now())
