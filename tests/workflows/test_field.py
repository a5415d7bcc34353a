"""What shops suffer on other platforms, one test a thread of their trackers: told as it was there, and what it is here.

A test is named after the project and the number of its issue or pull request.
"""

import asyncio
from typing import Any

import asyncpg
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.audit import Author
from models.database import fetching
from models.ids import CartId, OrderNumber, UserId, new_id
from models.order import OrderStatus, workflow_id
from models.payment import Standing
from models.tables import cart as carts
from models.tables import inventory
from tests import coupons, shop
from tests.flow import Flow, Handle
from tests.workflows import ledgers, refunding
from tests.workflows.refunding import Sold
from tests.workflows.steps import tries_on_our_rows
from tests.workflows.stories import MUG, WINDOW, Shelf
from tests.workflows.trouble import Trouble
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.order_messages import CancelCheckout, OrderState, PayOrder, ShipOrder

NEVER_MIND = CancelCheckout("never mind", "changed my mind", "buyer")


async def sold(shelf: Shelf, handle: Handle) -> None:
    """Check that the order is sold: one order, one capture of all of it, nothing sent back, ledgers that agree."""
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    intents = await shelf.flow.intents(shelf.number)
    assert [each["captured"] for each in intents if each["captured"]] == [MUG]
    assert [each["refunded"] for each in intents if each["refunded"]] == []
    assert (await shelf.row())["payment_status"] == "paid"
    assert await ledgers.disagreements(shelf.flow) == []


async def orders_of(shelf: Shelf) -> int:
    """How many orders were made of its cart."""
    [row] = await shelf.flow.database.fetch("SELECT count(*) AS n FROM orders WHERE cart_id = $1", shelf.cart)
    return int(row["n"])


async def outcome(flow: Flow, cart: CartId, total: int, **changes: Any) -> tuple[Handle, str]:
    """Check a cart out; what came of it: confirmed, or the refusal's code."""
    handle, answer = await flow.buy(cart, total, **changes)
    if answer.refusal is not None:
        return handle, answer.refusal.code
    await flow.until(handle, OrderStatus.CONFIRMED)
    return handle, "confirmed"


def another_number() -> OrderNumber:
    """For another order."""
    return OrderNumber(f"HF-{new_id().hex[-10:-5].upper()}-{new_id().hex[-5:].upper()}")


def refused(answers: list[Any]) -> list[str | None]:
    """Codes of the updates that were refused."""
    causes = [each.cause for each in answers if isinstance(each, WorkflowUpdateFailedError)]
    return [cause.type for cause in causes if isinstance(cause, ApplicationError)]


async def test_medusa_13301_storefront_and_webhook_both_finish_the_cart(shelf: Shelf, trouble: Trouble) -> None:
    """There: the loser compensated, and refunded the winner's good order. Here both are messages to one owner."""
    handle, answer = await shelf.buy("pm_card_authenticationRequired", key="first")
    assert answer.payment is not None
    assert answer.payment.reference is not None
    await shelf.flow.stripe.authenticate(answer.payment.reference)

    await asyncio.gather(
        *(shelf.buy("pm_card_authenticationRequired", key=key) for key in ("first", "second tab", "third tab")),
        *(shelf.news(handle, event) for event in ("evt_1", "evt_1", "evt_2")),
    )

    await sold(shelf, handle)
    assert await orders_of(shelf) == 1
    assert (await tries_on_our_rows(handle, "place_order"), trouble.runs[handle.id, "capture_payment"]) == (1, 1)


async def test_medusa_15527_a_failed_run_undoes_what_another_run_did(shelf: Shelf, trouble: Trouble) -> None:
    """There: it refunded and cancelled an order that another run had made. Here it knows only its own payment."""
    first, _ = await shelf.buy("pm_card_chargeDeclined")
    trouble.plan(first.id, "cancel_order", "before", "after")
    await shelf.ask(first, Order.cancel, NEVER_MIND)
    await first.result()

    failed, shelf.number = shelf.number, another_number()
    second, _ = await shelf.buy(attempt=2)

    await sold(shelf, second)
    assert sum(each["captured"] for each in await shelf.flow.intents(failed)) == 0
    assert trouble.to_come() == []


