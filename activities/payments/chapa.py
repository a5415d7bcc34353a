"""Chapa: the buyer pays on a page of its own, and what they pay is taken at once; sending it back is the only undo.

A page is known by a reference of ours (`tx_ref`) that is good once. There are no idempotency keys: an answer that was
lost leaves a page whose address nobody knows, and the next one gets the next reference. Money is believed only when
`verify` says so, and only the amount, currency and reference that were asked for.
"""

import json
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec
from temporalio.exceptions import ApplicationError

from activities.payments.providers import (
    AuthorizeFurther,
    AuthorizePayment,
    CapturePayment,
    ListObjects,
    ReadDispute,
    ReadPayment,
    ReadRefund,
    RefundPayment,
    ReturnPayment,
    SeenPage,
    VoidPayment,
)
from models import chapa, clock, spans
from models.dispute import ProviderDispute
from models.errors import Unavailable
from models.ids import PaymentId, RefundId
from models.money import Money
from models.payment import AMOUNT_MISMATCH, ProviderPayment, Returned, Standing
from models.reconciliation import RETURNED, SeenObject, Thing
from models.refund import ProviderRefund, ProviderRefundStanding

BASE = "https://api.chapa.co"
TIMEOUT = 12.0
"""Seconds for one call; longer than any answer of the provider that is still worth having."""
LOST_PAGES = 20
"""How many pages whose address got lost are passed over before a person is asked."""
_CHAPA = {"peer.service": "chapa"}
PAID = "success"
REFUNDED = frozenset({"refunded", "reversed"})
REFUNDS = {
    "refunded": ProviderRefundStanding.SUCCEEDED, "success": ProviderRefundStanding.SUCCEEDED,
    "failed": ProviderRefundStanding.FAILED, "reversed": ProviderRefundStanding.FAILED,
}  # fmt: skip
"""What a refund's word means; any other: it is on its way."""


class Transaction(msgspec.Struct):
    """As much of a transaction as we read. Chapa writes amounts as text or as numbers."""

    status: str
    tx_ref: str
    amount: str | float | int
    currency: str
    reference: str | None = None

    @property
    def money(self) -> Money | None:
        """What was paid; None: no amount that we understand."""
        return chapa.read(str(self.amount), self.currency)


class Opened(msgspec.Struct):
    """A new page."""

    checkout_url: str


class SentBack(msgspec.Struct):
    """As much of a refund as we read."""

    status: str
    ref_id: str | None = None
    amount: str | float | int | None = None

    @property
    def seen(self) -> ProviderRefund:
        """In our words."""
        standing = REFUNDS.get(self.status, ProviderRefundStanding.PENDING)
        return ProviderRefund(standing, self.ref_id, "failed" if standing is ProviderRefundStanding.FAILED else None)


