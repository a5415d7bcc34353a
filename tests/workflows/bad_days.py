"""Bad days: something befalls one step of an order, a refund, a return or a dispute, and then somebody does something.

Whatever was begun is brought to rest, as patient buyers and staff would; then all sides must tell one story.

An activity that comes into one of these workflows needs its place in `PATHS`: at a path that leads through it, or at a
new one: a function that says `trouble(<id of the workflow whose step it is>)` before the step, and goes on whatever
happens.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, cast

from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.edits import EDIT_WINDOW
from models import explanation
from models.audit import Author
from models.checkout import PaymentChoice
from models.database import Database, fetching
from models.dispute import workflow_id as dispute_id
from models.edit import EditItem, EditWish
from models.errors import refusal_of
from models.ids import OrderId, PaymentId, UserId, new_id
from models.order import OrderStatus, workflow_id
from models.payment import CHAPA
from models.refund import RefundedItem, RefundWish
from models.refund import workflow_id as refund_id
from models.returns import workflow_id as return_id
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import order as orders
from models.tables import order_ledger
from models.tables import refund as refunds
from tests.flow import Flow, Handle
from tests.workflows import screened, stories
from tests.workflows.doomed import Woe
from tests.workflows.ledgers import kept_by_chapa
from tests.workflows.refunding import Sold
from tests.workflows.returning import Gone
from tests.workflows.shipping import LIFE
from tests.workflows.stories import MUG, TWO_MUGS, Shelf
from tests.workflows.trouble import Trouble
from workflows import patience
from workflows.dispute import FollowDispute, WatchDispute
from workflows.late_payment import LatePayment, late_payment_id
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.order_messages import (
    CancelCheckout,
    CaptureOrder,
    CommitEdit,
    DeliverOrder,
    OrderState,
    PayOrder,
    ProposeEdit,
    ShipOrder,
)
from workflows.patience import ORDERS
from workflows.refund import Refund
from workflows.steadfast import RetryStep

KINDS = ("before", "after", "lost", "silent", "permanent")
"""Fails before the effect; fails after it; the answer is lost; times out; fails for good."""
BOB = Author(UserId(new_id()))
LOOK = 0.3
"""Seconds between two looks of somebody who waits."""
PATIENCE = 150
"""Seconds within which whatever is waited for has come, on a busy machine."""
_ROW = """
SELECT o.id, o.number, o.status, o.attention, o.total, o.credit, o.cancel_reason, o.fulfilment_status, o.workflow_id,
       p.id AS payment_id, p.status AS payment, p.provider, p.reference, p.captured, p.refunded,
       array(SELECT n FROM refunds r WHERE r.order_id = o.id ORDER BY n) AS refunds,
       array(SELECT n FROM returns r WHERE r.order_id = o.id ORDER BY n) AS returns,
       array(SELECT reference FROM disputes d WHERE d.payment_id = p.id) AS disputes,
       (SELECT coalesce(sum(amount), 0)::int FROM refunds r WHERE r.order_id = o.id AND r.status = 'succeeded') AS back,
       (SELECT count(*)::int FROM refunds r WHERE r.order_id = o.id AND r.returned_at IS NOT NULL) AS came_back,
       (SELECT coalesce(sum(shipped), 0)::int FROM order_lines l WHERE l.order_id = o.id) AS shipped,
       (SELECT coalesce(sum(quantity - shipped - cancelled), 0)::int FROM order_lines l
        WHERE l.order_id = o.id) AS left,
       (SELECT count(*)::int FROM order_edits e WHERE e.order_id = o.id AND e.status = 'proposed') AS proposed,
       (SELECT count(*)::int FROM charges c WHERE c.payment_id = p.id AND c.status = 'captured') AS charges,
       (SELECT count(*)::int FROM charges c WHERE c.payment_id = p.id AND c.status = 'authorized') AS reserved,
       (SELECT coalesce(-sum(e.difference), 0)::int FROM order_edits e
        WHERE e.order_id = o.id AND e.status = 'committed' AND e.difference < 0) AS less
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.number = ANY ($1::text[])
"""
_ASKED = "SELECT number FROM orders WHERE attention IS NOT NULL"
_FACTS = "SELECT type FROM order_events e WHERE e.order_id = $1"


class Fate(Protocol):
    """Who brings the trouble."""

    async def plan(self, woe: Woe) -> None: ...

    async def struck(self, woe: Woe) -> None: ...


class Here:
    """In this process."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble

    async def plan(self, woe: Woe) -> None:
        """Let this befall."""
        self._trouble.plan(woe.workflow, woe.step, woe.planned)

    async def struck(self, woe: Woe) -> None:
        """Wait until it has."""
        await self._trouble.struck(woe.workflow, woe.step).wait()


