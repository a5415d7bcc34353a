"""One refund of one order, from the wish until the money is back, or is known not to come.

Id: `refund/<order>/<n>`. Started by whoever asks for the refund, by an order that is cancelled after it was paid, and
by the provider's news of a refund that was over already.
"""

import contextlib
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.payments.money import PaymentActivities
from activities.payments.providers import ReadRefund, RefundPayment
from activities.refunds import EndRefund, RefundActivities, RefundRefused, Reserved, ReserveRefund
from models.charge import RefundPart
from models.explanation import A_MOMENT, PROVIDER, Whereabouts
from models.ids import OrderId
from models.refund import ProviderRefund, ProviderRefundStanding, RefundStatus, RefundWish, workflow_id
from models.refund import Refund as RefundRow
from workflows import patience
from workflows.enduring import to_its_end
from workflows.news import ProviderNews
from workflows.steadfast import Attention, RetryStep
from workflows.telling import Placard


class RefundOrder(msgspec.Struct, frozen=True):
    """Give money of an order back. Without a wish: the refund is reserved already, or was made before."""

    order_id: OrderId
    n: int
    wish: RefundWish | None = None


class AwaitRefund(msgspec.Struct, frozen=True):
    """Ask what came of it. `key` names the request that the asker means: whoever meets another one is told at once."""

    key: str


class RefundState(msgspec.Struct, frozen=True):
    """Where a refund stands."""

    refund: RefundRow | None = None
    """As it was reserved; `status` says how it is now."""
    status: RefundStatus = RefundStatus.OPEN
    refusal: RefundRefused | None = None
    """Set when it was refused: then there is no refund of that wish."""
    seen: ProviderRefund | None = None
    attention: str | None = None


async def is_taken_up(order: OrderId, n: int) -> bool:
    """Whether the workflow that has this refund's id knows now that there is one; False: it has ended meanwhile.

    It may have been begun by somebody whose own wish was refused, and be about to leave.
    """
    try:
        await workflow.get_external_workflow_handle(workflow_id(order, n)).signal(
            "provider_news", ProviderNews(f"reserved/{n}", "reserved")
        )
    except FailureError:
        return False
    return True


