"""Carts left behind: their owners reminded, and forgotten ones removed."""

from datetime import timedelta

import msgspec
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from models.database import Database
from models.ids import CartId
from models.order import workflow_id
from models.tables import abandonment


class RemindOfCarts(msgspec.Struct, frozen=True):
    """Write letters about carts untouched for `after`."""

    after: timedelta
    most: int


class CartsReminded(msgspec.Struct, frozen=True):
    """How many letters were written."""

    count: int


class FindForgottenCarts(msgspec.Struct, frozen=True):
    """Look for carts untouched for `lifetime`."""

    lifetime: timedelta
    most: int


class ForgottenCart(msgspec.Struct, frozen=True):
    """A cart, and the number that its next checkout has or would have."""

    cart: CartId
    attempt: int


class ForgottenCarts(msgspec.Struct, frozen=True):
    """Carts that nobody touched for long, oldest first."""

    carts: tuple[ForgottenCart, ...]


class RemoveCarts(msgspec.Struct, frozen=True):
    """Remove carts, if they are still untouched."""

    carts: tuple[CartId, ...]
    lifetime: timedelta


class CartsRemoved(msgspec.Struct, frozen=True):
    """How many went."""

    count: int


class CartActivities:
    """Needs Postgres; and Temporal, which the worker is connected to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def remind_of_carts(self, request: RemindOfCarts) -> CartsReminded:
        """Write a letter to each owner who left a cart behind and wants to be reminded.

        Changes: carts, outbox.
        Again: who was reminded is not reminded again.
        Undo: nothing; a letter that becomes pointless before it is sent is withdrawn.
        """
        async with self._database.writing() as writer:
            return CartsReminded(await abandonment.remind(writer, request.after, request.most))

    @activity.defn
    async def find_forgotten_carts(self, request: FindForgottenCarts) -> ForgottenCarts:
        """Find carts that nobody will come back for.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        found = await abandonment.find_forgotten(self._database, request.lifetime, request.most)
        return ForgottenCarts(tuple(ForgottenCart(*each) for each in found))

    @activity.defn
    async def spare_carts_being_bought(self, request: ForgottenCarts) -> ForgottenCarts:
        """Leave out carts whose checkout has begun, also one that no worker has taken up yet.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return ForgottenCarts(tuple([each for each in request.carts if not await _being_bought(each)]))

    @activity.defn
    async def remove_carts(self, request: RemoveCarts) -> CartsRemoved:
        """Remove carts with what is in them, but those that somebody came back for. Orders keep what they need.

        Changes: carts and what is in them.
        Again: what is gone is gone.
        Undo: nothing, final.
        """
        async with self._database.writing() as writer:
            return CartsRemoved(await abandonment.remove(writer, request.carts, request.lifetime))


async def _being_bought(left: ForgottenCart) -> bool:
    owner = activity.client().get_workflow_handle(workflow_id(left.cart, left.attempt))
    try:
        return (await owner.describe()).status is WorkflowExecutionStatus.RUNNING
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
