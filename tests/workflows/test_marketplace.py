"""Orders divided behind them, and vendors paid out once, whatever befalls: run twice, killed midway, refused."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from activities.vendor_parts import NotDivided
from models.attention import AttentionKind
from models.ids import OrderId, new_id
from models.reconciliation import CaseKind
from models.refund import RefundStatus
from models.tables import attention_queue as queue
from models.tables import case as cases
from models.vendor import PayoutStatus, workflow_id
from tests import shop
from tests.flow import Flow
from tests.models.swept import sweep
from tests.workflows.market import ALL, Market
from tests.workflows.test_histories import keep
from tests.workflows.trouble import Kind, Trouble
from tests.workflows.watching import by_hand, compare
from workflows import patience
from workflows.news import ProviderNews
from workflows.pay_out import PayOut
from workflows.split_orders import BATCH, Splitting

SOLD = {"captured": -1600, "shop": 600, "commission/anna": 100, "vendor/anna": 900}
"""One mug with its shipping and its tax, of which Anna has nine tenths of ten dollars."""


@pytest.fixture(autouse=True)
async def alone(flow: Flow) -> None:
    """A provider that knows nothing of what other tests did."""
    await flow.stripe.reset()


@pytest.fixture
async def market(flow: Flow) -> Market:
    """Anna's."""
    return await Market.open(flow)


async def test_orders_are_divided_as_things_happen_to_them(market: Market) -> None:
    """Given an order of Anna's goods, when it is followed, then she has her share, and loses it with a refund."""
    sold = await market.sell()
    following = await market.follow()
    await market.until_said(SOLD)
    assert (await sold.refund(800)).status is RefundStatus.SUCCEEDED
    await market.until_said(
        {"captured": -1600, "refunded": 800, "shop": 300, "commission/anna": 50, "vendor/anna": 450}
    )
    await following.terminate("the test is over")
    [(parts,)] = await market.flow.database.fetch("SELECT count(*) FROM vendor_parts")
    assert parts == 1


async def test_an_order_that_cannot_be_divided_holds_nobody_up(market: Market) -> None:
    """Given an order whose terms make no sense, then a person is told, others go on, and mended it is made up for."""
    bad = await market.sell()
    [line] = await market.flow.database.fetch("SELECT id FROM order_lines WHERE order_id = $1", bad.order)
    async with market.flow.database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO line_terms (order_line_id, order_id, vendor_id, ppm, fixed) VALUES ($1, $2, $3, -900000, 0)",
            (line["id"], bad.order, market.anna.id),
        )
    await market.sell()
    following = await market.follow(Splitting(pause=timedelta(milliseconds=1)))
    await market.until_said(SOLD)
    async with asyncio.timeout(60):
        while str(bad.order) not in await card(following):
            await asyncio.sleep(0.05)
    async with market.flow.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE line_terms SET ppm = 100000 WHERE order_id = $1", (bad.order,))
    await market.sell()  # its news wake the follower
    await market.until_said({name: 3 * amount for name, amount in SOLD.items()})
    await following.terminate("the test is over")


async def test_many_that_cannot_be_divided_are_tried_some_at_a_time(market: Market, trouble: Trouble) -> None:
    """Given more orders to be tried again than a step does, then no step has more, and all are tried."""
    failed = tuple(NotDivided(OrderId(new_id()), "order_confirmed", "no terms") for _ in range(2 * BATCH + 1))
    following = await market.follow(Splitting(failed, timedelta(milliseconds=1)))
    await market.sell()  # its news wake the follower
    await market.until_said(SOLD)
    async with asyncio.timeout(60):
        while "Waiting for news" not in await card(following):
            await asyncio.sleep(0.05)
    assert trouble.runs[following.id, "divide_again"] == 3
    await following.terminate("the test is over")


async def test_a_vendor_is_paid_out_once_a_day(market: Market) -> None:
    """Given what is owed, when it is paid twice on a day, then it is sent once, and both sides agree."""
    await market.divided()
    assert await market.pay() == [PayoutStatus.PAID]
    assert await market.pay() == [PayoutStatus.PAID]
    assert (await market.payouts(), await market.transfers()) == ([("paid", 900)], [900])
    assert await market.said() == {"captured": -1600, "shop": 600, "commission/anna": 100, "paid/anna": 900}
    outcome = await (await compare(market.flow, settle=1)).result()
    assert outcome.drift == 0


async def test_what_nobody_was_told_of_is_put_right_before(market: Market) -> None:
    """Given a refund that no follower heard of, then the books are put right before anything is paid."""
    sold = await market.divided()
    assert (await sold.refund(800)).status is RefundStatus.SUCCEEDED
    assert await market.said() == SOLD
    assert await market.pay() == [PayoutStatus.PAID]
    assert await market.transfers() == [450]


@pytest.mark.parametrize("kind", ["before", "after", "lost"])
@pytest.mark.parametrize("step", ["fix_payout", "send_transfer", "settle_payout"])
async def test_a_payout_pays_once_whatever_fails(
    market: Market, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, step: str, kind: Kind
) -> None:
    """Given a step of a payout that fails before or after its effect, or is never heard of, then it is sent once."""
    usual = patience.provider
    monkeypatch.setitem(patience.DATABASE, "start_to_close_timeout", timedelta(seconds=2))
    monkeypatch.setattr(
        patience, "provider", lambda *given: {**usual(*given), "start_to_close_timeout": timedelta(seconds=3)}
    )
    await market.divided()
    [today] = await market.flow.database.fetch("SELECT (now() AT TIME ZONE 'utc')::date AS day")
    trouble.plan(workflow_id(market.anna.id, "usd", today["day"]), step, kind)
    assert await market.pay() == [PayoutStatus.PAID]
    assert (await market.payouts(), await market.transfers()) == ([("paid", 900)], [900])
    assert trouble.to_come() == []