async def test_mercur_909_rows_are_deleted_and_the_captured_payment_is_refunded(shelf: Shelf, trouble: Trouble) -> None:
    """There: what failed after the capture was rolled back. Here nothing is, beyond the point of no return."""
    handle = await shelf.begin()
    trouble.plan(handle.id, "confirm_order", "before", "after", "before")

    await sold(shelf, handle)

    assert trouble.to_come() == []
    assert await orders_of(shelf) == 1
    assert (await shelf.facts())[-1] == "order_confirmed"


@pytest.mark.parametrize("ending", ["refused", "cancelled", "window"])
async def test_medusa_12481_a_cart_cannot_be_bought_again_after_a_failure(shelf: Shelf, ending: str) -> None:
    """There: the customer was stuck. Here the cart is bought under its next attempt, whatever ended the one before."""
    if ending == "refused":
        handle, answer = await shelf.flow.buy(shelf.cart, 7, number=shelf.number)
        assert answer.refusal is not None
    else:
        handle, _ = await shelf.buy("pm_card_chargeDeclined")
        if ending == "cancelled":
            await shelf.ask(handle, Order.cancel, NEVER_MIND)
        else:
            await shelf.flow.fast_forward(handle, WINDOW)
    await handle.result()

    shelf.number = another_number()
    again, _ = await shelf.buy(attempt=2)

    await sold(shelf, again)


@pytest.mark.usefixtures("unhurried")
async def test_medusa_15122_the_order_is_announced_although_it_may_still_be_undone(
    shelf: Shelf, trouble: Trouble
) -> None:
    """There: `order.placed` went out before the last step that could fail. Here a letter is written with the
    confirmation, in its transaction, when nothing can be undone any more."""
    trouble.plan(workflow_id(shelf.cart, 1), "confirm_order", "before")
    arrived, go_on = trouble.hold(workflow_id(shelf.cart, 1), "confirm_order")
    handle, _ = await shelf.buy()
    await arrived.wait()
    assert await shelf.charged() == (MUG, 0)
    assert await shelf.letters() == []

    go_on.set()
    await sold(shelf, handle)

    assert await shelf.letters() == ["order_confirmed"]


async def test_medusa_14205_every_intermediate_event_begins_a_doomed_completion(shelf: Shelf) -> None:
    """There: each Stripe event tried to make the order, and order numbers had gaps. Here it is news to its owner."""
    handle, answer = await shelf.buy("pm_card_authenticationRequired")
    assert answer.payment is not None
    assert answer.payment.reference is not None
    for event in ("created", "requires_action", "processing", "payment_failed"):
        await handle.signal(Order.provider_news, ProviderNews(f"evt_{event}", f"payment_intent.{event}"))
    await shelf.flow.stripe.authenticate(answer.payment.reference)
    await shelf.news(handle, "evt_capturable")

    await sold(shelf, handle)

    assert (await orders_of(shelf), await tries_on_our_rows(handle, "place_order")) == (1, 1)
    assert (await shelf.row())["number"] == shelf.number


async def test_medusa_16569_reservations_at_once_exceed_the_stock_and_lose_count(shelf: Shelf) -> None:
    """There: `reserved_quantity` was oversubscribed and out of step. Here twelve buyers share five, and the count is
    the sum of what is held."""
    found = [await shelf.flow.cart({shelf.sku: 1}) for _ in range(12)]

    outcomes = [code for _, code in await asyncio.gather(*(outcome(shelf.flow, cart, MUG) for cart in found))]

    assert (outcomes.count("confirmed"), outcomes.count("out_of_stock")) == (5, 7)
    assert await shelf.left() == (5, 5)
    [row] = await shelf.flow.database.fetch(
        "SELECT sum(open)::int AS held FROM stock_holds WHERE variant_id = $1", shelf.mug
    )
    assert row["held"] == 5
    assert await ledgers.disagreements(shelf.flow) == []


