"""The provider's door: who is let in, what is kept, and that five of the same tell the order once."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from dev.stripe.remote import SimulatorControl
from dev.stripe.webhooks import signature
from tests.books import Books
from tests.premises import House, Shopper

DEEP = b'{"id": "evt_1", "type": "x", "data": {"object": {"metadata": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}}"


def event(type: str = "payment_intent.succeeded", **change: Any) -> dict[str, Any]:
    """An event as the provider sends it, about a payment that nobody knows."""
    about = {"id": f"pi_{uuid4().hex}", "object": "payment_intent", "metadata": {"workflow": f"order/{uuid4()}/1"}}
    return {"id": f"evt_{uuid4().hex}", "object": "event", "type": type, "data": {"object": about}, **change}


SAVING = f"payment-method/{uuid4()}/a key of somebody's"


def about(owner: str) -> dict[str, Any]:
    """An event's data: the saving of a card that nobody knows."""
    return {"object": {"id": f"seti_{uuid4().hex}", "object": "setup_intent", "metadata": {"workflow": owner}}}


async def deliver(
    house: House, body: bytes, *, secret: str | None = None, at: int | None = None, header: str | None = None
) -> httpx.Response:
    """Bring it to the door, signed well unless told otherwise."""
    signed = signature(body, secret or house.environment["STRIPE_WEBHOOK_SECRET"], at or int(time.time()))
    async with house.client() as client:
        return await client.post(
            "/webhooks/stripe",
            content=body,
            headers={b"Stripe-Signature": (signed if header is None else header).encode()},
        )


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_of_somebody_else"}, {"at": int(time.time()) - 600}, {"header": ""}, {"header": "nonsense"},
        {"header": "t=x,v1=y"}, {"header": f"t={int(time.time())}"}, {"header": f"t={int(time.time())},v1="},
        {"header": f"t={10**30},v1={'0' * 64}"}, {"header": "t=1,t=2,v1=é"},
    ],
    ids=["forged", "stale", "none", "nonsense", "no numbers", "no signature", "empty", "far future", "bytes"],
)  # fmt: skip
async def test_a_stranger_is_not_let_in(house: House, books: Books, how: dict[str, Any]) -> None:
    """A forged, stale or missing signature: 400, and nothing of it is kept."""
    before = await books.count()

    answer = await deliver(house, json.dumps(event()).encode(), **how)

    assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid"), answer.text
    assert await books.count() == before


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"no JSON", b'{"id": 1, "type": "x", "data": {"object": {}}}', b'{"id": "evt_1"}',
        b'{"id": "evt_1", "type": "x", "data": {"object": null}}', b'{"id": "evt_1", "type": "\xff"}', DEEP,
        b'{"id": "", "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_\\u0000", "type": "x", "data": {"object": {}}}',
    ],
)  # fmt: skip
async def test_what_is_signed_but_no_event(house: House, books: Books, body: bytes) -> None:
    """400, and nothing of it is kept."""
    before = await books.count()

    answer = await deliver(house, body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] in ("malformed", "event_malformed", "signature_invalid")
    assert await books.count() == before


@pytest.mark.parametrize(
    ("sent", "note"),
    [
        (event("customer.subscription.paused"), "kept: nobody waits for such an event"),
        (event("a.type.of.tomorrow"), "kept: nobody waits for such an event"),
        (event(), "kept: no such order is open"),
        (event("setup_intent.succeeded", data=about(SAVING)), "kept: no such saving of a card is open"),
        (event("setup_intent.requires_action", data=about(SAVING)), "kept: nobody waits for such an event"),
        (
            event("setup_intent.succeeded", data=about("payment-method/x/key")),
            "kept: nobody waits for such an event",
        ),
        (event("setup_intent.succeeded", data=about(f"{SAVING}\n")), "kept: nobody waits for such an event"),
        (event("refund.failed", data=about(f"refund/{uuid4()}/1")), "kept: no such refund"),
        (event("refund.created", data=about(f"refund/{uuid4()}/1")), "kept: nobody waits for such an event"),
        (event("refund.failed", data=about(f"refund/{uuid4()}/0")), "kept: nobody waits for such an event"),
        (event(data={"object": {"id": "pi_1"}}), "kept: nobody waits for such an event"),
        (event(data={"object": {"id": "pi_1", "metadata": {"workflow": "nonsense \0 🦉"}}}), None),
        (event(data={"object": {"id": "pi_1", "metadata": {"workflow": "x" * 5000}}}), None),
        (event(data={"object": {"id": "pi_1", "metadata": {"workflow": ["order"]}}}), None),
        (event(data={"object": {"id": "pi_1", "metadata": {"workflow": "notify"}}}), None),
        (event(data={"object": {"id": "pi_1", "metadata": {"a": [[[{}]]], "workflow": None}}}), None),
    ],
    ids=[
        "unknown type",
        "future type",
        "no such order",
        "no such saving",
        "no news",
        "no account",
        "line break",
        "no such refund",
        "no news of a refund",
        "no refund",
        "not ours",
        "strange owner",
        "long owner",
        "no name",
        "notify",
        "null",
    ],
)
async def test_what_concerns_no_order_is_kept_and_acknowledged(
    house: House, books: Books, sent: dict[str, Any], note: str | None
) -> None:
    """2xx, so that the provider stops sending it; one row as evidence, nothing else moved."""
    before = await books.count()
    sent = {**sent, "id": f"evt_{uuid4().hex}"}

    answers = [await deliver(house, json.dumps(sent).encode()) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    if note:
        assert [answer.json()["note"] for answer in answers] == [note, "known"]
    assert await books.count() == {**before, "webhook_events": before["webhook_events"] + 1}


async def test_the_same_event_five_times_at_once(
    house: House, shopper: Shopper, provider: SimulatorControl, books: Books
) -> None:
    """All are acknowledged, the inbox has one row, the order goes on once; late and old copies change nothing."""
    await provider.webhooks(hold=True)
    try:
        placed = (await shopper.buy(await house.stock(5), 1, "pm_card_authenticationRequired")).json()["order"]
        [intent] = await books.intents(placed["number"])
        await provider.authenticate(intent["payment_intent"])
        held = [each for each in await provider.deliveries() if each["status"] == "held"]
        news = next(each for each in held if each["type"] == "payment_intent.amount_capturable_updated")

        await provider.resend(news["event"], times=5)

        await shopper.order_when(placed, "confirmed", within=50)
    finally:
        await provider.release()
    await asyncio.gather(*(provider.resend(each["event"], times=2) for each in held))
    await books.count()  # once all of them have arrived
    kept = await books.database.fetch(
        "SELECT count(*)::int AS n FROM webhook_events WHERE event_id = $1", news["event"]
    )
    assert kept[0]["n"] == 1
    fates = [each for each in await provider.deliveries() if each["event"] == news["event"]]
    assert {(each["status"], each["answer"]) for each in fates} == {("delivered", 200)}
    assert len(fates) == 8
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    assert await shopper.events(placed) == [
        "order_placed", "payment_action_required", "payment_authorized", "payment_captured", "order_confirmed",
    ]  # fmt: skip
