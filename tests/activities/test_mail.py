"""Letters as they arrive, and what becomes of them when the mail server is in a mood."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from aiosmtpd.smtp import SMTP

from activities import mail as module
from activities.mail import MailActivities, Sending, SendingResult, Sent
from activities.orders import CancelOrder, ConfirmOrder, RecordAttempt
from dev.stack import Stack
from models.ids import CreditAccountId, ResetId, UserId, new_id
from models.letter import Letter
from models.money import Money
from models.payment import PAGE_CLOSED, ProviderPayment, Standing
from models.reset import code
from models.tables import outbox
from models.tokens import gift_card_code, unsubscribe_token
from models.wire import HoldfastConverter
from models.wording.composing import TEMPLATES, Source
from models.wording.formats import moment
from models.wording.own import Own
from tests import shop
from tests.activities.conftest import Try
from tests.activities.till import Till

SHOP = "https://shop.example"
SENDER = "Holdfast <orders@holdfast.example>"
KEY = b"0123456789abcdef0123456789abcdef"


class Postman:
    """The activity and the mail server's catch."""

    def __init__(self, mail: MailActivities, sink: httpx.AsyncClient, attempt: Try) -> None:
        self.mail = mail
        self.sink = sink
        self.attempt = attempt

    async def send(self, *letters: Letter) -> list[Sent]:
        """What becomes of each, after they travelled through Temporal as they do."""
        [request] = HoldfastConverter().from_payloads(HoldfastConverter().to_payloads([Sending(letters)]), [Sending])
        result: SendingResult = await self.attempt().run(self.mail.send_letters, request)
        return list(result.results)

    async def caught(self, to: str) -> list[dict[str, Any]]:
        """Mails to this address, oldest first, taken apart."""
        found = (await self.sink.get("/messages", params={"to": to})).json()["items"]
        return [(await self.sink.get(f"/messages/{each['id']}")).json() for each in found]

    async def weather(self, mode: str, seconds: float = 0, **how: object) -> None:
        """How the server behaves from now on."""
        (await self.sink.post("/_sim/faults", json={"mode": mode, "seconds": seconds, **how})).raise_for_status()


@pytest.fixture
async def postman(simulators: Stack, attempt: Try) -> AsyncIterator[Postman]:
    """A server in good weather."""
    async with httpx.AsyncClient(base_url=simulators.urls["mails"], timeout=60) as sink:
        opened = Postman(MailActivities(simulators.environment()["SMTP_URL"], SENDER, KEY, SHOP), sink, attempt)
        await opened.weather("ok")
        yield opened
        await opened.weather("ok")


def usd(amount: int) -> Money:
    """A sum in dollars."""
    return Money(amount, "usd")


def letter(to: str | None = None, template: str = "order_cancelled", **changes: Any) -> Letter:
    """A letter to somebody, with facts for every template."""
    identity = new_id()
    facts: dict[str, object] = {
        "lines": [{"name": "Mug", "sku": "MUG", "quantity": 2, "amount": usd(2000)}], "subtotal": usd(2000),
        "shipping": usd(500), "tax": usd(200), "tax_included": False, "total": usd(2700),
        "pay_until": "2026-01-02T03:04:05Z", "cancel_reason": "payment_window_closed", "payment_error": None,
        "address": {"full_name": "Ada", "line1": "1 Main St", "postal_code": "10001", "city": "NYC", "country": "US"},
        "shipping_method": {"code": "standard", "name": "Standard", "estimate": "2-4 days"},
    }  # fmt: skip
    return Letter(identity, template, to or f"{identity.hex}@example.com", "HF-ABCDE-FGHJK", {**facts, **changes})


async def written(till: Till, step: Callable[[Any], Any], request: Any) -> list[Letter]:
    """The letters that a step wrote."""
    await step(request)
    return (await outbox.due(till.database, 10)).letters


async def test_a_confirmation_says_what_was_bought_and_where_it_goes(till: Till, postman: Postman) -> None:
    """Given a confirmed order, then the mail has number, lines, sums and address, and nothing of the template."""
    to = f"{new_id().hex}@example.com"
    home = msgspec.structs.replace(shop.NEW_YORK, line2="Attic")
    order = await till.placed(
        await till.cart({"MUG": 2, "CUP": 1}), 3800, number="HF-ABCDE-FGHJK", email=to, shipping_address=home
    )
    confirm = ConfirmOrder(order.order_id, order.payment_id, "stripe", Money(3800, "usd"))
    letters = await written(till, till.orders.confirm_order, confirm)

    assert await postman.send(*letters) == [Sent(letters[0].id)]

    [mail] = await postman.caught(to)
    headers = dict(mail["headers"])
    assert (mail["subject"], headers["From"], headers["X-Order"]) == (
        "Your order HF-ABCDE-FGHJK is confirmed", SENDER, "HF-ABCDE-FGHJK",
    )  # fmt: skip
    assert headers["Message-ID"] == f"<{letters[0].id}@holdfast.example>"
    for words in (
        "Dear Ada Lovelace,", "2 x Mug (MUG)   $20.00", "1 x Cup (CUP)   $10.00",
        "Shipping, Standard (2-4 days)   $5.00", "Tax   $3.00", "Total   $38.00",
        "1 Main St\n  Attic\n  10001 New York, NY\n  United States",
    ):  # fmt: skip
        assert words in mail["text"].replace("\r\n", "\n")
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