async def test_vendure_3508_the_last_unit_is_sold_twice(flow: Flow) -> None:
    """There: looked at in one transaction, taken in another. Here both in one, and Postgres refuses the rest."""
    async with flow.database.writing() as writer:
        mug = await shop.stock_product(writer, "LAST-MUG", 1)
    found = [await flow.cart({"LAST-MUG": 1}) for _ in range(4)]

    outcomes = [code for _, code in await asyncio.gather(*(outcome(flow, cart, MUG) for cart in found))]

    assert sorted(outcomes) == ["confirmed", "out_of_stock", "out_of_stock", "out_of_stock"]
    assert await shop.stock_of(flow.database, mug) == (1, 1)
    assert await ledgers.disagreements(flow) == []


async def test_vendure_2620_a_customer_pays_twice_and_three_webhooks_settle_three_times(
    shelf: Shelf, trouble: Trouble
) -> None:
    """There: two payments were taken, or three webhooks settled one order thrice (Pinelab 620). Here two cards and
    three webhooks at once are one payment, and who came second is told so."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")

    answers = await asyncio.gather(
        shelf.ask(handle, Order.pay, PayOrder("one", "pm_card_visa")),
        shelf.ask(handle, Order.pay, PayOrder("two", "pm_card_mastercard")),
        *(shelf.news(handle, "evt_1") for _ in range(3)), return_exceptions=True,
    )  # fmt: skip

    await sold(shelf, handle)
    assert len(refused(answers)) == 1
    assert trouble.runs[handle.id, "capture_payment"] == 1


async def test_vendure_3235_an_order_hangs_when_more_is_paid_and_4135_is_refunded_twice(flow: Flow) -> None:
    """There: nothing came after the additional payment, and a refund was written twice. Here another card confirms the
    order, and two clicks on a refund are one."""
    shelf = await Shelf.open(flow)
    handle, _ = await shelf.buy("pm_card_chargeDeclined")
    await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))
    await sold(shelf, handle)
    order = Sold(shelf, (await shelf.row())["id"])
    wish = order.wish(400)

    await asyncio.gather(order.ask(wish), order.ask(wish))
    await order.end()

    assert [(n, status, amount) for n, status, amount, *_ in await order.rows()] == [(1, "succeeded", 400)]
    assert await order.given_back() == 400
    assert await refunding.disagreements(flow) == []


async def test_saleor_14733_paid_and_then_out_of_stock(flow: Flow) -> None:
    """There: the money was taken and there was no order. Here stock is held before a provider is asked for anything."""
    async with flow.database.writing() as writer:
        mug = await shop.stock_product(writer, "SOUGHT-MUG", 1)
    mine, theirs = await flow.cart({"SOUGHT-MUG": 1}), await flow.cart({"SOUGHT-MUG": 1})
    await outcome(flow, theirs, MUG)
    number = another_number()

    handle, code = await outcome(flow, mine, MUG, number=number)

    assert code == "out_of_stock"
    await handle.result()
    assert await flow.intents(number) == []
    assert await shop.stock_of(flow.database, mug) == (1, 1)


async def test_saleor_14732_a_checkout_is_paid_and_cleaned_up(shelf: Shelf) -> None:
    """There: a job deleted paid checkouts. Here the owner's own window ends an order, and never one that is paid."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)

    await shelf.flow.fast_forward(handle, 10 * WINDOW)

    await sold(shelf, handle)


