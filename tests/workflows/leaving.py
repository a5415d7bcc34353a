"""Somebody who asks to be forgotten, without HTTP."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import cast

import sqlalchemy as sa
from temporalio.client import WithStartWorkflowOperation, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from models.database import fetching
from models.erasure import erasure_workflow_id
from models.ids import CartId, UserId
from models.tables import cart as carts
from models.tables.cart import carts as cart_table
from tests.flow import Flow, Handle
from tests.traces import ZERUBBABEL
from tests.workflows.stories import MUG, Shelf
from workflows.erase_account import AccountToErase, AwaitClosing, Closing, EraseAccount
from workflows.patience import ORDERS


class Leaving:
    """Somebody with traces everywhere who asks to be forgotten."""

    def __init__(self, flow: Flow, shelf: Shelf, user: UserId) -> None:
        self.flow = flow
        self.shelf = shelf
        self.user = user
        self.id = erasure_workflow_id(user)
        self.handle: WorkflowHandle[EraseAccount, None] = flow.client.get_workflow_handle_for(EraseAccount.run, self.id)

    async def order(self, method: str | None = "pm_card_visa") -> Handle:
        """They buy a mug with their account's own cart."""
        cart = CartId(self.user)
        async with self.flow.database.writing() as writer:
            known = sa.select(cart_table.c.id).where(cart_table.c.id == cart)
            if (await writer.execute(known)).one_or_none() is None:
                await writer.execute(sa.insert(cart_table).values(id=cart, currency="usd", user_id=self.user))
            await carts.add(fetching(writer), cart, self.shelf.sku, 1, None, "usd")
        [row] = await self.flow.database.fetch("SELECT attempt FROM carts WHERE id = $1", cart)
        handle, _ = await self.flow.buy(
            cart, MUG, method, customer_id=self.user, email=ZERUBBABEL.email, attempt=row["attempt"],
            shipping_address=ZERUBBABEL.address, billing_address=ZERUBBABEL.address,
        )  # fmt: skip
        return handle

    async def ask(self) -> Closing:
        """They ask to be forgotten, as the API does it."""
        with self.flow.skipper.with_time_skipping_disabled():
            start = WithStartWorkflowOperation(
                EraseAccount.run, AccountToErase(self.user), id=self.id, task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )  # fmt: skip
            answer = await self.flow.client.execute_update_with_start_workflow(
                EraseAccount.await_closing, AwaitClosing(), start_workflow_operation=start,
                rpc_timeout=timedelta(seconds=60),
            )  # fmt: skip
        return cast(Closing, answer)

    async def letters_leave(self) -> None:
        """The mail server takes all letters."""
        async with self.flow.database.writing() as writer:
            await writer.exec_driver_sql(
                "UPDATE outbox SET settled_at = now(), payload = payload - 'to' WHERE settled_at IS NULL"
            )

    async def until(self, words: str, within: float = 60) -> str:
        """Their erasure's card in the Temporal UI, as soon as it says this."""
        async with asyncio.timeout(within):
            while words not in (said := str(await self.handle.query("__temporal_workflow_metadata"))):
                await asyncio.sleep(0.05)
        return said

    async def look(self) -> None:
        """Somebody of the staff says: look now."""
        await self.handle.signal(EraseAccount.look_now)

    async def end(self) -> None:
        """The rest of the story, with somebody who is impatient at each wait."""
        async with asyncio.timeout(90):
            while (await self.handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                with suppress(RPCError):  # it ended just now
                    await self.look()
                await asyncio.sleep(0.1)
        await self.handle.result()

    async def is_erased(self) -> bool:
        """Whether it is written down that they are forgotten."""
        [row] = await self.flow.database.fetch("SELECT erased_at FROM users WHERE id = $1", self.user)
        return row["erased_at"] is not None
