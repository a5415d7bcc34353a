"""Orders at the desk: found, read, and steered by forms that do a thing once."""

import asyncio
import re
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import OrderNumber
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.roles import Role
from models.tables import order as order_rows
from models.tables.order import orders
from models.tables.payment import payments
from tests import shop
from tests.activities.till import Till
from tests.api.conftest import Api
from tests.api.desk.conftest import Hire, text_of
from tests.api.staff import log, state

HF = OrderNumber("HF-DESKS-ABCDE")
WHY = "capture the payment: stripe is unavailable"


async def bought(till: Till, number: str = HF, **changes: Any) -> None:
    """An order of one mug."""
    await till.placed(await till.cart(), number=OrderNumber(number), **changes)


async def put(database: Database, status: OrderStatus, payment: PaymentStatus, **values: Any) -> None:
    """Where the order stands from now on."""
    async with database.writing() as writer:
        mine = sa.select(orders.c.id).where(orders.c.number == HF).scalar_subquery()
        await writer.execute(sa.update(orders).where(orders.c.number == HF).values(status=status, **values))
        await writer.execute(sa.update(payments).where(payments.c.order_id == mine).values(status=payment))


async def test_an_order_is_found(api: Api, till: Till, hire: Hire) -> None:
    """Given two orders, when words or states are asked for, then those that match; a number leads to its order."""
    await bought(till)
    await bought(till, "HF-DESKS-GGGGG", email="grace@example.com")
    ada = await hire(Role.SUPPORT)

    async def found(query: str) -> list[str]:
        page = await ada.see(f"/orders?{query}")
        assert page.status_code == 200, page.text
        return re.findall(r'class="number" href="/desk/orders/(HF-[\w-]+)"', page.text)

    assert await found("") == ["HF-DESKS-GGGGG", HF]
    assert await found("q=grace") == ["HF-DESKS-GGGGG"]
    assert await found("q=MUG&status=pending&payment_status=&fulfilment_status=") == ["HF-DESKS-GGGGG", HF]
    assert await found("attention=true") == []
    led = await ada.see(f"/orders?q={HF.lower()}")
    assert (led.status_code, led.headers["Location"]) == (303, f"/desk/orders/{HF}")


@pytest.mark.parametrize(
    "query", ["status=nothing", "q=%00", "q=" + "x" * 300, "attention=perhaps", "cursor=x", "customer=1", "q=%ff%fe"]
)
async def test_a_strange_question_is_refused(api: Api, hire: Hire, query: str) -> None:
    """Given what no field of the page asks, then the page says so, and nothing breaks."""
    ada = await hire(Role.SUPPORT)
    answer = await ada.see(f"/orders?{query}")
    assert answer.status_code in ((400, 422) if query != "q=%ff%fe" else (200, 422)), answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_the_page_says_why_and_what_can_be_done(api: Api, till: Till, database: Database, hire: Hire) -> None:
    """Given an order whose money could not be taken, then its page says so in words, and offers what may be done."""
    await bought(till)
    await put(
        database, OrderStatus.PENDING, PaymentStatus.AUTHORIZED, attention="capture the payment: stripe is unavailable"
    )
    ada = await hire(Role.SUPPORT)

    page = await ada.see(f"/orders/{HF}")

    assert page.status_code == 200
    said = text_of(page)
    assert "Needs attention: could not capture the payment" in said
    assert "What went wrong: Could not capture the payment: Stripe does not answer" in said
    assert "The order was placed for 16.00 USD; its stock is held" in said
    assert "Ada Lovelace 1 Main St" in said
    offered = re.findall(rf'action="/desk/orders/{HF}/(\w+)"', page.text)
    assert offered == ["retry", "note"]


async def test_what_people_wrote_stays_text(api: Api, till: Till, hire: Hire) -> None:
    """Given an address and a note with markup in them, then they are shown, and are no markup."""

    evil = msgspec.structs.replace(shop.NEW_YORK, line2="<script>alert(1)</script>")
    await bought(till, shipping_address=evil)
    ada = await hire(Role.SUPPORT)
    await ada.send(f"/orders/{HF}/note", {"key": "n-1", "text": '"><img src=x onerror=alert(2)>\nsecond line'})

    page = await ada.see(f"/orders/{HF}")

    assert "&lt;script&gt;alert(1)" in page.text
    assert "&lt;img src=x onerror=alert(2)&gt;<br>second line" in page.text
    assert "<img" not in page.text


