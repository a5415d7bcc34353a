"""How an order that looks like fraud waits for a person: approved it goes on, rejected or forgotten it ends."""

from datetime import datetime, timedelta

import msgspec
from temporalio import workflow

from activities.checkout import OrderPlaced
from activities.screening import DecideReview, HoldOrder, ScreeningActivities
from models.audit import Author
from models.checkout import Purchase
from models.errors import Refusal
from models.explanation import HELD, REVIEW, held_for
from models.order import Action, OrderStatus, staff_actions
from models.payment import PaymentStatus
from models.screening import ScreeningDecision
from workflows import patience
from workflows.collecting import Collecting
from workflows.steadfast import Attention
from workflows.telling import Board

NOT_ACCEPTED, NOT_REVIEWED = "not_accepted", "not_reviewed_in_time"
"""Why an order ended that was held, as its buyer is told. What staff say of it is staff's own."""


class Verdict(msgspec.Struct, frozen=True):
    """What was decided, and by whom."""

    decision: ScreeningDecision
    actor: str
    reason: str | None = None
    author: Author | None = None


class Reviewing:
    """The look of a person at one order, between its authorization and the point of no return."""

    def __init__(self, purchase: Purchase, board: Board, attention: Attention, collecting: Collecting) -> None:
        self.was_held = False
        """What was bought has left its cart, though the order may still end."""
        self.is_over = False
        """Whether what was decided is written down."""
        self._purchase = purchase
        self._board = board
        self._attention = attention
        self._collecting = collecting
        self._verdict: Verdict | None = None

    async def clears(self, placed: OrderPlaced) -> bool:
        """Whether an order whose money is there may go on; at once, unless its screening says that somebody looks."""
        judged = placed.screening and placed.screening.after(self._collecting.cards)
        if judged is None or not judged.is_suspicious:
            return True
        self._collecting.suspend()
        if self._collecting.ending is not None:  # called off while it was paid: nobody has to look any more
            return self._collecting.resume()
        self.was_held = True
        until = workflow.now() + judged.within
        seen = self._collecting.payment
        assert seen is not None
        await workflow.execute_local_activity_method(
            ScreeningActivities.hold_order,
            HoldOrder(
                placed.order_id, placed.payment_id, self._purchase.cart_id, self._purchase.attempt, seen, judged,
                until, placed.credit, placed.coupons,
            ),
            summary=f"Hold it for a person: {judged.score} points of {judged.limit}",
            **patience.DATABASE,
        )  # fmt: skip
        await self._attention.remind(placed.order_id, HELD, REVIEW)
        self._board.move(OrderStatus.ON_HOLD, PaymentStatus.AUTHORIZED)
        self._board.tell(held_for(judged.score, judged.limit), REVIEW, until)
        self._collecting.answer()
        await self._wait(placed, until)
        return await self._settle(placed)

    def decide(self, action: Action, verdict: Verdict) -> None:
        """A person has looked. Raises: Refusal `wrong_move` when somebody was faster."""
        self.must_be_open(action)
        self._verdict = verdict

    def must_be_open(self, action: Action) -> None:
        """Raises: Refusal `wrong_move` when the order does not wait for this."""
        asked = staff_actions(self._board.status, self._board.payment_status, "unfulfilled", False)
        if action not in asked or self._verdict is not None or self._collecting.ending is not None:
            raise Refusal(
                "wrong_move", f"An order that is {self._board.status} waits for no review.", status=self._board.status
            )

    async def _wait(self, placed: OrderPlaced, until: datetime) -> None:
        """Until somebody decides, nobody wants the order any more, its payment is gone, or the time is over."""
        while self._verdict is None and self._collecting.ending is None:
            try:
                await workflow.wait_condition(
                    lambda: self._verdict is not None or self._collecting.ending is not None
                    or self._collecting.has_news,
                    timeout=max(until - workflow.now(), timedelta(0)), timeout_summary="Time to look at it is over",
                )  # fmt: skip
            except TimeoutError:
                self._verdict = Verdict(ScreeningDecision.EXPIRED, "order")
            if self._verdict is None and self._collecting.has_news:
                await self._collecting.look_whether_it_is_there(placed)
        if self._verdict is not None and self._verdict.decision is ScreeningDecision.APPROVED:
            await self._collecting.look_whether_it_is_there(placed)

    async def _settle(self, placed: OrderPlaced) -> bool:
        """Whether it goes on. From here on nobody can decide otherwise."""
        ending, verdict = self._collecting.ending, self._verdict
        if ending is not None and (verdict is None or verdict.decision is ScreeningDecision.APPROVED):
            verdict = Verdict(ScreeningDecision.WITHDRAWN, ending.actor, ending.reason)
        assert verdict is not None
        if verdict.decision is ScreeningDecision.REJECTED:
            self._collecting.call_off(NOT_ACCEPTED, verdict.actor)
        elif verdict.decision is ScreeningDecision.EXPIRED:
            self._collecting.call_off(NOT_REVIEWED, verdict.actor)
        goes_on = self._collecting.resume()
        await workflow.execute_local_activity_method(
            ScreeningActivities.decide_review,
            DecideReview(placed.order_id, verdict.decision, verdict.actor, verdict.reason, verdict.author),
            summary=f"Write down: {verdict.decision}",
            **patience.DATABASE,
        )
        await self._attention.settle(placed.order_id, HELD)
        if goes_on:
            self._board.move(OrderStatus.PENDING, None)
        self.is_over = True
        return goes_on
