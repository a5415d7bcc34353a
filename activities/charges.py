"""What becomes of an order's further money on our own rows: reserved, taken and booked, or let go."""

import msgspec
from temporalio import activity

from models.charge import Charge
from models.database import Database
from models.ids import ChargeId, OrderId, PaymentId
from models.money import Money
from models.tables import charge as charges
from models.tables import order as orders
from models.tables import payment as payments


class RecordCharge(msgspec.Struct, frozen=True):
    """More is reserved for an order."""

    order_id: OrderId
    charge: Charge


class SettleCharge(msgspec.Struct, frozen=True):
    """Of what was reserved so much is taken; the rest is the buyer's again."""

    order_id: OrderId
    charge: Charge
    provider: str
    amount: Money


class DropCharge(msgspec.Struct, frozen=True):
    """What was reserved is let go."""

    order_id: OrderId
    charge_id: ChargeId
    payment_id: PaymentId


class ChargeActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def record_charge(self, request: RecordCharge) -> None:
        """Write down that more is reserved, before anything is done with it.

        Changes: charges, timeline.
        Again: the charge is written once, and the fact with it.
        Undo: `drop_charge`.
        """
        order, charge = request.order_id, request.charge
        async with self._database.writing() as writer:
            await charges.record(writer, charge)
            await orders.tell(
                writer, order, f"charge/{charge.n}", "charge_authorized", "provider",
                amount=charge.amount, purpose=charge.purpose,
            )  # fmt: skip

    @activity.defn
    async def settle_charge(self, request: SettleCharge) -> None:
        """Write down that it was taken, and book it.

        Changes: charge, payment, ledger of money, timeline.
        Again: the move is made once, and the rest with it.
        Undo: none; a refund is a process of its own.
        """
        order, charge, amount = request.order_id, request.charge, request.amount
        async with self._database.writing() as writer:
            await charges.lock(writer, charge.payment_id)
            if await charges.take(writer, charge.id, amount):
                entries = {f"provider:{request.provider}": amount, "sales": -amount}
                await payments.book(writer, order, f"capture/{charge.payment_id}/{charge.n}", entries)
                await orders.tell(
                    writer, order, f"captured/{charge.n}", "payment_captured", "provider", amount=amount
                )  # fmt: skip

    @activity.defn
    async def drop_charge(self, request: DropCharge) -> None:
        """Write down that what was reserved is the buyer's again.

        Changes: charge.
        Again: the move is made once.
        Undo: nothing, final.
        """
        async with self._database.writing() as writer:
            await charges.lock(writer, request.payment_id)
            await charges.let_go(writer, request.charge_id)