async def test_pressed_twice_is_done_once(api: Api, till: Till, database: Database, hire: Hire) -> None:
    """Given a note sent five times at once by one form, then it is written once, in the books of who wrote it."""
    await bought(till)
    ada = await hire(Role.SUPPORT)

    answers = await asyncio.gather(
        *(ada.send(f"/orders/{HF}/note", {"key": "n-1", "text": "Called: at home from five."}) for _ in range(5))
    )

    assert {(each.status_code, each.headers["Location"]) for each in answers} == {(303, f"/desk/orders/{HF}?done=note")}
    order = await order_rows.find(database, HF)
    assert order is not None
    notes = [each for each in await order_rows.timeline(database, order.id) if each.type == "note"]
    assert [(each.facts["text"], each.actor) for each in notes] == [("Called: at home from five.", f"staff/{ada.user}")]
    assert [entry[:2] for entry in await log(database)] == [("order.note", HF)]
    page = await ada.see(f"/orders/{HF}?done=note")
    assert "Done: note." in text_of(page)


async def test_a_refused_form_says_why_and_keeps_what_was_written(
    api: Api, till: Till, database: Database, hire: Hire
) -> None:
    """Given a note that is too long, then 422 on the order's page, with the note still there, and no row."""
    await bought(till)
    ada = await hire(Role.SUPPORT)
    before = await state(database, "orders", "order_events", "payments")

    late = await ada.send(f"/orders/{HF}/note", {"key": "n-1", "text": "x" * 2001})

    assert late.status_code == 422
    assert "Not done:" in text_of(late)
    assert "x" * 2001 in late.text
    assert await state(database, "orders", "order_events", "payments") == before


@pytest.mark.parametrize(
    ("action", "said", "status"),
    [
        ("refund", {"amount": "1.234", "reason": "late"}, 422), ("refund", {"amount": "-1", "reason": "late"}, 422),
        ("refund", {"amount": "1e3", "reason": "late"}, 422), ("refund", {"amount": "NaN", "reason": "late"}, 422),
        ("refund", {"amount": "9" * 30, "reason": "late"}, 422), ("refund", {"reason": "late"}, 422),
        ("refund", {"items.MUG": "x", "reason": "late"}, 422), ("refund", {"amount": "1.00"}, 422),
        ("ship", {"carrier": "UPS", "tracking": "1Z"}, 422), ("ship", {"items.MUG": "1", "carrier": "UPS"}, 422),
        ("extend_hold", {"minutes": "-5", "reason": "r"}, 422),
        ("extend_hold", {"minutes": "5" * 9, "reason": "r"}, 422), ("cancel", {"reason": "null \0 byte"}, 422),
        ("edit", {}, 404), ("nothing", {}, 404), ("note", {"text": "\0"}, 422),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(
    api: Api, till: Till, database: Database, hire: Hire, action: str, said: dict[str, str], status: int
) -> None:
    """Given a form that makes no sense, then the page says so, and nothing has moved."""
    await bought(till)
    ada = await hire(Role.ADMIN)
    before = await state(database, "orders", "order_events", "payments", "refunds")

    answer = await ada.send(f"/orders/{HF}/{action}", {"key": "k-1", **said})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert await state(database, "orders", "order_events", "payments", "refunds") == before


async def test_who_may_only_look_is_offered_what_they_may(api: Api, till: Till, database: Database, hire: Hire) -> None:
    """Given a paid order, then finance is offered the refund alone, and a form that was not offered does nothing."""
    await bought(till)
    await put(database, OrderStatus.CONFIRMED, PaymentStatus.PAID)
    fay = await hire(Role.FINANCE)

    page = await fay.see(f"/orders/{HF}")
    forged = await fay.send(f"/orders/{HF}/note", {"key": "n-1", "text": "mine"})

    assert re.findall(rf'action="/desk/orders/{HF}/(\w+)"', page.text) == ["refund"]
    assert forged.status_code == 403
    assert await log(database) == []


async def test_an_order_that_is_none(api: Api, hire: Hire) -> None:
    """Given a number that no order has, then 404, as a page."""
    ada = await hire(Role.SUPPORT)
    for number in ("HF-NNNNN-NNNNN", "nonsense"):
        answer = await ada.see(f"/orders/{number}")
        assert answer.status_code in (404, 422)
        assert "<h1>" in answer.text