async def test_a_letter_has_text_and_page_in_the_language_of_its_order(till: Till, postman: Postman) -> None:
    """Given an order of somebody who reads Amharic, then its mail says so in Amharic, in text and in HTML."""
    to = f"{new_id().hex}@example.com"
    order = await till.placed(await till.cart(), email=to, locale="am-ET")
    confirm = ConfirmOrder(order.order_id, order.payment_id, "stripe", order.due)
    letters = await written(till, till.orders.confirm_order, confirm)
    assert [each.locale for each in letters] == ["am-ET"]
    await postman.send(*letters)
    [mail] = await postman.caught(to)
    assert mail["subject"].endswith("ተረጋግጧል") and "ውድ Ada Lovelace፣" in mail["text"]
    assert '<html lang="am" dir="ltr">' in mail["html"] and "ውድ Ada Lovelace፣" in mail["html"]
    assert dict(mail["headers"])["Content-Type"].startswith("multipart/alternative")


async def test_an_order_that_has_arrived(postman: Postman) -> None:
    """Given an order that was delivered, then the mail says what came, and what to do when something is wrong."""
    one = letter(template="delivered")
    await postman.send(one)
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "Your order HF-ABCDE-FGHJK has arrived"
    assert "  2 x Mug (MUG)" in mail["text"] and "ask for a return" in mail["text"]


async def test_an_order_that_is_held_is_told_to_its_buyer(postman: Postman) -> None:
    """Given an order that somebody looks at, or that ended while they did, then the mail says so."""
    held, over = letter(template="on_hold"), letter(held=True, cancel_reason="not_accepted")
    await postman.send(held, over)
    [mail] = await postman.caught(held.to)
    assert mail["subject"] == "We are looking at your order HF-ABCDE-FGHJK"
    assert "you are not charged" in mail["text"] and "2 x Mug (MUG)   $20.00" in mail["text"]
    [mail] = await postman.caught(over.to)
    assert "the shop cannot accept it" in mail["text"] and "goes back to you" in mail["text"]
    assert "still in your cart" not in mail["text"]


async def test_who_has_paid_and_is_looked_at_is_not_told_that_nothing_was_charged(postman: Postman) -> None:
    """Given an order that is held though its money was taken at once, then the mail says that it would go back."""
    held = letter(template="on_hold", paid=True)
    await postman.send(held)
    [mail] = await postman.caught(held.to)
    assert "not charged" not in mail["text"]
    assert "what you have paid goes back to you if we cannot accept it" in mail["text"]


async def test_what_was_to_be_sent_in_exchange_is_in_nobody_s_cart(postman: Postman) -> None:
    """Given an exchange that is called off, then the mail does not send its buyer to a cart that is not theirs."""
    way = {"code": "exchange", "name": "Exchange", "estimate": "3-5 days"}
    over = letter(shipping_method=way)
    await postman.send(over)
    [mail] = await postman.caught(over.to)
    assert "What you returned for it is paid back to you." in mail["text"]
    assert "cart" not in mail["text"]


async def test_an_exchange_of_which_nothing_comes_promises_only_money_that_goes_back(postman: Postman) -> None:
    """Given goods for which nothing is left to be paid back, then the mail promises no money; else it does."""
    facts: dict[str, Any] = {"n": 1, "other": None, "price": None, "due": None, "why": "nothing_to_exchange"}
    for back in (True, False):
        one = letter(template="exchange", back=back, **facts)
        await postman.send(one)
        [mail] = await postman.caught(one.to)
        assert ("goes back" in mail["text"], "goes back" in mail["subject"]) == (back, back)
        assert ("nothing more has to be paid" in mail["text"]) is not back


async def test_a_page_that_closed_has_declined_nobody(till: Till, postman: Postman) -> None:
    """Given a payment page on which nobody paid, then the mail says that it is closed, and names no card."""
    to = f"{new_id().hex}@example.com"
    order = await till.placed(await till.cart(), email=to)
    closed = ProviderPayment(Standing.DECLINED, "cs_1", code=PAGE_CLOSED)
    letters = await written(
        till, till.orders.record_payment_attempt, RecordAttempt(order.order_id, order.payment_id, 1, closed)
    )
    await postman.send(*letters)
    [mail] = await postman.caught(to)
    assert "is closed, and nothing was charged" in mail["text"] and "declined" not in mail["text"]
    assert f"until {moment(order.pay_until, 'en')}." in mail["text"]


async def test_staff_are_told_what_runs_out(postman: Postman) -> None:
    """Given a level that runs low, then the mail names it, what is left, and how many to order."""
    facts: dict[str, object] = {
        "sku": "MUG", "name": "Mug", "location": "main", "available": 7, "reorder_point": 8, "suggested": 12,
        "variant": str(new_id()), "place": str(new_id()),
    }  # fmt: skip
    one = letter()
    assert await postman.send(Letter(one.id, "low_stock", one.to, None, facts)) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "MUG is running out in main"
    assert "7 left in main" in mail["text"] and "Order 12" in mail["text"]


