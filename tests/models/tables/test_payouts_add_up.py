"""Orders, refunds, edits, disputes and payouts as chance has them: after each step every cent is somebody's."""

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from models.commission import Terms
from models.database import Writer
from models.dispute import DisputeStatus, ProviderDispute
from models.errors import Refusal
from models.ids import OrderId, PaymentId, VariantId, new_id
from models.money import Money
from models.order import OrderLine, OrderStatus
from models.refund import Refund, RefundedItem, RefundWish
from models.tables import dispute as disputes
from models.tables import order as orders
from models.tables import payment as payments
from models.tables import payout as payouts
from models.tables import payout_ledger as ledger
from models.tables import refund as refunds
from models.tables import refund_end
from models.totals import Totals
from models.vendor import Payout
from tests import sellers, shop
from tests.models.tables.shelf import Shelf
from tests.sellers import Seller

STEPS = 60
_SUMS = """
SELECT currency, account, sum(amount)::bigint AS sum FROM payout_entries GROUP BY 1, 2
"""
_MONEY = """
SELECT m.currency, -sum(m.amount) FILTER (WHERE m.operation LIKE 'capture/%')::bigint AS captured,
       coalesce(sum(m.amount) FILTER (WHERE m.operation NOT LIKE 'capture/%'), 0)::bigint AS refunded
FROM money_entries m WHERE m.account = 'sales' AND m.order_id IN (SELECT order_id FROM vendor_parts) GROUP BY 1
"""
_EDITABLE = """
SELECT l.*, o.tax_included FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE l.order_id = $1 AND l.quantity > 1 AND l.shipped = 0
AND NOT EXISTS (SELECT FROM refund_lines x WHERE x.order_line_id = l.id) ORDER BY l.position LIMIT 1
"""
_SENT = "SELECT vendor_id, currency, sum(amount)::bigint FROM payouts WHERE status <> 'failed' GROUP BY 1, 2"
_PAID = "SELECT vendor_id, currency, sum(amount)::bigint FROM payout_entries WHERE account = 'paid' GROUP BY 1, 2"


