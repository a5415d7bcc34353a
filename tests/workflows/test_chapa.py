"""An order that is paid on a page of the provider's: taken at once, looked for by ourselves, sent back when late."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from dev.chapa.remote import ChapaControl
from models.chapa import named_by as by_reference
from models.checkout import PaymentChoice
from models.ids import PaymentId
from models.order import OrderStatus, workflow_id
from models.payment import CHAPA, PaymentStatus, Returned, Standing
from tests import shop
from tests.flow import Handle
from tests.workflows.stories import MUG, WINDOW, Shelf
from tests.workflows.trouble import Trouble
from workflows.late_payment import LatePayment, late_payment_id
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.order_messages import CancelCheckout, OrderState, PayOrder
from workflows.steadfast import RetryStep

PAYING = PaymentChoice(CHAPA, return_url="https://shop.test/thanks")
PRICE = f"{MUG / 100:.2f}"


class Page:
    """An order whose buyer was sent to Chapa."""

    def __init__(self, shelf: Shelf, chapa: ChapaControl, handle: Handle, answer: OrderState) -> None:
        assert answer.payment is not None
        assert answer.payment.reference is not None
        self.shelf = shelf
        self.chapa = chapa
        self.handle = handle
        self.answer = answer
        self.reference = answer.payment.reference
        self.payment = named(self.reference)

    @classmethod
    async def open(cls, shelf: Shelf, chapa: ChapaControl) -> "Page":
        """Check out."""
        handle, answer = await shelf.buy(None, payment=PAYING)
        return cls(shelf, chapa, handle, answer)

    async def moved(self) -> list[tuple[str, str, int]]:
        """(paid, refunded, refunds) of every page of this order."""
        found = await self.chapa.ledger(self.reference[:32])
        return [(each["paid"], each["refunded"], each["refunds"]) for each in found]

    async def booked(self) -> dict[str, int]:
        """The order's money ledger, by account."""
        rows = await self.shelf.flow.database.fetch(
            "SELECT e.account, sum(e.amount)::int AS sum FROM money_entries e JOIN orders o ON o.id = e.order_id "
            "WHERE o.number = $1 GROUP BY 1", self.shelf.number,
        )  # fmt: skip
        return {row["account"]: row["sum"] for row in rows}

    def late(self) -> WorkflowHandle[LatePayment, Returned | None]:
        """Who waits for late money."""
        return self.shelf.flow.client.get_workflow_handle_for(
            LatePayment.run, late_payment_id(workflow_id(self.shelf.cart, 1))
        )


def named(reference: str) -> PaymentId:
    """The payment that a reference names."""

    found = by_reference(reference)
    assert found is not None
    return found[0]


async def test_a_payment_on_the_page_is_taken_at_once(shelf: Shelf, chapa: ChapaControl, trouble: Trouble) -> None:
    """The answer is the page's address; the webhook makes the order look; nothing is captured or voided."""
    page = await Page.open(shelf, chapa)
    assert page.answer.payment is not None
    assert page.answer.payment.standing is Standing.METHOD_REQUIRED
    assert (page.answer.payment.redirect_url or "").startswith(str(chapa.http.base_url))
    assert "the buyer to pay on the provider's page" in await shelf.card(page.handle)
    assert (await shelf.row())["payment_status"] == "pending"

    await chapa.buy(page.reference)
    for _ in range(3):
        await page.handle.signal(Order.provider_news, ProviderNews("one", "charge.success"))
    seen = await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)

    assert (seen.payment_status, await shelf.left()) == (PaymentStatus.PAID, (5, 1))
    assert await page.booked() == {"provider:chapa": MUG, "sales": -MUG}
    assert await page.moved() == [(PRICE, "0.00", 0)]
    runs = trouble.runs
    assert (runs[workflow_id(shelf.cart, 1), "capture_payment"], runs[workflow_id(shelf.cart, 1), "void_payment"]) == (
        0,
        0,
    )
    assert await shelf.charged() == (0, 0)


