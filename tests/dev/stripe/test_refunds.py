"""Money back: refunds, disputes, transfers and what the balance says."""

import pytest
import stripe

from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import HELD

PAID = HELD | {"capture_method": "automatic"}


async def test_refunds_in_parts_never_exceed_the_charge(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Two parts, then too much, then nothing left."""
    intent = await client.v1.payment_intents.create_async(PAID)
    first = await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 500, "metadata": {"n": "1"}})
    assert (first.status, first.amount, first.charge) == ("succeeded", 500, intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match=r"\$15.01.*greater than unrefunded amount.*\$15.00") as over:
        await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1501})
    assert over.value.param == "amount"
    rest = await client.v1.refunds.create_async({"charge": str(intent.latest_charge), "reason": "duplicate"})
    assert (rest.amount, rest.reason) == (1500, "duplicate")
    with pytest.raises(stripe.InvalidRequestError) as nothing:
        await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert nothing.value.code == "charge_already_refunded"
    charge = await client.v1.charges.retrieve_async(str(intent.latest_charge), {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 2000)
    assert charge.refunds is not None and [item.id for item in charge.refunds.data] == [rest.id, first.id]
    listed = await client.v1.refunds.list_async({"payment_intent": intent.id})
    assert [item.id for item in listed.data] == [rest.id, first.id]
    metadata = (await client.v1.refunds.retrieve_async(first.id)).metadata
    assert metadata is not None and metadata.to_dict() == {"n": "1"}
    assert (await control.ledger())[0]["refunded"] == 2000


async def test_only_captured_money_is_refunded(client: stripe.StripeClient) -> None:
    """Held money is released by cancel; what a partial capture left is all there is to refund."""
    held = await client.v1.payment_intents.create_async(HELD)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await client.v1.refunds.create_async({"payment_intent": held.id})
    await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 700})
    with pytest.raises(stripe.InvalidRequestError, match="greater than"):
        await client.v1.refunds.create_async({"payment_intent": held.id, "amount": 701})
    assert (await client.v1.refunds.create_async({"payment_intent": held.id})).amount == 700
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        await client.v1.refunds.create_async({})


async def test_a_refund_fails_later(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The bank sends it back: the charge is refundable again."""
    intent = await client.v1.payment_intents.create_async(PAID | {"payment_method": "pm_card_pendingRefund"})
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 800})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    await control.refund_becomes(refund.id, "failed", "lost_or_stolen_card")
    failed = await client.v1.refunds.retrieve_async(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    assert (await control.ledger())[0]["refunded"] == 0
    assert (await client.v1.refunds.create_async({"payment_intent": intent.id})).amount == 2000
    types = [event.type for event in (await client.v1.events.list_async({"limit": 100})).data]
    assert {"refund.created", "refund.updated", "refund.failed", "charge.refunded", "charge.refund.updated"} <= {*types}


async def test_a_dispute_blocks_refunds(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The buyer goes to the bank; the case is opened, decided, and told by events."""
    intent = await client.v1.payment_intents.create_async(PAID)
    opened = await control.dispute(intent.id, reason="product_not_received")
    dispute = await client.v1.disputes.retrieve_async(opened["id"])
    assert (dispute.status, dispute.amount, dispute.payment_intent) == ("needs_response", 2000, intent.id)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert refusal.value.code == "charge_disputed"
    assert (await control.close_dispute(dispute.id, "lost"))["status"] == "lost"
    events = await client.v1.events.list_async({"types": ["charge.dispute.created", "charge.dispute.closed"]})
    assert [event.type for event in events.data] == ["charge.dispute.closed", "charge.dispute.created"]


async def test_some_cards_are_disputed_at_once(client: stripe.StripeClient) -> None:
    """pm_card_createDispute opens a dispute as soon as it is captured."""
    held = await client.v1.payment_intents.create_async(HELD | {"payment_method": "pm_card_createDispute"})
    assert (await client.v1.disputes.list_async()).data == []
    await client.v1.payment_intents.capture_async(held.id)
    (dispute,) = (await client.v1.disputes.list_async({"payment_intent": held.id})).data
    assert (dispute.reason, dispute.charge) == ("fraudulent", held.latest_charge)


async def test_transfers_and_reversals(client: stripe.StripeClient) -> None:
    """Money to a seller, never more than the charge took, and back again in parts."""
    intent = await client.v1.payment_intents.create_async(PAID)
    params: stripe.params.TransferCreateParams = {
        "amount": 1500,
        "currency": "usd",
        "destination": "acct_seller",
        "source_transaction": str(intent.latest_charge),
    }
    transfer = await client.v1.transfers.create_async(params)
    assert (transfer.amount, transfer.reversed, transfer.transfer_group) == (1500, False, f"group_{intent.id}")
    with pytest.raises(stripe.InvalidRequestError, match="would be exceeded"):
        await client.v1.transfers.create_async(params)
    with pytest.raises(stripe.InvalidRequestError, match="No such destination"):
        await client.v1.transfers.create_async(params | {"destination": "nobody"})
    part = await client.v1.transfers.reversals.create_async(transfer.id, {"amount": 400})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unreversed"):
        await client.v1.transfers.reversals.create_async(transfer.id, {"amount": 1101})
    await client.v1.transfers.reversals.create_async(transfer.id)
    after = await client.v1.transfers.retrieve_async(transfer.id)
    assert (after.amount_reversed, after.reversed, len(after.reversals.data)) == (1500, True, 2)
    assert (await client.v1.transfers.reversals.list_async(transfer.id)).data[1].id == part.id
    assert [t.id for t in (await client.v1.transfers.list_async({"destination": "acct_seller"})).data] == [transfer.id]


async def test_the_balance_adds_up(client: stripe.StripeClient) -> None:
    """Captured less refunded less transferred, per currency."""
    intent = await client.v1.payment_intents.create_async(PAID)
    await client.v1.payment_intents.create_async(PAID | {"amount": 900, "currency": "jpy"})
    await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 300})
    await client.v1.transfers.create_async({"amount": 200, "currency": "usd", "destination": "acct_1"})
    balance = await client.v1.balance.retrieve_async()
    assert {item.currency: item.amount for item in balance.available} == {"jpy": 900, "usd": 1500}
