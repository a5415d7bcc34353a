"""Builders: vendors who sell, who acts for them, and orders as rows that are divided between them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from models.commission import Terms
from models.database import Database, Writer
from models.ids import OrderId, PaymentId, UserId, VariantId, VendorId
from models.money import Money
from models.order import OrderStatus
from models.roles import Role
from models.tables import commission
from models.tables import payment as payments
from models.tables import payout_ledger as ledger
from models.tables import vendor_member as members
from models.tables import vendor_part as vendor_parts
from models.tables.catalog import products, variants
from tests import goods, people
from tests.models.tables.shelf import Shelf


class Seller(NamedTuple):
    """A vendor, and somebody who acts for it."""

    id: VendorId
    slug: str
    user: UserId


async def seller(writer: Writer, slug: str, *owned: VariantId, terms: Terms | None = None) -> Seller:
    """A vendor who sells these; with terms of its own, or none."""
    id = VendorId(await goods.vendor(writer, slug))
    user = await people.account(writer, Role.CUSTOMER)
    await members.add(writer, id, user)
    await give(writer, id, *owned)
    if terms is not None:
        await commission.insert(writer, id, None, "usd", terms.ppm, terms.fixed)
    return Seller(id, slug, user)


async def give(writer: Writer, vendor: UUID | None, *owned: VariantId) -> None:
    """From now on these are this vendor's; None: the shop's."""
    theirs = sa.select(variants.c.product_id).where(variants.c.id.in_(owned))
    await writer.execute(sa.update(products).where(products.c.id.in_(theirs)).values(vendor_id=vendor))


async def sold(shelf: Shelf, wanted: Mapping[VariantId, int], captured: int | None = None, **changes: Any) -> OrderId:
    """An order that is confirmed, of which so much was taken (all of it unless said), divided between its vendors."""
    order, payment = await shelf.order(wanted, **{"status": OrderStatus.CONFIRMED, **changes})
    total = 1000 * sum(wanted.values())
    amount = total if captured is None else captured
    async with shelf.database.writing() as writer:
        if amount:
            await take(writer, order, payment, amount)
        await divide(writer, order)
    return order


async def take(writer: Writer, order: OrderId, payment: PaymentId, amount: int, n: int = 1) -> None:
    """So much is taken by the provider, and booked."""
    await writer.execute(
        sa.update(payments.payments).where(payments.payments.c.id == payment)
        .values(captured=payments.payments.c.captured + amount, status="paid")
    )  # fmt: skip
    money = Money(amount, "usd")
    await payments.book(writer, order, f"capture/{payment}/{n}", {"provider:stripe": money, "sales": -money})


async def divide(writer: Writer, *found: OrderId, cause: str = "test") -> list[bool]:
    """As the follower does: who sold what is frozen, and the books say what they should."""
    await vendor_parts.freeze(writer, found)
    return [await ledger.keep(writer, each, cause) for each in await vendor_parts.divided(writer, found)]


async def said(database: Database, *order: OrderId) -> dict[str, int]:
    """What the payout ledger says, of these orders or of everything, by account and vendor."""
    rows = await database.fetch(
        "SELECT e.account || coalesce('/' || v.slug, '') AS name, sum(e.amount)::bigint AS sum FROM payout_entries e "
        "LEFT JOIN vendors v ON v.id = e.vendor_id WHERE $1::uuid[] IS NULL OR e.order_id = ANY ($1) "
        "GROUP BY 1 HAVING sum(e.amount) <> 0", list(order) or None,
    )  # fmt: skip
    return {row["name"]: row["sum"] for row in rows}


async def number_of(database: Database, order: OrderId) -> str:
    """As people call it."""
    [row] = await database.fetch("SELECT number FROM orders WHERE id = $1", order)
    found: str = row["number"]
    return found


async def line_ids(database: Database, order: OrderId) -> Sequence[UUID]:
    """Of its positions, in their order."""
    rows = await database.fetch("SELECT id FROM order_lines WHERE order_id = $1 ORDER BY position", order)
    return [row["id"] for row in rows]