async def test_a_lost_webhook_is_made_up_for_by_a_look_of_our_own(shelf: Shelf, chapa: ChapaControl) -> None:
    """Nobody tells us: the first look finds the money."""
    page = await Page.open(shelf, chapa)
    await chapa.buy(page.reference)

    await shelf.flow.fast_forward(page.handle, timedelta(seconds=61))

    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert await page.moved() == [(PRICE, "0.00", 0)]


async def test_a_failed_try_leaves_the_page_open(shelf: Shelf, chapa: ChapaControl) -> None:
    """A try fails: the order says so and keeps the page's address; a later try on it is found by our own look."""
    page = await Page.open(shelf, chapa)
    await chapa.buy(page.reference, "failure")
    await page.handle.signal(Order.provider_news, ProviderNews("failed", "charge.failed/cancelled"))
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "failed":
            await asyncio.sleep(0.02)
    [row] = await shelf.flow.database.fetch("SELECT redirect_url FROM payments WHERE reference = $1", page.reference)
    assert page.answer.payment is not None
    assert row["redirect_url"] == page.answer.payment.redirect_url

    await chapa.buy(page.reference)
    await shelf.flow.fast_forward(page.handle, timedelta(minutes=3))

    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)


async def test_another_page_closes_the_first(shelf: Shelf, chapa: ChapaControl) -> None:
    """Who asks for another page gets one, and cannot pay on both."""
    page = await Page.open(shelf, chapa)

    again = await shelf.ask(page.handle, Order.pay, PayOrder("again", None))

    assert again.payment is not None
    assert again.payment.redirect_url not in (None, page.answer.payment and page.answer.payment.redirect_url)
    opened = {each["tx_ref"]: each["open"] for each in await chapa.ledger(page.reference[:32])}
    assert opened == {page.reference: False, again.payment.reference: True}


async def test_money_that_comes_after_the_window_goes_back(shelf: Shelf, chapa: ChapaControl) -> None:
    """The window closes with the page open; money that was under way is found days later, sent back, and told."""
    page = await Page.open(shelf, chapa)
    await shelf.flow.fast_forward(page.handle, WINDOW)
    assert (await page.handle.result()).status is OrderStatus.CANCELLED
    assert await shelf.left() == (5, 0)
    await chapa.buy(page.reference, late=True)

    await shelf.flow.fast_forward(page.late(), timedelta(days=2))

    returned = await page.late().result()
    assert (returned and returned.amount.amount) == MUG
    assert await page.moved() == [(PRICE, PRICE, 1)]
    assert await page.booked() == {"provider:chapa": 0, "unclaimed": 0}
    assert (await shelf.row())["status"] == "cancelled"
    assert (await shelf.facts())[-1] == "payment_returned"
    assert (await shelf.letters())[-2:] == ["order_cancelled", "payment_returned"]


async def test_news_of_late_money_is_acted_on_at_once(shelf: Shelf, chapa: ChapaControl) -> None:
    """A cancelled order, then the webhook: no timer has to pass, and five of the same send it back once."""
    page = await Page.open(shelf, chapa)
    cancelled = await shelf.ask(page.handle, Order.cancel, CancelCheckout("digest", "found it cheaper", "buyer"))
    assert cancelled.status is OrderStatus.CANCELLED
    assert [each["open"] for each in await chapa.ledger(page.reference)] == [False]
    await page.handle.result()
    await chapa.buy(page.reference, late=True)

    news = ProviderNews("late", "charge.success")
    told = await asyncio.gather(
        *(page.late().signal(LatePayment.provider_news, news) for _ in range(5)), return_exceptions=True
    )
    # Some may come when it is sent back already, and its workflow over: the webhook's door answers those too.
    late = [each for each in told if each is not None]
    assert len(late) < 5
    assert [each for each in late if not isinstance(each, RPCError) or each.status is not RPCStatusCode.NOT_FOUND] == []

    assert await page.late().result() is not None
    assert await page.moved() == [(PRICE, PRICE, 1)]


