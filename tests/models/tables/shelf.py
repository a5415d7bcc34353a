"""What the tests of the tables say over and over: a shelf, an order as a row, a question to Postgres."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from models import clock
from models.cart import Cart
from models.database import Database, fetching
from models.ids import CartId, OrderId, PaymentId, VariantId, new_id
from models.money import Money
from models.order import FulfilmentStatus, Order, OrderLine, OrderStatus, Shipping
from models.payment import PaymentStatus
from models.tables import cart as carts
from models.tables import order as orders
from models.tables import payment as payments
from models.totals import Totals
from tests import shop


class Shelf:
    """A database with two products in it."""

    def __init__(self, database: Database, mug: VariantId, cup: VariantId) -> None:
        self.database = database
        self.mug = mug
        self.cup = cup

    async def put(
        self, cart: CartId, sku: str = "MUG", quantity: int = 1, currency: str | None = None, default: str = "usd"
    ) -> None:
        """Put something into a cart, in a transaction of its own."""
        async with self.database.writing() as writer:
            await carts.add(fetching(writer), cart, sku, quantity, currency, default)

    async def cart(self, cart: CartId) -> Cart:
        """The cart as it is now; there is one."""
        found = await carts.read(self.database, cart)
        assert found is not None
        return found

    async def quantities(self, cart: CartId) -> dict[str, int]:
        """Units by SKU."""
        return {line.sku: line.quantity for line in (await self.cart(cart)).lines}

    async def order(self, wanted: Mapping[VariantId, int] | None = None, **changes: Any) -> tuple[OrderId, PaymentId]:
        """An order and its payment as checkout writes them, of one mug unless said otherwise."""
        order, payment = self.row(wanted or {self.mug: 1}, **changes), PaymentId(new_id())
        async with self.database.writing() as writer:
            await orders.insert(writer, order)
            await payments.open_payment(writer, payment, order.id, order.totals.total, "stripe")
        return order.id, payment

    def row(self, wanted: Mapping[VariantId, int], **changes: Any) -> Order:
        """An order at 10.00 usd a unit, without shipping or tax."""
        total, zero = Money(1000 * sum(wanted.values()), "usd"), Money(0, "usd")
        cart, now = CartId(new_id()), clock.now()
        values: dict[str, Any] = {
            "id": OrderId(new_id()), "number": f"HF-{new_id().hex[-10:]}", "workflow_id": f"order/{cart}/1",
            "cart_id": cart, "attempt": 1, "customer_id": None, "email": "ada@example.com",
            "status": OrderStatus.PENDING, "payment_status": PaymentStatus.PENDING,
            "fulfilment_status": FulfilmentStatus.UNFULFILLED,
            "totals": Totals(total, zero, zero, zero, total), "shipping": Shipping("standard", "Standard", "2-4 days"),
            "shipping_address": shop.NEW_YORK, "billing_address": shop.BERLIN,
            "lines": tuple(
                OrderLine(variant, f"SKU-{place}", "Thing", quantity, Money(1000, "usd"),
                          Money(1000 * quantity, "usd"), zero, zero)
                for place, (variant, quantity) in enumerate(wanted.items())
            ),
            "placed_at": now, "pay_until": now + timedelta(minutes=30),
        }  # fmt: skip
        return Order(**{**values, **changes})

    async def ask(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows as they stand in Postgres."""
        return [tuple(row) for row in await self.database.fetch(sql, *arguments)]

    async def tell(self, sql: str, **arguments: object) -> None:
        """A statement of nobody's code, as somebody with a console would send it."""
        async with self.database.writing() as writer:
            await writer.execute(sa.text(sql), arguments)