async def test_saleor_14946_a_reloaded_page_charges_again(shelf: Shelf) -> None:
    """There: nothing told that a payment was running. Here whoever asks anew gets the same payment, where it stands."""
    handle, first = await shelf.buy("pm_card_authenticationRequired", key="first")

    _, reloaded = await shelf.buy("pm_card_authenticationRequired", key="after the reload")

    assert reloaded.payment == first.payment
    assert first.payment is not None
    assert first.payment.reference is not None
    assert first.payment.standing is Standing.ACTION_REQUIRED
    assert len(await shelf.flow.intents(shelf.number)) == 1
    await shelf.flow.stripe.authenticate(first.payment.reference)
    await shelf.news(handle)
    await sold(shelf, handle)


async def test_saleor_17086_a_task_begins_before_its_row_is_there(shelf: Shelf, trouble: Trouble) -> None:
    """There: deliveries were dropped, and one order of fifty had no stock (5334). Here what is to be told is written
    in the transaction that does it: none of it, or all of it, once."""
    trouble.plan(workflow_id(shelf.cart, 1), "place_order", "before", "after")
    trouble.plan(workflow_id(shelf.cart, 1), "confirm_order", "before", "after")
    handle = await shelf.begin()

    await sold(shelf, handle)

    assert trouble.to_come() == []
    assert await shelf.letters() == ["order_confirmed"]
    assert await shelf.left() == (5, 1)


async def test_saleor_15849_two_threads_finish_a_checkout_with_a_limited_voucher(shelf: Shelf) -> None:
    """There: the order came back with its payment refunded. Here both are one checkout, and one use."""
    async with shelf.flow.database.writing() as writer:
        await coupons.coupon(writer, "ONE-ONLY", max_redemptions=1)
    await coupons.on_cart(shelf.flow.database, shelf.cart, "ONE-ONLY")
    total = 900 + 500 + 90

    (handle, one), (_, other) = await asyncio.gather(
        *(shelf.flow.buy(shelf.cart, total, number=shelf.number, key=key) for key in ("one", "other"))
    )

    assert one == other
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await coupons.redeemed(shelf.flow.database, "ONE-ONLY") == 1
    assert [(each["captured"], each["refunded"]) for each in await shelf.flow.intents(shelf.number)] == [(total, 0)]
    assert await ledgers.disagreements(shelf.flow) == []


async def test_spree_11284_store_credit_is_spent_twice_from_two_tabs(flow: Flow) -> None:
    """There: both tabs spent it. Here the second order does not get what the first has taken."""
    one, two = await Shelf.open(flow), await Shelf.open(flow)
    told = await one.credit(MUG)
    await flow.database.fetch(
        "INSERT INTO cart_gift_cards SELECT (jsonb_populate_record(g, jsonb_build_object('cart_id', $2::uuid))).* "
        "FROM cart_gift_cards g WHERE cart_id = $1", one.cart, two.cart,
    )  # fmt: skip

    answers = [answer for _, answer in await asyncio.gather(one.buy(None, **told), two.buy(None, **told))]

    assert sorted(answer.refusal.code if answer.refusal else "spent" for answer in answers) == [
        "price_changed", "spent",
    ]  # fmt: skip
    [row] = await flow.database.fetch("SELECT balance, (SELECT sum(-amount)::int FROM credit_entries WHERE amount < 0) "
                                      "AS spent FROM credit_accounts")  # fmt: skip
    assert (row["balance"], row["spent"]) == (0, MUG)


@pytest.mark.usefixtures("unhurried")
async def test_spree_11286_an_item_is_added_while_the_checkout_runs(shelf: Shelf, trouble: Trouble) -> None:
    """There: an order with the wrong amount paid and no stock taken. Here what was agreed to is charged, or nothing."""
    arrived, go_on = trouble.hold(workflow_id(shelf.cart, 1), "place_order")
    handle = await shelf.begin()
    await arrived.wait()
    async with shelf.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    go_on.set()

    ended: OrderState = await handle.result()

    assert ended.refusal is not None
    assert ended.refusal.code == "price_changed"
    assert await shelf.charged() == (0, 0)
    assert await shelf.left() == (5, 0)


