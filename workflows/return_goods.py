"""One return of one order, from the wish until goods and money are where they belong.

Id: `return/<order>/<n>`. Started by whoever asks for the return; steered by staff.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError

from activities.returns import (
    DecideReturn,
    EndReturn,
    InspectGoods,
    NoteReturned,
    OpenReturn,
    ReturnActivities,
    ReturnRefused,
)
from models.audit import Author
from models.errors import Refusal
from models.exchange import ExchangeStatus
from models.explanation import A_MOMENT, Whereabouts
from models.ids import OrderId
from models.refund import workflow_id as refund_id
from models.returns import InspectionWish, Return, ReturnAction, ReturnItem, ReturnStatus, ReturnWish, return_actions
from workflows import patience
from workflows.enduring import to_its_end
from workflows.exchanging import Exchanging
from workflows.refund import Refund, RefundOrder, is_taken_up
from workflows.steadfast import Attention
from workflows.telling import Placard


class ReturnOrder(msgspec.Struct, frozen=True):
    """Send goods of an order back."""

    order_id: OrderId
    n: int
    wish: ReturnWish


class AwaitReturn(msgspec.Struct, frozen=True):
    """Ask whether it was taken on."""

    key: str


class ApproveReturn(msgspec.Struct, frozen=True):
    """The buyer may send the goods."""

    actor: str
    reason: str
    digest: str
    author: Author | None = None


class RejectReturn(msgspec.Struct, frozen=True):
    """The buyer may not; they are told why."""

    actor: str
    reason: str
    digest: str
    author: Author | None = None


class ReceiveReturn(msgspec.Struct, frozen=True):
    """A parcel came."""

    actor: str
    digest: str
    items: tuple[ReturnItem, ...] = ()
    """None: all that was asked for."""
    author: Author | None = None


class InspectReturn(msgspec.Struct, frozen=True):
    """Somebody looked into the parcel."""

    digest: str
    wish: InspectionWish


class ReturnState(msgspec.Struct, frozen=True):
    """Where a return stands."""

    digest: str
    """Of the request that is answered."""
    goods: Return | None = None
    refusal: ReturnRefused | None = None
    """Set when it was refused: then there is no return."""
    attention: str | None = None


_R = ReturnStatus


@workflow.defn
class ReturnGoods:
    """Set the units apart; have staff approve; wait for the parcel; have it inspected; give the money back.

    Where other goods are wanted the money pays for an order of them, and goes back if nothing comes of that.
    Waits: for staff's word 3 days, and for their look into the parcel 5 days, then a person is told and it waits on;
    for the goods 30 days, then they are the buyer's again; for the refund as long as that takes;
    for an exchange to be paid until its own window closes (three days unless set otherwise).
    Before the inspection nothing has moved but a counter, which is given back; from there on it only goes forward.
    Temporal's own cancel has no effect.
    """

    @workflow.init
    def __init__(self, request: ReturnOrder) -> None:
        self._request = request
        self._goods: Return | None = None
        self._refusal: ReturnRefused | None = None
        self._turn = asyncio.Lock()
        """Whoever moves the return has it."""
        self._board = Placard(f"Return {request.n}")
        self._attention = Attention(self._board, f"return/{request.n}/attention")
        self._exchanging = Exchanging(request.order_id, request.n, self._board)
        self._board.tell("Setting the goods apart", A_MOMENT)

    @workflow.run
    async def run(self, request: ReturnOrder) -> ReturnState:
        await to_its_end(self._story(), called_off=lambda: None)
        return self._state()

    # The story, step by step.

    async def _story(self) -> None:
        if await self._open():
            await self._until_decided()
            if self._status is _R.APPROVED:
                await self._until_here()
            if self._status is _R.RECEIVED:
                await self._until_inspected()
            if self._status is _R.INSPECTED:
                await self._settle()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _open(self) -> bool:
        outcome = await workflow.execute_local_activity_method(
            ReturnActivities.open_return,
            OpenReturn(self._request.order_id, self._request.n, self._request.wish),
            summary="Set the goods apart",
            **patience.DATABASE,
        )
        goods = outcome.goods
        if goods is not None:
            self._goods = goods
            self._board.name(f"Return {goods.n} of order {goods.order_number}", goods.order_number)
        elif outcome.refusal is not None:
            self._refusal = outcome.refusal
            self._board.tell(f"Refused: {outcome.refusal.detail}")
        return goods is not None

    async def _until_decided(self) -> None:
        await self._until_done(_R.REQUESTED, "Requested", "staff to approve or reject it", patience.RETURN_DECISION)

    async def _until_here(self) -> None:
        """The goods come, or never do."""
        assert self._goods is not None
        until = self._goods.send_until or workflow.now()
        self._board.tell("Approved", "the goods to come back", until)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._status is not _R.APPROVED,
                timeout=max(until - workflow.now(), timedelta(seconds=1)),
                timeout_summary="The goods should be here",
            )
        async with self._turn:
            if self._status is _R.APPROVED:
                self._goods = await workflow.execute_local_activity_method(
                    ReturnActivities.expire_return,
                    EndReturn(self._request.order_id, self._request.n),
                    summary="The goods never came: they are the buyer's",
                    **patience.DATABASE,
                )
                self._board.tell("Expired: the goods never came")

    async def _until_inspected(self) -> None:
        await self._until_done(_R.RECEIVED, "Received", "staff to look into the parcel", patience.RETURN_INSPECTION)

    async def _until_done(self, status: ReturnStatus, step: str, waits_for: str, patiently: timedelta) -> None:
        """Wait for people to move it on; past its time a person is told."""
        self._board.tell(step, waits_for, workflow.now() + patiently)
        try:
            await workflow.wait_condition(
                lambda: self._status is not status, timeout=patiently, timeout_summary=f"Time for {waits_for} is over"
            )
        except TimeoutError:
            order, problem = self._request.order_id, f"return {self._request.n} waits for {waits_for}"
            await self._attention.remind(order, problem, waits_for)
            await workflow.wait_condition(lambda: self._status is not status)
            await self._attention.settle(order, problem)

    async def _settle(self) -> None:
        assert self._goods is not None
        exchange = self._goods.exchange
        if exchange is not None and exchange.status is ExchangeStatus.OPEN:
            self._goods = await self._exchanging.follow()
        for refund in (self._goods.refund, exchange.rest if exchange is not None else None):
            if refund is not None:
                self._board.tell("Giving the money back", f"refund {refund}")
                await self._give_money_back(refund)
        self._goods = await workflow.execute_local_activity_method(
            ReturnActivities.settle_return,
            EndReturn(self._request.order_id, self._request.n),
            summary="Goods and money are where they belong",
            **patience.DATABASE,
        )
        self._board.tell("Settled")

    async def _give_money_back(self, n: int) -> None:
        """A process of its own, which asks for people itself. Whoever has begun it already does the same."""
        while True:
            try:
                await workflow.execute_child_workflow(
                    Refund.run,
                    RefundOrder(self._request.order_id, n),
                    id=refund_id(self._request.order_id, n),
                    task_queue=patience.ORDERS,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    static_summary=f"Refund {n} of goods that came back",
                )
            except WorkflowAlreadyStartedError:
                if not await is_taken_up(self._request.order_id, n):
                    continue
            except ChildWorkflowError:
                pass
            return

    # Messages.

    @workflow.update(description="Answers whether the return was taken on.")
    async def await_return(self, request: AwaitReturn) -> ReturnState:
        await workflow.wait_condition(lambda: self._goods is not None or self._refusal is not None)
        return self._state()

    @workflow.update(description="Staff: the buyer may send the goods.")
    async def approve(self, request: ApproveReturn) -> ReturnState:
        until = workflow.now() + patience.RETURN_ON_ITS_WAY
        return await self._decide(ReturnAction.APPROVE, request, until)

    @approve.validator
    def _may_approve(self, request: ApproveReturn) -> None:
        self._must_allow(ReturnAction.APPROVE)

    @workflow.update(description="Staff: the buyer may not send the goods.")
    async def reject(self, request: RejectReturn) -> ReturnState:
        return await self._decide(ReturnAction.REJECT, request, workflow.now())

    @reject.validator
    def _may_reject(self, request: RejectReturn) -> None:
        self._must_allow(ReturnAction.REJECT)

    @workflow.update(description="Warehouse: the parcel came.")
    async def receive(self, request: ReceiveReturn) -> ReturnState:
        step = NoteReturned(self._request.order_id, self._request.n, request.actor, request.items, request.author)
        return await self._move(
            ReturnAction.RECEIVE,
            request.digest,
            lambda: workflow.execute_local_activity_method(
                ReturnActivities.receive_return, step, summary="Write down what came", **patience.DATABASE
            ),
        )

    @receive.validator
    def _may_receive(self, request: ReceiveReturn) -> None:
        self._must_allow(ReturnAction.RECEIVE)

    @workflow.update(description="Warehouse: what came is good, or is written off; what of the money is kept.")
    async def inspect(self, request: InspectReturn) -> ReturnState:
        step = InspectGoods(self._request.order_id, self._request.n, request.wish)
        return await self._move(
            ReturnAction.INSPECT,
            request.digest,
            lambda: workflow.execute_local_activity_method(
                ReturnActivities.inspect_return,
                step,
                summary="Goods back on the shelf or written off, money reserved to go back",
                **patience.DATABASE,
            ),
        )

    @inspect.validator
    def _may_inspect(self, request: InspectReturn) -> None:
        self._must_allow(ReturnAction.INSPECT)

    @workflow.signal(description="The order that an exchange made: it is sold.")
    async def exchange_sold(self) -> None:
        self._exchanging.hear()

    @workflow.query(description="What it does, what it waits for and until when.")
    def told(self) -> Whereabouts:
        return self._board.told

    @workflow.query(description="Where the return stands.")
    def state(self) -> ReturnState:
        return self._state()

    # Small words.

    async def _decide(
        self, action: ReturnAction, request: ApproveReturn | RejectReturn, until: datetime
    ) -> ReturnState:
        step = DecideReturn(
            self._request.order_id, self._request.n, action is ReturnAction.APPROVE, request.actor, request.reason,
            until, request.author,
        )  # fmt: skip
        return await self._move(
            action,
            request.digest,
            lambda: workflow.execute_local_activity_method(
                ReturnActivities.decide_return, step, summary=action.capitalize(),
                **patience.DATABASE,
            ),
        )  # fmt: skip

    async def _move(self, action: ReturnAction, digest: str, do: Callable[[], Awaitable[Return]]) -> ReturnState:
        """One at a time, each seeing what the one before has done. Raises: Refusal."""
        async with self._turn:
            await workflow.wait_condition(lambda: self._goods is not None or self._refusal is not None)
            self._must_be_able(action)
            self._goods = await do()
            return self._state(digest)

    def _must_allow(self, action: ReturnAction) -> None:
        """Refuse before anything is written down; what an earlier command is about to change is seen in its turn."""
        if self._goods is not None and not self._turn.locked():
            self._must_be_able(action)

    def _must_be_able(self, action: ReturnAction) -> None:
        if self._status is None or action not in return_actions(self._status):
            raise Refusal("wrong_move", f"This return cannot be asked to {action} now.", status=self._status)

    @property
    def _status(self) -> ReturnStatus | None:
        return self._goods.status if self._goods is not None else None

    def _state(self, digest: str = "") -> ReturnState:
        return ReturnState(
            digest or self._request.wish.digest, self._goods, self._refusal, self._attention.needed_for
        )  # fmt: skip
