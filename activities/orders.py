"""What becomes of an order after it is placed: each step one transaction on our rows, harmless when repeated."""

import msgspec
from temporalio import activity

from models.audit import Author
from models.database import Database
from models.ids import CartId, OrderId, PaymentId, UserId
from models.inventory import HoldStatus
from models.money import Money, total
from models.order import UNSETTLED, OrderStatus
from models.payment import PaymentStatus, ProviderPayment, Standing
from models.tables import attention, inventory, outbox, securing
from models.tables import backorder as backorders
from models.tables import cart as carts
from models.tables import credit as credits
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import payment as payments
from models.tables import payment_method as wallets
from models.tables import redemption as redemptions


class RecordAttempt(msgspec.Struct, frozen=True):
    """What came of the buyer's `attempt`-th try to pay."""

    order_id: OrderId
    payment_id: PaymentId
    attempt: int
    payment: ProviderPayment


class SecureOrder(msgspec.Struct, frozen=True):
    """The money is authorized: from here on the order only goes forward."""

    order_id: OrderId
    payment_id: PaymentId
    cart_id: CartId
    attempt: int
    payment: ProviderPayment
    buyer: UserId | None = None
    """Whose card is kept, when the payment says that one is."""
    credit: Money | None = None
    """What gift cards and store credit pay; None: nothing."""
    coupons: bool = False
    """Whether it used any up."""


class ConfirmOrder(msgspec.Struct, frozen=True):
    """The money is captured, or is sure to be when the goods leave."""

    order_id: OrderId
    payment_id: PaymentId
    provider: str
    amount: Money
    """By the provider; nothing: it was not asked."""
    credit: Money | None = None
    """Paid by gift cards and store credit besides."""
    coupons: bool = False
    """Whether it used any up."""
    waits: bool = False
    """Whether some of its goods have still to come in."""
    reserved: bool = False
    """The provider's part is only reserved: it is taken when the goods leave."""


class CancelOrder(msgspec.Struct, frozen=True):
    """The order ends without a sale."""

    order_id: OrderId
    payment_id: PaymentId
    cart_id: CartId
    attempt: int
    reason: str
    actor: str
    credit: Money | None = None
    """What gift cards and store credit would have paid."""
    coupons: bool = False
    """Whether it used any up."""
    author: Author | None = None
    """Who of the staff asked for it."""
    held: bool = False
    """Whether it was held for a person, so that what was bought has left the cart."""
    waits: bool = False
    """Whether some of its goods have still to come in."""


class FlagOrder(msgspec.Struct, frozen=True):
    """Ask for a person's attention, or (`attention` None) say that it is no longer needed."""

    order_id: OrderId
    fact: str
    attention: str | None
    actor: str = "order"


class RecordCommand(msgspec.Struct, frozen=True):
    """One of the staff asked for something that changes no row of its own; `fact` names it."""

    order_id: OrderId
    fact: str
    type: str
    author: Author
    reason: str


class OrderActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def record_payment_attempt(self, request: RecordAttempt) -> None:
        """Write down a declined or unfinished payment, so that buyer and support see where it stands.

        Changes: payment, timeline, notification, and a letter when the first card is declined.
        Again: the move and the fact are written once.
        Undo: nothing, it is history.
        """
        seen = request.payment
        async with self._database.writing() as writer:
            declined = seen.standing is Standing.DECLINED
            known = {
                "reference": seen.reference, "client_secret": seen.client_secret, "redirect_url": seen.redirect_url,
                "error": seen.code,
            }  # fmt: skip
            to = PaymentStatus.FAILED if declined else PaymentStatus.PENDING
            if not await payments.move(writer, request.payment_id, to, **known):
                await payments.note(writer, request.payment_id, **known)
            await orders.tell(
                writer, request.order_id, f"attempt/{request.attempt}/{seen.standing}", f"payment_{seen.standing}",
                "provider", code=seen.code, detail=seen.detail,
            )  # fmt: skip
            if declined:
                await outbox.write_letter(writer, "payment_failed", request.order_id)

    @activity.defn
    async def secure_order(self, request: SecureOrder) -> None:
        """Write down that the money is authorized, and take what was bought out of the cart.

        Changes: payment, cart with its gift cards and coupons, timeline; the buyer's kept cards, when this one is.
        Again: the move is made once, the cart has moved on to its next attempt, a kept card is kept once.
        Undo: none, this is the point of no return.
        """
        seen = request.payment
        async with self._database.writing() as writer:
            if seen.kept is not None and request.buyer is not None:
                await wallets.keep(writer, request.buyer, seen.kept)
            await securing.secure(
                writer, request.order_id, request.payment_id, request.cart_id, request.attempt, seen,
                credit=request.credit is not None, coupons=request.coupons,
            )  # fmt: skip

    @activity.defn
    async def confirm_order(self, request: ConfirmOrder) -> None:
        """Promise the order to the buyer: its stock is kept for it, money booked, letter written.

        Changes: order, payment, holds, credit, coupons, their ledgers, timeline, notification, outbox.
        Again: the move is made once, and all else with it.
        Undo: none; a refund is a process of its own.
        """
        order, payment, amount = request.order_id, request.payment_id, request.amount
        paid: dict[str, Money] = {}
        facts: list[orders.Fact] = []
        async with self._database.writing() as writer:
            if not await orders.move(writer, order, OrderStatus.CONFIRMED):
                return
            if not request.reserved:
                await payments.move(writer, payment, PaymentStatus.PAID, captured=amount.amount)
            if request.credit:
                paid |= await credits.commit(writer, order)
                facts.append(orders.Fact("credit", "credit_spent", "order", {"amount": request.credit}))
            if amount.amount and not request.reserved:
                paid[f"provider:{request.provider}"] = amount
                facts.append(orders.Fact("captured", "payment_captured", "provider", {"amount": amount}))
            if paid:
                sales = -total(list(paid.values()), amount.currency)
                await payments.book(writer, order, f"capture/{payment}", {**paid, "sales": sales})
            await orders.tell_all(writer, order, *facts, orders.Fact("confirmed", "order_confirmed", "order"))
            await outbox.write_letter(
                writer, "order_confirmed", order, facts={"reserved": True} if request.reserved else None
            )
            if request.coupons:
                await redemptions.settle(writer, order, HoldStatus.COMMITTED)
            if request.waits:
                await backorders.lock(writer, order)
            await inventory.promise(writer, order)

    @activity.defn
    async def cancel_order(self, request: CancelOrder) -> None:
        """End an order that was never paid: stock back on the shelf, cart free to be bought again, buyer told.

        Changes: order, payment, stock, credit, coupons, their ledgers, cart, timeline, notification, outbox.
        Again: each move is made once; an order that was never placed is left alone.
        Undo: nothing, final.
        """
        order = request.order_id
        # A buyer's own words are kept with the order alone: ledgers are never edited, and people may be forgotten.
        why = "cancelled_by_buyer" if request.actor == "buyer" else request.reason
        async with self._database.writing() as writer:
            await carts.open_next_attempt(writer, request.cart_id, request.attempt)
            if not await orders.move(
                writer, order, OrderStatus.CANCELLED, only=UNSETTLED, cancel_reason=request.reason
            ):
                return
            await payments.move(writer, request.payment_id, PaymentStatus.VOIDED, client_secret=None, redirect_url=None)
            await orders.tell(writer, order, "cancelled", "order_cancelled", request.actor, reason=why)
            await outbox.write_letter(writer, "order_cancelled", order, facts={"held": True} if request.held else None)
            if request.credit:
                await credits.release(writer, order, why)
            if request.coupons:
                await redemptions.settle(writer, order, HoldStatus.RELEASED)
            if request.waits:
                await backorders.give_up(writer, order)
            await inventory.release(writer, order, why)
            was = {"status": OrderStatus.ON_HOLD if request.held else OrderStatus.PENDING}
            now = {"status": OrderStatus.CANCELLED}
            await desk.write_down(writer, order, request.author, "order.cancel", was, now, request.reason)

    @activity.defn
    async def flag_order(self, request: FlagOrder) -> None:
        """Put an order on the list of those that need a person, or take it off.

        Changes: order, timeline.
        Again: the fact is written once.
        Undo: the same with `attention` None.
        """
        async with self._database.writing() as writer:
            topic = request.fact.rpartition("/")[0]
            if request.attention:
                await attention.ask(writer, request.order_id, topic, request.attention, request.fact)
            else:
                await attention.settle(writer, request.order_id, topic)
            kind = "attention_needed" if request.attention else "attention_settled"
            await orders.tell(writer, request.order_id, request.fact, kind, request.actor, reason=request.attention)

    @activity.defn
    async def record_command(self, request: RecordCommand) -> None:
        """Write down what one of the staff asked for.

        Changes: timeline, audit log.
        Again: the fact is written once, and the log with it.
        Undo: nothing, it is history.
        """
        async with self._database.writing() as writer:
            await desk.staff_did(
                writer, request.order_id, request.fact, request.type, request.author, request.reason,
            )  # fmt: skip