async def test_sylius_15172_capture_and_notification_arrive_together(shelf: Shelf, trouble: Trouble) -> None:
    """There: orders in odd states, and errors for customers (12573). Here news wait for the capture's end."""
    handle = shelf.flow.handle(shelf.cart)
    arrived, go_on = trouble.hold(handle.id, "capture_payment")
    await shelf.buy()
    await arrived.wait()
    for number in range(3):
        await handle.signal(Order.provider_news, ProviderNews(f"evt_{number}", "payment_intent.succeeded"))
    go_on.set()

    await sold(shelf, handle)

    assert trouble.runs[handle.id, "capture_payment"] == 1
    assert (await shelf.facts()).count("order_confirmed") == 1


async def test_openfoodnetwork_3925_three_payments_are_taken_for_one_unit(shelf: Shelf, trouble: Trouble) -> None:
    """There: each try charged. Here a try whose answer was lost is the same try, and what is taken is looked up."""
    handle = shelf.flow.handle(shelf.cart)
    trouble.plan(handle.id, "authorize_payment_now", "after")
    trouble.plan(handle.id, "authorize_payment", "after")
    trouble.plan(handle.id, "capture_payment", "after", "after")
    await asyncio.gather(*(shelf.buy(key=key) for key in ("one", "two", "three")))

    await sold(shelf, handle)

    assert trouble.to_come() == []


async def test_nopcommerce_8085_a_release_oversells_and_an_import_trues_it_up(shelf: Shelf) -> None:
    """There: stock below zero at every release, mended by hand. Here a stock-take amid the sale cannot take what is
    held, and what Postgres keeps can never be less than nothing."""
    found = [await shelf.flow.cart({shelf.sku: 1}) for _ in range(8)]

    outcomes = [code for _, code in await asyncio.gather(*(outcome(shelf.flow, cart, MUG) for cart in found))]

    assert (outcomes.count("confirmed"), outcomes.count("out_of_stock")) == (5, 3)
    with pytest.raises(asyncpg.CheckViolationError):
        await shelf.flow.database.fetch("UPDATE stock_levels SET on_hand = 0 WHERE variant_id = $1", shelf.mug)
    assert await shelf.left() == (5, 5)
    async with shelf.flow.database.reading() as reader:
        assert await inventory.drift(reader) == []


async def test_medusa_14357_an_event_is_not_consumed_and_the_letter_is_missing(shelf: Shelf) -> None:
    """There: mails were missing without an error. Here a letter is a row until it is sent, whoever listens."""
    handle, _ = await shelf.buy()

    await sold(shelf, handle)

    [row] = await shelf.flow.database.fetch(
        "SELECT x.settled_at, x.payload ->> 'template' AS template FROM outbox x JOIN orders o ON o.id = x.order_id "
        "WHERE o.number = $1", shelf.number,
    )  # fmt: skip
    assert (row["settled_at"], row["template"]) == (None, "order_confirmed")


async def test_woocommerce_16426_nobody_knows_who_changed_an_order(shelf: Shelf) -> None:
    """There: a plugin. Here each fact says who, and what staff did is in the audit log, with why."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    bob = Author(UserId(new_id()))

    await shelf.ask(handle, Order.ship, ShipOrder(bob.actor, "UPS", "1Z", author=bob))

    order = (await shelf.row())["id"]
    facts = await shelf.flow.database.fetch(
        "SELECT type, actor FROM order_events WHERE order_id = $1 ORDER BY id", order
    )
    assert [row["actor"] for row in facts if not row["actor"]] == []
    assert (facts[-1]["type"], facts[-1]["actor"]) == ("order_shipped", bob.actor)
    [row] = await shelf.flow.database.fetch("SELECT actor_id, action FROM audit_log WHERE actor_id = $1", bob.user)
    assert row["action"] == "order.ship"