async def test_late_money_that_cannot_be_sent_back_asks_for_a_person(shelf: Shelf, chapa: ChapaControl) -> None:
    """The provider rejects the refund: a person is told, their retry sends the money back, and it is written down."""
    page = await Page.open(shelf, chapa)
    await shelf.ask(page.handle, Order.cancel, CancelCheckout("digest", "found it cheaper", "buyer"))
    await page.handle.result()
    await chapa.fault("error_before", status=400, method="POST", path="/v1/refund/*", tx_ref=page.reference)
    await chapa.buy(page.reference, late=True)
    await page.late().signal(LatePayment.provider_news, ProviderNews("late", "charge.success"))
    async with asyncio.timeout(60):
        while not ((await shelf.row())["attention"] or "").startswith("send a late payment back: "):
            await asyncio.sleep(0.02)

    with shelf.flow.skipper.with_time_skipping_disabled():
        asked: Any = await page.late().execute_update(LatePayment.retry, RetryStep("bob", "mended"))

    assert asked is True
    assert await page.late().result() is not None
    assert await page.moved() == [(PRICE, PRICE, 1)]
    assert (await shelf.row())["attention"] is None
    assert [fact for fact in await shelf.facts() if "attention" in fact] == ["attention_needed", "attention_settled"]


async def test_nobody_pays_late_and_the_watch_ends(shelf: Shelf, chapa: ChapaControl) -> None:
    """After four days without money nobody looks any more; nothing was booked."""
    page = await Page.open(shelf, chapa)
    await shelf.flow.fast_forward(page.handle, WINDOW)
    await page.handle.result()

    await shelf.flow.fast_forward(page.late(), timedelta(days=5))

    assert await page.late().result() is None
    assert (await page.booked(), await page.moved()) == ({}, [("0.00", "0.00", 0)])


async def test_another_sum_is_never_sold_for_and_goes_back(shelf: Shelf, chapa: ChapaControl) -> None:
    """A tampered sum: staff are told, the order is not confirmed, and what was paid goes back when it has ended."""
    page = await Page.open(shelf, chapa)
    await chapa.buy(page.reference, amount="1.00")
    await page.handle.signal(Order.provider_news, ProviderNews("paid", "charge.success"))
    async with asyncio.timeout(60):
        while "1.00 USD was paid" not in ((await shelf.row())["attention"] or ""):
            await asyncio.sleep(0.02)
    assert (await shelf.row())["status"] == "pending"

    await shelf.flow.fast_forward(page.handle, WINDOW)

    assert (await page.handle.result()).status is OrderStatus.CANCELLED
    returned = await page.late().result()
    assert (returned and returned.amount.amount) == 100
    assert await page.moved() == [("1.00", "1.00", 1)]
    assert await page.booked() == {"provider:chapa": 0, "unclaimed": 0}


@pytest.mark.parametrize("kind", ["error_before", "error_after", "answer_lost"])
async def test_a_page_that_is_not_answered_for_is_opened_patiently(
    shelf: Shelf, chapa: ChapaControl, kind: str
) -> None:
    """The first try fails, wherever: the buyer still gets one page, and money on it confirms the order."""
    await chapa.fault(kind, method="POST", path="/v1/transaction/initialize", times=1)
    page = await Page.open(shelf, chapa)
    await chapa.buy(page.reference)
    await page.handle.signal(Order.provider_news, ProviderNews("paid", "charge.success"))
    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert [paid for paid, _, _ in await page.moved() if paid != "0.00"] == [PRICE]


async def test_a_refund_that_fails_is_tried_until_it_works(shelf: Shelf, chapa: ChapaControl) -> None:
    """Chapa is down when late money is sent back: it goes back later, once."""
    page = await Page.open(shelf, chapa)
    await shelf.ask(page.handle, Order.cancel, CancelCheckout("digest", "changed my mind", "buyer"))
    await page.handle.result()
    for kind in ("error_before", "answer_lost"):
        await chapa.fault(kind, method="POST", path="/v1/refund/*", tx_ref=page.reference)
    await chapa.buy(page.reference, late=True)
    await page.late().signal(LatePayment.provider_news, ProviderNews("late", "charge.success"))

    assert await page.late().result() is not None
    assert await page.moved() == [(PRICE, PRICE, 1)]
    assert await shop.money_booked(shelf.flow.database) == {"provider:chapa": 0, "unclaimed": 0}