async def test_a_payout_that_was_killed_midway_goes_on(market: Market, trouble: Trouble) -> None:
    """Given a payout that ended after it was sent and before anybody wrote so, then the next run finds it sent."""
    await market.divided()
    [today] = await market.flow.database.fetch("SELECT (now() AT TIME ZONE 'utc')::date AS day")
    owner = workflow_id(market.anna.id, "usd", today["day"])
    reached, go_on = trouble.hold(owner, "settle_payout")
    running = asyncio.create_task(market.pay())
    async with asyncio.timeout(60):
        await reached.wait()
    assert (await market.payouts(), await market.transfers()) == ([("open", 900)], [900])
    await market.flow.client.get_workflow_handle(owner).terminate("killed")
    with pytest.raises(WorkflowFailureError):
        await running
    assert await market.pay() == [PayoutStatus.PAID]
    assert (await market.payouts(), await market.transfers()) == ([("paid", 900)], [900])
    before = await market.said()
    go_on.set()  # whoever was killed may still be about to write
    assert await market.pay() == [PayoutStatus.PAID]
    assert (await market.payouts(), await market.said()) == ([("paid", 900)], before)


async def test_what_the_provider_refuses_is_owed_again(flow: Flow) -> None:
    """Given an account that the provider does not know, then it is owed as before, and the payout says why."""
    market = await Market.open(flow, account="nobody")
    await market.divided()
    assert await market.pay() == [PayoutStatus.FAILED]
    assert (await market.payouts(), await market.said()) == ([("failed", 900)], SOLD)
    [row] = await flow.database.fetch("SELECT error, reference FROM payouts")
    assert "nobody" in row["error"]
    assert (await queue.first(flow.database, 10))[AttentionKind.PAYOUT_FAILED].count == 1
    assert row["reference"] is None


async def test_a_provider_that_is_away_is_asked_again_when_somebody_says_so(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a provider that fails, then the payout stays open and asks for a person, and then is sent."""
    usual = patience.provider
    brief = {"schedule_to_close_timeout": timedelta(seconds=1)}
    monkeypatch.setattr(patience, "provider", lambda *given: {**usual(*given), **brief})
    await flow_fault(market.flow, times=None)
    await market.divided()
    running = asyncio.create_task(market.pay())
    [today] = await market.flow.database.fetch("SELECT (now() AT TIME ZONE 'utc')::date AS day")
    handle = market.flow.client.get_workflow_handle(workflow_id(market.anna.id, "usd", today["day"]))
    async with asyncio.timeout(60):
        while "Needs attention" not in await card(handle):
            await asyncio.sleep(0.05)
    assert await market.payouts() == [("open", 900)]
    [need] = (await queue.first(market.flow.database, 10))[AttentionKind.PAYOUT_STUCK].first
    assert (need.workflow_id, need.step) == (handle.id, "send a payout")
    await market.flow.stripe.clear()
    await handle.signal(PayOut.provider_news, ProviderNews("mended", "staff"))
    assert await running == [PayoutStatus.PAID]
    assert await market.transfers() == [900]
    assert await queue.first(market.flow.database, 10) == {}


async def flow_fault(flow: Flow, times: int | None) -> None:
    """The provider fails whatever is asked of it about transfers."""
    await flow.stripe.fault("error_before", path="/v1/transfers", status=500, times=times)


async def card(handle: Any) -> str:
    """Its state card, empty before it has one."""
    with suppress(RPCError):
        known: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return known.current_details
    return ""


async def test_both_sides_of_transfers_are_compared(market: Market) -> None:
    """Given transfers made and reversed by hand, and a payout that was never sent, then each is a case of its own."""
    flow = market.flow
    await market.divided()
    assert await market.pay() == [PayoutStatus.PAID]
    [reference] = [row["reference"] for row in await flow.database.fetch("SELECT reference FROM payouts")]
    by_mistake = await by_hand(flow, "transfers", amount=5, currency="usd", destination="acct_other")
    await by_hand(flow, f"transfers/{reference}/reversals", amount=100)
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO payouts (id, vendor_id, amount, currency, day, destination, status, reference, settled_at) "
            "VALUES ($1, $2, 7, 'eur', current_date, 'acct_x', 'paid', 'tr_never', now())",
            (lost := new_id(), market.anna.id),
        )
    assert (await (await compare(flow, settle=1)).result()).drift == 3
    found = {each.kind: each for each in await cases.listed(flow.database, 10, True, None)}
    assert {kind: each.object for kind, each in found.items()} == {
        CaseKind.TRANSFER_UNKNOWN: by_mistake["id"], CaseKind.TRANSFER_DIFFERS: reference,
        CaseKind.TRANSFER_MISSING: str(lost),
    }  # fmt: skip
    assert found[CaseKind.TRANSFER_DIFFERS].facts["provider"]["moved"] == {"amount": 800, "currency": "usd"}


async def test_record_anew(flow: Flow) -> None:
    """Collected with --record-histories only: tell every story once more and keep what the server wrote down."""
    for story in ALL:
        handle = await story(flow)
        keep(story.__name__, (await handle.fetch_history()).to_json())
        with suppress(RPCError):
            await handle.terminate("recorded")
        async with flow.database.writing() as writer:
            await sweep(writer)
            await shop.open_shop(writer)