class Answer(msgspec.Struct):
    """What Chapa wraps everything in. `message` is words, or words by field."""

    status: str | None = None
    message: Any = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class ChapaProvider:
    """Needs Chapa's secret key, and where buyers reach the API."""

    def __init__(self, secret_key: str, public_url: str, base: str | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{base or BASE}/v1/", timeout=TIMEOUT, headers={"Authorization": f"Bearer {secret_key}"},
            trust_env=False,
        )  # fmt: skip
        self._callback = f"{public_url}/api/v1/webhooks/chapa"
        self._back = public_url

    async def close(self) -> None:
        """Hand the connections back."""
        await self._http.aclose()

    async def authorize(self, request: AuthorizePayment) -> ProviderPayment:
        """Open a page for the buyer; the one before it is closed first, so that nobody pays on both."""
        n = 0
        if request.reference is not None:
            n = _number(request.reference)
            await self._close(request.reference)
            seen = await self._look(request.payment_id, n, request.amount)
            if seen.standing is Standing.CAPTURED or seen.code == AMOUNT_MISMATCH:
                return seen
        for page in range(n + 1, n + 1 + LOST_PAGES):
            tx_ref = chapa.reference(request.payment_id, page)
            address = await self._open(request, tx_ref)
            if address is not None:
                return ProviderPayment(Standing.METHOD_REQUIRED, tx_ref, redirect_url=address)
            await self._close(tx_ref)
        raise ApplicationError("Chapa loses every page that it opens", type="provider_rejected", non_retryable=True)

    async def further(self, request: AuthorizeFurther) -> ProviderPayment:
        """Never: nobody pays here but on a page."""
        raise ApplicationError(
            "Chapa takes no money while its buyer is away", type="provider_rejected", non_retryable=True
        )

    async def read(self, request: ReadPayment) -> ProviderPayment:
        """The newest page, and those before it: one of them may have been paid while it was being closed."""
        return await self._look(request.payment_id, _number(request.reference), request.amount)

    async def capture(self, request: CapturePayment) -> ProviderPayment:
        """What was paid is taken already."""
        seen = await self._look(request.payment_id, _number(request.reference), request.amount)
        if seen.standing is not Standing.CAPTURED:
            raise ApplicationError(
                f"the payment is {seen.standing} at the provider", type="authorization_lost", non_retryable=True
            )
        return seen

    async def void(self, request: VoidPayment) -> None:
        """Close every page. What was paid on one in that moment is for `give_back`."""
        for n in range(1, LOST_PAGES + (_number(request.reference) if request.reference else 0)):
            known = await self._close(chapa.reference(request.payment_id, n))
            if not known:
                return

    async def give_back(self, request: ReturnPayment) -> Returned | None:
        """All of what was paid, on whichever page."""
        last = _number(request.reference) if request.reference else LOST_PAGES
        for n in range(last, 0, -1):
            paid = await self._verified(chapa.reference(request.payment_id, n))
            if paid is None or (paid.status != PAID and paid.status not in REFUNDED):
                continue
            money = paid.money
            if money is None:
                raise _rejected(f"Chapa tells of an amount that is none: {paid.amount} {paid.currency}")
            if paid.status == PAID:
                form = {"reason": "Paid after the order had ended", "amount": chapa.written(money)}
                status, answer = await self._ask("POST", f"refund/{paid.tx_ref}", data=form)
                again = await self._verified(paid.tx_ref) if status != 200 else None
                if status != 200 and (again is None or again.status not in REFUNDED):
                    raise _rejected(f"Chapa does not send it back: {_words(answer)}")
            return Returned(paid.tx_ref, money)
        return None

    async def refund(self, request: RefundPayment) -> ProviderRefund:
        """Looked for under our reference first: an answer may have been lost."""
        known = await self._refund_known(request.refund_id)
        if known is not None:
            return known.seen
        form = {
            "reason": f"Refund of order {request.order_number}",
            "amount": chapa.written(request.amount),
            "reference": str(request.refund_id),
        }
        status, answer = await self._ask("POST", f"refund/{request.reference}", data=form)
        if status == 200 and answer.status == "success":
            return _decoded(answer, SentBack).seen
        # Whatever Chapa refuses here it refuses again: more than is left, too old, a balance that is too low.
        return ProviderRefund(ProviderRefundStanding.FAILED, None, "refused", _words(answer)[:500])

    async def read_refund(self, request: ReadRefund) -> ProviderRefund | None:
        """As it is now; None: there is none."""
        known = await self._refund_known(request.refund_id)
        return known.seen if known is not None else None

    async def read_dispute(self, request: ReadDispute) -> ProviderDispute | None:
        """Chapa tells of none."""
        return None

    async def objects(self, request: ListObjects) -> SeenPage:
        """Each of ours that is asked for: what else is on the account it does not tell apart."""
        look = self._refund_of if request.thing is Thing.REFUND else self._pages_of
        found = [await look(name) for name in request.only]
        return SeenPage(tuple(each for some in found for each in some))

    async def _pages_of(self, newest: str) -> list[SeenObject]:
        """All pages of a payment that somebody tried to pay on."""
        named, found = chapa.named_by(newest), []
        payment, last = named or (None, 0)
        for n in range(last, 0, -1):
            assert payment is not None
            known = await self._verified(chapa.reference(payment, n))
            money = known.money if known is not None else None
            if known is not None and money is not None:
                taken = known.status == PAID or known.status in REFUNDED
                standing = RETURNED if known.status in REFUNDED else Standing.CAPTURED if taken else Standing.DECLINED
                moved = money.amount if taken else 0
                found.append(SeenObject(Thing.PAYMENT, known.tx_ref, standing, money, clock.now(), moved, payment))
        return found

    async def _refund_of(self, name: str) -> list[SeenObject]:
        """A refund by our id of it; what is behind that is its currency, which Chapa does not tell."""
        ours, _, kind = name.partition(" ")
        known = await self._refund_known(RefundId(UUID(ours)))
        money = chapa.read(str(known.amount), kind) if known is not None else None
        if known is None or money is None:
            return []
        named = known.seen.reference or ours
        return [SeenObject(Thing.REFUND, named, known.seen.standing, money, clock.now(), money.amount, UUID(ours))]

    async def _refund_known(self, refund: RefundId) -> SentBack | None:
        status, answer = await self._ask("GET", f"refund/{refund}/verify")
        if status == 404:
            return None
        if status != 200 or answer.status != "success":
            raise _rejected(f"Chapa does not tell how a refund stands: {_words(answer)}")
        return _decoded(answer, SentBack)

    async def _open(self, request: AuthorizePayment, tx_ref: str) -> str | None:
        """The address of a new page. None: this reference was used, by a try whose answer got lost."""
        asked: dict[str, Any] = {
            "amount": chapa.written(request.amount),
            "currency": request.amount.currency.upper(),
            "tx_ref": tx_ref,
            "callback_url": self._callback,
            "return_url": request.return_url or self._back,
            "customization": {"title": "Your order", "description": f"Order {request.order_number}"},
        }
        status, answer = await self._ask(
            "POST", "transaction/initialize", content=json.dumps(asked), headers={"Content-Type": "application/json"}
        )
        if status == 200 and answer.status == "success":
            return _decoded(answer, Opened).checkout_url
        if "used before" in _words(answer):
            return None
        raise _rejected(f"Chapa opens no page: {_words(answer)}")

    async def _close(self, tx_ref: str) -> bool:
        """Let nobody begin to pay on a page any more. False: there is no such page."""
        status, answer = await self._ask("PUT", f"transaction/cancel/{tx_ref}")
        if status == 404:
            return False
        if status not in (200, 400):  # 400: it is closed already, or paid
            raise _rejected(f"Chapa does not close the page: {_words(answer)}")
        return True

    async def _look(self, payment: PaymentId, last: int, wanted: Money | None) -> ProviderPayment:
        """What became of a payment's pages, newest first: paid as asked, paid otherwise, failed, or nothing yet."""
        newest = chapa.reference(payment, last)
        seen = ProviderPayment(Standing.METHOD_REQUIRED, newest)
        for n in range(last, 0, -1):
            tx_ref = chapa.reference(payment, n)
            known = await self._verified(tx_ref)
            if known is None:
                continue
            if known.status == PAID:
                money = known.money
                if known.tx_ref == tx_ref and money is not None and wanted in (None, money):
                    return ProviderPayment(Standing.CAPTURED, tx_ref)
                said = f"{known.amount} {known.currency} was paid, and {wanted} was asked for"
                return ProviderPayment(Standing.PROCESSING, newest, code=AMOUNT_MISMATCH, detail=said)
            if n == last and known.status.startswith("failed"):
                seen = ProviderPayment(
                    Standing.DECLINED, newest, code="payment_failed", detail="The payment failed. Try again."
                )
        return seen

    async def _verified(self, tx_ref: str) -> Transaction | None:
        """A transaction that somebody tried to pay; None: nobody has, or there is none."""
        status, answer = await self._ask("GET", f"transaction/verify/{tx_ref}")
        if status == 404:
            return None
        if status != 200 or answer.status != "success":
            raise _rejected(f"Chapa does not tell how a payment stands: {_words(answer)}")
        return _decoded(answer, Transaction)

    async def _ask(self, method: str, path: str, **how: Any) -> tuple[int, Answer]:
        """One call. Raises: Unavailable, and ApplicationError `provider_denied`, to be tried again."""
        try:
            with spans.span(f"chapa {method} {path.split('/')[0]}", _CHAPA):
                response = await self._http.request(method, path, **how)
        except httpx.HTTPError as error:
            raise Unavailable("chapa", f"{type(error).__name__}: {error}") from error
        if response.status_code == 401:
            raise ApplicationError(
                "the provider does not accept our key: check CHAPA_SECRET_KEY", type="provider_denied",
                next_retry_delay=timedelta(seconds=30),
            )  # fmt: skip
        if response.status_code >= 500 or response.status_code in (408, 429):
            raise Unavailable("chapa", f"answers {response.status_code}")
        try:
            return response.status_code, msgspec.json.decode(response.content, type=Answer)
        except msgspec.DecodeError as error:
            raise Unavailable("chapa", f"an answer that is none: {error}") from error


def _number(tx_ref: str) -> int:
    """Which page of its payment a reference names."""
    named = chapa.named_by(tx_ref)
    if named is None:
        raise _rejected(f"{tx_ref} is no reference of ours")
    return named[1]


T = TypeVar("T")


def _decoded(answer: Answer, kind: type[T]) -> T:
    """What an answer carries. Raises: Unavailable when it is something else."""
    try:
        return msgspec.json.decode(answer.data, type=kind)
    except msgspec.DecodeError as error:
        raise Unavailable("chapa", f"an answer that is none: {error}") from error


def _words(answer: Answer) -> str:
    """What Chapa said, in one line."""
    return answer.message if isinstance(answer.message, str) else json.dumps(answer.message)


def _rejected(why: str) -> ApplicationError:
    """A mistake of ours: asking again would not help."""
    return ApplicationError(why, type="provider_rejected", non_retryable=True)