class Lookout:
    """Looks at the rows of all orders at once, for all who wait: a look each costs more than what they wait for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = set[str]()
        self._next: asyncio.Task[Mapping[str, Mapping[str, Any]]] | None = None

    async def row(self, number: str) -> Mapping[str, Any] | None:
        """An order as Postgres has it at the next look; None: it is not there yet."""
        self._numbers.add(number)
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return (await asyncio.shield(self._next)).get(number)

    async def _look(self) -> Mapping[str, Mapping[str, Any]]:
        await asyncio.sleep(LOOK)
        numbers, self._numbers, self._next = self._numbers, set(), None
        rows = await self._database.fetch(_ROW, list(numbers))
        return {row["number"]: cast("Mapping[str, Any]", row) for row in rows}


class Day:
    """One order's bad day."""

    def __init__(self, shelf: Shelf, lookout: Lookout, fate: Fate, step: str, kind: str, turn: "Turn") -> None:
        self.shelf = shelf
        self.lookout = lookout
        self.flow: Flow = shelf.flow
        self.fate = fate
        self.step, self.kind, self.turn = step, kind, turn
        self.woe: Woe | None = None
        self.struck, self.turned = asyncio.Event(), asyncio.Event()
        self.taken_later = False
        """Its money is taken when goods leave: it can be sold, and cancelled again, without any."""
        self.said: list[tuple[str, OrderState | str]] = []
        """What the buyer and staff asked of the order, and what they were told: a state, or the code of a refusal."""

    @property
    def name(self) -> str:
        """For a failure's message."""
        return f"{self.step}, {self.kind}, {self.turn.__name__}, {self.shelf.number}"

    @property
    def order(self) -> Handle:
        """The order's owner, begun or not."""
        return self.flow.handle(self.shelf.cart)

    # What a path says.

    async def trouble(self, workflow: str) -> None:
        """The step to come, of this workflow, is the one."""
        self.woe = Woe(workflow, self.step, self.kind)
        await self.fate.plan(self.woe)

    async def own_trouble(self) -> None:
        """It is a step of the order's own."""
        await self.trouble(workflow_id(self.shelf.cart, 1))

    async def buy(self, method: str | None = "pm_card_visa", total: int = MUG, **changes: Any) -> str | None:
        """Check out; the payment's reference, as far as it is told."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    _, answer = await self.flow.buy(self.shelf.cart, total, method, number=self.shelf.number, **changes)
                except WorkflowUpdateRPCTimeoutOrCancelledError:  # 202
                    return None
                except RPCError as stuck:  # its task fails again and again: 503, and the same request goes out again
                    assert stuck.status is RPCStatusCode.FAILED_PRECONDITION, stuck
                    await asyncio.sleep(LOOK)
                else:
                    self.said.append(("buy", answer))
                    return answer.payment.reference if answer.payment else None

    async def ask(self, what: str, request: Any) -> None:
        """Ask the order's owner for something; again where that failed, as people do who saw an error."""
        key, tries = new_id().hex, 3
        while tries:
            tries -= 1
            try:
                answer = await self.shelf.ask(self.order, getattr(Order, what), request, key)
            except WorkflowUpdateFailedError as failed:
                refusal = refusal_of(failed.cause)
                self.said.append((what, refusal.code if refusal else "failed"))
                if refusal is not None and refusal.code != "provider_rejected":
                    return
                key = new_id().hex
            except RPCError as away:
                if away.status is RPCStatusCode.NOT_FOUND:  # it has ended: the API answers `wrong_move` from the row
                    self.said.append((what, "wrong_move"))
                    return
                # Something came while it took the command: 503, and the same request goes out again.
                assert away.status is RPCStatusCode.FAILED_PRECONDITION, away
                tries += 1
            else:
                self.said.append((what, answer))
                return

    async def cancel(self, actor: str = "buyer", author: Author | None = None) -> None:
        """Call the order off."""
        await self.ask("cancel", CancelCheckout(new_id().hex, "changed my mind", actor, author))

    async def sold(self) -> bool:
        """Whether it is sold, as soon as that is decided."""
        row = await self.until(lambda row: row["status"] not in ("pending", "on_hold") or self._is_given_up(row))
        if self._is_given_up(row):
            await self.skip(self.order, WAITS["order"])
            row = await self.until(lambda row: row["status"] not in ("pending", "on_hold"))
        return str(row["status"]) != "cancelled"

    def _is_given_up(self, row: Mapping[str, Any]) -> bool:
        """Whether it could not be paid and nobody is there who says more: its window passes."""
        return self.turn is worker_killed and row["status"] == "pending" and row["payment"] == "failed"

    async def until_confirmed(self) -> None:
        """Wait until its owner knows what its row says: that it is sold."""
        async with asyncio.timeout(PATIENCE):
            while cast(OrderState, await self.order.query(Order.state)).status is OrderStatus.PENDING:
                await asyncio.sleep(LOOK)

    async def until(self, meets: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """The order's row, as soon as it is so."""
        async with asyncio.timeout(PATIENCE):
            row = await self.row()
            while row is None or not meets(row):
                row = await self.lookout.row(self.number)
        return row

    @property
    def number(self) -> str:
        """The order's."""
        return str(self.shelf.number)

    async def row(self) -> Mapping[str, Any] | None:
        """The order as Postgres has it; None: it is not there yet."""
        rows = await self.flow.database.fetch(_ROW, [self.number])
        return cast("Mapping[str, Any]", rows[0]) if rows else None

    async def id(self) -> OrderId:
        """Of the order."""
        return OrderId((await self.until(lambda row: True))["id"])

    async def asked(self, *answers: Coroutine[Any, Any, object]) -> bool:
        """Commands to a process beside the order, one after the other: whether each had its answer."""
        told = len(self.said)
        for answer in answers:
            try:
                await answer
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                self.said.append(("beside", "still under way"))  # the API says 202
            except WorkflowUpdateFailedError as failed:
                self.said.append(("beside", str(failed.cause)))
            except RPCError as over:
                self.said.append(("beside", "over"))
                assert over.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION), over
        return len(self.said) == told

    # How it comes to rest.

    async def go(self, path: "Path") -> None:
        """The path, what turns up in the middle of it, and the rest."""
        turning = asyncio.create_task(self._turn())
        await path(self)
        await turning

    async def bank_pays(self, sold: Sold) -> None:
        """The buyer's bank takes what is on its way, and the webhooks say so."""
        numbers = (await self.until(lambda row: True))["refunds"]
        async with asyncio.timeout(PATIENCE):
            while len(sent := await sold.at_provider()) < len(numbers):
                await asyncio.sleep(LOOK)
        for reference in sent:
            await self.flow.stripe.refund_becomes(reference, "succeeded")
        for n in numbers:
            await sold.news(n, f"evt_{new_id()}")

    async def _turn(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.woe is None:
                await asyncio.sleep(LOOK / 10)
            await self.fate.struck(self.woe)
        self.struck.set()
        await self.turn(self)
        self.turned.set()

    async def pass_time(self) -> None:
        """The wait of whatever the trouble befell is over: of an order for its money, of a return for its goods …"""
        assert self.woe is not None
        kind = self.woe.workflow.partition("/")[0]
        await self.skip(self.flow.client.get_workflow_handle(self.woe.workflow), WAITS[kind])

    async def skip(self, handle: WorkflowHandle[Any, Any], by: timedelta) -> None:
        """Let its time pass, if it is not over."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.flow.fast_forward(handle, by)
        except RPCError as over:
            assert over.status is RPCStatusCode.NOT_FOUND, over
        except RuntimeError as overtaken:
            assert "overridden by a later fast-forward" in str(overtaken), overtaken

    async def rest(self) -> None:
        """Wait until nothing of it is under way any more. What nobody pays for ends with its window."""
        row = await self.until(lambda row: True)
        if row["status"] == "pending" and row["payment"] != "authorized":
            await self.skip(self.order, WAITS["order"])
        async with asyncio.timeout(PATIENCE):
            while not await self._rests(row):
                row = await self.lookout.row(self.number) or row

    async def _rests(self, row: Mapping[str, Any]) -> bool:
        if row["status"] in ("pending", "on_hold"):
            return False
        if row["proposed"]:  # nobody says yes any more
            await self.skip(self.order, timedelta(hours=2))
            return False
        for handle in self.processes(row):
            mine = handle.id == self.order.id
            if mine and row["status"] in ("confirmed", "processing", "shipped"):
                stands = cast(OrderState, await self.order.query(Order.state))
                if stands.status != row["status"] or stands.attention is not None:
                    return False
            elif (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                if handle.id.startswith("late-payment/"):
                    await self.skip(handle, WAITS["late-payment"])
                return False
        return True

    def processes(self, row: Mapping[str, Any]) -> list[WorkflowHandle[Any, Any]]:
        """All workflows of the order, as its row knows them."""
        order, known = OrderId(row["id"]), self.flow.client.get_workflow_handle
        ids = [refund_id(order, n) for n in row["refunds"]] + [return_id(order, n) for n in row["returns"]]
        ids += [dispute_id("stripe", reference) for reference in row["disputes"]]
        if row["provider"] == CHAPA and row["status"] == "cancelled" and row["payment"] == "voided":
            ids.append(late_payment_id(workflow_id(self.shelf.cart, 1)))
        return [self.order, *(known(id) for id in ids)]

    # What must be true then.

    async def lies(self) -> list[str]:
        """Where rows, provider, shelf, letters, timeline, workflow and answers contradict one another."""
        row = await self.row()
        assert row is not None
        facts = [each["type"] for each in await self.flow.database.fetch(_FACTS, row["id"])]
        lies = await self._about_money(row) + await self._about_goods(row) + await self._about_words(row, facts)
        return [f"{self.name}: {lie}" for lie in lies]

    async def _about_money(self, row: Mapping[str, Any]) -> list[str]:
        """One net capture, or none."""
        lies: list[str] = []
        due = row["total"] - row["credit"] + row["less"]  # what it cost before it was changed
        intents = await self.flow.intents(row["number"])
        if row["provider"] == CHAPA:
            kept = await kept_by_chapa(self.flow, PaymentId(row["payment_id"]))
            if kept != row["captured"] - row["back"]:
                lies.append(f"Chapa keeps {kept}, we say {row['captured']} - {row['back']}")
        else:
            seen = [sum(each[what] for each in intents) for what in ("captured", "refunded", "held")]
            if seen != [row["captured"], row["back"], 0]:
                lies.append(f"Stripe captured, refunded, holds {seen}; we say {row['captured']}, {row['back']}, 0")
            if sum(each["captured"] > 0 for each in intents) > (row["captured"] > 0) + row["charges"]:
                lies.append("captured twice")
            if row["reserved"]:
                lies.append(f"{row['reserved']} charges are reserved, and nobody wants them")
        if row["captured"] not in (0, due):
            lies.append(f"{row['captured']} of {due} was captured")
        if (row["payment"] == "voided") is not (row["captured"] == 0):
            lies.append(f"{row['captured']} captured of a payment that is {row['payment']}")
        gone = row["back"] + (due if row["disputes"] else 0)
        if row["status"] == "cancelled" and row["captured"] and gone < row["captured"] and not row["attention"]:
            lies.append(f"cancelled, {row['back']} of {row['captured']} went back, and nobody is asked")
        return lies

    async def _about_goods(self, row: Mapping[str, Any]) -> list[str]:
        left, back = await self.shelf.left(), "return_inspected" in await self.shelf.facts()
        held = row["left"] if row["status"] in ("confirmed", "processing") else 0
        wanted = (5 - (row["shipped"] if not back else 0), held)
        return [f"the shelf has {left}, not {wanted}"] if left != wanted else []

    async def _about_words(self, row: Mapping[str, Any], facts: Sequence[str]) -> list[str]:
        """Buyer and staff are told what is so."""
        lies: list[str] = []
        letters, over = await self.shelf.letters(), row["status"] == "cancelled"
        was_paid, was_sold = row["captured"] > 0, "order_confirmed" in facts
        if was_sold is not was_paid and not (was_sold and over and self.taken_later):
            lies.append(f"it was {'' if was_sold else 'not '}sold, and {row['captured']} was taken")
        wanted = {
            "order_confirmed": was_sold, "order_cancelled": over and not was_sold,
            "order_cancelled_paid": over and was_sold, "shipped": row["shipped"],
            "delivered": facts.count("order_delivered"),
            "refund": facts.count("refund_succeeded"), "payment_returned": "payment_returned" in facts,
        }  # fmt: skip
        lies += [f"{letters.count(name)} letters {name}, not {times}" for name, times in wanted.items()
                 if letters.count(name) != times]  # fmt: skip
        told = {
            "order_placed": 1, "order_confirmed": was_sold, "order_cancelled": over,
            "payment_captured": was_paid + row["charges"],
        }  # fmt: skip
        lies += [f"{facts.count(name)} times {name}, not {times}" for name, times in told.items()
                 if facts.count(name) != times]  # fmt: skip
        if facts.count("attention_needed") < facts.count("attention_settled"):
            lies.append("more attention settled than asked for")
        for what, answer in self.said:
            if isinstance(answer, OrderState) and what == "cancel" and not over and "rest_cancelled" not in facts:
                lies.append("somebody was told that it is cancelled")
            ended = OrderStatus.CANCELLED if over else OrderStatus.SHIPPED
            if isinstance(answer, OrderState) and what == "cancel" and answer.status is not ended:
                lies.append(f"a cancellation was answered with {answer.status}")
            if isinstance(answer, OrderState) and what == "pay" and not was_paid and answer.payment_status != "failed":
                lies.append(f"somebody was told that their payment is {answer.payment_status}")
        owner = cast("explanation.Whereabouts", await self.order.query(Order.told))
        order = await orders.find(self.flow.database, self.shelf.number)
        assert order is not None
        events = await orders.timeline(self.flow.database, order.id)
        within = await order_ledger.ship_within(self.flow.database, order.number)
        rows = explanation.of_rows(order, events, within, patience.PAUSE_BEFORE_NEXT_TRY)
        if owner.status != rows.status:
            lies.append(f"the workflow says {owner.status}, the rows {rows.status}")
        if owner.payment_status == rows.payment_status and (owner.step, owner.waiting_for) != (
            rows.step, rows.waiting_for,
        ):  # fmt: skip
            lies.append(f"the workflow explains {owner.step!r}, the rows {rows.step!r}")
        return lies


WAITS: Mapping[str, timedelta] = {
    "order": timedelta(days=4), "refund": timedelta(days=2), "return": timedelta(days=31), "dispute": timedelta(days=4),
    "late-payment": timedelta(days=5),
}  # fmt: skip
"""Longer than what each kind of workflow waits for."""


class Clerk:
    """Staff who look at every order that asks for a person, and say try again: of it, and of what is beside it."""

    def __init__(self, days: Sequence[Day]) -> None:
        self._days = {str(day.shelf.number): day for day in days}
        self._tried: dict[str, int] = {}

    async def work(self, flow: Flow) -> None:
        """Until nobody needs them any more."""
        while True:
            for asked in await flow.database.fetch(_ASKED):
                day = self._days.get(asked["number"])
                if day is not None and self._tried.get(asked["number"], 0) < 60:
                    self._tried[asked["number"]] = self._tried.get(asked["number"], 0) + 1
                    await self._retry(day)
            await asyncio.sleep(0.25)

    async def _retry(self, day: Day) -> None:
        word = RetryStep(BOB.actor, "mended", author=BOB)
        updates = {"order": Order.retry, "refund": Refund.retry, "late-payment": LatePayment.retry}
        for handle in day.processes(await day.until(lambda row: True)):
            update: Any = updates.get(handle.id.partition("/")[0])
            if update is not None:
                with contextlib.suppress(WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, RPCError):
                    await handle.execute_update(update, word, rpc_timeout=timedelta(seconds=20))


# What turns up when the trouble strikes.


async def buyer_cancels(day: Day) -> None:
    """The buyer thinks better of it."""
    await day.cancel()


async def staff_cancel(day: Day) -> None:
    """One of the staff calls it off."""
    await day.cancel(BOB.actor, BOB)


async def both_cancel(day: Day) -> None:
    """The one, then the other: where both are refused, one day tells as much as two."""
    await buyer_cancels(day)
    await staff_cancel(day)


async def window_passes(day: Day) -> None:
    """Whatever is waited for is waited for no longer."""
    await day.pass_time()


async def worker_killed(day: Day) -> None:
    """Nothing more is said: whoever has the days ends the worker's life."""


Turn = Callable[[Day], Coroutine[Any, Any, None]]
TURNS: tuple[Turn, ...] = (buyer_cancels, staff_cancel, window_passes)
"""Those that are an order's own; all workers are killed at once."""


def turns_of(path: "Path") -> tuple[Turn, ...]:
    """What turns up on a path, a day each."""
    return (both_cancel, window_passes) if path in GONE else TURNS


# Paths: each leads an order through some of the steps, whatever happens to it on the way.


async def bought(day: Day) -> None:
    """A good card."""
    await day.own_trouble()
    await day.buy()
    await day.sold()


async def second_card(day: Day) -> None:
    """The first card is declined, the second one is good."""
    await day.own_trouble()
    await day.buy("pm_card_chargeDeclined")
    await day.ask("pay", PayOrder("again", "pm_card_visa"))


async def at_the_bank(day: Day) -> None:
    """The buyer confirms with their bank, and the webhook says so."""
    await day.own_trouble()
    reference = await day.buy("pm_card_authenticationRequired")
    if reference is not None:
        await day.flow.stripe.authenticate(reference)
    with contextlib.suppress(RPCError):
        await day.shelf.news(day.order)
    await day.sold()


async def given_longer(day: Day) -> None:
    """The first card is declined; staff keep it for longer, and the second card is good."""
    await day.own_trouble()
    await day.buy("pm_card_chargeDeclined")
    await day.ask("extend_hold", stories.longer(120, new_id().hex))
    await day.ask("pay", PayOrder("again", "pm_card_visa"))


async def never_paid(day: Day) -> None:
    """The buyer calls it off before they pay."""
    await day.own_trouble()
    await day.buy(None)
    await day.cancel()


async def flagged(day: Day) -> None:
    """The provider refuses to capture; the clerk says try again."""
    about = {"order": str(day.shelf.number)}
    await day.flow.stripe.fault("error_before", status=400, path="/v1/payment_intents/*/capture", metadata=about)
    await bought(day)


async def sent(day: Day) -> None:
    """A parcel leaves and arrives."""
    await day.own_trouble()
    await day.buy()
    if await day.sold():
        await day.until_confirmed()
        await day.ask("ship", ShipOrder("warehouse", "UPS", "1Z"))
        await day.ask("deliver", DeliverOrder("carrier"))


async def rest_called_off(day: Day) -> None:
    """One mug of two is sent, and staff say that the other one never will be."""
    async with day.flow.database.writing() as writer:
        await carts.add(fetching(writer), day.shelf.cart, day.shelf.sku, 1, None, "usd")
    await day.own_trouble()
    await day.buy(total=TWO_MUGS)
    if await day.sold():
        await day.until_confirmed()
        await day.ask("ship", ShipOrder("warehouse", "UPS", "1Z", (ShipItem(day.shelf.sku, 1),)))
        await day.cancel(BOB.actor, BOB)


async def called_off(day: Day) -> None:
    """The buyer calls it off when it is paid."""
    await day.own_trouble()
    await day.buy()
    if await day.sold():
        await day.until_confirmed()
        await day.cancel()


async def paid_late(day: Day) -> None:
    """The buyer pays on the provider's page, and the order is called off meanwhile."""
    await day.trouble(late_payment_id(workflow_id(day.shelf.cart, 1)))
    await day.buy(None, payment=PaymentChoice(CHAPA))
    row = await day.until(lambda row: row["reference"] is not None)  # the answer may have been 202
    await day.flow.chapa.buy(row["reference"])
    await day.cancel()


async def _paid(day: Day, method: str = "pm_card_visa") -> Sold:
    await day.buy(method)
    assert await day.sold()
    await day.until_confirmed()
    return Sold(day.shelf, await day.id())


async def refunded(day: Day) -> None:
    """A part of it goes back."""
    sold = await _paid(day)
    await day.trouble(refund_id(sold.order, 1))
    await day.asked(sold.refund(700))


async def refunded_in_time(day: Day) -> None:
    """The bank takes its time."""
    sold = await _paid(day, "pm_card_pendingRefund")
    await day.trouble(refund_id(sold.order, 1))
    await day.asked(sold.refund(700))
    await day.bank_pays(sold)
    await day.turned.wait()
    await day.bank_pays(sold)


async def refund_refused(day: Day) -> None:
    """The buyer has been to the bank."""
    sold = await _paid(day)
    await day.flow.stripe.dispute((await day.shelf.row())["reference"])
    await day.trouble(refund_id(sold.order, 1))
    await day.asked(sold.refund(700))


async def refund_came_back(day: Day) -> None:
    """It had arrived, and comes back."""
    sold = await _paid(day)
    await day.trouble(refund_id(sold.order, 1))
    await day.asked(sold.refund(700))
    await day.until(lambda row: row["back"] == 700)  # the answer may have been 202
    [reference] = await sold.at_provider()
    await day.flow.stripe.refund_becomes(reference, "failed", "lost_or_stolen_card")
    await sold.news()


async def _gone(day: Day) -> Gone:
    await day.buy()
    assert await day.sold()
    await day.until_confirmed()
    await day.ask("ship", ShipOrder("warehouse", "UPS", "1Z"))
    gone = Gone(day.shelf, day.order, await day.id())
    await day.trouble(return_id(gone.order, 1))
    return gone


async def returned(day: Day) -> None:
    """The parcel comes back, and is as good as new."""
    gone = await _gone(day)
    await day.asked(gone.ask())
    for command in (gone.approve, gone.receive, gone.inspect):
        if not await day.asked(command()):  # whoever sees an error asks again; what is done already is refused
            await day.asked(command())


async def never_returned(day: Day) -> None:
    """The goods never come."""
    gone = await _gone(day)
    await day.asked(gone.ask())
    await day.asked(gone.approve())
    await day.skip(gone.handle(), WAITS["return"])


async def disputed(day: Day) -> None:
    """The buyer goes to the bank, and the webhook says so."""
    await day.buy()
    assert await day.sold()
    await day.until_confirmed()
    made = await day.flow.stripe.dispute((await day.shelf.row())["reference"])
    name = dispute_id("stripe", str(made["id"]))
    await day.trouble(name)
    with day.flow.skipper.with_time_skipping_disabled():
        handle = await day.flow.client.start_workflow(
            FollowDispute.run, WatchDispute("stripe", str(made["id"])), id=name, task_queue=ORDERS,
            start_signal="provider_news", start_signal_args=[ProviderNews("evt_1", "charge.dispute.created")],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )  # fmt: skip
    await asyncio.wait_for(handle.result(), PATIENCE)


async def reviewed(day: Day) -> None:
    """It looks like fraud; staff look, and it goes on. (For a shop that screens.)"""
    await day.own_trouble()
    await day.buy(**screened.suspicious())
    await day.ask("approve", screened.approve())
    await day.sold()


async def edited(day: Day) -> None:
    """Of two mugs the buyer wants one after all."""
    async with day.flow.database.writing() as writer:
        await carts.add(fetching(writer), day.shelf.cart, day.shelf.sku, 1, None, "usd")
    await day.own_trouble()
    await day.buy(total=TWO_MUGS)
    if await day.sold():
        await day.until_confirmed()
        wish = EditWish("buyer/one", "one", "buyer", (EditItem(day.shelf.sku, 1),))
        await day.ask("propose_edit", ProposeEdit("one", wish))
        await day.ask("commit_edit", CommitEdit("yes", 1, "buyer"))


async def edited_dearer(day: Day) -> None:
    """One mug becomes two, and the card that paid pays the other one, too."""
    await day.own_trouble()
    await day.buy(**await stories.kept_card(day.shelf))
    if await day.sold():
        await day.until_confirmed()
        wish = EditWish("buyer/two", "two", "buyer", (EditItem(day.shelf.sku, 2),))
        await day.ask("propose_edit", ProposeEdit("two", wish))
        await day.ask("commit_edit", CommitEdit("yes", 1, "buyer"))


async def edit_refused_late(day: Day) -> None:
    """While a dearer edit waits for a yes, staff pay its mug back: what the yes reserves is let go."""
    await day.own_trouble()
    await day.buy(**await stories.kept_card(day.shelf))
    await day.until_confirmed()
    wish = EditWish("buyer/two", "two", "buyer", (EditItem(day.shelf.sku, 2),))
    await day.ask("propose_edit", ProposeEdit("two", wish))
    back = RefundWish("staff/1", "#4711", "staff", items=(RefundedItem(day.shelf.sku, 1),))
    sold = Sold(day.shelf, await day.id())
    async with day.flow.database.writing() as writer:
        await refunds.open(writer, sold.order, back)
    await day.ask("commit_edit", CommitEdit("yes", 1, "buyer"))
    await sold.news()


async def not_edited(day: Day) -> None:
    """The buyer asks what three mugs would cost, and says no more."""
    await day.own_trouble()
    await day.buy()
    if await day.sold():
        await day.until_confirmed()
        wish = EditWish("buyer/three", "three", "buyer", (EditItem(day.shelf.sku, 3),))
        await day.ask("propose_edit", ProposeEdit("three", wish))
        await day.skip(day.order, EDIT_WINDOW + timedelta(minutes=1))


async def sent_and_taken(day: Day) -> None:
    """A parcel takes what is in it, leaves and arrives."""
    day.taken_later = True
    await sent(day)


async def taken_by_staff(day: Day) -> None:
    """Staff take the money before it is sent."""
    day.taken_later = True
    await day.own_trouble()
    await day.buy()
    if await day.sold():
        await day.until_confirmed()
        await day.ask("capture", CaptureOrder(BOB.actor, author=BOB))
        await day.ask("ship", ShipOrder("warehouse", "UPS", "1Z"))
        await day.ask("deliver", DeliverOrder("carrier"))


async def not_good_any_more(day: Day) -> None:
    """Nothing is sent for a week, and the bank wants to see its buyer before it reserves the money anew."""
    day.taken_later = True
    await at_the_bank(day)
    await day.until_confirmed()
    await day.skip(day.order, LIFE + timedelta(hours=1))
    async with asyncio.timeout(PATIENCE):
        await day.turned.wait()
    await day.cancel(BOB.actor, BOB)


Path = Callable[[Day], Coroutine[Any, Any, None]]
PATHS: Mapping[Path, tuple[str, ...]] = {
    bought: ("place_order", "authorize_payment_now", "secure_order", "capture_payment", "confirm_order"),
    second_card: ("record_payment_attempt", "authorize_payment"),
    at_the_bank: ("read_payment",),
    given_longer: ("extend_hold",),
    never_paid: ("void_payment", "cancel_order"),
    flagged: ("flag_order", "record_command"),
    sent: ("send_parcel", "note_arrival"),
    called_off: ("cancel_paid_order",),
    rest_called_off: ("cancel_rest",),
    reviewed: ("hold_order", "decide_review"),
    edited: ("open_edit", "commit_edit"),
    edited_dearer: ("authorize_further", "record_charge", "settle_charge"),
    edit_refused_late: ("drop_charge",),
    not_edited: ("end_edit",),
    paid_late: ("return_payment", "record_late_payment"),
    refunded: ("reserve_refund", "refund_payment", "settle_refund"),
    refunded_in_time: ("read_refund",),
    refund_refused: ("fail_refund",),
    refund_came_back: ("return_refund",),
    returned: ("open_return", "decide_return", "receive_return", "inspect_return", "settle_return"),
    never_returned: ("expire_return",),
    disputed: ("read_dispute", "record_dispute"),
    sent_and_taken: ("weigh_parcel",),
    taken_by_staff: ("settle_capture",),
    not_good_any_more: ("note_shortfall",),
}
"""THE table: each activity of these workflows, once, at the path that leads through it."""
TOGETHER: Mapping[str, tuple[Path, ...]] = {
    "bought": (bought,),
    "returned": (returned, never_returned),
    "edited dearer": (edited_dearer, edit_refused_late, not_edited),
    "refunded": (refunded, refunded_in_time, refund_refused),
    "given back": (paid_late, disputed, refund_came_back),
    "another try": (second_card, at_the_bank, given_longer),
    "sent": (sent, called_off, rest_called_off),
    "stuck": (never_paid, flagged),
    "edited": (edited,),
    "reviewed": (reviewed,),
    "taken when sent": (sent_and_taken, taken_by_staff, not_good_any_more),
}
"""Which paths are gone at once, in one shop: seventy orders, which do not yet wait for one another. Longest first."""
GONE = frozenset((returned, never_returned))
"""Paths on which goods have left before the trouble: nobody can call the order off any more."""
EXCHANGES = {"prepare_exchange", "read_exchange", "end_exchange"}
"""Steps that make an order of their own: they fail in tests/workflows/test_returns.py."""
AT_SHIPMENT = frozenset((sent_and_taken, taken_by_staff, not_good_any_more))
"""Paths through a shop that takes money when goods leave."""
OWNERS = ("order", "refund", "return_goods", "late_payment", "dispute")
"""Workflows, by their modules, all of whose other steps are in it."""
