"""Disputes followed and books compared without HTTP, and ways that each can go, told once."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models.dispute import DisputeStatus, workflow_id
from models.ids import new_id
from models.payment import CHAPA, STRIPE
from models.refund import RefundStatus
from tests.flow import Flow
from tests.workflows.refunding import Sold
from workflows.dispute import DisputeState, FollowDispute, WatchDispute
from workflows.news import ProviderNews
from workflows.patience import ORDERS
from workflows.reconcile import RECONCILE_ID, Reconcile, ReconcileOutcome, Reconciling

Following = WorkflowHandle[FollowDispute, DisputeState]
Comparing = WorkflowHandle[Reconcile, ReconcileOutcome]
_SHOP = {"Authorization": "Bearer sk_test_dashboard"}


async def follow(flow: Flow, reference: str, event: str = "evt_1") -> Following:
    """The provider's news of a dispute, as the API passes it on: it is followed, or begun again."""
    with flow.skipper.with_time_skipping_disabled():
        return await flow.client.start_workflow(
            FollowDispute.run, WatchDispute("stripe", reference), id=workflow_id("stripe", reference),
            task_queue=ORDERS, start_signal="provider_news",
            start_signal_args=[ProviderNews(event, "charge.dispute.created")],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )  # fmt: skip


async def told(flow: Flow, reference: str, event: str = "evt_1") -> DisputeState:
    """The same; what came of it."""
    return await asyncio.wait_for((await follow(flow, reference, event)).result(), 60)


async def opened(sold: Sold) -> str:
    """The buyer has been to the bank; the provider's id of it."""
    made = await sold.flow.stripe.dispute((await sold.shelf.row())["reference"])
    return str(made["id"])


async def compare(flow: Flow, settle: float = 8, name: str | None = None) -> Comparing:
    """One run, to its end. Owners have `settle` seconds to mend what they missed."""
    asked = Reconciling(timedelta(days=1), (STRIPE, CHAPA), timedelta(seconds=settle))
    with flow.skipper.with_time_skipping_disabled():
        handle = await flow.client.start_workflow(
            Reconcile.run, asked, id=name or f"{RECONCILE_ID}-{new_id()}", task_queue=ORDERS
        )
        await asyncio.wait_for(handle.result(), 90)
    return handle


async def by_hand(flow: Flow, path: str, **form: Any) -> dict[str, Any]:
    """What somebody does at the provider who is not this shop."""
    answer = await flow.stripe.http.post(f"/v1/{path}", data=form, headers=_SHOP)
    made: dict[str, Any] = answer.raise_for_status().json()
    return made


# Ways that one can go. Each leaves it over; books that differ come last, since they differ from then on.


async def dispute_opened(flow: Flow) -> Following:
    """The bank takes the money of an order."""
    handle = await follow(flow, await opened(await Sold.open(flow)))
    assert (await handle.result()).status is DisputeStatus.OPEN
    return handle


async def dispute_won(flow: Flow) -> Following:
    """The shop wins, and the money is its own again."""
    reference = await opened(await Sold.open(flow))
    await told(flow, reference)
    await flow.stripe.close_dispute(reference, "won")
    handle = await follow(flow, reference, "evt_2")
    assert (await handle.result()).status is DisputeStatus.WON
    return handle


async def dispute_of_nobody(flow: Flow) -> Following:
    """The provider knows of no such dispute."""
    handle = await follow(flow, "du_nobodys")
    assert await handle.result() == DisputeState()
    return handle


async def books_agree(flow: Flow) -> Comparing:
    """A good day."""
    await Sold.open(flow)
    handle = await compare(flow)
    outcome = await handle.result()
    assert (outcome.mended, outcome.drift) == (0, 0)
    return handle


async def books_mended(flow: Flow) -> Comparing:
    """News of a refund that came back and of a dispute were lost: owners look, and agree."""
    back = await Sold.open(flow)
    assert (await back.refund(700)).status is RefundStatus.SUCCEEDED
    await back.end()
    [refund] = await back.at_provider()
    await flow.stripe.refund_becomes(refund, "failed", "lost_or_stolen_card")
    await opened(await Sold.open(flow))
    handle = await compare(flow, settle=60)
    outcome = await handle.result()
    assert (outcome.mended, outcome.drift) == (2, 0)
    return handle


async def books_differ(flow: Flow) -> Comparing:
    """Somebody sent money back by hand at the provider: a case for a person."""
    sold = await Sold.open(flow)
    await by_hand(flow, "refunds", payment_intent=(await sold.shelf.row())["reference"], amount=100)
    handle = await compare(flow, settle=1)
    assert (await handle.result()).drift == 1
    return handle


Story = Callable[[Flow], Coroutine[Any, Any, Following | Comparing]]
DISPUTES: tuple[Story, ...] = (dispute_opened, dispute_won, dispute_of_nobody)
ALL: tuple[Story, ...] = (*DISPUTES, books_agree, books_mended, books_differ)
"""All of them."""