@workflow.defn
class Refund:
    """Reserve the money; have the provider send its part back; book it and give credit back. Only forward.

    Once reserved nothing is undone: a step that cannot be done is tried again, then a person is told, and it goes on.
    When the provider says no for good the reservation is given back and a person is told.
    Waits: for the bank of a refund that is pending, looking after 1, 2, 4 … minutes and then each day;
    after a step that exhausted its patience, an hour or until somebody says retry.
    Begun again for a refund that succeeded, it looks whether the money came back. Temporal's own cancel has no effect.
    """

    @workflow.init
    def __init__(self, request: RefundOrder) -> None:
        self._request = request
        self._refund: RefundRow | None = None
        self._refusal: RefundRefused | None = None
        self._status = RefundStatus.OPEN
        self._seen: ProviderRefund | None = None
        self._waits_long = False
        self._unread_news = False
        self._board = Placard(f"Refund {request.n}")
        self._attention = Attention(self._board, f"refund/{request.n}/attention")
        self._board.tell("Reserving the money", A_MOMENT)

    @workflow.run
    async def run(self, request: RefundOrder) -> RefundState:
        await to_its_end(self._story(), called_off=lambda: None)
        return self._state()

    # The story, step by step.

    async def _story(self) -> None:
        refund = await self._reserve()
        if refund is not None and refund.status is RefundStatus.OPEN:
            sent = [await self._send(refund, part) for part in _parts(refund)] if refund.to_provider.amount else []
            if not sent or any(seen.standing is ProviderRefundStanding.SUCCEEDED for seen in sent):
                await self._settle(refund, sent)
            else:
                await self._fail(refund, sent)
            if self._unread_news:
                await self._look_back(refund)
        elif refund is not None and self._refusal is None:
            await self._look_back(refund)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _reserve(self) -> RefundRow | None:
        """The refund, with its money set aside; None: it was refused.

        Whoever asked is told so. Where its number is another one's by now, that one is carried out: who reserved it has
        left it to this workflow, which has its id; but not what an exchange is paid with that has not ended.
        """
        outcome = await self._reserved(self._request.wish)
        refusal = self._refusal = outcome.refusal
        if refusal is not None:
            self._board.tell(f"Refused: {refusal.detail}")
            if refusal.code == "refund_superseded" or self._unread_news:
                self._unread_news = False
                outcome = await self._reserved(None)
        if outcome.refund is not None:
            self._refund, self._status = outcome.refund, outcome.refund.status
            made = outcome.refund
            self._board.name(f"Refund {made.n} of order {made.order_number}: {made.amount}", made.order_number)
        return outcome.refund

    async def _reserved(self, wish: RefundWish | None) -> Reserved:
        return await workflow.execute_local_activity_method(
            RefundActivities.reserve_refund,
            ReserveRefund(self._request.order_id, self._request.n, wish),
            summary="Reserve the money" if wish else "Find what is reserved",
            **patience.DATABASE,
        )

    async def _send(self, refund: RefundRow, part: RefundPart) -> ProviderRefund:
        """Have the provider send its part back, and wait until its bank has said yes or no."""
        self._board.tell("Sending the money back", PROVIDER)
        request = RefundPayment(
            part.id, refund.order_number, workflow.info().workflow_id, part.payment_reference, part.amount,
            refund.provider,
        )  # fmt: skip
        seen = await self._attention.steadfast(
            refund.order_id,
            f"send refund {refund.n} of {part.amount}",
            lambda: workflow.execute_activity_method(
                PaymentActivities.refund_payment,
                request,
                summary=f"Refund {request.amount}",
                **patience.provider(),
            ),
        )
        look = patience.FIRST_LOOK
        while seen.standing is ProviderRefundStanding.PENDING:
            self._seen, self._waits_long = seen, True
            await self._wait_for_bank(look)
            look = min(look * 2, patience.LOOK_AT_REFUND)
            seen = await self._read(refund, part) or seen
        self._seen = seen
        return seen

    async def _wait_for_bank(self, look: timedelta) -> None:
        self._board.tell("On its way", "the buyer's bank", workflow.now() + look)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._unread_news, timeout=look, timeout_summary="Look whether the refund has arrived"
            )
        self._unread_news = False

    async def _read(self, refund: RefundRow, part: RefundPart) -> ProviderRefund | None:
        """How it stands at the provider; None: it knows of none."""
        request = ReadRefund(part.id, part.payment_reference, refund.provider)
        return await self._attention.steadfast(
            refund.order_id,
            f"ask how refund {refund.n} stands",
            lambda: workflow.execute_activity_method(
                PaymentActivities.read_refund,
                request,
                summary="Ask the provider how the refund stands",
                **patience.provider(),
            ),
        )

    async def _settle(self, refund: RefundRow, sent: Sequence[ProviderRefund]) -> None:
        await workflow.execute_local_activity_method(
            RefundActivities.settle_refund,
            _end(refund, sent),
            summary="Book it, give credit back, tell the buyer",
            **patience.DATABASE,
        )
        self._status = RefundStatus.SUCCEEDED
        self._board.tell("The money is back")

    async def _fail(self, refund: RefundRow, sent: Sequence[ProviderRefund]) -> None:
        await workflow.execute_local_activity_method(
            RefundActivities.fail_refund,
            _end(refund, sent),
            summary="Give the reservation back, ask for a person",
            **patience.DATABASE,
        )
        self._over("Failed", sent[0])

    async def _look_back(self, refund: RefundRow) -> None:
        """There is news of a refund that was over: if it had succeeded, it may have come back."""
        if self._status is not RefundStatus.SUCCEEDED or not refund.to_provider.amount:
            return
        self._unread_news = False
        self._board.tell("Looking whether it came back", PROVIDER)
        unknown = ProviderRefund(ProviderRefundStanding.PENDING)
        seen = [await self._read(refund, part) or unknown for part in _parts(refund)]
        self._seen = seen[0]
        failed = [each for each in seen if each.standing is ProviderRefundStanding.FAILED]
        if failed:
            await workflow.execute_local_activity_method(
                RefundActivities.return_refund,
                _end(refund, seen),
                summary="Write down that it came back, ask for a person",
                **patience.DATABASE,
            )
        if len(failed) == len(seen):
            self._over("Came back", failed[0])
        else:
            self._board.tell("A part came back" if failed else "The money is back")

    def _over(self, how: str, seen: ProviderRefund) -> None:
        self._status = RefundStatus.FAILED
        self._board.ask(True, "send refund")
        self._board.tell(f"{how}: {seen.detail or seen.code}")

    # Messages.

    @workflow.update(description="Answers with what came of it, or that it will take longer.")
    async def await_refund(self, request: AwaitRefund) -> RefundState:
        await workflow.wait_condition(lambda: self._is_answered(request.key))
        return self._state()

    @workflow.signal(description="The payment provider's webhook: look at the refund again.")
    async def provider_news(self, news: ProviderNews) -> None:
        self._unread_news = True

    @workflow.update(description="Staff: try the step that needs attention again, now.")
    async def retry(self, request: RetryStep) -> RefundState:
        await self._attention.retry(self._request.order_id, request)
        return self._state()

    @retry.validator
    def _may_retry(self, request: RetryStep) -> None:
        self._attention.may_retry()

    @workflow.query(description="What it does now, what it waits for and until when.")
    def told(self) -> Whereabouts:
        return self._board.told

    @workflow.query(description="Where the refund stands.")
    def state(self) -> RefundState:
        return self._state()

    # Small words.

    def _is_answered(self, key: str) -> bool:
        if self._refund is not None and self._refund.key != key:
            return True
        over = self._refusal is not None or self._status is not RefundStatus.OPEN
        return over or self._waits_long or self._attention.needed_for is not None

    def _state(self) -> RefundState:
        return RefundState(self._refund, self._status, self._refusal, self._seen, self._attention.needed_for)


def _parts(refund: RefundRow) -> tuple[RefundPart, ...]:
    """What goes back of each payment at the provider; usually there is one, which gives all."""
    if refund.parts:
        return refund.parts
    assert refund.payment_reference is not None
    return (RefundPart(refund.id, None, refund.payment_reference, refund.to_provider),)


def _end(refund: RefundRow, seen: Sequence[ProviderRefund]) -> EndRefund:
    """What came of it; where parts ended differently, it is the failed one that people hear of."""
    if not refund.parts:
        return EndRefund(refund, seen[0] if seen else None)
    worst = [each for each in seen if each.standing is ProviderRefundStanding.FAILED] or list(seen)
    return EndRefund(refund, worst[0] if worst else None, tuple(seen))