class Chance:
    """A market in which anything happens that can."""

    def __init__(self, seed: int, shelf: Shelf, goods: list[VariantId], all_sellers: list[Seller]) -> None:
        self.random = random.Random(seed)
        self.shelf, self.goods, self.sellers = shelf, goods, all_sellers
        self.orders: list[OrderId] = []
        self.sent: list[Refund] = []
        self.open: list[Payout] = []
        self.day = date(2026, 1, 1)
        self.done: dict[str, int] = {}

    async def step(self) -> None:
        """One thing, and the books after it; what is refused did not happen."""
        does = self.random.choice([
            self.sell, self.sell, self.take, self.ship, self.refund, self.refund, self.fail_late, self.edit,
            self.dispute, self.pay, self.end_payout,
        ])  # fmt: skip
        try:
            async with self.shelf.database.writing() as writer:
                order = await does(writer)
                if order is not None:
                    await sellers.divide(writer, order, cause=does.__name__)
            self.done[does.__name__] = self.done.get(does.__name__, 0) + 1
        except Refusal as refusal:
            self.done[refusal.code] = self.done.get(refusal.code, 0) + 1

    def some(self) -> OrderId | None:
        """Any order."""
        return self.random.choice(self.orders) if self.orders else None

    async def sell(self, writer: Writer) -> OrderId:
        """An order of one to three things, with discounts, taxes and shipping as they come."""
        dice, kind = self.random, self.random.choice(["usd", "eur"])
        included, lines = dice.random() < 0.5, []
        for place, variant in enumerate(dice.sample(self.goods, dice.randint(1, 3))):
            units, price = dice.randint(1, 4), dice.randint(1, 5000)
            discount = dice.choice([0, 0, dice.randint(0, units * price)])
            tax = dice.randint(0, (units * price - discount) // 5)
            lines.append(
                OrderLine(variant, f"S{place}", "Thing", units, Money(price, kind), Money(units * price, kind),
                          Money(tax, kind), Money(discount, kind))
            )  # fmt: skip
        subtotal, off = sum(line.line_total.amount for line in lines), sum(line.discount.amount for line in lines)
        tax, shipping = sum(line.tax.amount for line in lines), dice.choice([0, 499])
        total = subtotal - off + shipping + (0 if included else tax)
        subtotals = [Money(each, kind) for each in (subtotal, off, shipping, tax, total)]
        sums = Totals(subtotals[0], subtotals[1], subtotals[2], subtotals[3], subtotals[4], included)
        order = self.shelf.row({}, lines=tuple(lines), totals=sums, status=OrderStatus.CONFIRMED)
        await orders.insert(writer, order)
        payment = PaymentId(new_id())
        await payments.open_payment(writer, payment, order.id, Money(max(total, 1), kind), "stripe")
        await payments.note(writer, payment, reference=f"pi_{payment.hex}", status="paid")
        self.orders.append(order.id)
        if dice.random() < 0.7:
            await self._take(writer, order.id, total)
        return order.id

    async def take(self, writer: Writer) -> OrderId | None:
        """Some of what is still to be taken."""
        order = self.some()
        if order is not None:
            await self._take(writer, order, self.random.randint(1, 4000))
        return order

    async def _take(self, writer: Writer, order: OrderId, most: int) -> None:
        row = (await writer.exec_driver_sql(
            "SELECT p.id, p.amount - p.captured AS left, p.currency FROM payments p WHERE order_id = $1", (order,)
        )).one()  # fmt: skip
        amount = min(most, row.left)
        if amount:
            await writer.exec_driver_sql("UPDATE payments SET captured = captured + $2 WHERE id = $1", (row.id, amount))
            money = Money(amount, row.currency)
            entries = {"provider:stripe": money, "sales": -money}
            await payments.book(writer, order, f"capture/{row.id}/{new_id()}", entries)

    async def ship(self, writer: Writer) -> OrderId | None:
        """Some units leave."""
        order = self.some()
        if order is not None:
            await writer.exec_driver_sql(
                "UPDATE order_lines SET shipped = least(quantity, shipped + $2::int) "
                "WHERE order_id = $1 AND position = $3",
                (order, self.random.randint(1, 3), self.random.randint(0, 2)),
            )  # fmt: skip
        return order

    async def refund(self, writer: Writer) -> OrderId | None:
        """Of items with a fee or without, of shipping, of an amount, of everything: it arrives, or fails."""
        order, dice = self.some(), self.random
        if order is None:
            return None
        [kind] = (await writer.exec_driver_sql("SELECT currency FROM orders WHERE id = $1", (order,))).scalars()
        wish: dict[str, Any] = dice.choice([
            {}, {"amount": Money(dice.randint(1, 3000), kind)}, {"shipping": True},
            {"items": (RefundedItem(f"S{dice.randint(0, 2)}", dice.randint(1, 3)),), "up_to": True},
            {"items": (RefundedItem("S0", 1),), "fee": Money(dice.randint(0, 50), kind), "up_to": True},
            {"items": (RefundedItem("S0", 1), RefundedItem("S1", 1)), "shipping": True, "up_to": True},
        ])  # fmt: skip
        made = await refunds.open(writer, order, RefundWish(new_id().hex, "chance", "staff", **wish))
        if dice.random() < 0.8:
            await refund_end.succeed(writer, made, f"re_{made.id}")
            self.sent.append(made)
        else:
            await refund_end.fail(writer, made, None, "no")
        return order

    async def fail_late(self, writer: Writer) -> OrderId | None:
        """A bank sends a refund back."""
        if not self.sent:
            return None
        back = self.sent.pop(self.random.randrange(len(self.sent)))
        await refund_end.come_back(writer, back, "closed account")
        return back.order_id

    async def edit(self, writer: Writer) -> OrderId | None:
        """A position that nothing has left of, and no refund has named, becomes one unit; the rest goes back."""
        order = self.some()
        if order is None:
            return None
        line = (await writer.exec_driver_sql(_EDITABLE, (order,))).one_or_none()
        if line is None:
            return None
        discount, tax = line.discount // line.quantity, line.tax // line.quantity
        less = (line.line_total - line.unit_price, line.discount - discount, line.tax - tax)
        gone = less[0] - less[1] + (0 if line.tax_included else less[2])
        await writer.exec_driver_sql(
            "UPDATE order_lines SET quantity = 1, line_total = unit_price, discount = $2, tax = $3 WHERE id = $1",
            (line.id, discount, tax),
        )
        await writer.exec_driver_sql(
            "UPDATE orders SET subtotal = subtotal - $2, discount = discount - $3, tax = tax - $4, total = total - $5 "
            "WHERE id = $1", (order, *less, gone),
        )  # fmt: skip
        [kind] = (await writer.exec_driver_sql("SELECT currency FROM orders WHERE id = $1", (order,))).scalars()
        if gone:
            made = await refunds.open(
                writer, order, RefundWish(new_id().hex, "edit", "order", amount=Money(gone, kind))
            )  # fmt: skip
            await refund_end.succeed(writer, made, f"re_{made.id}")
        return order

    async def dispute(self, writer: Writer) -> OrderId | None:
        """A buyer goes to the bank, and wins or loses."""
        order, dice = self.some(), self.random
        if order is None:
            return None
        row = (await writer.exec_driver_sql("SELECT * FROM payments WHERE order_id = $1", (order,))).one()
        amount, fee, status = dice.randint(0, row.captured), 1500, dice.choice(list(DisputeStatus))
        won = status is DisputeStatus.WON
        taken, charged, back, fee_back = [
            Money(each, row.currency) for each in (amount, fee, amount if won else 0, fee if won else 0)
        ]
        seen = ProviderDispute(
            f"dp_{row.id.hex}", row.reference, status, "fraudulent", taken, taken, charged, back, fee_back
        )  # fmt: skip
        known = (await writer.exec_driver_sql("SELECT 1 FROM disputes WHERE payment_id = $1", (row.id,))).scalar()
        if known is None:
            await disputes.record(writer, "stripe", seen)
        return order

    async def pay(self, writer: Writer) -> None:
        """A day later, whoever is owed something is paid."""
        self.day += timedelta(days=1)
        for vendor, owed in await payouts.due(writer):
            made = await payouts.fix(writer, vendor, owed.currency, self.day, self.random.choice([0, 500]))
            if made is not None:
                self.open.append(made)

    async def end_payout(self, writer: Writer) -> None:
        """The provider says yes or no, maybe twice."""
        if self.open:
            payout = self.random.choice(self.open)
            if self.random.random() < 0.5:
                await payouts.paid(writer, payout, f"tr_{payout.id}")
            else:
                await payouts.failed(writer, payout, "no")

    async def check(self) -> None:
        """Whatever happened: every cent that was taken of divided orders is somebody's, and the ledgers agree."""
        database = self.shelf.database
        found: dict[str, dict[str, int]] = {}
        for row in await database.fetch(_SUMS):
            found.setdefault(row["currency"], {})[row["account"]] = row["sum"]
        money = {row["currency"]: (row["captured"] or 0, row["refunded"]) for row in await database.fetch(_MONEY)}
        for kind, sums in found.items():
            gone = sums.get("refunded", 0) + sums.get("disputed", 0)
            vendors = sums.get("vendor", 0) + sums.get("paid", 0)
            captured = -sums.get("captured", 0)
            assert sums.get("commission", 0) + vendors + sums.get("shop", 0) + gone == captured
            assert (captured, sums.get("refunded", 0)) == money[kind]
            assert vendors >= 0 <= sums.get("commission", 0)
        sent = {tuple(row)[:2]: row[2] for row in await database.fetch(_SENT)}
        paid = {tuple(row)[:2]: row[2] for row in await database.fetch(_PAID)}
        assert sent == {key: amount for key, amount in paid.items() if amount}
        async with database.reading() as reader:
            assert await ledger.differing(reader, UUID(int=0), 100) == []


@pytest.mark.parametrize("seed", range(8))
async def test_every_cent_is_somebody_s_whatever_happens(shelf: Shelf, seed: int) -> None:
    """Given sixty things that happen by chance, then after each of them the sums are right, per currency."""
    async with shelf.database.writing() as writer:
        goods = [
            shelf.mug,
            shelf.cup,
            await shop.stock_product(writer, "POT", 9),
            await shop.stock_product(writer, "JUG", 9),
        ]
        anna = await sellers.seller(writer, "anna", *goods[:2], terms=Terms(123_456, 7))
        ben = await sellers.seller(writer, "ben", goods[2], terms=Terms(50_000))
        await writer.exec_driver_sql("UPDATE vendors SET payout_account = 'acct_' || slug")
    market = Chance(seed, shelf, goods, [anna, ben])
    for _ in range(STEPS):
        await market.step()
        await market.check()
    assert market.done.get("sell", 0) > 3
    entries = await shelf.ask("SELECT count(*) FROM payout_entries")
    async with shelf.database.writing() as writer:
        await sellers.divide(writer, *market.orders)
    assert await shelf.ask("SELECT count(*) FROM payout_entries") == entries
