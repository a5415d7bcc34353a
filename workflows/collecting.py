"""How an order gets its money, or ends without: one card after the other, the bank, news, and looks of our own."""

from datetime import datetime, timedelta

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.checkout import OrderPlaced
from activities.orders import OrderActivities, RecordAttempt
from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizePayment, ReadPayment, VoidPayment
from models.audit import Author
from models.checkout import PaymentChoice, Purchase
from models.errors import Refusal
from models.explanation import PROVIDER, VOID
from models.order import workflow_id
from models.payment import AMOUNT_MISMATCH, TERMS, PaymentStatus, ProviderPayment, Standing, is_page
from workflows import patience, telling
from workflows.late_payment import LatePayment, WatchPayment, late_payment_id
from workflows.steadfast import Attention
from workflows.telling import Board
from workflows.window import Window

MONEY_IS_SURE = frozenset({Standing.AUTHORIZED, Standing.CAPTURED})
AT_THE_BANK = frozenset({Standing.ACTION_REQUIRED, Standing.METHOD_REQUIRED, Standing.PROCESSING, Standing.UNKNOWN})
"""The buyer, their bank or the provider can finish the payment without another message to us."""
REJECTED = "provider_rejected"
"""The provider refuses the request itself: asking again would not help, another card may."""


class Wish:
    """One try that the buyer asked for."""

    def __init__(self, choice: PaymentChoice) -> None:
        self.choice = choice
        self.tried = False
        self.answered = False
        """The buyer can be told what came of it."""


class Ending(msgspec.Struct, frozen=True):
    """Why an order ends without a sale, and who said so."""

    reason: str
    actor: str
    author: Author | None = None
    """Who of the staff it was."""