async def test_what_has_to_come_in_first_is_told(postman: Postman) -> None:
    """Given goods that are promised for a day, then the mail tells which, and says nothing of what is here."""
    mug = {"name": "Mug", "sku": "MUG", "quantity": 2, "amount": usd(2000), "promised": "2026-03-04T05:06:07Z"}
    cup = {"name": "Cup", "sku": "CUP", "quantity": 1, "amount": usd(900), "promised": None}
    one = letter(lines=[mug, cup])
    await postman.send(one)
    [mail] = await postman.caught(one.to)
    lines = mail["text"].replace("\r\n", "\n").split("\n")
    assert "  2 x Mug (MUG)   $20.00   (has to come in first: sent by March 4, 2026)" in lines
    assert "  1 x Cup (CUP)   $9.00" in lines


async def test_a_decline_says_why_and_until_when(till: Till, postman: Postman) -> None:
    """Given a declined card, then the mail has the reason and the end of the payment window."""
    to = f"{new_id().hex}@example.com"
    order = await till.placed(await till.cart(), email=to)
    declined = ProviderPayment(Standing.DECLINED, "pi_1", code="expired_card")
    letters = await written(
        till, till.orders.record_payment_attempt, RecordAttempt(order.order_id, order.payment_id, 1, declined)
    )
    await postman.send(*letters)
    [mail] = await postman.caught(to)
    assert mail["subject"].endswith("did not go through")
    assert "was declined (the card has expired)." in mail["text"]
    assert f"until {moment(order.pay_until, 'en')}." in mail["text"]


async def test_a_cancellation_says_why_and_that_nothing_is_lost(till: Till, postman: Postman) -> None:
    """Given a cancelled order with contained tax, then the mail has reason, sums, and a word on the cart."""
    to = f"{new_id().hex}@example.com"
    cart = await till.cart({"MUG": 1}, "eur")
    berlin = {"shipping_address": shop.BERLIN, "billing_address": shop.BERLIN, "email": to}
    outcome = await till.try_to_place(cart, 1300, "eur", **berlin)
    assert outcome.placed is not None
    ids = (outcome.placed.order_id, outcome.placed.payment_id)
    letters = await written(
        till, till.orders.cancel_order, CancelOrder(*ids, cart, 1, "payment_window_closed", "order")
    )
    await postman.send(*letters)
    [mail] = await postman.caught(to)
    assert "was cancelled: it was not paid in time." in mail["text"]
    assert "Total   €13.00 (including €2.08 tax)" in mail["text"]
    assert "still in your cart" in mail["text"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"to_provider": usd(1000), "to_credit": usd(600), "store_credit": False},
         ["$10.00 went back to the card", "$6.00 is on the gift cards that you paid with"]),
        ({"to_provider": None, "to_credit": usd(1600), "store_credit": True},
         ["$16.00 is store credit of your account now."]),
        ({"to_provider": usd(1600), "to_credit": None, "store_credit": False}, ["$16.00 went back to the card"]),
        ({"to_provider": None, "to_credit": usd(1600), "store_credit": False, "gift_card": str(UUID(int=7))},
         ["$16.00 is on a new gift card.", gift_card_code(KEY, CreditAccountId(UUID(int=7)))]),
    ],
)  # fmt: skip
async def test_a_refund_says_how_much_and_where(postman: Postman, facts: dict[str, Any], words: list[str]) -> None:
    """Given a refund, then the mail says what went where, and nothing of where none of it went."""
    one = letter(template="refund", amount=usd(1600), **facts)
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "$16.00 for order HF-ABCDE-FGHJK went back to you"
    assert all(each in mail["text"] for each in words)
    assert "None" not in mail["text"]


@pytest.mark.parametrize("whole", [True, False])
async def test_a_parcel_says_what_is_in_it(postman: Postman, whole: bool) -> None:
    """Given a parcel, then the mail has carrier, tracking number and items, and whether more is to come."""
    one = letter(
        template="shipped", carrier="UPS", tracking="1Z9", shipment=1, all=whole, items=[{"sku": "MUG", "quantity": 2}]
    )
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    begin = "Your order" if whole else "A part of your order"
    assert mail["subject"] == f"{begin} HF-ABCDE-FGHJK is on its way"
    assert all(
        words in mail["text"]
        for words in ("Dear Ada,", "UPS is bringing you a parcel", "2 x Mug (MUG)", "Tracking number: 1Z9")
    )
    assert ("The rest of your order follows" in mail["text"]) is not whole
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


@pytest.mark.parametrize("refund", [usd(2700), None])
async def test_a_paid_order_that_is_cancelled_says_what_goes_back(postman: Postman, refund: Money | None) -> None:
    """Given a paid order's end, then the mail says why, and what goes back where something does."""
    one = letter(template="order_cancelled_paid", cancel_reason="out of season", refund=refund)
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "Order HF-ABCDE-FGHJK was cancelled"
    assert "was cancelled: out of season. Nothing of it will be sent." in mail["text"]
    assert ("$27.00 go back the way you paid" in mail["text"]) is (refund is not None)
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


