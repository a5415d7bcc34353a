"""Speaking to Chapa: one page at a time, money believed only when it is what was asked for, and sent back once."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from temporalio.exceptions import ApplicationError

from activities.payments.chapa import ChapaProvider
from activities.payments.providers import (
    AuthorizePayment,
    CapturePayment,
    ReadPayment,
    ReadRefund,
    RefundPayment,
    ReturnPayment,
    VoidPayment,
)
from dev.chapa.app import create_app, serving
from dev.chapa.remote import ChapaControl
from dev.stripe.server import Request, Response, listening
from models import chapa, clock
from models.errors import Unavailable
from models.ids import OrderNumber, PaymentId, RefundId, new_id
from models.money import Money
from models.payment import CHAPA, ProviderPayment, Returned, Standing
from models.refund import ProviderRefund, ProviderRefundStanding

PRICE = Money(12050, "etb")
INITIALIZE = {"method": "POST", "path": "/v1/transaction/initialize"}


class Till:
    """One payment of 120.50 birr at Chapa, as we see it and as it really is."""

    def __init__(self, url: str, control: ChapaControl, key: str = "CHASECK_TEST-1") -> None:
        self.provider = ChapaProvider(key, "http://shop.test", url)
        self.control = control
        self.payment = PaymentId(new_id())

    async def open(self, **changes: Any) -> ProviderPayment:
        """Ask for a page."""
        asked = AuthorizePayment(
            self.payment, OrderNumber("HF-22222-22222"), "order/cart/1", PRICE, 1, clock.now(), provider=CHAPA
        )
        return await self.provider.authorize(msgspec.structs.replace(asked, **changes))

    async def read(self, n: int = 1, amount: Money | None = PRICE) -> ProviderPayment:
        """How the payment stands."""
        return await self.provider.read(ReadPayment(self.payment, self.page(n), provider=CHAPA, amount=amount))

    async def void(self, n: int | None = 1) -> None:
        """Give it up."""
        await self.provider.void(VoidPayment(self.payment, self.page(n) if n else None, CHAPA))

    async def give_back(self, n: int | None = 1) -> Returned | None:
        """Send back what came even so."""
        return await self.provider.give_back(ReturnPayment(self.payment, self.page(n) if n else None, CHAPA))

    async def refund(self, refund: RefundId, amount: int) -> ProviderRefund:
        """Send money of the first page back."""
        number, back = OrderNumber("HF-22222-22222"), Money(amount, "etb")
        return await self.provider.refund(RefundPayment(refund, number, "refund/x/1", self.page(1), back, CHAPA))

    async def refund_known(self, refund: RefundId) -> ProviderRefund | None:
        """How a refund stands."""
        return await self.provider.read_refund(ReadRefund(refund, self.page(1), CHAPA))

    def page(self, n: int) -> str:
        """The reference of the n-th page."""
        return chapa.reference(self.payment, n)

    async def moved(self) -> list[tuple[str, bool, str, str]]:
        """(reference's end, page open, paid, refunded) of every page, as Chapa really has it."""
        found = await self.control.ledger(self.payment.hex)
        return [(each["tx_ref"][33:], each["open"], each["paid"], each["refunded"]) for each in found]


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    """A payment that nobody has asked for yet."""
    async with serving(create_app()) as url, ChapaControl(url) as control:
        opened = Till(url, control)
        yield opened
        await opened.provider.close()


async def test_a_page_is_opened_for_the_buyer(till: Till) -> None:
    """Given an order, then its buyer gets the address of a page for exactly its sum, and nobody's address is told."""
    seen = await till.open(return_url="https://shop.test/thanks")
    assert (seen.standing, seen.reference) == (Standing.METHOD_REQUIRED, till.page(1))
    assert seen.redirect_url is not None
    [line] = await till.control.ledger(till.payment.hex)
    assert (line["amount"], line["currency"], line["open"], line["email"]) == ("120.50", "ETB", True, None)
    assert line["return_url"] == "https://shop.test/thanks"
    assert seen.redirect_url.endswith(line["checkout"])
    assert (await till.read()).standing is Standing.METHOD_REQUIRED


async def test_a_page_whose_address_got_lost_is_closed_and_another_opened(till: Till) -> None:
    """Given a lost answer, when it is asked again, then there is one page that anybody can pay on: the told one."""
    await till.control.fault("answer_lost", **INITIALIZE)
    with pytest.raises(Unavailable):
        await till.open()
    seen = await till.open()
    assert seen.reference == till.page(2)
    assert await till.moved() == [("1", False, "0.00", "0.00"), ("2", True, "0.00", "0.00")]


async def test_what_was_paid_is_taken(till: Till) -> None:
    """Given a paid page, then it is captured: there is nothing left to take, and `capture` says the same."""
    await till.open()
    await till.control.buy(till.page(1))
    assert await till.read() == ProviderPayment(Standing.CAPTURED, till.page(1))
    taken = await till.provider.capture(CapturePayment(till.payment, till.page(1), PRICE, CHAPA))
    assert taken.standing is Standing.CAPTURED


@pytest.mark.parametrize(("paid", "wanted"), [("120.49", PRICE), ("120.51", PRICE), ("120.50", Money(12050, "usd"))])
async def test_another_sum_than_was_asked_for_is_not_believed(till: Till, paid: str, wanted: Money) -> None:
    """Given a transaction with another sum or currency, then it is not called paid, and says why."""
    await till.open()
    await till.control.buy(till.page(1), amount=paid)
    seen = await till.read(amount=wanted)
    assert (seen.standing, seen.code) == (Standing.PROCESSING, "amount_mismatch")
    with pytest.raises(ApplicationError, match="processing"):
        await till.provider.capture(CapturePayment(till.payment, till.page(1), wanted, CHAPA))


async def test_a_failed_try_can_be_made_good_on_the_same_page(till: Till) -> None:
    """Given a try that failed, then it is a decline; and a later one on the same page is money."""
    await till.open()
    await till.control.buy(till.page(1), "failure")
    assert (await till.read()).standing is Standing.DECLINED
    await till.control.buy(till.page(1))
    assert (await till.read()).standing is Standing.CAPTURED


async def test_a_new_page_closes_the_one_before(till: Till) -> None:
    """Given a page, when another is asked for, then only the new one takes money."""
    await till.open()
    again = await till.open(reference=till.page(1), attempt=2)
    assert again.reference == till.page(2)
    assert await till.moved() == [("1", False, "0.00", "0.00"), ("2", True, "0.00", "0.00")]


async def test_a_page_that_was_paid_meanwhile_is_taken_instead_of_a_new_one(till: Till) -> None:
    """Given a paid page, when another is asked for, then there is none, and the money is found; also later."""
    await till.open()
    await till.control.buy(till.page(1))
    assert await till.open(reference=till.page(1), attempt=2) == ProviderPayment(Standing.CAPTURED, till.page(1))
    assert [end for end, *_ in await till.moved()] == ["1"]


async def test_money_on_an_older_page_is_found(till: Till) -> None:
    """Given money that was under way when its page was closed for a newer one, then it is the payment."""
    await till.open()
    await till.open(reference=till.page(1), attempt=2)
    await till.control.buy(till.page(1), late=True)
    assert await till.read(2) == ProviderPayment(Standing.CAPTURED, till.page(1))


@pytest.mark.parametrize("known", [1, None])
async def test_a_payment_given_up_takes_no_money_and_what_comes_even_so_goes_back_once(
    till: Till, known: int | None
) -> None:
    """Given a closed page, then nobody pays on it; what was under way is sent back whole, and only once."""
    await till.open()
    await till.void(known)
    await till.void(known)
    assert await till.moved() == [("1", False, "0.00", "0.00")]
    assert await till.give_back(known) is None
    await till.control.buy(till.page(1), late=True, amount="99.00")
    for _ in range(2):
        assert await till.give_back(known) == Returned(till.page(1), Money(9900, "etb"))
    assert await till.moved() == [("1", False, "99.00", "99.00")]
    [line] = await till.control.ledger(till.payment.hex)
    assert line["refunds"] == 1


async def test_a_refund_whose_answer_got_lost_is_not_made_twice(till: Till) -> None:
    """Given a refund whose answer was lost, when it is asked again, then it is found and not made once more."""
    await till.open()
    await till.control.buy(till.page(1))
    await till.control.fault("answer_lost", method="POST", path="/v1/refund/*")
    with pytest.raises(Unavailable):
        await till.give_back()
    assert await till.give_back() == Returned(till.page(1), PRICE)
    assert await till.moved() == [("1", False, "120.50", "120.50")]


async def test_parts_go_back_each_once(till: Till) -> None:
    """Given a paid page, when parts go back and an answer is lost, then each went once, and no more than was paid."""
    await till.open()
    await till.control.buy(till.page(1))
    first, second, third = (RefundId(new_id()) for _ in range(3))
    assert await till.refund_known(first) is None
    await till.control.fault("answer_lost", method="POST", path="/v1/refund/*")
    with pytest.raises(Unavailable):
        await till.refund(first, 2050)
    for _ in range(2):
        assert (await till.refund(first, 2050)).standing is ProviderRefundStanding.SUCCEEDED
    refused = await till.refund(second, 10_001)
    assert (refused.standing, refused.code) == (ProviderRefundStanding.FAILED, "refused")
    assert await till.refund_known(second) is None
    last = await till.refund(third, 10_000)
    assert (last.standing, await till.refund_known(third)) == (ProviderRefundStanding.SUCCEEDED, last)
    assert await till.moved() == [("1", False, "120.50", "120.50")]


async def test_nothing_is_given_up_where_nothing_was_begun(till: Till) -> None:
    """Given a payment that Chapa never heard of, then giving it up is done at once."""
    await till.void(None)
    assert await till.give_back(None) is None
    assert await till.moved() == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_bad_day_is_worth_another_try(till: Till, status: int) -> None:
    """Given a provider that is down or busy, then it is asked again later, and nothing is known to have happened."""
    await till.control.fault("error_before", status=status, **INITIALIZE)
    with pytest.raises(Unavailable):
        await till.open()
    assert (await till.open()).reference == till.page(1)


async def test_a_key_that_is_no_good_is_ours_to_mend(till: Till) -> None:
    """Given a wrong key, then it is tried again, for somebody may mend it."""
    other = Till(str(till.control.http.base_url), till.control, key="nonsense")
    with pytest.raises(ApplicationError) as denied:
        await other.open()
    assert (denied.value.type, denied.value.non_retryable) == ("provider_denied", False)
    await other.provider.close()


async def test_a_request_that_is_refused_is_not_asked_again(till: Till) -> None:
    """Given a currency that Chapa does not take, then it is a mistake of ours."""
    with pytest.raises(ApplicationError) as refused:
        await till.open(amount=Money(100, "gbp"))
    assert (refused.value.type, refused.value.non_retryable) == ("provider_rejected", True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"status": "success", "data": {"status": 1}}'])
async def test_an_answer_that_is_none_is_worth_another_try(body: bytes) -> None:
    """Given something that answers 200 but is not Chapa, then nothing is believed of it."""

    async def answer(request: Request) -> Response:
        return Response(200, body, {})

    async with listening(answer, "127.0.0.1", 0) as url, ChapaControl(url) as control:
        till = Till(url, control)
        with pytest.raises(Unavailable):
            await till.read()
        await till.provider.close()
