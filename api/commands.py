"""How a command reaches the one workflow that owns an order, and how its answer comes back."""

from typing import Any, Protocol

from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.service import RPCError, RPCStatusCode

from api.context import House
from models.errors import Refusal, Unavailable, refusal_of
from models.order import Order
from workflows.order_messages import OrderState


class Command(Protocol):
    """A message that says which request it came of."""

    @property
    def digest(self) -> str: ...


async def command(house: House, order: Order, update: Any, wish: Command, id: str) -> OrderState | None:
    """Send a command to the order's owner. None: the owner took it, and needs longer than the budget to answer.

    `id` makes a repeat meet the first: it gets the same answer, and nothing is done twice.
    Raises: Refusal as the owner says, `wrong_move` when it has ended, `idempotency_key_reused`; Unavailable when
    it is not known whether the owner took it: then the same request can be sent again.
    """
    over = Refusal("wrong_move", f"This order is {order.status}.", status=order.status)
    answer: OrderState | None = await send(house, order.workflow_id, update, wish, id, over)
    if answer is not None and answer.digest != wish.digest:
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another request.")
    return answer


async def send(house: House, owner: str, update: Any, wish: Command, id: str, over: Refusal) -> Any | None:
    """The same for any workflow, by its id: what it answers; None: it took it, and needs longer than the budget.

    Raises: Refusal as the owner says; `over` when it has ended or never was; Unavailable.
    """
    handle = house.temporal.get_workflow_handle(owner)
    budget = house.settings.answer_budget
    try:
        taken = await handle.start_update(
            update, wish, id=id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=budget
        )
    except WorkflowUpdateFailedError as failed:
        raise refusal_of(failed.cause) or failed from failed
    except WorkflowUpdateRPCTimeoutOrCancelledError as away:
        raise Unavailable("temporal", "send the same request again, it is done once") from away
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise over from error
        raise Unavailable("temporal", error.message) from error
    try:
        return await taken.result(rpc_timeout=budget)
    except WorkflowUpdateFailedError as failed:
        raise refusal_of(failed.cause) or failed from failed
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return None