class Collecting:
    """The payment of one order, until the money is sure or nobody wants or may pay any more."""

    def __init__(self, purchase: Purchase, board: Board, attention: Attention) -> None:
        self.payment: ProviderPayment | None = None
        """As last seen at the provider."""
        self.ending: Ending | None = None
        self.is_open = True
        """False: whether money will come is decided."""
        self.is_sure = False
        """It will: the order only goes forward."""
        self.is_suspended = False
        """It is there, and somebody looks before it is sure."""
        self._purchase = purchase
        self._provider = purchase.payment.provider
        self.terms = TERMS[self._provider]
        self.window = Window(board, self._must_be_wanted)
        self._board = board
        self._attention = attention
        self._wishes = [Wish(purchase.payment)]
        self._attempts = 0
        self._saves = False
        """Whether the card tried last shall be kept."""
        self._noted: tuple[int, ProviderPayment] | None = None
        self._lost = False
        """Whether a try with a card, after one on a page, may have made a payment that we never heard of."""
        self._events: set[str] = set()
        self._unread_news = False
        self._look = patience.FIRST_LOOK

    # What others say to it.

    def wish(self, choice: PaymentChoice) -> Wish:
        """The buyer wants to pay like this; wishes are tried in the order in which they came."""
        self._wishes.append(Wish(choice))
        return self._wishes[-1]

    def call_off(self, reason: str, actor: str, author: Author | None = None) -> None:
        """Nobody shall pay any more; the first to say so is named. Too late when the money is sure."""
        if self.is_open or self.is_suspended:
            self.ending = self.ending or Ending(reason, actor, author)

    def hear(self, event: str) -> None:
        """The provider says that something happened; what it was is read from the provider."""
        if event not in self._events:
            self._events.add(event)
            self._unread_news = True

    def suspend(self) -> None:
        """The money is there, but somebody has to look before the order goes forward: until then it can end."""
        self.is_sure, self.is_suspended = False, True

    def resume(self) -> bool:
        """Somebody has looked: whether it goes forward now, which is so unless it was called off meanwhile."""
        self.is_sure, self.is_suspended = self.ending is None, False
        return self.is_sure

    @property
    def cards(self) -> int:
        """How many tries to pay there were."""
        return self._attempts

    @property
    def is_reserved(self) -> bool:
        """Whether the money is still to be taken: somebody may have done that by hand, at the provider."""
        return self.payment is not None and self.payment.standing is Standing.AUTHORIZED

    @property
    def has_news(self) -> bool:
        """Whether the provider said something since we last looked."""
        return self._unread_news

    def answer(self) -> None:
        """What came of the tries so far is written down: whoever waits for it may be told."""
        for wish in self._wishes:
            wish.answered = wish.answered or wish.tried

    @property
    def is_answered(self) -> bool:
        """Whether every try that was asked for has its answer."""
        return all(wish.answered for wish in self._wishes)

    # What it does.

    async def collect(self, placed: OrderPlaced) -> bool:
        """Whether the money is sure. Goes round once for each card, each news and each look of our own."""
        seen = ProviderPayment(Standing.UNKNOWN) if placed.due.amount else self._covered()
        while seen.standing not in MONEY_IS_SURE and self.ending is None:
            wish = self._next_wish(placed, seen)
            if wish is not None:
                seen = await self._authorize(placed, wish)
            else:
                seen = await self._look_again(placed, seen)
            if seen.standing is Standing.CANCELED:
                self.call_off("cancelled_at_provider", "provider")
            if seen.standing not in MONEY_IS_SURE and self.ending is None:
                await self._note(placed, seen)
                await self._wait_for_buyer(placed, seen)
        self.payment = seen
        self.is_open = False
        # Merely authorized money can be given back; captured money cannot, so the order goes on.
        self.is_sure = seen.standing is Standing.CAPTURED or (
            seen.standing is Standing.AUTHORIZED and self.ending is None
        )
        return self.is_sure

    def _covered(self) -> ProviderPayment:
        """Credit pays for everything: the money is sure, and the card that may have been named is not tried."""
        self._wishes[0].tried = True
        return ProviderPayment(Standing.AUTHORIZED)

    async def void(self, placed: OrderPlaced) -> None:
        """Give the payment up so that it can never take money; an intent that we never heard of is searched for."""
        reference = self._reference()
        self._board.tell("Giving the payment up", PROVIDER)
        if (reference is None or self._lost) and not self.terms.hosted:
            await workflow.sleep(patience.SEARCH_LAG, summary="Let the provider's search catch up")
        await self._attention.steadfast(
            placed.order_id,
            VOID,
            lambda: workflow.execute_activity_method(
                PaymentActivities.void_payment,
                VoidPayment(placed.payment_id, reference, self._provider),
                summary="Void the payment",
                **patience.provider(),
            ),
        )

    async def watch(self, placed: OrderPlaced) -> None:
        """Have late money sent back: who was on the provider's page when the order ended may still have paid."""
        await workflow.start_child_workflow(
            LatePayment.run,
            WatchPayment(placed.order_id, placed.payment_id, self._purchase.number, self._provider, self._reference()),
            id=late_payment_id(workflow_id(self._purchase.cart_id, self._purchase.attempt)),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"{self._purchase.number} · late money goes back",
        )

    def _next_wish(self, placed: OrderPlaced, seen: ProviderPayment) -> Wish | None:
        """The next card to try. None after a try of which nothing is known: it may have made an intent of its own."""
        in_the_dark = self._attempts > 0 and seen.standing is Standing.UNKNOWN and self._reference() is None
        if in_the_dark or self._lost or self.window.left(placed) <= timedelta(0):
            return None
        return next((wish for wish in self._wishes if not wish.tried), None)

    async def _authorize(self, placed: OrderPlaced, wish: Wish) -> ProviderPayment:
        """One try to reserve the money: the first one at once, while the buyer waits; then with patience."""
        wish.tried = True
        self._saves = wish.choice.save
        self._attempts += 1
        self._look = patience.FIRST_LOOK
        self._unread_news = False
        # The first task can be lost and run again, and then its time is a later one.
        asked_at = placed.placed_at if self._attempts == 1 else workflow.now()
        request = AuthorizePayment(
            placed.payment_id, self._purchase.number, workflow.info().workflow_id, placed.due, self._attempts,
            asked_at, wish.choice.method, self._reference(), wish.choice.save, wish.choice.customer,
            self._purchase.customer_id, self._provider, wish.choice.return_url,
            self.window.until(placed) if wish.choice.hosted else None, placed.reserved_for is not None,
        )  # fmt: skip
        self._board.tell("Authorizing the payment", PROVIDER, self.window.until(placed))
        try:
            seen = await self._authorize_now(request) if self._attempts == 1 else None
            return seen or await self._authorize_patiently(placed, request)
        except FailureError as failed:
            if self.ending is None:
                await self._attention.ask(placed.order_id, "authorize the payment", telling.cause(failed))
            rejected = telling.kind(failed) == REJECTED
            self._lost = self._lost or (is_page(request.reference) and not rejected)
            return ProviderPayment(
                Standing.DECLINED if rejected else Standing.UNKNOWN,
                request.reference, code=telling.kind(failed), detail=telling.cause(failed),
            )  # fmt: skip

    async def _authorize_now(self, request: AuthorizePayment) -> ProviderPayment | None:
        """One quick try. None: what came of it is not known."""
        try:
            seen = await workflow.execute_local_activity_method(
                PaymentActivities.authorize_payment_now, request, summary=_summary(request), **patience.PROVIDER_NOW
            )
        except FailureError as failed:  # a local activity's failure comes bare, not as an ActivityError
            if telling.kind(failed) == REJECTED:
                raise
            return None
        return None if seen.standing is Standing.UNKNOWN else seen

    async def _authorize_patiently(self, placed: OrderPlaced, request: AuthorizePayment) -> ProviderPayment:
        """Try until the window closes, or the order is called off; then what is under way is waited for."""
        trying = workflow.start_activity_method(
            PaymentActivities.authorize_payment,
            request,
            summary=_summary(request),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            **patience.provider(self.window.left(placed)),
        )
        await workflow.wait_condition(lambda: trying.done() or self.ending is not None)
        if not trying.done():
            trying.cancel()
        return await trying

    async def _look_again(self, placed: OrderPlaced, known: ProviderPayment) -> ProviderPayment:
        """How the payment stands at the provider; what we know already, when it cannot be asked.

        Also when the window has closed: the buyer may have paid while the news of it was lost.
        """
        last = self.window.left(placed) <= timedelta(0)
        seen = await self._read(placed) or known
        if self.terms.hosted and seen.standing not in MONEY_IS_SURE and seen.reference == known.reference:
            seen = msgspec.structs.replace(seen, redirect_url=known.redirect_url)  # only who opened it was told
        if last and seen.standing not in MONEY_IS_SURE and await self.window.is_over(placed):
            self.call_off("payment_window_closed", "order")
        return seen

    async def _read(self, placed: OrderPlaced) -> ProviderPayment | None:
        """How the payment stands; None: there is none yet, or the provider cannot be asked."""
        self._unread_news = False
        reference = self._reference()
        if reference is None:
            return None
        try:
            return await workflow.execute_activity_method(
                PaymentActivities.read_payment,
                ReadPayment(placed.payment_id, reference, self._saves, self._provider, placed.due),
                summary="Ask the provider how the payment stands",
                **patience.provider(),
            )
        except FailureError as failed:
            workflow.logger.warning("the provider cannot be asked: %s", telling.cause(failed))
            return None

    async def look_whether_it_is_there(self, placed: OrderPlaced) -> None:
        """While somebody looks at the order an authorization can lapse, or be given up: then the order ends."""
        seen = await self._read(placed)
        if seen is not None and seen.standing is Standing.CANCELED:
            self.call_off("cancelled_at_provider", "provider")
        elif seen is not None and seen.standing in MONEY_IS_SURE:
            self.payment = seen

    async def _note(self, placed: OrderPlaced, seen: ProviderPayment) -> None:
        """Write down what came of a try, once, and let whoever waits for it know."""
        if self._noted != (self._attempts, seen):
            self._noted = (self._attempts, seen)
            self.payment = seen
            await workflow.execute_local_activity_method(
                OrderActivities.record_payment_attempt,
                RecordAttempt(placed.order_id, placed.payment_id, self._attempts, seen),
                summary=f"Write down: {seen.standing}",
                **patience.DATABASE,
            )
            if seen.code == AMOUNT_MISMATCH:
                await self._attention.ask(placed.order_id, "believe the payment", str(seen.detail))
            declined = seen.standing is Standing.DECLINED
            self._board.move(None, PaymentStatus.FAILED if declined else PaymentStatus.PENDING)
        self.answer()

    async def _wait_for_buyer(self, placed: OrderPlaced, seen: ProviderPayment) -> None:
        """Until there is a wish or news, it is time for a look of our own, the window closes, or all is called off."""
        waiting, timer = telling.waiting_for(seen)
        until: datetime | None = None
        self._board.tell(f"Not paid: {seen.code or seen.standing}", waiting, self.window.until(placed))
        looks = seen.standing in AT_THE_BANK or self.terms.hosted or seen.redirect_url is not None
        while until != self.window.until(placed):  # given longer, it waits on
            until = self.window.until(placed)
            left = max(self.window.left(placed), timedelta(0))
            try:
                await workflow.wait_condition(
                    lambda until=until: self._next_wish(placed, seen) is not None or self._unread_news  # type: ignore[misc]
                    or self.ending is not None or until != self.window.until(placed),
                    timeout=min(left, self._look) if looks else left,
                    timeout_summary=timer,
                )  # fmt: skip
            except TimeoutError:
                self._look *= 2

    def _must_be_wanted(self) -> None:
        """Raises: Refusal `wrong_move` when whether it is paid is decided."""
        if not self.is_open or self.ending is not None:
            raise Refusal("wrong_move", "This order waits for no payment.", status=self._board.status)

    def _reference(self) -> str | None:
        return self.payment.reference if self.payment else None


def _summary(request: AuthorizePayment) -> str:
    return f"Authorize {request.amount}, card {request.attempt}"