@pytest.mark.parametrize(
    ("back", "charged", "words"),
    [(usd(1100), None, "$11.00 go back the way you paid"), (None, usd(1100), "$11.00 were charged besides."),
     (None, None, "This is what you get now.")],
)  # fmt: skip
async def test_a_changed_order_says_what_it_is_now(
    postman: Postman, back: Money | None, charged: Money | None, words: str
) -> None:
    """Given an order that was changed, then the mail has what it is now, where it goes, and what moves of the money."""
    one = letter(template="order_edited", back=back, charged=charged)
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "Order HF-ABCDE-FGHJK was changed"
    assert words in mail["text"] and "1 Main St" in mail["text"] and "$27.00" in mail["text"]
    assert ("go back" in mail["text"], "were charged" in mail["text"]) == (back is not None, charged is not None)
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


@pytest.mark.parametrize(
    ("template", "facts", "subject", "words"),
    [
        ("order_confirmed", {"reserved": True}, "Your order HF-ABCDE-FGHJK is confirmed", "is reserved on your card"),
        ("order_confirmed", {}, "Your order HF-ABCDE-FGHJK is confirmed", "we have received your payment"),
        (
            "order_cancelled_paid", {"refund": None, "reserved": True}, "Order HF-ABCDE-FGHJK was cancelled",
            "What was reserved on your card is released.",
        ),
        (
            "rest_declined", {"amount": usd(1100)}, "Your card is needed for the rest of order HF-ABCDE-FGHJK",
            "see that your card is good for $11.00",
        ),
    ],
)  # fmt: skip
async def test_what_is_only_reserved_is_called_so(
    postman: Postman, template: str, facts: dict[str, Any], subject: str, words: str
) -> None:
    """Given money that is taken when goods leave, then no mail says that it was taken, or goes back."""
    one = letter(template=template, **facts)
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert (mail["subject"], words in mail["text"]) == (subject, True), mail["text"]
    assert ("received your payment" in mail["text"]) is (template == "order_confirmed" and not facts)
    assert "go back" not in mail["text"]
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


@pytest.mark.parametrize(
    ("locale", "subject", "said"),
    [
        ("en", "Order HF-ABCDE-FGHJK was changed", [
            "We cannot send all of order HF-ABCDE-FGHJK: the maker has stopped. These do not come:",
            "All else comes as ordered.", "$11.00 go back the way you paid",
        ]),
        ("de", "Bestellung HF-ABCDE-FGHJK wurde geändert", [
            "von der Bestellung HF-ABCDE-FGHJK können wir nicht alles schicken: the maker has stopped.",
            "Das kommt nicht:", "Alles andere kommt wie bestellt.",
        ]),
        ("fr", None, [
            "Nous ne pouvons pas envoyer toute la commande HF-ABCDE-FGHJK : the maker has stopped.",
            "Tout le reste arrive comme commandé.",
        ]),
        ("am", None, ["የትዕዛዝ HF-ABCDE-FGHJK ሁሉንም ዕቃ መላክ አንችልም፦ the maker has stopped።", "ሌላው ሁሉ እንደታዘዘው ይደርሳል።"]),
    ],
)  # fmt: skip
async def test_what_is_not_there_goes_back(postman: Postman, locale: str, subject: str | None, said: list[str]) -> None:
    """Given units that will never be sent, then the mail names them, why, and what goes back, in its reader's words."""
    items = [{"sku": "MUG", "quantity": 1}]
    one = letter(template="shortage", items=items, refund=usd(1100), reason="the maker has stopped")
    one = msgspec.structs.replace(one, locale=locale)
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert subject in (mail["subject"], None)
    text = " ".join(mail["text"].split())
    assert [words for words in [*said, "1 x Mug (MUG)" if locale == "en" else "Mug (MUG)"] if words not in text] == []
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


async def test_money_that_came_too_late_goes_back(postman: Postman) -> None:
    """Given a payment for an order that had ended, then the mail says how much goes back, and that nothing is lost."""
    one = letter(template="payment_returned", amount=Money(2700, "etb"))
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "Your payment for order HF-ABCDE-FGHJK goes back to you"
    assert "payment of ETB\xa027.00 for order HF-ABCDE-FGHJK reached us after" in mail["text"]
    assert "still in your cart" in mail["text"]
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


@pytest.mark.parametrize(
    ("outcome", "subject", "words"),
    [
        ("approved", "Please send back what you want to return of order HF-ABCDE-FGHJK", "here by December 24, 2026:"),
        ("rejected", "Your return of order HF-ABCDE-FGHJK is not possible", "cannot take this back (worn)"),
        ("expired", "Your return of order HF-ABCDE-FGHJK has ended", "it stays yours"),
        ("settled", "Your return of order HF-ABCDE-FGHJK is done", "nothing more has to be paid"),
    ],
)
async def test_a_return_says_what_became_of_it(postman: Postman, outcome: str, subject: str, words: str) -> None:
    """Given a return, then the mail says what became of it, and of which goods."""
    one = letter(
        template="return", outcome=outcome, n=1, until="2026-12-24T10:00:00Z" if outcome == "approved" else None,
        reason="worn" if outcome == "rejected" else None, items=[{"sku": "MUG", "name": "Mug", "quantity": 2}],
    )  # fmt: skip
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == subject
    assert all(each in mail["text"] for each in (words, "Dear Ada,", "2 x Mug (MUG)"))
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


