"""Checkout without a workflow: place an order, and see every row of the house before and after a step."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.checkout import CheckoutActivities, OrderPlaced, PlaceOrder, PlacingOutcome
from activities.orders import OrderActivities
from activities.shipments import ShipmentActivities
from models.database import Database, fetching
from models.ids import CartId, VariantId
from models.money import Money
from models.tables import cart as carts
from models.tables.base import metadata
from tests import shop

MUG_TO_NEW_YORK = 1000 + 500 + 100
"""One mug, shipping, 10 % tax on the mug: minor units of usd."""

Rows = dict[str, list[str]]


class Till:
    """Activities on a database, and what they left there."""

    def __init__(self, database: Database, mug: VariantId, cup: VariantId) -> None:
        self.database = database
        self.mug = mug
        self.cup = cup
        self.checkout = CheckoutActivities(database, timedelta(minutes=30))
        self.orders = OrderActivities(database)
        self.shipments = ShipmentActivities(database)

    async def cart(self, wanted: Mapping[str, int] | None = None, currency: str = "usd") -> CartId:
        """A cart, of one mug unless said otherwise."""
        return await shop.fill_cart(self.database, wanted or {"MUG": 1}, currency)

    async def put(self, cart: CartId, sku: str, quantity: int) -> None:
        """Something more for a cart."""
        async with self.database.writing() as writer:
            await carts.add(fetching(writer), cart, sku, quantity, None, "usd")

    async def try_to_place(
        self, cart: CartId, amount: int = MUG_TO_NEW_YORK, currency: str = "usd", **changes: Any
    ) -> PlacingOutcome:
        """What `place_order` answers."""
        request = PlaceOrder(shop.purchase(cart, Money(amount, currency), **changes))
        outcome: PlacingOutcome = await ActivityEnvironment().run(self.checkout.place_order, request)
        return outcome

    async def placed(self, cart: CartId, amount: int = MUG_TO_NEW_YORK, **changes: Any) -> OrderPlaced:
        """An order of the cart; there is no reason to refuse it."""
        outcome = await self.try_to_place(cart, amount, **changes)
        assert outcome.placed is not None, outcome.refusal
        return outcome.placed

    async def rows(self, *tables: str) -> Rows:
        """Every row of these tables, or of the whole house, as Postgres writes it."""
        found: Rows = {}
        for name in tables or sorted(metadata.tables):
            rows = await self.database.fetch(f"SELECT t::text AS row FROM {name} t ORDER BY 1")
            found[name] = [row["row"] for row in rows]
        return found

    async def twice(self, step: Callable[[Any], Awaitable[Any]], request: Any) -> Rows:
        """Run a step, then again, and see that the second time changed no row in the whole house."""
        await ActivityEnvironment().run(step, request)
        once = await self.rows()
        await ActivityEnvironment().run(step, request)
        assert await self.rows() == once
        return once

    async def ask(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows as they stand."""
        return [tuple(row) for row in await self.database.fetch(sql, *arguments)]

    async def told(self) -> list[str]:
        """What the timeline of all orders says, oldest first."""
        return [kind for (kind,) in await self.ask("SELECT type FROM order_events ORDER BY id")]

    async def letters(self) -> list[str]:
        """Letters waiting in the outbox."""
        return [name for (name,) in await self.ask("SELECT payload ->> 'template' FROM outbox ORDER BY id")]
