"""What becomes of an order's further money on our own rows: reserved, taken and booked, or let go."""

import msgspec
from temporalio import activity

from models.audit import Author
from models.charge import Charge, Taken
from models.database import Database
from models.ids import ChargeId, OrderId, PaymentId
from models.money import Money
from models.tables import charge as charges
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import outbox


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


class SettleCapture(msgspec.Struct, frozen=True):
    """So much was taken."""

    order_id: OrderId
    taken: Taken
    author: Author | None = None
    """Who of the staff asked for it."""
    reason: str | None = None


class NoteShortfall(msgspec.Struct, frozen=True):
    """The card that paid was not good for the rest."""

    order_id: OrderId
    n: int
    """Of the order's payments at the provider, which one it would have been."""
    amount: Money
    code: str | None


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
        charge = request.charge
        taken = Taken(charge.payment_id, charge.n, charge.id, request.amount, request.provider)
        async with self._database.writing() as writer:
            await charges.book(writer, request.order_id, taken)

    @activity.defn
    async def settle_capture(self, request: SettleCapture) -> None:
        """Book what was taken of an order that is taken at shipment, without a parcel that would book it.

        Changes: payment, charge, ledger of money, timeline, audit log; with the last of it the payment is paid.
        Again: it is booked once, and the rest with it.
        Undo: none; a refund is a process of its own.
        """
        async with self._database.writing() as writer:
            if await charges.book(writer, request.order_id, request.taken):
                after = {"captured": request.taken.amount}
                await desk.write_down(
                    writer, request.order_id, request.author, "order.capture", None, after, request.reason
                )

    @activity.defn
    async def note_shortfall(self, request: NoteShortfall) -> None:
        """Write down that the rest could not be reserved, and write to the buyer, whose card it is.

        Changes: timeline, outbox.
        Again: the fact is written once, and the letter with it.
        Undo: nothing, it is history.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            await orders.tell(
                writer, order, f"charge/{request.n}/declined", "charge_declined", "provider",
                amount=request.amount, code=request.code,
            )  # fmt: skip
            words = {"amount": request.amount}
            await outbox.write_letter(writer, "rest_declined", order, str(request.n), words)

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