@pytest.mark.parametrize(
    ("why", "subject", "words"),
    [
        (None, "$5.50 to pay for your exchange of order HF-ABCDE-FGHJK", "It costs $16.50"),
        ("out_of_stock", "Your money goes back for what you returned of order HF-ABCDE-FGHJK", "no longer there"),
        ("payment_window_closed", "Your money goes back for what you returned of order HF-ABCDE-FGHJK", "not paid in"),
        ("cancelled_by_buyer", "Your money goes back for what you returned of order HF-ABCDE-FGHJK", "nothing could"),
    ],
)
async def test_an_exchange_says_what_is_to_pay_or_why_not(
    postman: Postman, why: str | None, subject: str, words: str
) -> None:
    """Given an exchange, then the mail names its order and what is to pay, or says why the money goes back."""
    told: dict[str, Any] = {"other": "HF-22222-33333", "price": usd(1650), "due": usd(550)} if why is None else {}
    one = letter(template="exchange", n=1, why=why, **{"other": None, "price": None, "due": None, **told})
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == subject
    assert words in mail["text"]
    assert ("HF-22222-33333" in mail["text"]) is (why is None)
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


async def test_money_that_paid_for_an_exchange_comes_on_a_card(postman: Postman) -> None:
    """Given an exchange that was called off, then the mail brings the code of the card that has its money."""
    card = CreditAccountId(UUID(int=3))
    one = letter(template="exchange_card", gift_card=str(card), amount=usd(1100))
    assert await postman.send(one) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == "$11.00 of order HF-ABCDE-FGHJK is yours on a gift card"
    assert gift_card_code(KEY, card) in mail["text"]


ACCOUNT_LETTERS: dict[str, tuple[str, dict[str, object], list[str]]] = {
    "welcome": ("Your account is open", {}, ["nobody of ours will ask you for it"]),
    "password_reset": ("Your code for a new password", {"reset": str(UUID(int=1))}, [code(KEY, ResetId(UUID(int=1)))]),
    "cart_reminder": (
        "You left something in your cart",
        {"lines": [{"name": "お茶", "quantity": 2}], "unsubscribe": str(UUID(int=2)), "cart_updated_at": "2026-01-01"},
        ["2 x お茶", "unsubscribe in your mail program"],
    ),
    "farewell": ("Your account is closed", {}, ["nobody can sign in", "without your name"]),
    "report_ready": (
        "Daily sales: the report of March 29, 2026",
        {
            "report": str(UUID(int=3)),
            "kind": "daily_sales",
            "day": "2026-03-29",
            "figures": [
                {"name": "orders", "count": 0, "amount": None, "of": "usd"},
                {"name": "net", "count": None, "amount": Money(-250, "usd"), "of": "usd"},
            ],
        },
        ["orders (usd): 0", "net (usd): -$2.50", f"/admin/reports/{UUID(int=3)}"],
    ),
    "password_changed": ("Your password was changed", {}, ["elsewhere has been signed out", "If it was not you"]),
}
"""By template: its subject, the facts it needs, and words that must be in it."""


@pytest.mark.parametrize("template", ACCOUNT_LETTERS)
async def test_a_letter_to_an_account_says_what_happened(postman: Postman, template: str) -> None:
    """Given a letter that is about no order, then it arrives, says so, and names none."""
    subject, facts, words = ACCOUNT_LETTERS[template]
    one = letter()
    assert await postman.send(Letter(one.id, template, one.to, None, facts)) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    assert mail["subject"] == subject
    headers = dict(mail["headers"])
    assert "X-Order" not in headers
    link = f"<{SHOP}/api/v1/unsubscribe/{unsubscribe_token(KEY, UserId(UUID(int=2)))}>"
    assert (headers.get("List-Unsubscribe"), headers.get("List-Unsubscribe-Post")) == (
        (link, "List-Unsubscribe=One-Click") if "unsubscribe" in facts else (None, None)
    )
    assert all(each in mail["text"] for each in words)
    assert not {"{{", "{%", "None", "Undefined"} & set(mail["text"].split())


def test_every_template_has_a_letter_and_every_letter_a_template() -> None:
    """Given the templates, then they are those that these tests render."""
    of_orders = {
        "order_confirmed", "payment_failed", "payment_returned", "order_cancelled", "order_cancelled_paid", "shipped",
        "refund", "return", "order_edited", "exchange", "exchange_card", "on_hold", "rest_declined", "delivered",
        "rest_cancelled", "shortage",
    }  # fmt: skip
    to_staff = {"low_stock", "staff_digest", "endpoint_failing", "endpoint_paused"}
    assert set(TEMPLATES) == of_orders | set(ACCOUNT_LETTERS) | to_staff


async def test_sent_again_it_is_the_same_mail(postman: Postman) -> None:
    """Given a letter sent twice, then both mails have one Message-ID, which mail programs show once."""
    twice = letter()
    assert await postman.send(twice) == await postman.send(twice) == [Sent(twice.id)]
    assert {mail["message_id"] for mail in await postman.caught(twice.to)} == {f"<{twice.id}@holdfast.example>"}


async def test_names_in_any_script_arrive(postman: Postman) -> None:
    """Given a product named in Japanese and an address beyond ASCII, then the mail says both as written."""
    tea = letter(f"bücher-{new_id().hex}@example.com",
                 lines=[{"name": "お茶 & Tee", "sku": "T", "quantity": 1, "amount": Money(5, "jpy")}])  # fmt: skip
    assert await postman.send(tea) == [Sent(tea.id)]
    [mail] = await postman.caught(tea.to)
    assert "お茶 & Tee" in mail["text"]


async def test_a_refusing_server_is_a_result_not_an_error(postman: Postman) -> None:
    """Given a server that refuses for now, then each letter says so and may be tried again, and none was taken."""
    await postman.weather("refuse")
    letters = [letter(), letter()]
    results = await postman.send(*letters)
    assert [(result.letter, result.final) for result in results] == [(each.id, False) for each in letters]
    assert all("451" in (result.error or "") for result in results)
    await postman.weather("ok")
    assert [result.error for result in await postman.send(*letters)] == [None, None]
    assert len(await postman.caught(letters[0].to)) == 1


async def test_a_slow_server_is_a_result_not_an_error(postman: Postman, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a server slower than our patience, then every letter has a result that may be tried again."""
    monkeypatch.setattr(module, "TAKING", 0.2)
    await postman.weather("slow", 1)
    letters = [letter(), letter()]
    results = await postman.send(*letters)
    assert [(result.letter, result.final) for result in results] == [(each.id, False) for each in letters]
    assert all("Timeout" in (result.error or "") for result in results)


async def test_a_server_that_takes_its_time_has_it_and_is_asked_once(
    postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a server that looks at a letter for longer than it may take to answer else, then it arrives once."""
    monkeypatch.setattr(module, "TIMEOUT", 5.0)
    await postman.weather("slow", 6)
    one = letter()
    assert await postman.send(one) == [Sent(one.id)]
    assert len(await postman.caught(one.to)) == 1


MOODS: list[tuple[dict[str, Any], bool, bool]] = [
    ({"mode": "refuse", "at": "connect", "code": 421}, False, False),
    ({"mode": "refuse", "at": "connect", "code": 554}, False, False),
    ({"mode": "refuse", "at": "mail", "code": 451}, False, False),
    ({"mode": "refuse", "at": "mail", "code": 550}, False, False),
    ({"mode": "refuse", "at": "rcpt", "code": 450}, False, False),
    ({"mode": "refuse", "at": "rcpt", "code": 552}, False, False),
    ({"mode": "refuse", "at": "rcpt", "code": 550}, True, True),
    ({"mode": "refuse", "at": "data", "code": 452}, False, False),
    ({"mode": "refuse", "at": "data", "code": 554}, True, False),
    ({"mode": "drop", "at": "connect"}, False, False),
    ({"mode": "drop", "at": "rcpt"}, False, False),
    ({"mode": "drop", "at": "data"}, False, False),
]
"""How a server may be, whether its letters are given up, and whether their addresses are marked."""


@pytest.mark.parametrize(
    ("mood", "final", "bounced"), MOODS, ids=[" ".join(map(str, mood.values())) for mood, *_ in MOODS]
)
async def test_whatever_a_server_does_is_a_result(
    postman: Postman, mood: dict[str, Any], final: bool, bounced: bool
) -> None:
    """Given a server in some mood, then every letter has its result, none has left, and all can leave afterwards."""
    await postman.weather(**mood)
    letters = [letter(), letter()]
    results = await postman.send(*letters)
    assert [(each.letter, each.final, each.bounced) for each in results] == [
        (one.id, final, bounced) for one in letters
    ]  # fmt: skip
    assert all(each.error for each in results)
    assert all(one.to not in (each.error or "") for one, each in zip(letters, results, strict=True))
    await postman.weather("ok")
    assert await postman.send(*letters) == [Sent(each.id) for each in letters]
    assert [len(await postman.caught(each.to)) for each in letters] == [1, 1]


async def test_a_server_that_hangs_up_with_the_letter_gets_the_same_one_again(postman: Postman) -> None:
    """Given a server that kept a letter and hung up before it said so, then it gets it again as the same mail."""
    await postman.weather("drop", kept=True)
    one = letter()
    [lost] = await postman.send(one)
    assert (lost.final, lost.error is None) == (False, False)
    await postman.weather("ok")
    assert await postman.send(one) == [Sent(one.id)]
    mails = await postman.caught(one.to)
    assert {mail["message_id"] for mail in mails} == {f"<{one.id}@holdfast.example>"}


async def test_what_left_before_a_step_failed_does_not_leave_again(postman: Postman) -> None:
    """Given a step that is tried again after it had sent one of two letters, then it sends the other one alone."""
    first, second = letter(), letter()
    told: list[Any] = []
    environment = postman.attempt()
    environment.on_heartbeat = lambda *details: told.append(details)
    done: SendingResult = await environment.run(postman.mail.send_letters, Sending((first,)))
    assert done.results == (Sent(first.id),)
    converter = HoldfastConverter()
    said = converter.from_payloads(converter.to_payloads(list(told[-1])))  # as Temporal hands them to the next try
    again = postman.attempt(2)
    again.info = dataclasses.replace(again.info, heartbeat_details=said)
    result: SendingResult = await again.run(postman.mail.send_letters, Sending((first, second)))
    assert list(result.results) == [Sent(first.id), Sent(second.id)]
    assert [len(await postman.caught(each.to)) for each in (first, second)] == [1, 1]


def own_words(text: str) -> Own:
    """What the shop says of parcels, in its own words."""
    return Own(new_id(), "shipped", "en", Source("Own: {{ number }}", text))


async def told(postman: Postman, own: Own, **facts: Any) -> tuple[Sent, dict[str, Any]]:
    """What becomes of a letter about a parcel, and what arrives."""
    parcel = {"carrier": "UPS", "tracking": "1Z9", "shipment": 1, "all": True, "items": [{"sku": "MUG", "quantity": 2}]}
    one = letter(template="shipped", **{**parcel, **facts})
    done: SendingResult = await postman.attempt().run(postman.mail.send_letters, Sending((one,), (own,)))
    [mail] = await postman.caught(one.to)
    return done.results[0], mail


async def test_a_shop_s_own_words_are_sent(postman: Postman) -> None:
    """Given words of the shop's own for a letter, then it arrives in these, as text and as HTML."""
    sent, mail = await told(
        postman, own_words("{{ greeting() }}\n\n{{ carrier }} & we are on the way.\n\n{{ goods(items) }}")
    )
    assert (sent.error, sent.failure) == (None, None)
    assert mail["subject"] == "Own: HF-ABCDE-FGHJK"
    assert "UPS & we are on the way." in mail["text"] and "2 x Mug (MUG)" in mail["text"]
    assert "UPS & we are on the way." in mail["html"] and "<li" in mail["html"]


@pytest.mark.parametrize(
    "text", ["{{ gone }}", "{{ items.nothing }}", "{% for a in carrier.x %}{% endfor %}", "{{ tracking | day }}"]
)
async def test_own_words_that_fail_lose_no_letter(postman: Postman, text: str) -> None:
    """Given words that cannot be said of this very letter, then it arrives in the built-in ones, and why is told."""
    own = own_words(text)
    sent, mail = await told(postman, own)
    assert (sent.error, mail["subject"]) == (None, "Your order HF-ABCDE-FGHJK is on its way")
    assert sent.failure is not None and sent.failure.id == own.id and sent.failure.why.startswith("text")


async def test_words_that_look_encoded_add_no_header(postman: Postman) -> None:
    """Given a subject that hides the end of its line, then the mail has it as a subject, and no header by it."""
    one = letter()
    source = Source("Hello =?utf-8?q?x=0D=0AX-Hidden:_1?=", "{{ number }}")
    own = Own(new_id(), one.template, "en", source)
    result: SendingResult = await postman.attempt().run(postman.mail.send_letters, Sending((one,), (own,)))
    assert list(result.results) == [Sent(one.id)]
    [mail] = await postman.caught(one.to)
    headers = dict(mail["headers"])
    assert "X-Hidden" not in headers and headers["Subject"] == "Hello = ?utf-8?q?x=0D=0AX-Hidden:_1?="


@pytest.mark.parametrize("hidden", ["=2C_", "=0D=0ABcc=3A_v=40evil.example"])
async def test_an_address_that_hides_another_reaches_neither(postman: Postman, hidden: str) -> None:
    """Given an address in whose encoded words there is another one, then it is none, and nobody gets the letter."""
    mark = new_id().hex
    one = letter(f"=?utf-8?q?{mark}=40evil.example{hidden}?=ada@{mark}.example")
    [sent] = await postman.send(one)
    assert sent.final and sent.bounced and sent.error is not None and sent.error.startswith("not an address")
    assert await postman.caught(f"{mark}@evil.example") == []
    assert await postman.caught(f"ada@{mark}.example") == []


async def test_own_words_without_end_lose_no_letter(postman: Postman) -> None:
    """Given words that come to more than a mail, of a letter with many lines, then it leaves in the built-in ones."""
    many = [{"name": "Mug", "sku": "MUG", "quantity": 1}] * 300
    text = "{% for a in items %}{% for b in items %}" + "x" * 1000 + "{% endfor %}{% endfor %}"
    sent, mail = await told(postman, own_words(text), items=many)
    assert sent.failure is not None and "longer" in sent.failure.why
    assert mail["subject"] == "Your order HF-ABCDE-FGHJK is on its way"


async def test_a_worker_that_stops_begins_no_further_letter(postman: Postman) -> None:
    """Given a worker that is told to stop, then letters that were not begun stay due."""
    environment = postman.attempt()
    environment.worker_shutdown()
    result: SendingResult = await environment.run(postman.mail.send_letters, Sending((letter(),)))
    assert result.results == ()


async def test_nobody_at_the_address_is_a_result_not_an_error(postman: Postman, unused_port: int) -> None:
    """Given no mail server at all, then every letter has a result that may be tried again."""
    postman.mail = MailActivities(f"smtp://127.0.0.1:{unused_port}", SENDER, KEY, SHOP)
    one = letter()
    [result] = await postman.send(one)
    assert (result.letter, result.final) == (one.id, False)
    assert result.error is not None


@pytest.mark.parametrize(
    "broken",
    [letter(template="of_next_year"), letter(lines=None), letter("a@example.com\nBcc: b@example.com"), letter("nobody"),
     letter(" "), letter("two@example.com, three@example.com")],
    ids=["template", "facts", "line break", "no address", "blank", "two addresses"],
)  # fmt: skip
async def test_a_letter_that_cannot_be_sent_holds_no_other_up(postman: Postman, broken: Letter) -> None:
    """Given a letter that cannot be written or addressed between two good ones, then the good ones arrive."""
    before, after = letter(), letter()
    results = await postman.send(before, broken, after)
    assert [result.letter for result in results] == [before.id, broken.id, after.id]
    assert [result.error is None for result in results][::2] == [True, True]
    assert len(await postman.caught(before.to)) == len(await postman.caught(after.to)) == 1
    assert await postman.caught("b@example.com") == []


class Moody:
    """A mail server that likes neither some recipients nor some senders, and hangs up on others."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.taken: list[str] = []

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Says whether it takes mail from this sender."""
        envelope.mail_from = address
        return self.answers.get("sender", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Says whether it takes mail for this recipient."""
        if self.answers.get(address.partition("@")[0]) == "hang up":
            server.transport.abort()
        answer = self.answers.get(address.partition("@")[0], "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Takes it."""
        self.taken += envelope.rcpt_tos
        return "250 OK"


@asynccontextmanager
async def serving(moody: Moody, *, utf8: bool = True) -> AsyncIterator[MailActivities]:
    """The activity, with such a server."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(moody, enable_SMTPUTF8=utf8, loop=loop), "127.0.0.1", 0)
    async with server:
        yield MailActivities(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", SENDER, KEY, SHOP)


async def test_a_recipient_nobody_knows_is_given_up(postman: Postman) -> None:
    """Given 550 and 450 for two recipients, then the first is given up, the second tried again, the third arrives."""
    moody = Moody(gone="550 no such user", full="450 mailbox full")
    async with serving(moody) as postman.mail:
        gone, full, fine = (letter(f"{name}@example.com") for name in ("gone", "full", "fine"))
        results = await postman.send(gone, full, fine)
    assert [(result.letter, result.final, result.error is None) for result in results] == [
        (gone.id, True, False), (full.id, False, False), (fine.id, False, True),
    ]  # fmt: skip
    assert moody.taken == ["fine@example.com"]


async def test_a_letter_at_which_a_server_hangs_up_holds_no_other_up(postman: Postman) -> None:
    """Given a server that hangs up at one recipient, then the letters after that one go over another connection."""
    moody = Moody(odd="hang up")
    async with serving(moody) as postman.mail:
        letters = [letter(f"{name}@example.com") for name in ("before", "odd", "after")]
        results = await postman.send(*letters)
    assert [(each.final, each.error is None) for each in results] == [(False, True), (False, False), (False, True)]
    assert moody.taken == ["before@example.com", "after@example.com"]


@pytest.mark.parametrize("answer", ["550 5.7.1 relaying denied", "554 5.7.26 not authenticated", "530 authenticate"])
async def test_a_server_that_wants_no_mail_of_ours_has_refused_nobody_s_address(postman: Postman, answer: str) -> None:
    """Given recipients refused because of who we are, which people can mend, then no letter is given up."""
    async with serving(Moody(ada=answer)) as postman.mail:
        [result] = await postman.send(letter("ada@example.com"))
    assert (result.final, result.bounced) == (False, False)
    assert answer in (result.error or "")


@pytest.mark.parametrize("answer", ["530 authenticate first", "550 sender not allowed here", "451 greylisted"])
async def test_a_sender_that_is_not_accepted_loses_no_letter(postman: Postman, answer: str) -> None:
    """Given a server that takes no mail from us at all, which people have to mend, then no letter is given up."""
    async with serving(Moody(sender=answer)) as postman.mail:
        one, other = letter(), letter()
        results = await postman.send(one, other)
    assert [(result.letter, result.final) for result in results] == [(one.id, False), (other.id, False)]
    assert all(answer[:3] in (result.error or "") for result in results)


async def test_an_address_the_server_cannot_read_holds_no_other_up(postman: Postman) -> None:
    """Given an address beyond ASCII and a server without SMTPUTF8, then that letter is given up and others arrive."""
    moody = Moody()
    async with serving(moody, utf8=False) as postman.mail:
        beyond, fine = letter("bücher@example.com"), letter("fine@example.com")
        results = await postman.send(beyond, fine)
    assert [(result.final, result.error is None) for result in results] == [(True, False), (False, True)]
    assert moody.taken == ["fine@example.com"]


async def test_no_letters_are_no_work(postman: Postman) -> None:
    """Given nothing to send, then there are no results."""
    assert await postman.send() == []


@pytest.mark.parametrize("url", ["", "mail.example.com", "http://mail.example.com", "smtp://"])
def test_a_server_s_address_that_is_none_is_named(url: str) -> None:
    """Given an address that no mail server can have, then the worker does not start, and says which setting it is."""
    with pytest.raises(ValueError, match="SMTP_URL"):
        MailActivities(url, SENDER, KEY, SHOP)


def test_a_letter_s_id_is_its_message_id() -> None:
    """Given a letter, then nothing but its id and our domain decides its Message-ID."""
    mail = MailActivities("smtp://localhost", "a@b.example", KEY, SHOP)
    one = msgspec.structs.replace(letter(), id=UUID(int=1))
    assert [mail._compose(one)[0]["Message-ID"] for _ in range(2)] == [f"<{UUID(int=1)}@b.example>"] * 2
